# SPDX-License-Identifier: LGPL-2.1-or-later
"""The text of a comment, as mdoc(7).

A comment's text is made of

- paragraphs, with empty lines between them;
- code, each line of which begins with a tab;
- points, which begin with "- "; their further lines with two spaces;
- lists: a line is a tag, a tab and text, and lines that go on begin with a tab.
  Tags that are errors (-EPIPE; also several, with commas, and also with no
  text) or numbers tell what calls return. The words before such a list are
  "0, or" for calls that return 0 otherwise, or the like; or they follow a
  sentence that begins "As kc_send()", of which the rest then holds too. A line
  right after the list that begins with "and" goes on from it.

Where there is no such list, a paragraph that begins with a number, "Returns",
"What kc_make() returns" or "kc_make() returns" tells what is returned. A function
that returns something has to have one or the other.

In text, @name is a parameter, and kc_name() a call.
"""

import errno
import re

ERRORS = {name for name in dir(errno) if name[0] == "E"}
ERROR_TAG = re.compile(r"-E[A-Z0-9]+((, | and | or )-E[A-Z0-9]+)*( and others)?")
ITEM = re.compile(r"(\S[^\t]*)\t+(\S.*)")
SENTENCE_END = re.compile(r"""[.!?][)"']*$""")
CLOSING = ".,:;)]?!"
# A space that keeps words together.
TIE = "\x00"
WIDTH = 78


class Block:
    """A part of a comment: kind is text, code, points or list."""

    def __init__(self, kind, lines=None):
        self.kind = kind
        self.lines = lines or []    # points, list: [tag, text] each
        self.goes_on = False        # text that goes on from the list before it

    @property
    def text(self):
        return " ".join(self.lines)

    @property
    def is_result(self):
        """Whether it is a list of results."""
        return self.kind == "list" and any(
            ERROR_TAG.fullmatch(tag) or tag.isdigit() for tag, _ in self.lines)


def is_item(line):
    """Whether a line begins an item of a list: its tag and text."""
    if ERROR_TAG.fullmatch(line):
        return [line, ""]
    match = ITEM.match(line)
    return [match[1].rstrip(), match[2]] if match else None


def check_tag(tag, wrong):
    if ERROR_TAG.fullmatch(tag):
        for name in re.findall("E[A-Z0-9]+", tag):
            if name not in ERRORS:
                raise wrong("no such error: " + name)


def blocks_of(lines, wrong):
    """Split a comment into blocks. wrong() makes the error for other text."""
    blocks = []
    now = None
    for line in lines:
        if not line.strip():
            # Code may have empty lines.
            if now and now.kind == "code":
                now.lines.append("")
            else:
                now = None
            continue
        if line.startswith("\t"):
            if now and now.kind == "list":
                now.lines[-1][1] = (now.lines[-1][1] + " " + line.strip()).strip()
            elif now and now.kind == "points":
                raise wrong("a tab in a point: " + line.strip())
            else:
                if not now or now.kind != "code":
                    now = Block("code")
                    blocks.append(now)
                now.lines.append(line)
            continue
        if now and now.kind == "code":
            now = None
        item = is_item(line)
        if item:
            check_tag(item[0], wrong)
            if not now or now.kind != "list":
                now = Block("list")
                blocks.append(now)
            now.lines.append(item)
        elif line.startswith("- "):
            if not now or now.kind != "points":
                now = Block("points")
                blocks.append(now)
            now.lines.append(["", line[2:].strip()])
        elif now and now.kind == "points" and line.startswith("  "):
            now.lines[-1][1] += " " + line.strip()
        elif now and now.kind == "list" and line.startswith("and "):
            now = Block("text", [line.rstrip()])
            now.goes_on = True
            blocks.append(now)
        elif now and now.kind in ("points", "list"):
            raise wrong("neither of the list nor apart from it: " + line)
        elif line.startswith(" ") or "\t" in line:
            raise wrong("spaces before text, or a tab in it: " + line)
        else:
            if not now:
                now = Block("text")
                blocks.append(now)
            now.lines.append(line.rstrip())
    for block in blocks:
        while block.kind == "code" and not block.lines[-1]:
            block.lines.pop()
    return blocks


def sentences(text):
    """Split text into sentences."""
    parts, words = [], []
    for word in text.split():
        words.append(word)
        if SENTENCE_END.search(word):
            parts.append(" ".join(words))
            words = []
    return parts + ([" ".join(words)] if words else [])


def escape(text):
    """Escape what is special for roff, in a line of text."""
    text = text.replace("\\", "\\e").replace(TIE, " ")
    # Inside of a word it is a hyphen. Else it is a minus sign.
    return re.sub(r"(?<![A-Za-z0-9])-|-(?![A-Za-z0-9])", r"\\-", text)


