# SPDX-License-Identifier: LGPL-2.1-or-later
"""What gdb is to know of libkchan: goroutines, and what print shows.

    info goroutines         what each does, for how long, on what, and where
    goroutine ID            go to the thread of that one
    goroutine ID COMMAND    a command of gdb there: goroutine 7 bt
    goroutine all COMMAND   the same in each, one after another

Channels, contexts, errors, mutexes and wait groups are printed as what they are;
print/r shows their members. All of it is read out of memory, of a process or of a
core file: nothing of the program is run. What only the kernel knows, such as what a
channel holds, and the time, is told of a process on this machine.

Programs that hold the static library have this text in them: see lib/sched/gdb.h.
"""

import contextlib
import errno
import os
import time

import gdb
import gdb.printing

SECOND = 1000000000
NEVER = 2 ** 63 - 1     # KC_NEVER
MOST_CASES = 8          # of a select, so many are named

# Values of structures of the kernel and of macros, which debug information lacks.
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
    # In a static library private symbols have names that no program has.
    address = gdb.Value(int(gdb.parse_and_eval(f"(unsigned long)&__{name}")))
    return address.cast(symbol.type.pointer()).dereference()


def container(member, struct, name):
    """What has the thing that is pointed to as a member, as kc_container()."""
    kind = gdb.lookup_type(struct)
    start = int(member) - kind[name].bitpos // 8
    return gdb.Value(start).cast(kind.pointer()).dereference()


def process():
    """The process's number if it is one of this machine, and runs; or None."""
    inferior = gdb.selected_inferior()
    connection = getattr(inferior, "connection", None)
    return inferior.pid if connection and connection.type == "native" else None


def now():
    """The time as the library takes it, or None: a core file has no clock."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) if process() else None


def duration(ns):
    """As kc_dump() has it."""
    seconds = max(ns, 0) // SECOND
    if seconds >= 3600:
        return f"{seconds // 3600} h"
    if seconds >= 60:
        return f"{seconds // 60} m"
    return f"{max(ns, 0) // (SECOND // 10) / 10:.1f} s"


def fdinfo(fd):
    """What the kernel tells of a channel's end; nothing if it cannot be asked."""
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
    """Tells the library's code from the program's: by where it is, struct kc_code."""

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
        """The frame of the selected thread's that is of interest: where the program
        called the library, if it waits there, or is: else, what has its source
        here. The library's own, if nobody else called it."""
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
    """One of them, as the library's struct kc_g has it."""

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
        return int(self.parked["since"]) if self.waits else None

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
        """In its thread; then back where one was."""
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
    """Those that there are, the oldest thread's first, as kc_goroutines() has them."""
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
    """There is something to be read."""
    if not gdb.selected_inferior().pid:
        raise gdb.GdbError("The program is not being run.")


def print_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths))
        gdb.write("  ".join(cells).rstrip() + "\n")


class InfoGoroutines(gdb.Command):
    """What goroutines there are.

Of each: its number, its name, its thread, what it does, for how long, on what, and
where the program called for that. In a core file, which has no clock, the time is
that until the last one of them began to wait: ">" is put before it."""

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
    """Go to a goroutine, or do a command there.

goroutine ID            go to its thread
goroutine ID COMMAND    do COMMAND there: goroutine 7 bt
goroutine all COMMAND   do COMMAND in each, one after another"""

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
    """struct kc_ctx, and what it is part of"""

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
