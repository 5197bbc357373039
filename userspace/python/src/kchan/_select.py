# SPDX-License-Identifier: LGPL-2.1-or-later
"""Select: do exactly one of several sends and receives."""

from __future__ import annotations

import errno
import select as _poll
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from . import _armed
from ._ends import Receiver, Sender, _new_memory
from ._errors import check, error
from ._libkchan import ffi, lib
from ._wait import MAX_CASES, deadline_of, select_cases

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class HasFileno(Protocol):
    """What has a descriptor."""

    def fileno(self) -> int: ...


class Recv:
    """The case of a select that receives an element."""

    __slots__ = ("end",)

    def __init__(self, end: Receiver) -> None:
        self.end = end


class Send:
    """The case of a select that sends an element."""

    __slots__ = ("end", "element")

    def __init__(self, end: Sender, element: ReadableBuffer) -> None:
        self.end = end
        self.element = element


class Fd:
    """The case of a select that waits until another descriptor is ready.

    events are those of select.poll(). Nothing is moved, and as there, readiness is a hint.
    """

    __slots__ = ("fd", "events")

    def __init__(self, fd: int | HasFileno, events: int = _poll.POLLIN) -> None:
        self.fd = fd if isinstance(fd, int) else fd.fileno()
        self.events = events


class After:
    """The case of a select that is ready when so many seconds have passed."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


Case = Recv | Send | Fd | After


@dataclass(frozen=True, slots=True)
class Selected:
    """What has happened: which case it was."""

    index: int
    """The index of the case."""
    ok: bool
    """False if the channel is closed: the end of the stream, or a send that failed."""
    element: bytes | None
    """What a receive has received. None if it is at the end of the stream."""
    events: int
    """The events of an Fd."""


def select(cases: Sequence[Case | None], timeout: float | None = None) -> Selected:
    """Wait until one of the cases can be done, and do exactly that one: Go's select.

        chosen = kchan.select([kchan.Recv(jobs), kchan.Send(results, result)])

    If several are ready, one of them is chosen at random. None is a case that is never
    ready, to switch one off. A case on a closed channel is ready, with ok=False.

    Raises TimeoutError when timeout seconds have passed; with timeout=0 it does not wait:
    Go's default clause. There may be 63 cases.
    """
    chosen = _select(cases, deadline_of(timeout))
    if chosen is None:
        raise error(-errno.ETIMEDOUT)
    return chosen


def try_select(cases: Sequence[Case | None]) -> Selected | None:
    """As select(), without waiting: None if no case is ready, at one instant."""
    return _select(cases, None, wait=False)


def _select(cases: Sequence[Case | None], deadline: int | None, wait: bool = True
            ) -> Selected | None:
    if len(cases) > MAX_CASES:
        raise ValueError(f"{len(cases)} cases, of at most {MAX_CASES}")
    packed = ffi.new("kc_case[]", len(cases) + 1)
    memories: list[Any] = [None] * len(cases)
    handles: list[Any] = []
    try:
        for i, case in enumerate(cases):
            if isinstance(case, Recv):
                handles.append(case.end._handle)
                memories[i] = _new_memory("char[]", case.end.elem_size)
                packed[i] = case.end._receive_case(memories[i], case.end.elem_size)
            elif isinstance(case, Send):
                handles.append(case.end._handle)
                memories[i] = ffi.from_buffer("char[]", case.element)
                packed[i] = case.end._send_case(memories[i])
            elif isinstance(case, Fd):
                packed[i] = lib.kc_case_fd(case.fd, case.events)
            elif isinstance(case, After):
                packed[i] = lib.kc_case_after(int(max(case.seconds, 0) * 1e9))
        if wait:
            index = select_cases(packed, len(cases), deadline, handles)
        else:
            index = lib.kc_try_select(packed, len(cases))
        if index in (-errno.ETIMEDOUT, -errno.EAGAIN):
            return None
        check(index)
        return _outcome(cases[index], index, packed[index], memories[index])
    finally:
        # A traceback keeps this frame: let it keep neither the ends nor the buffers.
        handles.clear()
        for case, memory in zip(cases, memories):
            if isinstance(case, Send) and memory is not None:
                ffi.release(memory)


def _outcome(case: Case | None, index: int, done: Any, memory: Any) -> Selected:
    if done.status == -errno.EPIPE:
        return Selected(index, False, None, 0)
    check(done.status)
    if not isinstance(case, Recv):
        return Selected(index, True, None, done.revents)
    if not done.ok:
        return Selected(index, False, None, 0)
    return Selected(index, True, bytes(ffi.buffer(memory, done.len)), 0)


async def aselect(cases: Sequence[Recv | Send | None], timeout: float | None = None
                  ) -> Selected:
    """select() for asyncio: only this task waits.

    The cases are Recv, Send and None. A case on another descriptor is a task of its own.
    If the task is cancelled, an element that was received goes back to its place. One that
    was to be sent may have been sent.
    """
    await _armed.let_others_run()
    chosen = try_select(cases)
    if chosen is not None:
        return chosen
    packed = []
    memories = []
    try:
        for case in cases:
            if isinstance(case, Recv):
                packed.append(_armed.receive(case.end.fileno(), case.end.elem_size))
            elif isinstance(case, Send):
                memories.append(ffi.from_buffer("char[]", case.element))
                packed.append(_armed.send(case.end.fileno(), memories[-1]))
            elif case is None:
                packed.append(_armed.NEVER)
            else:
                raise TypeError(f"a case of {type(case).__name__}: see asyncio for others")
        outcome = await _armed.commit(packed, timeout)
    finally:
        for memory in memories:
            ffi.release(memory)
    if outcome.status == errno.EPIPE:
        return Selected(outcome.index, False, None, 0)
    check(-outcome.status)
    received = isinstance(cases[outcome.index], Recv)
    return Selected(outcome.index, True, outcome.element if received else None, 0)
