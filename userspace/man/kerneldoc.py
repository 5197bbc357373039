# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel's header, as parts of kchan(4).

This supports the part of kernel-doc that the header uses: "DOC: title", "define NAME -
text" and "struct NAME - text" with @members, paragraphs, code after "::", and in
the text ``literal``, %CONSTANT, &struct name, &name.member and @member. A plain
comment "name.member" says what the constants after it are for.
"""

import os
import re

from headers import Wrong
from prose import ERRORS, TIE, Prose, argument, blocks_of, literal

KERNEL_DOC = re.compile(r"/\*\*\n(.*?)\n \*/\n", re.S)
VALUES_OF = re.compile(r"/\*\n \* (\w+)\.(\w+)\n \*/\n")
TITLE = re.compile(r"DOC: (?P<doc>.+)|(?P<kind>define|struct) (?P<name>\w+)"
                   r" - (?P<brief>.+)")
IOCTL = re.compile(r"#define (KCHAN_IOC_\w+)\s+_(IO|IOR|IOW|IOWR)\("
                   r"KCHAN_IOC_TYPE, 0x\w+(?:, struct (\w+))?\)")
VALUE = r"static unsigned (?:int|long) {} = (\d+)(?:UL)?(?: << (\d+))?;"
# Constants that are sizes and limits, not values of a member.
SIZES = ("KCHAN_MAX_", "KCHAN_INLINE_", "KCHAN_SHARED_")
PARAMETER = re.compile(r"MODULE_PARM_DESC\((\w+),\s*((?:\"[^\"]*\"\s*)+)\)")


class Doc:
    """One kernel-doc comment."""

    def __init__(self, path, line, lines):
        self.path, self.line = path, line
        match = TITLE.fullmatch(lines[0])
        if not match:
            raise self.wrong("not understood: " + lines[0])
        self.title = match["doc"]
        self.kind, self.name = match["kind"], match["name"]
        self.brief = match["brief"]
        self.code = ""
        self.member = None      # of a define: the member it is a value of
        self.members = []       # [name, text]
        rest = lines[1:]
        while rest and rest[0].startswith("@"):
            match = re.fullmatch(r"@(\w+): (.+)", rest[0])
            if not match:
                raise self.wrong("not understood: " + rest[0])
            self.members.append([match[1], match[2]])
            rest.pop(0)
            while rest and rest[0].startswith("\t"):
                self.members[-1][1] += " " + rest.pop(0).strip()
        # Code follows "::". One colon stays, as part of the text.
        self.blocks = blocks_of([re.sub("::$", ":", tie(line)) for line in rest],
                                self.wrong)
        if any(block.kind == "list" for block in self.blocks):
            raise self.wrong("a list")

    def wrong(self, text):
        return Wrong(self.path, self.line, text)


def tie(text):
    """Keep marked-up words with a space together."""
    text = re.sub(r"``[^`]+``", lambda m: m[0].replace(" ", TIE), text)
    return re.sub(r"&struct (\w+)", rf"&struct{TIE}\1", text)


class Contract:
    """The whole header."""

    def __init__(self, path, module):
        self.path = path
        with open(path, encoding="ascii") as file:
            self.text = file.read()
        self.essays, self.constants, self.structs = {}, {}, {}
        for doc in self.parse():
            if doc.title:
                self.essays[doc.title] = doc
            elif doc.kind == "struct":
                self.structs[doc.name] = doc
            else:
                self.constants[doc.name] = doc
        self.ioctls = {match[1]: match for match in IOCTL.finditer(self.text)}
        self.parameters = self.find_parameters(module)
        self.prose = Prose([
            (r"``([^`]+)``", self.marked),
            (r"%(\w+)", self.constant),
            (rf"&struct{TIE}(\w+)", lambda m: ("Vt", "struct " + m[1])),
            (r"&(\w+\.\w+)", lambda m: ("Va", m[1])),
            (r"@(\w+)", lambda m: ("Fa", m[1])),
            (r"((?:\w+\.)*\w+)\(\)", lambda m: ("Fn", m[1])),
            (r"E[A-Z0-9]+\b", lambda m: ("Er", m[0]) if m[0] in ERRORS else None),
            (r"(?:[A-Z][A-Z0-9]*_[A-Z0-9_]+\b\*?)", lambda m: ("Dv", m[0])),
            (r"/(?:dev|proc|sys)/[\w/.-]*\w/?", lambda m: ("Pa", m[0])),
        ])

    def parse(self):
        found = list(KERNEL_DOC.finditer(self.text)) + \
            list(VALUES_OF.finditer(self.text))
        values_of = None
        for match in sorted(found, key=lambda each: each.start()):
            if match.re is VALUES_OF:
                values_of = match.groups()
                continue
            line = self.text.count("\n", 0, match.start()) + 1
            lines = [re.sub(r"^ \* ?", "", each) for each in match[1].split("\n")]
            doc = Doc(self.path, line, lines)
            rest = self.text[match.end():]
            if doc.kind == "struct":
                values_of = None
                doc.code = rest[:rest.index("\n};\n") + 3]
                if not doc.code.startswith(f"struct {doc.name} {{"):
                    raise doc.wrong(f"struct {doc.name} does not follow")
                self.check_members(doc)
            elif doc.kind == "define":
                doc.member = values_of
                doc.code = rest.split("\n")[0]
                if not re.match(rf"#define {doc.name}\b", doc.code):
                    raise doc.wrong(f"{doc.name} does not follow")
            yield doc

    @staticmethod
    def check_members(doc):
        there = re.findall(r"(\w+);", doc.code)
        told = [name for name, _ in doc.members]
        if there != told:
            raise doc.wrong(f"members {there}, and comments on {told}")

    def find_parameters(self, module):
        found = []
        for file in sorted(os.listdir(module)):
            if not file.endswith(".c"):
                continue
            with open(os.path.join(module, file), encoding="ascii") as source:
                text = source.read()
            for name, about in PARAMETER.findall(text):
                value = re.search(VALUE.format(name), text)
                if not value:
                    raise Wrong(file, 0, f"{name} has what value at first?")
                first = int(value[1]) << int(value[2] or 0)
                about = "".join(re.findall('"([^"]*)"', about))
                found.append((name, f"{about}. At first {first:,}"))
        return found

    @staticmethod
    def marked(match):
        text = match[1]
        if text in ERRORS:
            return "Er", text
        if re.fullmatch(r"[A-Z][A-Z0-9_]+\*?", text):
            return "Dv", text
        return "Ql", text

    def constant(self, match):
        if match[1] not in self.constants:
            raise Wrong(self.path, 0, f"%{match[1]} is not defined")
        return "Dv", match[1]

    # The parts of the page.

    def essay(self, title):
        if title not in self.essays:
            raise Wrong(self.path, 0, f"no DOC: {title}")
        return self.prose.blocks(self.essays[title].blocks)

    def other_essays(self, named):
        """The essays that the page does not name, each with its title."""
        out = []
        for title in self.essays:
            if title not in named:
                out += [".Ss " + title] + self.essay(title)
        return out

    def synopsis(self):
        out = []
        for name, match in self.ioctls.items():
            out += [".Ft int", ".Fo ioctl", '.Fa "int end"', ".Fa " + name]
            if match[3]:
                const = "const " if match[2] == "IOW" else ""
                out.append(f'.Fa "{const}struct {match[3]} *argument"')
            out.append(".Fc")
        return out

    def sentence(self, text):
        """A few words as a sentence."""
        end = "" if text.endswith(".") else "."
        return self.prose.lines(tie(text[0].upper() + text[1:] + end))

    def values(self, docs):
        out = [".Bl -tag -width Ds"]
        for doc in docs:
            out += [".It Dv " + doc.name] + self.sentence(doc.brief)
            for block in doc.blocks:
                out += self.prose.block(block)
        return out + [".El"]

    def sizes(self):
        out = [".Bl -tag -width Ds"]
        for doc in self.constants.values():
            if doc.name.startswith(SIZES):
                value = doc.code.split(None, 2)[2]
                out += [f".It Dv {doc.name} No {argument(value)}"]
                out += self.sentence(doc.brief)
                for block in doc.blocks:
                    out += self.prose.block(block)
        return out + [".El"]

    def struct(self, doc):
        code = doc.code.replace("__extension__ ", "")
        out = literal([each.expandtabs(8) for each in code.split("\n")], "")
        out.append(".Bl -tag -width Ds")
        for name, text in doc.members:
            out += [f".It Fa {name}"] + self.sentence(text)
            values = [each for each in self.constants.values()
                      if each.member == (doc.name, name)]
            if values:
                out += self.values(values)
        out.append(".El")
        for block in doc.blocks:
            out += [".Pp"] if block.kind == "text" else []
            out += self.prose.block(block)
        return out

    def ioctl_section(self, name):
        doc = self.constants[name]
        out = [".Ss " + name] + self.sentence(doc.brief)
        for block in doc.blocks:
            out += self.prose.block(block)
        return out

    def requests(self):
        """The ioctls, each with its structure, and the other structures."""
        by_struct = {match[3]: name for name, match in self.ioctls.items()}
        out = []
        for doc in self.structs.values():
            name = by_struct.get(doc.name)
            if name:
                out += self.ioctl_section(name)
            else:
                out.append(".Ss struct " + doc.name)
                out += self.sentence(doc.brief)
            out += self.struct(doc)
        for name, match in self.ioctls.items():
            if not match[3]:
                out += self.ioctl_section(name)
        return out

    def parameter_list(self):
        out = [".Bl -tag -width Ds"]
        for name, text in self.parameters:
            out += [f".It Va {name}"] + self.sentence(text)
        return out + [".El"]

    def check(self):
        """Check that everything in the header is in the page."""
        ends = set(self.ioctls) ^ {name for name in self.constants
                                   if name.startswith("KCHAN_IOC_")
                                   and name != "KCHAN_IOC_TYPE"}
        if ends:
            raise Wrong(self.path, 0, "ioctls not understood: " +
                        ", ".join(sorted(ends)))
        for doc in self.constants.values():
            if not doc.member and not doc.name.startswith((*SIZES, "KCHAN_IOC_")):
                raise doc.wrong(f"{doc.name} is a value of what?")
