# SPDX-License-Identifier: LGPL-2.1-or-later
"""libkchan for gdb: commands for goroutines, and pretty-printers.

    info goroutines         list them: what each does, for how long, on what, and where
    goroutine ID            select the thread of a goroutine
    goroutine ID COMMAND    run a command of gdb there: goroutine 7 bt
    goroutine all COMMAND   the same in each, one after another

print shows channels, contexts, errors, mutexes and wait groups in a readable form.
print/r shows their members. The script only reads the memory of a process or of a core
file: it does not run code of the program. What only the kernel knows, such as the
content of a channel, and the time, is shown for a process on this machine.

Programs that are linked with the static library contain this text: see
lib/sched/gdb.h.
"""

import contextlib
import errno
import os
import time

import gdb
import gdb.printing

SECOND = 1000000000
NEVER = 2 ** 63 - 1     # KC_NEVER
MOST_CASES = 8          # the number of a select's cases that are shown

# Values of the kernel's structures and of macros: debug information does not have them.
OPERATIONS = {0: "send", 1: "recv", 2: "poll"}      # KCHAN_OP_*
LOCKED = {0: "unlocked", 1: "locked", 2: "locked, others wait"}     # futex.h
WAITGROUP_ASLEEP = 1
WAITGROUP_SHIFT = 32


def variable(name, lookup=gdb.lookup_global_symbol):
    symbol = lookup(name)
    if symbol is None:
        raise gdb.GdbError("There is no libkchan in this program, "
                           "or no debug information of it.")
    with contextlib.suppress(gdb.error):
        return symbol.value()
    # A static library has its private symbols under other names, with a prefix.
    address = gdb.Value(int(gdb.parse_and_eval(f"(unsigned long)&__{name}")))
    return address.cast(symbol.type.pointer()).dereference()


def container(member, struct, name):
    """The structure that contains the member, as kc_container()."""
    kind = gdb.lookup_type(struct)
    start = int(member) - kind[name].bitpos // 8
    return gdb.Value(start).cast(kind.pointer()).dereference()


def process():
    """The process's number, if it runs on this machine, or None."""
    inferior = gdb.selected_inferior()
    connection = getattr(inferior, "connection", None)
    return inferior.pid if connection and connection.type == "native" else None


