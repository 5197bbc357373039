# SPDX-License-Identifier: LGPL-2.1-or-later
"""Leases: elements that stay the channel's until they are acknowledged."""

from __future__ import annotations

import errno
import select as _poll
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from . import _armed
from ._errors import EndOfStream, check, error
from ._libkchan import ffi, lib
from ._wait import deadline_of, select_cases

if TYPE_CHECKING:
    from ._ends import Receiver


def _nanoseconds(limit: float | None) -> int:
    if limit is None:
        return 0
    if limit <= 0:
        raise ValueError("a limit of more than 0 seconds")
    return max(int(min(limit, 4e9) * 1e9), 1)


class Lease:
    """An element under lease: it goes back to the channel if nobody acknowledges it.

        with receiver.lease() as job:
            work(job.element)

    At the end of the with statement the element is acknowledged, or after an exception
    given back: to its place, where the next receiver gets it. It goes back as well when
    the limit has come, when the process ends, and when the last reference goes. So each
    element is worked on at least once. As long as the lease lasts, the channel is not at
    the end of its stream.

    A lease is for one thread at a time. It has a descriptor, and lasts until the last copy
    of it is closed: a child of a fork has one, too.
    """

    __slots__ = ("_handle", "_element", "_number", "_returns", "__weakref__")

    # As in End.
    if not TYPE_CHECKING:
        def __getattr__(self, name):
            if name == "_handle":
                raise ValueError("this lease is over")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @classmethod
    def _own(cls, handle: Any) -> Self:
        """Take over a handle that has an element."""
        lease = cls.__new__(cls)
        length = ffi.new("size_t *")
        memory = lib.kc_lease_elem(handle, length)
        lease._element = bytes(ffi.buffer(memory, length[0])) if length[0] else b""
        lease._number = lib.kc_lease_number(handle)
        lease._returns = lib.kc_lease_returns(handle)
        lease._handle = handle
        return lease

    @classmethod
    def from_fd(cls, fd: int) -> Self:
        """Take over the descriptor of a lease that another process has passed on."""
        out = ffi.new("kc_lease **")
        check(lib.kc_lease_from_fd(out, fd))
        return cls._own(ffi.gc(out[0], lib.kc_lease_unref))

    _handle: Any
    _element: bytes
    _number: int
    _returns: int

    @property
    def element(self) -> bytes:
        """The element."""
        return self._element

    @property
    def number(self) -> int:
        """Its number in the channel, which it keeps when it comes back."""
        return self._number

    @property
    def returns(self) -> int:
        """How often it has come back, after somebody had it."""
        return self._returns

    @property
    def over(self) -> bool:
        """Whether it was acknowledged or given back here."""
        try:
            self._handle
        except ValueError:
            return True
        return False

    def fileno(self) -> int:
        """The descriptor, to pass on."""
        return check(lib.kc_lease_fd(self._handle))

    def ack(self) -> None:
        """Acknowledge the element: it will not come back.

        Raises LeaseExpired if the limit has come: it has gone back.
        """
        result = lib.kc_lease_ack(self._handle)
        self.close()
        check(result)

    def give_back(self, *, tail: bool = False, counted: bool = True, delay: float = 0
                  ) -> None:
        """Give the element back to the channel: to its place, or with tail to the end.

        With counted=False this does not count in returns. The channel keeps the element
        for delay seconds before others get it. Raises LeaseExpired.
        """
        flags = (lib.KC_LEASE_TAIL if tail else 0) | (0 if counted else lib.KC_LEASE_UNCOUNTED)
        result = lib.kc_lease_return(self._handle, flags, int(delay * 1e9))
        if result != -errno.EINVAL:
            self.close()
        check(result)

    def extend(self, limit: float | None) -> None:
        """Let it last so many seconds from now on, or without a limit.

        Raises LeaseExpired if it has gone back already.
        """
        check(lib.kc_lease_extend(self._handle, _nanoseconds(limit)))

    def close(self) -> None:
        """Close the descriptor. With its last copy the element goes back."""
        try:
            del self._handle
        except AttributeError:
            pass

    def __enter__(self) -> Self:
        self._handle
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if self.over:
            return
        if kind is None:
            self.ack()
            return
        try:
            self.give_back()
        except OSError:
            # Its limit has come: it is back. What the caller raised says more.
            pass

    def __repr__(self) -> str:
        state = " over" if self.over else ""
        return f"<kchan.Lease number={self._number} returns={self._returns}{state}>"


def _make(end: Receiver, limit: float | None) -> Any:
    out = ffi.new("kc_lease **")
    check(lib.kc_lease_make(out, end._handle, _nanoseconds(limit)))
    return ffi.gc(out[0], lib.kc_lease_unref)


def _try(handle: Any) -> bool:
    """Whether the handle has an element now."""
    result = lib.kc_lease_try_recv(handle)
    if result == 0:
        raise EndOfStream
    if result == -errno.EAGAIN:
        return False
    check(result)
    return True


def _give_up(handle: Any) -> None:
    """The timeout has passed. An element that came together with it is received."""
    if lib.kc_lease_disarm(handle) != -errno.EALREADY:
        raise error(-errno.ETIMEDOUT)


def try_lease(end: Receiver, limit: float | None) -> Lease | None:
    handle = _make(end, limit)
    try:
        return Lease._own(handle) if _try(handle) else None
    finally:
        del handle


def lease(end: Receiver, timeout: float | None, limit: float | None) -> Lease:
    deadline = deadline_of(timeout)
    handle = _make(end, limit)
    try:
        while not _try(handle):
            check(lib.kc_lease_arm(handle))
            cases = ffi.new("kc_case[2]")
            cases[0] = lib.kc_case_fd(lib.kc_lease_fd(handle), _poll.POLLIN)
            index = select_cases(cases, 1, deadline, handle)
            if index == -errno.ETIMEDOUT:
                _give_up(handle)
            else:
                check(index)
        return Lease._own(handle)
    finally:
        # If this raises, the element goes back now, and not when the traceback goes.
        del handle


async def alease(end: Receiver, timeout: float | None, limit: float | None) -> Lease:
    await _armed.let_others_run()
    deadline = deadline_of(timeout)
    handle = _make(end, limit)
    try:
        while not _try(handle):
            check(lib.kc_lease_arm(handle))
            left = None if deadline is None else (deadline - (deadline_of(0) or 0)) / 1e9
            if not await _armed.readable(lib.kc_lease_fd(handle), left):
                _give_up(handle)
        return Lease._own(handle)
    finally:
        del handle


def leases(end: Receiver, limit: float | None) -> Iterator[Lease]:
    while True:
        try:
            each = lease(end, None, limit)
        except EndOfStream:
            return
        yield each
        # Or it would be held while the next one is awaited.
        del each


async def aleases(end: Receiver, limit: float | None) -> AsyncIterator[Lease]:
    while True:
        try:
            each = await alease(end, None, limit)
        except EndOfStream:
            return
        yield each
        del each
