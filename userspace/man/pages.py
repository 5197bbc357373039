# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pages of sections 3 and 7, from the headers' groups."""

import re

import headers
from prose import ERRORS, Prose, argument, literal, sentences
from results import Results

BRIEF_LENGTH = 72
LIBRARY = [".Sh LIBRARY",
           "Go's channels, and what goes with them, for C (libkchan, \\-lkchan)"]
TESTS_LIBRARY = [".Sh LIBRARY",
                 "Tests of concurrent code (libkchan-test, \\-lkchan-test \\-lkchan)"]


class Book:
    """The content of all headers, and its places."""

    def __init__(self, folder, briefs, examples):
        self.examples = examples
        self.whole, self.headers = headers.read_all(folder)
        self.pages = []
        self.calls, self.types, self.constants = {}, {}, set()
        self.members, self.topics = {}, {}
        for header in self.headers:
            for page in headers.pages_of(header):
                self.file(page)
        wrong = []
        for page in self.pages:
            try:
                page.brief = self.brief(page, briefs)
            except headers.Wrong as each:
                wrong.append(each)
        if wrong:
            raise headers.SeveralWrong(wrong)
        self.no_page = sorted(set(briefs) - {(page.name, page.section)
                                             for page in self.pages})
        self.version = self.find_version()

    def file(self, page):
        self.pages.append(page)
        if page.section == 7:
            self.topics[page.header.file] = page.name
        else:
            for each in page.group.calls:
                if each.name in self.calls:
                    raise page.group.wrong(f"{each.name} is there twice")
                self.calls[each.name] = page
        for group in [page.group] + page.types:
            for each in group.of("type"):
                self.types[each.name] = page
                self.members[each.name] = group.words()
            for some in [group] + group.joined:
                self.constants.update(e.name for e in some.of("constant"))

    def find_version(self):
        for header in self.headers:
            for line in header.lines:
                match = re.match(r'#define\s+KC_VERSION\s+"([^"]+)"', line)
                if match:
                    return match[1]
        raise headers.Wrong(self.whole.path, 0, "no header has KC_VERSION")

    @staticmethod
    def brief(page, briefs):
        """The NAME line: the comment's first sentence, if that is short."""
        key = (page.name, page.section)
        if key in briefs:
            return briefs[key]
        text = re.sub(r"\s+\([^()]*\)", "", " ".join(page.group.text))
        first = (sentences(text) or [""])[0].replace("@", "").rstrip(".")
        if len(first) > BRIEF_LENGTH:
            first = re.split(r"[:;](?: |$)", first)[0]
        word = first.split(" ")[0]
        if re.fullmatch("[A-Z][a-z-]*,?", word) and word != "Go":
            first = first[0].lower() + first[1:]
        if len(first) > BRIEF_LENGTH or not re.match(r"[A-Za-z]", first):
            raise page.group.wrong(
                f"no short first sentence for the NAME of {page.name}"
                f"({page.section}): write it here, or one in userspace/man/names")
        return first

    def missing(self, names):
        return [each for each in names if each not in self.calls
                and each not in self.types and each not in self.constants]


