# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wait in libkchan, so that a signal handler of Python runs meanwhile.

A call of libkchan goes on after a signal: it never ends with EINTR. Python runs the
handlers of signals in the main thread, between two of its own instructions. So a call
that waits in the main thread would keep Ctrl-C waiting, too.

Therefore the main thread waits in a select that has one case more: a pipe, to which the
interpreter writes when a signal has come (signal.set_wakeup_fd). The case that waits for
the channel has its place in the channel's queue meanwhile. This is why we do not wait in
slices, or with poll(): both would lose the place, and two that poll never meet on a
rendezvous channel.

No signal is missed. One that comes before the pipe is set has its handler run when the
call of set_wakeup_fd() returns, at the latest. One that comes later is in the pipe, also
if another thread was interrupted by it.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from typing import Any

from ._libkchan import ffi, lib

# Cases that a caller may have: the pipe needs one.
MAX_CASES: int = lib.KCHAN_MAX_CASES - 1

_pipe: tuple[int, int] | None = None


def _forget_pipe() -> None:
    # The child of a fork would take what is written for its parent.
    global _pipe
    if _pipe is not None:
        os.close(_pipe[0])
        os.close(_pipe[1])
        _pipe = None


os.register_at_fork(after_in_child=_forget_pipe)


def _get_pipe() -> tuple[int, int]:
    global _pipe
    if _pipe is None:
        _pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    return _pipe


def deadline_of(timeout: float | None) -> int | None:
    """The end of a timeout in seconds, in nanoseconds on CLOCK_MONOTONIC."""
    if timeout is None:
        return None
    # More than a century is for ever: a sum of 63 bits is not passed.
    return time.monotonic_ns() + int(min(max(timeout, 0), 4e9) * 1e9)


def _select(cases: Any, n: int, deadline: int | None) -> int:
    if deadline is None:
        return int(lib.kc_select(cases, n))
    return int(lib.kc_select_deadline(cases, n, deadline))


def _drain(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return b""


def _select_in_main(cases: Any, n: int, deadline: int | None) -> int:
    came, told = _get_pipe()
    seen = b""
    outer = -1
    try:
        outer = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        cases[n] = lib.kc_case_fd(came, select.EPOLLIN)
        while True:
            index = _select(cases, n + 1, deadline)
            if index != n:
                return index
            # Handlers run at the end of this call. If one raises, it ends the wait.
            seen += _drain(came)
    finally:
        # The interpreter checks for signals only when a call ends, so this one is made.
        signal.set_wakeup_fd(outer)
        # What was the interpreter's before, an event loop's for example, gets what came.
        # If we are in a handler that interrupted another wait, it is our own pipe.
        seen += _drain(came)
        if outer >= 0 and seen:
            try:
                os.write(outer, seen)
            except OSError:
                pass


def _in_main_thread() -> bool:
    return threading.get_ident() == threading.main_thread().ident


def select_cases(cases: Any, n: int, deadline: int | None, handles: Any) -> int:
    """Wait until one of the first n cases commits; return its index, or a negative errno.

    The array has room for one more. The handles are those that the cases use: another
    thread may close them meanwhile, and this call keeps them.
    """
    try:
        if _in_main_thread():
            return _select_in_main(cases, n, deadline)
        return _select(cases, n, deadline)
    finally:
        # A traceback keeps this frame, which must not keep them open.
        del handles


def commit(case: Any, deadline: int | None, handle: Any) -> tuple[int, Any]:
    """Wait until the case has committed; return its status, and an array that it is in."""
    try:
        cases = ffi.new("kc_case[2]")
        cases[0] = case
        index = select_cases(cases, 1, deadline, handle)
        return index or cases[0].status, cases
    finally:
        del handle
