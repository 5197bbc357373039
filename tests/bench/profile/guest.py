# SPDX-License-Identifier: GPL-2.0-only
"""Runs a program in the guest with the plugin, and knows what its addresses are of.

The guest's kernel is loaded to a fixed address. Where the module is, the guest says.
"""

import bisect
import gzip
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.normpath(os.path.join(HERE, "../../.."))
BUILD = os.path.join(TOP, "build/bench")
BOOT = os.path.join(TOP, "tests/vm/boot")
SECTIONS = "/sys/module/kchan/sections/"


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def words(*command):
    return [line.split() for line in output(*command).decode().splitlines()]


def built():
    """The plugin and the programs."""
    subprocess.run(["make", "-s", "-C", os.path.join(TOP, "tests/bench"), "all"],
                   check=True)


def kernel_symbols():
    """Names and addresses of the stock kernel's functions. It is asked once."""
    kernel = output(os.path.join(TOP, "tests/vm/kernel"), "stock").decode().strip()
    path = os.path.join(BUILD, f"symbols-{os.path.basename(kernel)}.gz")
    if not os.path.exists(path):
        symbols = output(BOOT, "-t", "300", "-a", "nokaslr", "--", "sh", "-c",
                         "grep -i ' t ' /proc/kallsyms | gzip -1")
        with open(path + ".new", "wb") as file:
            file.write(symbols)
        os.rename(path + ".new", path)
    with gzip.open(path, "rt") as file:
        return [(name, int(address, 16)) for address, _, name in
                (line.split() for line in file)]


class Functions:
    """Functions by address."""

    def __init__(self, symbols):
        # Padding ahead of a function has a name of its own, and so have sections.
        self.known = sorted((address, name) for name, address in symbols
                            if not re.match(r"__pfx_|\w+_text_(start|end)$", name))

    def at(self, address):
        """(name, where it begins), or None below the first."""
        index = bisect.bisect(self.known, (address, "\x7f"))
        if not index:
            return None
        begin, name = self.known[index - 1]
        return name, begin


class Guest:
    """One run of a program."""

    def __init__(self, program, arguments, plugin, limit=600):
        self.kernel = kernel_symbols()
        self.module = output(os.path.join(TOP, "tests/vm/module"), "stock")
        self.module = self.module.decode().strip()
        self.found = os.path.join(BUILD, "profile.out")
        inside = "/t/" + os.path.basename(program)
        options = ",".join([os.path.join(BUILD, "profile.so"), f"out={self.found}",
                            *plugin(dict(self.kernel))])
        if os.path.exists(self.found):
            os.unlink(self.found)
        run = subprocess.run(
            [BOOT, "-i", "-t", str(limit), "-m", "2048", "-a", "nokaslr",
             "-q=-plugin", f"-q={options}", "-M", self.module,
             "-f", f"{program}:{inside}", "--", "sh", "-c",
             f'grep -H . {SECTIONS}.*text*; sleep 5; exec "$@"', "sh", inside, *arguments],
            stdout=subprocess.PIPE, check=False)
        self.sections = {}
        self.said = []
        for line in run.stdout.decode(errors="replace").splitlines():
            match = re.fullmatch(SECTIONS + r"(\S+):(0x[0-9a-f]+)", line)
            if match:
                self.sections[match[1]] = int(match[2], 16)
            else:
                self.said.append(line)
        if run.returncode:
            print(*self.said, sep="\n", file=sys.stderr)
            sys.exit(f"profile: the guest failed, status {run.returncode}")
        self.functions = {
            "kernel": Functions(self.kernel),
            "module": Functions(self.module_symbols()),
            "program": Functions((name, int(address, 16)) for address, kind, name in
                                 (line for line in words("nm", program)
                                  if len(line) == 3) if kind in "tTwWi"),
        }

    def lines(self):
        """What the plugin found, in words."""
        with open(self.found, encoding="ascii") as file:
            return [line.split() for line in file]

    def module_symbols(self):
        for line in output("objdump", "-t", self.module).decode().splitlines():
            match = re.match(r"([0-9a-f]+) .{6}F (\S+)\s+[0-9a-f]+ (\S+)$", line)
            if match and match[2] in self.sections:
                yield match[3], self.sections[match[2]] + int(match[1], 16)

    def side(self, address):
        if address < 1 << 63:
            return "program"
        return "module" if address >= 0xffffffffc0000000 else "kernel"

    def function(self, address):
        """(side, name, where it begins)"""
        side = self.side(address)
        name, begin = self.functions[side].at(address) or ("?", 0)
        return side, name, begin

    def module_lines(self, addresses):
        """{address: (file:line, function)}, of inlined code the inlined function"""
        found = {}
        for section, begin in self.sections.items():
            end = min((other for other in self.sections.values() if other > begin),
                      default=1 << 64)
            some = sorted(each for each in addresses if begin <= each < end)
            if not some:
                continue
            told = subprocess.run(
                ["addr2line", "-a", "-f", "-i", "-e", self.module, "-j", section],
                input="".join(f"{each - begin:#x}\n" for each in some),
                check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
            starts = [i for i, line in enumerate(told) if line.startswith("0x")]
            for address, start in zip(some, starts):
                path = re.sub(r" \(discriminator.*", "", told[start + 2])
                found[address] = (path, told[start + 1])
        return found
