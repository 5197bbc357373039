# SPDX-License-Identifier: LGPL-2.1-or-later
"""EXAMPLES of pages of section 3, from the programs in userspace/examples.

A page shows the shortest function of these programs that uses one of its calls. So there
is one source, and it is compiled and run by the tests.
"""

import glob
import os
import re

from prose import literal

# A longer function does not show how one call is used.
MOST_LINES = 40
CHECK = [".Pp", ".Fn CHECK", "ends the program if the call in it fails."]


def functions_of(lines):
    """The functions at file level. The brace of each is alone in the first column."""
    for at, line in enumerate(lines):
        if line != "{":
            continue
        begin = at
        while begin and lines[begin - 1] and lines[begin - 1][0] not in "#/}*" and \
                not lines[begin - 1].endswith("*/"):
            begin -= 1
        if "}" in lines[at:]:
            yield lines[begin:lines.index("}", at) + 1]


class Examples:
    """The functions of all programs, shortest first."""

    def __init__(self, folder):
        self.functions = []
        for path in sorted(glob.glob(folder + "/*.c")):
            with open(path, encoding="ascii") as file:
                lines = file.read().expandtabs(8).split("\n")
            self.functions += [
                (os.path.basename(path), each, set(re.findall(r"\w+", "\n".join(each))))
                for each in functions_of(lines) if len(each) <= MOST_LINES]
        self.functions.sort(key=lambda each: len(each[1]))

    def find(self, names):
        """The shortest function that uses one of these, the first ones preferred."""
        for name in names:
            for file, lines, words in self.functions:
                if name in words:
                    return file, lines
        return None

    def section(self, names):
        """The section EXAMPLES of a page with these calls, or nothing."""
        found = self.find(names)
        if not found:
            return []
        file, lines = found
        out = [".Sh EXAMPLES", "From", f".Pa examples/{file}", "in the sources:"]
        out += literal(lines)
        return out + (CHECK if "CHECK(" in "\n".join(lines) else [])
