# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wait in an event loop of asyncio.

A task that waits arms a select: a descriptor that holds its cases, and that the loop
watches (add_reader). So a task has a place in the channel's queue as a thread has that is
blocked in a call, and two tasks meet on a rendezvous channel. A loop that polled the
channel itself would only be told that it may try.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ._errors import check, error
from ._libkchan import ffi, lib


class Case(NamedTuple):
    """A send or a receive."""

    fd: int
    op: int
    memory: Any
    length: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has committed."""

    index: int
    status: int
    element: bytes


def send(fd: int, memory: Any) -> Case:
    return Case(fd, lib.KCHAN_OP_SEND, memory, len(memory))


def receive(fd: int, size: int) -> Case:
    return Case(fd, lib.KCHAN_OP_RECV, None, size)


# What is never ready: Go's nil channel.
NEVER = Case(-1, lib.KCHAN_OP_RECV, None, 0)


# An awaited call that need not wait does not suspend its task. So that a task which is
# never short of elements does not stop the loop, each of so many calls does.
_CALLS_IN_A_ROW = 64
_calls = 0


async def let_others_run() -> None:
    global _calls
    _calls = (_calls + 1) % _CALLS_IN_A_ROW
    if not _calls:
        await asyncio.sleep(0)


def _set(ready: asyncio.Future[bool], value: bool) -> None:
    if not ready.done():
        ready.set_result(value)


async def readable(fd: int, timeout: float | None) -> bool:
    """Wait until the descriptor is readable; False when the timeout has passed before."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[bool] = loop.create_future()
    timer = None
    loop.add_reader(fd, _set, ready, True)
    try:
        if timeout is not None:
            timer = loop.call_later(timeout, _set, ready, False)
        return await ready
    finally:
        loop.remove_reader(fd)
        if timer is not None:
            timer.cancel()


async def commit(cases: Sequence[Case], timeout: float | None) -> Outcome:
    """Wait until one of the cases commits."""
    end = max((case.fd for case in cases), default=-1)
    if end < 0:
        # Nothing can: Go's select {}.
        async with asyncio.timeout(timeout):
            await asyncio.get_running_loop().create_future()
    packed = ffi.new("struct kchan_case[]", len(cases))
    for case, each in zip(cases, packed):
        each.fd, each.op, each.len = case.fd, case.op, case.length
        if case.memory is not None:
            each.addr = int(ffi.cast("uintptr_t", case.memory))
    room = ffi.sizeof("struct kchan_commit") + max(
        (case.length for case in cases if case.op == lib.KCHAN_OP_RECV), default=0)
    armed = check(lib.kcpy_arm(end, packed, len(cases)))
    try:
        if not await readable(armed, timeout):
            # It has committed, or now it will not: the kernel says which.
            if lib.kcpy_disarm(armed) != -errno.EALREADY:
                raise error(-errno.ETIMEDOUT)
        data = os.read(armed, room)
    finally:
        # An element that was received, and is not read, goes back to its channel. A
        # process that was forked meanwhile has a copy of the descriptor: it must not wait
        # there.
        lib.kcpy_disarm(armed)
        os.close(armed)
    told = ffi.from_buffer("struct kchan_commit *", data)
    return Outcome(told.index, told.status, data[ffi.sizeof("struct kchan_commit"):])
