# SPDX-License-Identifier: LGPL-2.1-or-later
"""Parse the public headers.

How to write a header, so that its pages can be made:

- A comment at the left margin, and all declarations up to the next such
  comment, are one group. One with calls in it makes a page of section 3, which
  has the name of the first call. A call is a function, or a macro that has
  parameters or takes several lines. Calls need a comment, and so do those that
  come after others and an empty line. A type after calls needs none, nor does
  one that is the first thing in the header.
- The comment at the head of a header, before all else, is a page of section 7:
  kc_ and the header's name. (If it is about the header's first call, it belongs
  to that call.) A later comment with no declarations is added to that page.
- That page also has the types. But an option structure (*_opts, *_options), or a
  type that only the calls of one page take, is in the page of the first calls that
  take it.
- Constants belong to the group that follows, and KC_X_INIT, if by itself, to
  the type kc_x.
- prose.py says what the text of a comment may contain.

Anything else is an error, and no pages are made.
"""

import os
import re

# Macros for the headers themselves, not for programs.
PRIVATE = {"cdefs.h"}
# The header to include: its comment has the rules that hold for every call.
WHOLE = "kchan.h"
# Headers that it does not include: those of libkchan-test.
TESTS = {"jitter.h", "synctest.h", "testing.h"}

COMMENT = re.compile(r"/\*.*?\*/", re.S)
ATTRIBUTE = r"(?:KC_[A-Z_]+(?:\s*\([^()]*\))?|__attribute__\s*\(\(.*?\)\))"
FUNCTION = re.compile(r"(?P<ret>[\w\s*]+?[\s*])(?P<name>kc_\w+)\s*"
                      r"\((?P<params>.*)\)", re.S)
MACRO = re.compile(r"#\s*define\s+(?P<name>\w+)(?:\((?P<params>[^)]*)\))?")
POINTER_TYPE = re.compile(r"typedef\b.*\(\s*\*\s*(\w+)\s*\)\s*\(", re.S)
STRUCT = re.compile(r"(?:typedef\s+)?(?:struct|union|enum)\s+(\w+)")


class Wrong(Exception):
    """A source of which no page can be made."""

    def __init__(self, path, line, text):
        super().__init__(f"{path}:{line}: {text}")


class SeveralWrong(Wrong):
    """Several errors at once."""

    def __init__(self, all_wrong):
        Exception.__init__(self, "\n".join(str(each) for each in all_wrong))


class Declaration:
    """A declaration: kind is call, type or constant."""

    def __init__(self, kind, name, code, params=None, ret=None):
        self.kind = kind
        self.name = name
        self.code = code        # as it stands in the header
        self.params = params    # of a call, as text each; None: takes none
        self.ret = ret          # of a function

    @property
    def returns(self):
        """Whether it is a function that returns a value."""
        return self.ret is not None and not self.ret.endswith("void")


class Group:
    """A comment and its declarations."""

    def __init__(self, path, line, text, head=False):
        self.path = path
        self.line = line
        self.text = text        # lines, without the comment's frame
        self.head = head        # the comment at the head of a header
        self.declarations = []
        self.joined = []        # groups told of in this one's page

    def wrong(self, text):
        return Wrong(self.path, self.line, text)

    def of(self, kind):
        return [each for each in self.declarations if each.kind == kind]

    @property
    def calls(self):
        return self.of("call")

    def words(self):
        """All names in the declarations: the comment may refer to them."""
        code = " ".join(each.code for each in self.declarations)
        return set(re.findall(r"\w+", COMMENT.sub("", code)))


