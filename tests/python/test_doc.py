#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The programs in docs/python.md run. TAP."""

import os
import re
import subprocess
import sys
import tempfile
import textwrap
import unittest

import tap

PAGE = "/t/guest/python.md"
NAMES = "/run/kchan"


def programs():
    """The blocks that are Python, with the title that each stands under."""
    with open(PAGE, encoding="utf-8") as page:
        text = page.read()
    title = ""
    for found in re.finditer(r"^#+ ([^\n]*)$|^```python\n(.*?)^```$", text, re.M | re.S):
        if found[1]:
            title = found[1]
        else:
            yield title, found[2]


class Page(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        os.makedirs(NAMES, exist_ok=True)
        subprocess.run(["mount", "-t", "kchan", "kchan", NAMES], check=True)
        os.mkdir(NAMES + "/app")

    @classmethod
    def tearDownClass(cls):
        subprocess.run(["umount", NAMES], check=True)


def add(number, title, program):
    def test(self):
        with tempfile.TemporaryFile() as said:
            # As a program of its own would, but without a new interpreter.
            sys.stdout.flush()
            pid = os.fork()
            if not pid:
                status = 1
                try:
                    os.dup2(said.fileno(), 1)
                    os.dup2(said.fileno(), 2)
                    exec(compile(program, PAGE, "exec"), {"__name__": "__main__"})
                    status = 0
                except BaseException:
                    import traceback
                    traceback.print_exc()
                finally:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(status)
            status = os.waitpid(pid, 0)[1]
            said.seek(0)
            self.assertEqual(status, 0, said.read().decode() + textwrap.indent(program, "> "))

    test.__doc__ = f"program {number} of the page: {title}"
    setattr(Page, f"test_{number:02}", test)


for each in enumerate(programs(), 1):
    add(each[0], *each[1])

tap.main()