def now():
    """The time on the library's clock, or None: a core file has no clock."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) if process() else None


def duration(ns):
    """A duration in the form of kc_dump()."""
    seconds = max(ns, 0) // SECOND
    if seconds >= 3600:
        return f"{seconds // 3600} h"
    if seconds >= 60:
        return f"{seconds // 60} m"
    return f"{max(ns, 0) // (SECOND // 10) / 10:.1f} s"


def fdinfo(fd):
    """The kernel's lines about a channel's end; empty if it cannot be read."""
    try:
        with open(f"/proc/{process()}/fdinfo/{fd}", encoding="ascii") as file:
            lines = [line.split(":", 1) for line in file if ":" in line]
    except OSError:
        return {}
    return {key: value.strip() for key, value in lines
            if key.startswith("kchan-")}


def end(fd):
    channel = fdinfo(fd).get("kchan-id")
    return f"channel {channel} (fd {fd})" if channel else f"fd {fd}"


class Library:
    """Tells the library's code from the program's by its address: struct kc_code."""

    def __init__(self):
        self.ranges = []
        code = variable("kc_code")
        while int(code):
            self.ranges.append((int(code["start"]), int(code["end"])))
            code = code["next"]

    def has(self, frame):
        pc = frame.pc()
        return any(start <= pc <= end for start, end in self.ranges)

    def place(self, waits):
        """The interesting frame of the selected thread: where the program called the
        library, if the thread is in the library. Else the innermost frame whose
        source file exists. Else a frame of the library."""
        frame = newest = gdb.newest_frame()
        entered = None
        with contextlib.suppress(gdb.error):
            while frame and frame.name() != "kc_g_run":
                symtab = frame.find_sal().symtab
                if self.has(frame):
                    entered = frame
                elif entered or (not waits and symtab and
                                 os.path.exists(symtab.fullname())):
                    return frame
                frame = frame.older()
        return entered or newest


class Goroutine:
    """A goroutine, as struct kc_g describes it."""

    def __init__(self, g, threads):
        self.id = int(g["id"])
        self.name = g["name"].string(errors="replace")
        self.tid = int(g["tid"])
        self.thread = threads.get(self.tid)
        self.parked = g["parked"]
        self.waits = int(self.parked["hold"]) != 0

    def state(self):
        names = variable("kc_state_names", gdb.lookup_static_symbol)
        state = int(self.parked["state"]) if self.waits else 0
        if state > names.type.range()[1]:
            return "?"
        return names[state].string()

    def since(self):
        if not self.waits:
            return None
        since = self.parked["since"]
        return int(since["tv_sec"]) * 10 ** 9 + int(since["tv_nsec"])

    def on(self):
        """What it waits for."""
        target = self.parked["on"]
        state = self.state()
        if not self.waits or not int(target):
            return ""
        if state in ("chan receive", "chan send"):
            chan = target.cast(gdb.lookup_type("struct kc_chan").pointer())
            return end(int(chan["fd"]))
        if state != "select":
            return target.format_string(symbols=True)
        cases = target.cast(gdb.lookup_type("struct kchan_case").pointer())
        count = int(self.parked["nr"])
        texts = [f"{OPERATIONS.get(int(case['op']), '?')} {end(int(case['fd']))}"
                 for case in map(cases.__getitem__, range(min(count, MOST_CASES)))]
        return ", ".join(texts + ["..."] * (count > MOST_CASES))

    def place(self, library):
        with self.selected():
            frame = library.place(self.waits)
            sal = frame.find_sal()
            text = frame.name() or f"{frame.pc():#x}"
        if sal.symtab:
            text += f" at {os.path.basename(sal.symtab.filename)}:{sal.line}"
        return text

    def head(self):
        name = f' "{self.name}"' if self.name else ""
        return f"goroutine {self.id}{name} [{self.state()}]:"

    def switch(self):
        if not self.thread or not self.thread.is_valid():
            raise gdb.GdbError(f"gdb does not see thread {self.tid}, "
                               f"which is that of goroutine {self.id}.")
        self.thread.switch()

    @contextlib.contextmanager
    def selected(self):
        """Select its thread, and afterwards the previous thread and frame."""
        thread = gdb.selected_thread()
        frame = gdb.selected_frame() if thread else None
        self.switch()
        try:
            yield
        finally:
            if thread and thread.is_valid():
                thread.switch()
                if frame.is_valid():
                    frame.select()

    def run(self, command):
        with self.selected():
            gdb.execute(command)


def goroutines():
    """All goroutines, that of the oldest thread first, as kc_goroutines()."""
    everything = variable("kc_sched")["all"]
    threads = {each.ptid[1]: each
               for each in gdb.selected_inferior().threads()}
    link = everything["prev"]
    while int(link) != int(everything.address):
        g = container(link, "struct kc_g", "all")
        if g["live"]:
            yield Goroutine(g, threads)
        link = link["prev"]


def started():
    """Raise an error unless there is a process or a core file."""
    if not gdb.selected_inferior().pid:
        raise gdb.GdbError("The program is not being run.")


def print_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths))
        gdb.write("  ".join(cells).rstrip() + "\n")


class InfoGoroutines(gdb.Command):
    """List the goroutines.

For each: its number, name and thread, what it does, for how long, on what, and the
place in the program. A core file has no clock, so its times end when the last goroutine
began to wait: they have ">" before them."""

    def __init__(self):
        super().__init__("info goroutines", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        started()
        found = list(goroutines())
        library = Library()
        clock = now()
        until = clock or max((each.since() or 0 for each in found), default=0)
        selected = gdb.selected_thread()
        rows = [("  Id", "Name", "Thread", "State", "For", "On", "Where")]
        for each in found:
            here = selected and selected.ptid[1] == each.tid
            since = each.since()
            rows.append((
                f"{'*' if here else ' '} {each.id}", each.name, str(each.tid),
                each.state(),
                "" if since is None else
                ("" if clock else ">") + duration(until - since),
                each.on(), self.place(each, library)))
        print_table(rows)

    @staticmethod
    def place(each, library):
        try:
            return each.place(library)
        except gdb.error as error:
            return f"({error})"


class GoroutineCommand(gdb.Command):
    """Go to a goroutine, or run a command there.