class Header:
    """A header: its groups, in order."""

    def __init__(self, path):
        self.path = path
        self.file = os.path.basename(path)
        self.topic = "kc_" + self.file[:-2]
        with open(path, encoding="ascii") as file:
            self.lines = file.read().split("\n")
        self.groups = []
        self.parse()

    @property
    def essay(self):
        """The comment at the head, if it is about no declaration."""
        first = self.groups[0] if self.groups else None
        return first if first and first.head and not first.calls else None

    def wrong(self, line, text):
        return Wrong(self.path, line + 1, text)

    def parse(self):
        at = 0
        while at < len(self.lines):
            line = self.lines[at]
            if line.startswith("/*") and "SPDX" not in line:
                at = self.comment(at)
            elif line.startswith("#"):
                at = self.directive(at)
            elif not line.strip() or line.startswith(("/*", "KC_DECLS_")):
                at += 1
            else:
                at = self.declaration(at)

    def comment(self, at):
        start = at
        while "*/" not in self.lines[at]:
            at += 1
            if at == len(self.lines):
                raise self.wrong(start, "a comment without an end")
        whole = self.lines[start:at + 1]
        if whole[-1].split("*/", 1)[1].strip():
            raise self.wrong(at, "something after a comment at the margin")
        whole[0] = whole[0][2:]
        whole[-1] = whole[-1].split("*/")[0].rstrip()
        text = []
        for number, line in enumerate(whole):
            if number:
                if line and not line.startswith(" *"):
                    if number < len(whole) - 1 or line.strip():
                        raise self.wrong(start + number, "no ' *' in a comment")
                line = line[2:]
            # Text follows a space. Code follows a tab, without a space.
            text.append(line[1:] if line.startswith(" ") else line)
        while text and not text[0].strip():
            text.pop(0)
        while text and not text[-1].strip():
            text.pop()
        head = not any(line.startswith("#") for line in self.lines[:start])
        self.groups.append(Group(self.path, start + 1, text, head))
        return at + 1

    def add(self, at, declaration):
        group = self.groups[-1] if self.groups else None
        if declaration.kind == "type" and (not group or group.head or group.calls):
            group = Group(self.path, at + 1, [])
            self.groups.append(group)
        apart = not self.lines[at - 1].strip()
        if not group or (declaration.kind == "call" and
                         (not group.text or (group.calls and apart))):
            raise self.wrong(at, f"{declaration.name}: no comment before it")
        group.declarations.append(declaration)

    def directive(self, at):
        start = at
        while self.lines[at].endswith("\\"):
            at += 1
        code = "\n".join(self.lines[start:at + 1])
        match = MACRO.match(code)
        guard = start and self.lines[start - 1].startswith("#ifndef")
        if not match or guard or match["name"].endswith("_"):
            return at + 1
        params = match["params"]
        if params is not None:
            params = [each.strip() for each in params.split(",")]
        is_call = params is not None or at > start
        if match["name"].endswith("_INIT") or self.file in PRIVATE:
            is_call = False
        self.add(start, Declaration("call" if is_call else "constant",
                                    match["name"], code, params))
        return at + 1

    def declaration(self, at):
        """A declaration ends at a semicolon outside of braces, or with a function's body."""
        start = at
        body = False
        while True:
            code = "\n".join(self.lines[start:at + 1])
            bare = COMMENT.sub("", code)
            if "/*" not in bare and bare.count("{") == bare.count("}"):
                body = ")" in bare.split("{")[0] and bare.rstrip().endswith("}")
                if body or bare.rstrip().endswith(";"):
                    break
            at += 1
            if at == len(self.lines):
                raise self.wrong(start, "a declaration without an end")
        made = self.understand(start, code, body)
        if made:
            self.add(start, made)
        return at + 1

    def understand(self, start, code, body):
        bare = " ".join(COMMENT.sub("", code).split())
        if not body:
            match = POINTER_TYPE.match(bare)
            if match and "{" not in bare:
                return Declaration("type", match[1], code)
            match = STRUCT.match(bare)
            if match and (bare.startswith("typedef") or "{" in bare):
                name = match[1]
                if bare.startswith("typedef"):
                    name = re.findall(r"\w+", bare)[-1]
                return Declaration("type", name, code)
            if match and match.end() == len(bare) - 1:
                return None     # struct x; says only that there is one
        else:
            bare = re.sub(r"\bstatic inline\b", "", bare.split("{")[0]).strip()
        bare = bare.rstrip("; ")
        never = re.match(rf"(?:{ATTRIBUTE}\s+)*KC_NORETURN\b", bare)
        bare = re.sub(rf"^(?:{ATTRIBUTE}\s+)+", "", bare)
        bare = re.sub(rf"(?:\)\s*{ATTRIBUTE})+$", ")", bare)
        match = FUNCTION.fullmatch(bare)
        if not match:
            raise self.wrong(start, "cannot make out what this declares: " + bare)
        ret = " ".join(match["ret"].split())
        return Declaration("call", match["name"], code,
                           split_params(match["params"]),
                           "[[noreturn]] " + ret if never else ret)