def argument(text):
    """Escape a macro's argument."""
    text = escape(text).replace('"', "\\(dq")
    if re.fullmatch(r"[%A-Z][A-Za-z]{1,2}", text) or \
            re.fullmatch(r"[][().,:;?!|]", text):
        text = "\\&" + text
    return f'"{text}"' if " " in text or not text else text


def literal(lines, indent=" -offset indent"):
    """Lines of code, unchanged."""
    out = []
    for line in lines:
        line = line.replace("\\", "\\e").replace("-", "\\-")
        for char, name in ("'", "aq"), ("`", "ga"), ("~", "ti"), ("^", "ha"):
            line = line.replace(char, f"\\({name}")
        out.append("\\&" + line if line.startswith(".") else line)
    return [".Bd -literal" + indent] + out + [".Ed"]


def columns(lines):
    """Code of a comment: without the first tab, and with spaces for other tabs."""
    return [(" *" + line).expandtabs(8)[8:].rstrip() for line in lines]


class Prose:
    """Text to mdoc; rules has the markup of special words.

    rules is a list of (pattern, function): the function is given the match and
    returns the macro and its argument, or None for text.
    """

    def __init__(self, rules):
        self.rules = [(re.compile(pattern), found) for pattern, found in rules]

    def pieces(self, word):
        """The word as (macro, argument). Plain text has the macro None."""
        pieces, plain, at = [], "", 0
        while at < len(word):
            for pattern, found in self.rules:
                match = pattern.match(word, at)
                piece = found(match) if match and match.end() > at else None
                if piece:
                    break
            else:
                # To the end of the letters: no rule begins inside of a word.
                run = re.compile(r"\w+|.", re.S).match(word, at)
                plain += run[0]
                at = run.end()
                continue
            if plain:
                pieces.append((None, plain))
                plain = ""
            pieces.append(piece)
            at = match.end()
        return pieces + ([(None, plain)] if plain else [])

    def macro_line(self, pieces):
        """One line of mdoc for a word with markup."""
        closing = ""
        macro, text = pieces[-1]
        if not macro:
            rest = text.rstrip(CLOSING)
            closing = text[len(rest):]
            pieces = pieces[:-1] + ([(None, rest)] if rest else [])
        return self.spell(pieces) + "".join(" " + each for each in closing)

    @staticmethod
    def spell(pieces):
        out = []
        for macro, text in pieces:
            args = [text] if isinstance(text, str) else text
            out.append(" ".join([macro or "No"] +
                                [argument(each) for each in args]))
        return "." + " Ns ".join(out)

    def lines(self, text):
        """A paragraph's lines."""
        out, now = [], ""
        for word in text.split():
            pieces = self.pieces(word)
            if any(macro for macro, _ in pieces):
                if now:
                    out.append(now)
                    now = ""
                out.append(self.macro_line(pieces))
                continue
            word = escape(word)
            if now and len(now) + 1 + len(word) > WIDTH:
                out.append(now)
                now = ""
            if not now and word[0] in ".'":
                word = "\\&" + word
            now = f"{now} {word}" if now else word
            if SENTENCE_END.search(word):
                out.append(now)
                now = ""
        return out + ([now] if now else [])

    def tag_list(self, items, tag=None, width=None):
        """A list with tags. tag() returns the line of a tag."""
        tag = tag or (lambda text: ".It " + self.inline(text))
        longest = max((len(each[0]) for each in items), default=0)
        out = [f".Bl -tag -width {width or 'x' * min(longest, 20)}"]
        for name, text in items:
            out += [tag(name)] + self.lines(text)
        return out + [".El"]

    def inline(self, text):
        """Words as the rest of a macro line."""
        out = []
        for word in text.split():
            pieces = self.pieces(word)
            plain = not any(macro for macro, _ in pieces)
            out.append("No " + argument(word) if plain
                       else self.macro_line(pieces)[1:])
        return " ".join(out)

    def block(self, block):
        if block.kind == "text":
            return self.lines(block.text)
        if block.kind == "code":
            return literal(columns(block.lines))
        if block.kind == "points":
            out = [".Bl -bullet"]
            for _, text in block.lines:
                out += [".It"] + self.lines(text)
            return out + [".El"]
        return self.tag_list(block.lines)

    def blocks(self, blocks):
        """Several blocks, with what separates them."""
        out = []
        for number, block in enumerate(blocks):
            # A display has its own space.
            if number and block.kind == "text":
                out.append(".Pp")
            out += self.block(block)
        return out