goroutine ID            select its thread
goroutine ID COMMAND    run COMMAND there: goroutine 7 bt
goroutine all COMMAND   run COMMAND in each, one after another"""

    def __init__(self):
        super().__init__("goroutine", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        which, _, command = argument.strip().partition(" ")
        command = command.strip()
        started()
        if which == "all" and command:
            self.run_in_all(command)
            return
        if not which.isdecimal():
            raise gdb.GdbError("Which one? Say goroutine ID [COMMAND], "
                               "or goroutine all COMMAND.")
        for each in goroutines():
            if each.id == int(which):
                self.run_in(each, command)
                return
        raise gdb.GdbError(f"There is no goroutine {which}.")

    @staticmethod
    def run_in(goroutine, command):
        if command:
            goroutine.run(command)
        else:
            goroutine.switch()
            gdb.write(goroutine.head() + "\n")
            gdb.execute("frame")

    @staticmethod
    def run_in_all(command):
        for each in list(goroutines()):
            gdb.write(f"\n{each.head()}\n")
            try:
                each.run(command)
            except gdb.error as error:
                gdb.write(f"{error}\n")


class ChannelPrinter:
    """struct kc_chan"""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        fd = int(self.value["fd"])
        size = int(self.value["elem_size"])
        kernel = fdinfo(fd)
        holds = ""
        if "kchan-len" in kernel:
            holds = f"{kernel['kchan-len']} of {kernel['kchan-capacity']} "
        holds += "messages of up to" if self.value["message"] else "elements of"
        state = ""
        if kernel.get("kchan-in-flight", "0") != "0":
            state += f", {kernel['kchan-in-flight']} in flight"
        if "closed" in kernel.get("kchan-flags", "").split():
            state += ", closed"
        return f"{end(fd)}: {holds} {size} bytes{state}"


class ErrorPrinter:
    """struct kc_error"""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        code = int(self.value["code"])
        name = errno.errorcode.get(-code)
        text = self.value["text"].string(errors="replace")
        return f"{code}{f' ({name})' if name else ''} \"{text}\""

    def children(self):
        if int(self.value["cause"]):
            yield "cause", self.value["cause"].dereference()


class ContextPrinter:
    """struct kc_ctx, and the structure that contains it"""

    def __init__(self, value):
        self.value = value
        self.kind = {
            "KC_CTX_ROOT": "background context",
            "KC_CTX_NODE": "context",
            "KC_CTX_VALUE": "context with a value",
            "KC_CTX_WITHOUT": "context without cancel",
        }.get(str(value["kind"]), "context of no known kind")

    def to_string(self):
        node = self.value["node"]
        if not int(node):
            return self.kind
        return self.kind + self.deadline(node) + self.cancelled(node)

    @staticmethod
    def deadline(node):
        deadline = int(node["deadline"])
        clock = now()
        if deadline == NEVER:
            return ""
        if clock is None:
            return f", deadline at {deadline / SECOND:.1f} s"
        if deadline > clock:
            return f", deadline in {duration(deadline - clock)}"
        return f", deadline {duration(clock - deadline)} ago"

    @staticmethod
    def cancelled(node):
        code = int(node["err"])
        return f", cancelled: {errno.errorcode.get(-code, code)}" if code else ""

    def children(self):
        node = self.value["node"]
        if int(node) and int(node["cause"]):
            yield "cause", node["cause"].dereference()
        if str(self.value["kind"]) == "KC_CTX_VALUE" and self.value.address:
            outer = container(self.value.address, "struct kc_value_ctx", "ctx")
            yield "key", outer["key"]
            yield "value", outer["value"]
        if int(self.value["parent"]):
            yield "parent", self.value["parent"].dereference()


class MutexPrinter:
    """kc_mutex"""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        state = int(self.value["state"])
        return LOCKED.get(state, f"state {state}")


class WaitgroupPrinter:
    """kc_waitgroup"""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        state = int(self.value["state"])
        waits = ", others wait" if state & WAITGROUP_ASLEEP else ""
        return f"counter {state >> WAITGROUP_SHIFT}{waits}"


def register(objfile):
    printers = gdb.printing.RegexpCollectionPrettyPrinter("libkchan")
    for struct, printer in (("kc_chan", ChannelPrinter),
                            ("kc_ctx", ContextPrinter),
                            ("kc_error", ErrorPrinter),
                            ("kc_mutex", MutexPrinter),
                            ("kc_waitgroup", WaitgroupPrinter)):
        printers.add_printer(struct, f"^{struct}$", printer)
    gdb.printing.register_pretty_printer(objfile, printers, replace=True)


InfoGoroutines()
GoroutineCommand()
register(gdb.current_objfile())
