# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pages that are written by hand, with generated parts.

.\\" insert: WORDS       in a page is replaced by that part.
.\\" needs: NAME...      up to .\\" end: only if the headers have all of these.
@VERSION@               is the library's.
"""

import re

from headers import Wrong

DIRECTIVE = re.compile(r'\.\\" (insert|needs|end)(?::\s*(.*?))?\s*')


class Template:
    """Such a page."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding="ascii") as file:
            self.lines = file.read().rstrip("\n").split("\n")

    @property
    def date(self):
        for line in self.lines:
            if line.startswith(".Dd "):
                return line[4:]
        raise Wrong(self.path, 0, "no date")

    def named(self, kind):
        """The words that follow this word in the parts to insert."""
        start = f'.\\" insert: {kind} '
        return {line[len(start):].strip() for line in self.lines
                if line.startswith(start)}

    def fill(self, parts, book, left_out):
        """Its lines; parts() returns the function that makes a part, or None.

        What the headers lack for some lines is added to left_out.
        """
        out, without = [], None
        for number, line in enumerate(self.lines, 1):
            match = DIRECTIVE.fullmatch(line)
            if match and match[1] == "end":
                if without is None:
                    raise Wrong(self.path, number, "ends nothing")
                without = None
            elif match and match[1] == "needs":
                if without is not None:
                    raise Wrong(self.path, number, "needs inside of needs")
                without = book.missing(match[2].split())
                left_out += without
            elif without:
                continue
            elif match:
                part = parts(match[2])
                if not part:
                    raise Wrong(self.path, number, "no such part")
                out += part()
            else:
                out.append(line.replace("@VERSION@", book.version))
        if without is not None:
            raise Wrong(self.path, len(self.lines), "needs without an end")
        return out
