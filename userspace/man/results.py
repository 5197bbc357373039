# SPDX-License-Identifier: LGPL-2.1-or-later
"""The results of calls: the list in their comment, and the words before it."""

import errno
import os
import re

from prose import ERROR_TAG, SENTENCE_END, argument, blocks_of, sentences

CALLS = r"kc_\w+\(\)(?:(?:,|,? and|,? or) kc_\w+\(\))*"
SAME_AS = re.compile(rf"As ({CALLS})")
# A paragraph with the results, without a list.
RETURNS = re.compile(rf"-?\d+\b|What {CALLS} returns?\b|Returns\b|{CALLS} returns?\b")


class Results:
    """A group's comment, split into the text and the results."""

    def __init__(self, group):
        self.group = group
        self.items, self.lead, self.same = [], "", ""
        self.told, self.tail = [], []
        self.rest = blocks_of(group.text, group.wrong)
        if group.calls:
            self.part(self.rest)

    def part(self, blocks):
        lists = [each for each in blocks if each.is_result]
        if len(lists) > 1:
            raise self.group.wrong("two lists of what is returned")
        before = blocks[:blocks.index(lists[0])] if lists else blocks
        texts = [each for each in before if each.kind == "text"]
        for sentence in sentences(" ".join(each.text for each in texts)):
            match = SAME_AS.match(sentence)
            # The calls that are named nearest to the list.
            self.same = match[1] if match else self.same
        if lists:
            self.items = lists[0].lines
            self.lead = self.take_lead(before[-1]) if before else ""
        if not lists or (self.lead and not self.is_result(self.lead)):
            self.told = [each for each in blocks if each.lines and
                         each.kind == "text" and RETURNS.match(each.text)]
        self.tail = [each for each in blocks if lists and each.goes_on]
        self.rest = [each for each in blocks if each.lines and not each.is_result
                     and each not in self.told + self.tail]

    @staticmethod
    def take_lead(block):
        """The words before the list, which do not end a sentence."""
        if block.kind != "text":
            return ""
        parts = sentences(block.text)
        if SENTENCE_END.search(parts[-1]):
            return ""
        block.lines = parts[:-1]
        return parts[-1]

    @staticmethod
    def is_result(lead):
        """Whether these words name a result besides errors."""
        return re.search(r",? (or|and)$", lead) and not lead.startswith("As ")

    def sections(self, prose):
        """The lines of RETURN VALUES, and of ERRORS."""
        returns, errors = self.parted(prose)
        for each in self.tail:
            (errors or returns).extend([".Pp"] + prose.block(each))
        if not returns and any(each.returns for each in self.group.calls):
            raise self.group.wrong("not told what it returns")
        return returns, errors

    def parted(self, prose):
        values = [each for each in self.items if not ERROR_TAG.fullmatch(each[0])]
        errors = [each for each in self.items if ERROR_TAG.fullmatch(each[0])]
        below = "or one of the errors below."
        if not self.lead and errors and not values:
            raise self.group.wrong("errors, and not told what else is returned")
        if values:
            returns = prose.lines(self.lead)
            returns += prose.tag_list(as_sentences(values), width="-1")
            if errors:
                returns += [".Pp"] + prose.lines(below)
            return returns, error_list(prose, errors)
        if self.lead and self.is_result(self.lead):
            start = re.sub(r",? (or|and)$", "", self.lead)
            return prose.lines(f"{start}, {below}"), error_list(prose, errors)
        returns = prose.blocks(self.told)
        if not returns and self.same and self.returns_error():
            returns = prose.lines(f"The same as {self.same}" +
                                  (f", {below}" if errors else "."))
        if errors and not returns:
            raise self.group.wrong(
                f"returns what? '{self.lead}' follows no 'As kc_...()'")
        lead = self.lead.replace("its errors", f"the errors of {self.same}")
        return returns, prose.lines(lead) + error_list(prose, errors)

    def returns_error(self):
        return any(call.ret in ("int", "ssize_t") for call in self.group.calls)


def as_sentences(items):
    """The texts of a list, each as a sentence."""
    out = []
    for tag, text in items:
        if re.match(r"[a-z]+[ ,;:]", text):
            text = text[0].upper() + text[1:]
        if text and not SENTENCE_END.search(text):
            text += "."
        out.append((tag, text))
    return out


def error_list(prose, items):
    """Errors without a text get the text of the C library."""
    told = []
    for tags, text in as_sentences(items):
        if text:
            told.append((tags, text))
            continue
        for tag in re.findall("-E[A-Z0-9]+", tags):
            told.append((tag, os.strerror(getattr(errno, tag[1:])) + "."))

    def tag_line(tags):
        others = " No and others" if tags.endswith("others") else ""
        return ".It Bq Er " + " , ".join(
            argument(each) for each in re.findall("-E[A-Z0-9]+", tags)) + others

    return prose.tag_list(told, tag_line, "Er") if told else []