class Writer:
    """One page."""

    def __init__(self, book, page, date):
        self.book = book
        self.page = page
        self.date = date
        self.refers = set()
        self.here = page.group
        self.prose = Prose([
            (r"@(\w+)", self.parameter),
            (r"(kc_\w+|KC_\w+)\(\)", lambda m: self.call(m[1])),
            (r"(\w+(?:\.\w+)*)\(\)", lambda m: ("Fn", m[1])),
            (r"<(\w+(?:/\w+)*\.h)>", lambda m: ("In", m[1])),
            (r"(\w+\.h)\b", self.header),
            (r"-?(E[A-Z0-9]+)\b", self.error),
            (r"KC_[A-Z0-9_]+\b(?!\*)", self.capitals),
            (r"(?:[A-Z][A-Z0-9]*_[A-Z0-9_]+\b\*?|KC_\w+\*|NULL\b"
             r"|EPOLL[A-Z]+\b|SIG[A-Z]+\b)", lambda m: ("Dv", m[0])),
            (r"kc_\w+", self.name),
            (r"/(?:dev|proc|sys|usr|etc)/[\w/.-]*\w/?", lambda m: ("Pa", m[0])),
        ])

    # Rules for words of the text.

    def parameter(self, match):
        known = set()
        for group in [self.here] + self.here.joined + [self.page.group]:
            known |= group.words()
        for name in known & set(self.book.types):
            known |= self.book.members[name]
        if match[1] not in known:
            raise self.here.wrong(f"@{match[1]} is nothing that is declared here")
        return "Fa", match[1]

    def call(self, name):
        page = self.book.calls.get(name)
        if not page:
            raise self.here.wrong(f"no header declares {name}()")
        if page is self.page:
            return "Fn", name
        self.refers.add((name, 3))
        return "Xr", (name, "3")

    def header(self, match):
        topic = self.book.topics.get(match[1])
        if not topic:
            return None
        if topic == self.page.name and self.page.section == 7:
            return "In", "kchan/" + match[1]
        self.refers.add((topic, 7))
        return "Xr", (topic, "7")

    @staticmethod
    def error(match):
        return ("Er", match[0]) if match[1] in ERRORS else None

    def capitals(self, match):
        name = match[0]
        page = self.book.calls.get(name)
        if page and page is not self.page:
            self.refers.add((name, 3))
            return "Xr", (name, "3")
        if not page and name not in self.book.constants and name[-1] != "_":
            raise self.here.wrong(f"no header defines {name}")
        return "Dv", name

    def name(self, match):
        name = match[0]
        if name in self.book.types:
            page = self.book.types[name]
            if page is not self.page:
                self.refers.add((page.name, page.section))
            return "Vt", name
        if name in self.book.calls:
            return self.call(name)
        if name.endswith("_"):
            return None
        raise self.here.wrong(f"no header declares {name}")

    # The parts of a page.

    def head(self):
        page = self.page
        names = [".Nm " + name + " ," for name in page.names]
        names[-1] = names[-1][:-2]
        tests = page.header.file in headers.TESTS
        library = TESTS_LIBRARY if tests else LIBRARY
        include = page.header.file if tests else headers.WHOLE
        return [
            ".\\\" SPDX-License-Identifier: LGPL-2.1-or-later",
            f".\\\" Made by userspace/man/generate from {page.header.file}.",
            f".Dd {self.date}",
            f".Dt {page.name.upper()} {page.section}",
            f".Os \"libkchan {self.book.version}\"",
            ".Sh NAME", *names, ".Nd " + plain(page.brief),
            *(library if page.section == 3 else []),
            ".Sh SYNOPSIS", ".In kchan/" + include,
        ]

    @staticmethod
    def synopsis(call):
        if call.params is None:
            return [".Pp", ".Vt " + argument(call.name + ";")]
        of_type = [".Ft " + argument(call.ret)] if call.ret else []
        return [*of_type, ".Fo " + call.name,
                *(".Fa " + argument(each) for each in call.params), ".Fc"]

    def about(self, page):
        """Another page's NAME line, as a sentence."""
        self.here = page.group
        return self.prose.lines(page.brief[0].upper() + page.brief[1:] + ".")

    def text(self, group, blocks):
        self.here = group
        return self.prose.blocks(blocks)

    def type(self, group):
        """A group of types, with the groups that are joined to it."""
        out = []
        for each in group.joined:
            if not name_only(each):
                out += self.plain_group(each)
        out += self.plain_group(group)
        for each in group.joined:
            if name_only(each):
                out += self.plain_group(each)
        return out

    def plain_group(self, group):
        text = self.text(group, Results(group).rest)
        return ([".Pp"] if text else []) + text + shown(group)

    def see_also(self, more):
        refers = self.refers | set(more)
        refers.discard((self.page.name, self.page.section))
        order = sorted(refers, key=lambda each: (each[1], each[0].lower()))
        lines = [f".Xr {name} {section} ," for name, section in order]
        lines[-1] = lines[-1][:-2]
        return [".Sh SEE ALSO"] + lines

    def call_page(self):
        group = self.page.group
        out = self.head()
        for call in group.calls:
            out += self.synopsis(call)
        results = Results(group)
        returns, errors = results.sections(self.prose)
        out.append(".Sh DESCRIPTION")
        out += self.text(group, without_title(group, results.rest)) or \
            self.about(self.page)
        out += shown(group)
        for call in group.calls:
            made = made_by(call)
            if made:
                out += [".Pp", "The functions that it makes are", *literal(made)]
        for each in group.joined:
            out += self.plain_group(each)
        for each in self.page.types:
            out += self.type(each)
        if returns:
            out += [".Sh RETURN VALUES"] + returns
        out += self.book.examples.section([call.name for call in group.calls])
        if errors:
            out += [".Sh ERRORS"] + errors
        more = [("libkchan", 7)]
        topic = self.book.topics.get(self.page.header.file)
        if topic:
            more.append((topic, 7))
        for name in group.words() & set(self.book.types):
            where = self.book.types[name]
            more.append((where.name, where.section))
        return out + self.see_also(more)

    def topic_page(self):
        page = self.page
        out = self.head() + [".Sh DESCRIPTION"]
        for group in [page.group] + page.more:
            out += ([".Pp"] if group is not page.group else [])
            out += self.text(group, without_title(group, Results(group).rest))
        if page.types:
            out.append(".Ss Types")
            for number, each in enumerate(page.types):
                lines = self.type(each)
                # A paragraph begins with its heading.
                out += lines[1:] if not number and lines[0] == ".Pp" else lines
        calls = [each for each in self.book.pages
                 if each.header is page.header and each.section == 3]
        if calls:
            out += [".Ss Calls", ".Bl -tag -width Ds"]
            for each in calls:
                names = [f"Xr {call.name} 3" for call in each.group.calls]
                out += [".It " + " , ".join(names)] + self.about(each)
            out.append(".El")
        return out + self.see_also([("libkchan", 7), ("kchan", 4)])

    def write(self):
        if self.page.section == 7:
            return self.topic_page()
        return self.call_page()


def name_only(group):
    """Whether a group has only initialisers, which come after the type."""
    return all(each.name.endswith("_INIT") for each in group.declarations)


def without_title(group, blocks):
    """The text at the head of a header, without its title."""
    if group.head and len(blocks) > 1 and blocks[0].kind == "text" and \
            len(sentences(blocks[0].text)) == 1:
        return blocks[1:]
    return blocks


def shown(group):
    """A group's types and constants, unchanged."""
    code = [each.code for each in group.declarations if each.kind != "call"]
    lines = "\n".join(code).split("\n")
    return literal([each.expandtabs(8) for each in lines], "") if code else []


def plain(text):
    """Text without markup."""
    return " ".join(Prose([]).lines(text))


def made_by(call):
    """Prototypes of the functions that a macro defines for its user."""
    body = re.sub(r"\s*\\\n\s*", " ", call.code)
    found = re.findall(r"static inline ([^{}]+?)\s*\{", body)
    return [each.replace("##", "").replace(" )", ")") + ";" for each in found] \
        if call.ret is None else []