def split_params(text):
    """Split a parameter list at commas outside of brackets."""
    parts, depth, part = [], 0, ""
    for char in text:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and not depth:
            parts.append(part.strip())
            part = ""
        else:
            part += char
    return parts + [part.strip()]


class Page:
    """The content of a page that is made from a header."""

    def __init__(self, name, section, header, group):
        self.name = name
        self.section = section
        self.header = header
        self.group = group
        self.types = []         # groups of types that are told of here
        self.more = []          # further texts, of section 7
        self.brief = None

    @property
    def names(self):
        """All names of the page. The other names are links to it."""
        names = [self.name]
        if self.section == 3:
            names += [each.name for each in self.group.calls]
            names += [each.name for each in self.group.of("type")]
        for group in self.types:
            names += [each.name for each in group.of("type")]
        return list(dict.fromkeys(names))


def takes(group, types):
    """Whether the group's calls use one of these types."""
    code = " ".join(each.code for each in group.calls)
    return any(re.search(rf"\b{each.name}\b", code) for each in types)


def place_constants(header):
    """Join groups of only constants to others. The remaining groups have pages."""
    groups, waiting = [], []
    types = {}
    for group in header.groups:
        for each in group.of("type"):
            types[each.name] = group
    for group in header.groups:
        constants = group.of("constant")
        if constants and len(constants) == len(group.declarations):
            name = constants[0].name
            of_type = types.get(name[:-5].lower())
            if name.endswith("_INIT") and of_type:
                of_type.joined.append(group)
            else:
                waiting.append(group)
            continue
        if group.declarations:
            group.joined = waiting + group.joined
            waiting = []
        groups.append(group)
    if waiting:
        if not groups or not groups[-1].declarations:
            raise waiting[0].wrong("constants that belong to nothing")
        groups[-1].joined += waiting
    return groups


def pages_of(header):
    """The pages that a header makes."""
    groups = place_constants(header)
    calls = [Page(group.calls[0].name, 3, header, group)
             for group in groups if group.calls]
    topic = None
    if header.essay:
        topic = Page(header.topic, 7, header, header.essay)
        topic.more = [group for group in groups
                      if not group.declarations and not group.head]
    for group in groups:
        types = group.of("type")
        if not types or group.calls:
            continue
        users = [page for page in calls if takes(page.group, types)]
        options = all(each.name.endswith(("_opts", "_options"))
                      for each in types)
        if users and (options or len(users) == 1 or not topic):
            users[0].types.append(group)
        elif topic:
            topic.types.append(group)
        else:
            raise group.wrong("no page for this type: the header needs a comment"
                              " at its head")
    return ([topic] if topic else []) + calls


def read_all(folder):
    """All headers of the folder, and separately the one to include."""
    whole, others = None, []
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".h") or file in PRIVATE:
            continue
        header = Header(os.path.join(folder, file))
        if file == WHOLE:
            whole = header
        else:
            others.append(header)
    if not whole or not whole.essay:
        raise Wrong(folder, 0, f"no {WHOLE} with a comment at its head")
    return whole, others
