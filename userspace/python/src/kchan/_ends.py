# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ends of a channel: Receiver, Sender, and Channel, which is both."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from . import _armed, _lease
from ._errors import EndOfStream, SendOnClosed, check, error
from ._libkchan import ffi, lib
from ._wait import commit, deadline_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

# Memory that nobody has written to: a large element takes only the pages that it fills.
_new_memory: Any = ffi.new_allocator(should_clear_after_alloc=False)


def _check_waits(result: int) -> int:
    """The result, unless it is an error; negative if the call would have to wait."""
    if result in (-errno.EAGAIN, -errno.ETIMEDOUT):
        return result
    return check(result)


class Info(NamedTuple):
    """What a channel is and holds, at one instant: see kchan(4)."""

    id: int
    """The number of the channel, as in /proc/PID/fdinfo and in kchanctl."""
    length: int
    """Elements that are queued."""
    in_flight: int
    """Elements that a receiver was handed, and that may still come back."""
    closed: bool
    """The channel is closed: no more sends."""
    named: bool
    """The channel has a name."""
    mapped: bool
    """A process moves elements without system calls."""
    send_ends: int
    recv_ends: int
    send_waiters: int
    recv_waiters: int


class End:
    """An open end of a channel: what Receiver, Sender and Channel have in common.

    An end owns a descriptor. close(), a with statement, and the end of the last reference
    close it. This does not close the channel: see Sender.shutdown().

    All methods may be called by several threads at once. A call that waits lets other
    threads run. In the main thread a signal handler of Python runs meanwhile, and an
    exception that it raises (KeyboardInterrupt) ends the call.
    """

    __slots__ = ("_handle", "_elem_size", "_message", "__weakref__")

    _DIRECTIONS: int = 0

    _handle: Any
    _elem_size: int
    _message: bool

    # close() takes the attribute away. So each use of it is its own check, and no frame
    # that a traceback keeps has a reference on the handle. Type checkers need not know: to
    # them each name would be one of ours.
    if not TYPE_CHECKING:
        def __getattr__(self, name):
            if name == "_handle":
                raise ValueError("this end is closed")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @classmethod
    def _own(cls, pointer: Any) -> Self:
        """Take over a handle of libkchan."""
        end = cls.__new__(cls)
        end._handle = ffi.gc(pointer, lib.kc_unref)
        end._elem_size = lib.kc_elem_size(pointer)
        end._message = bool(lib.kc_is_message(pointer))
        return end

    @classmethod
    def _check_directions(cls, fd: int) -> None:
        info = ffi.new("struct kchan_info *")
        check(lib.kcpy_info(fd, info))
        if cls._DIRECTIONS & ~info.flags:
            raise error(-errno.EBADF)

    @classmethod
    def from_fd(cls, fd: int) -> Self:
        """Make an end of a descriptor, which may come from another process.

        The end then owns the descriptor, and makes it not inheritable. If this raises, the
        descriptor is not changed: OSError with the errno ENOTTY if it is no end of a
        channel, and EBADF if it is not open, or lacks a direction.
        """
        cls._check_directions(fd)
        out = ffi.new("kc_chan **")
        check(lib.kc_from_fd(out, fd))
        return cls._own(out[0])

    @classmethod
    def inherit(cls, name: str) -> Self:
        """Get the end with that name, if this process was started with it.

        The other side is kc_process_start(), a supervisor, or pass_ends(). Raises
        FileNotFoundError if there is no such end, and OSError with the errno EBUSY if it
        was taken before.
        """
        out = ffi.new("kc_chan **")
        result = lib.kc_inherit(out, os.fsencode(name))
        if result < 0:
            raise error(result, name)
        end = cls._own(out[0])
        cls._check_directions(end.fileno())
        return end

    def close(self) -> None:
        """Close this end, as a file: its descriptor, not the channel.

        The channel closes by itself with its last end that can send. If another thread
        waits in a call on this end, the descriptor is closed when that call is over. To
        close an end again does nothing.
        """
        try:
            del self._handle
        except AttributeError:
            pass

    @property
    def closed(self) -> bool:
        """Whether this end is closed. For the channel see info()."""
        try:
            self._handle
        except ValueError:
            return True
        return False

    def __enter__(self) -> Self:
        self._handle
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        name = type(self).__name__
        if self.closed:
            return f"<kchan.{name} closed>"
        mode = " message" if self._message else ""
        return f"<kchan.{name} fd={self.fileno()} elem_size={self._elem_size}{mode}>"

    def fileno(self) -> int:
        """The descriptor: for selectors, add_reader(), pass_fds, send_fds() and so on."""
        return check(lib.kc_fd(self._handle))

    def get_inheritable(self) -> bool:
        """Whether a program that this process executes keeps the descriptor."""
        return os.get_inheritable(self.fileno())

    def set_inheritable(self, inheritable: bool) -> None:
        """Make the descriptor inheritable, or not. At first it is not."""
        os.set_inheritable(self.fileno(), inheritable)

    @property
    def elem_size(self) -> int:
        """Bytes of an element. In message mode: the most bytes of a message."""
        return self._elem_size

    @property
    def message(self) -> bool:
        """Whether the channel is in message mode: each element has its own length."""
        return self._message

    @property
    def capacity(self) -> int:
        """How many elements the channel holds. 0: it is a rendezvous."""
        return int(lib.kc_cap(self._handle))

    @property
    def length(self) -> int:
        """How many elements are queued now."""
        return int(lib.kc_len(self._handle))

    def info(self) -> Info:
        """What the channel is and holds."""
        info = ffi.new("struct kchan_info *")
        check(lib.kcpy_info(self.fileno(), info))
        return Info(info.id, info.len, info.in_flight,
                    bool(info.flags & lib.KCHAN_INFO_CLOSED),
                    bool(info.flags & lib.KCHAN_INFO_NAMED),
                    bool(info.flags & lib.KCHAN_INFO_MAPPED),
                    info.send_ends, info.recv_ends, info.send_waiters, info.recv_waiters)

    def _check_fixed(self) -> None:
        if self._message:
            raise error(-errno.EINVAL)


class Receiver(End):
    """An end that receives: Go's <-chan T.

    An iteration, plain or asynchronous, receives until the end of the stream. It raises
    what recv() raises, apart from EndOfStream.
    """

    __slots__ = ()

    _DIRECTIONS = lib.KCHAN_INFO_RECV

    def receiver(self) -> Receiver:
        """Make another end that receives, with a descriptor of its own."""
        out = ffi.new("kc_chan **")
        check(lib.kc_recv_only(out, self._handle))
        return Receiver._own(out[0])

    # Calls that wait also begin with one that does not: it costs less than a select. It is
    # one with a timeout of 0, since kc_try_recv() and the like do not count for the use
    # after which a channel is mapped.

    def _try_receive(self, memory: Any, size: int, call: Any, *timeout: int) -> int:
        """The length of what was received; negative if it would have to wait."""
        if self._message:
            result = lib.kc_try_recv_msg(self._handle, memory, size)
        else:
            result = call(self._handle, memory, *timeout)
            if result == 1:
                return self._elem_size
        if result == 0:
            raise EndOfStream
        return _check_waits(result)

    def _receive_case(self, memory: Any, size: int) -> Any:
        if self._message:
            return lib.kc_case_recv_msg(self._handle, memory, size)
        return lib.kc_case_recv(self._handle, memory)

    def _receive(self, memory: Any, size: int, timeout: float | None) -> int:
        length = self._try_receive(memory, size, lib.kc_recv_timeout, 0)
        if length >= 0:
            return length
        status, cases = commit(self._receive_case(memory, size), deadline_of(timeout),
                               self._handle)
        check(status)
        if not cases[0].ok:
            raise EndOfStream
        return int(cases[0].len)

    def recv(self, timeout: float | None = None) -> bytes:
        """Receive the oldest element, and wait until there is one.

        Raises EndOfStream, or TimeoutError when timeout seconds have passed. If a signal
        handler raises just as the element comes, the element is lost: lease() prevents
        this.
        """
        memory = _new_memory("char[]", self._elem_size)
        return bytes(ffi.buffer(memory, self._receive(memory, self._elem_size, timeout)))

    def try_recv(self) -> bytes | None:
        """Receive without waiting: None if there is no element now.

        Raises EndOfStream.
        """
        memory = _new_memory("char[]", self._elem_size)
        length = self._try_receive(memory, self._elem_size, lib.kc_try_recv)
        return None if length < 0 else bytes(ffi.buffer(memory, length))

    def recv_into(self, buffer: WriteableBuffer, timeout: float | None = None) -> int:
        """Receive into a buffer that may be written to, without a copy.

        Returns the length of the element. As recv(), and raises ValueError if the buffer
        has less room than an element of a fixed size. In message mode it raises OSError
        with the errno EMSGSIZE if the message is longer: the message stays.
        """
        with ffi.from_buffer("char[]", buffer, require_writable=True) as memory:
            if not self._message and len(memory) < self._elem_size:
                raise ValueError(f"{len(memory)} bytes of room, for {self._elem_size}")
            return self._receive(memory, len(memory), timeout)

    def _try_receive_n(self, memory: Any, n: int, call: Any, *timeout: int) -> int:
        """How many elements were received; negative if it would have to wait."""
        result = call(self._handle, memory, n, *timeout)
        if result == 0:
            raise EndOfStream
        return _check_waits(result)

    def _receive_n(self, memory: Any, n: int, timeout: float | None) -> int:
        self._check_fixed()
        if n < 1:
            raise ValueError("room for at least one element")
        count = self._try_receive_n(memory, n, lib.kc_recv_n_timeout, 0)
        if count >= 0:
            return count
        self._receive(memory, self._elem_size, timeout)
        return 1 + self._receive_more(memory, n)

    def _receive_more(self, memory: Any, n: int) -> int:
        """Receive after the first element what else is there; return how many that is."""
        if n == 1:
            return 0
        result = lib.kc_try_recv_n(self._handle, memory + self._elem_size, n - 1)
        # An error comes with the next call, which has nothing else to tell.
        return max(int(result), 0)

    def recv_n(self, n: int, timeout: float | None = None) -> bytes:
        """Receive at most n elements of a fixed size, one after another in memory.

        Waits for the first one, and takes what else is there. Raises what recv() raises.
        """
        memory = _new_memory("char[]", max(n, 0) * self._elem_size)
        count = self._receive_n(memory, n, timeout)
        return bytes(ffi.buffer(memory, count * self._elem_size))

    def try_recv_n(self, n: int) -> bytes | None:
        """Receive at most n elements without waiting: None if there is none now."""
        self._check_fixed()
        if n < 1:
            raise ValueError("room for at least one element")
        memory = _new_memory("char[]", n * self._elem_size)
        count = self._try_receive_n(memory, n, lib.kc_try_recv_n)
        return None if count < 0 else bytes(ffi.buffer(memory, count * self._elem_size))

    def recv_n_into(self, buffer: WriteableBuffer, timeout: float | None = None) -> int:
        """Receive as many elements as are there and fit into the buffer.

        Returns how many that are. As recv_n(), without a copy.
        """
        if not self._elem_size:
            raise ValueError("elements of 0 bytes need no buffer")
        with ffi.from_buffer("char[]", buffer, require_writable=True) as memory:
            return self._receive_n(memory, len(memory) // self._elem_size, timeout)

    async def arecv(self, timeout: float | None = None) -> bytes:
        """recv() for asyncio: only this task waits.

        If the task is cancelled, the element that had come goes back to its place in the
        channel: nothing is lost.
        """
        await _armed.let_others_run()
        element = self.try_recv()
        if element is not None:
            return element
        outcome = await _armed.commit(
            [_armed.receive(self.fileno(), self._elem_size)], timeout)
        if outcome.status == errno.EPIPE:
            raise EndOfStream
        check(-outcome.status)
        return outcome.element

    async def arecv_n(self, n: int, timeout: float | None = None) -> bytes:
        """recv_n() for asyncio."""
        self._check_fixed()
        if n < 1:
            raise ValueError("room for at least one element")
        first = await self.arecv(timeout)
        memory = _new_memory("char[]", n * self._elem_size)
        count = self._receive_more(memory, n)
        rest = ffi.buffer(memory + self._elem_size, count * self._elem_size)
        return first + bytes(rest)

    def lease(self, timeout: float | None = None, *, limit: float | None = None
              ) -> _lease.Lease:
        """Receive an element under lease, and wait until there is one.

            with receiver.lease(limit=60) as job:
                work(job.element)

        The with statement acknowledges the element, or gives it back after an exception.
        After limit seconds it goes back by itself. Raises what recv() raises.
        """
        return _lease.lease(self, timeout, limit)

    def try_lease(self, *, limit: float | None = None) -> _lease.Lease | None:
        """lease() without waiting: None if there is no element now."""
        return _lease.try_lease(self, limit)

    def leases(self, *, limit: float | None = None) -> Iterator[_lease.Lease]:
        """Iterate over leases until the end of the stream.

            for job in receiver.leases(limit=60):
                with job:
                    work(job.element)

        The stream does not end as long as somebody has a lease: end each one, as here.
        """
        return _lease.leases(self, limit)

    async def alease(self, timeout: float | None = None, *, limit: float | None = None
                     ) -> _lease.Lease:
        """lease() for asyncio: "with await receiver.alease() as job"."""
        return await _lease.alease(self, timeout, limit)

    def aleases(self, *, limit: float | None = None) -> AsyncIterator[_lease.Lease]:
        """leases() for asyncio, for "async for"."""
        return _lease.aleases(self, limit)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return self.recv()
        except EndOfStream:
            raise StopIteration from None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self.arecv()
        except EndOfStream:
            raise StopAsyncIteration from None


class Sender(End):
    """An end that sends: Go's chan<- T.

    An element is any bytes-like object: bytes, bytearray, memoryview, array.array, and so
    on. It is sent from where it is, without a copy in this process.
    """

    __slots__ = ()

    _DIRECTIONS = lib.KCHAN_INFO_SEND

    def sender(self) -> Sender:
        """Make another end that sends, with a descriptor of its own."""
        out = ffi.new("kc_chan **")
        check(lib.kc_send_only(out, self._handle))
        return Sender._own(out[0])

    def shutdown(self) -> bool:
        """Close the channel for all its users: Go's close().

        Nothing can be sent any more. Receivers get what is queued, and then the end of the
        stream. False if the channel was closed before. Raises PermissionError if the
        channel has a name of another user.
        """
        result = lib.kc_close(self._handle)
        if result == -errno.EALREADY:
            return False
        check(result)
        return True

    def _check_element(self, size: int) -> None:
        if not self._message and size != self._elem_size:
            raise ValueError(f"an element of {size} bytes, not {self._elem_size}")

    # As Receiver._try_receive().
    def _try_send(self, memory: Any, call: Any, *timeout: int) -> bool:
        self._check_element(len(memory))
        if self._message:
            result = lib.kc_try_send_msg(self._handle, memory, len(memory))
        else:
            result = call(self._handle, memory, *timeout)
        return _check_waits(result) == 0

    def _send_case(self, memory: Any) -> Any:
        self._check_element(len(memory))
        if self._message:
            return lib.kc_case_send_msg(self._handle, memory, len(memory))
        return lib.kc_case_send(self._handle, memory)

    def _send(self, memory: Any, deadline: int | None) -> int:
        """Wait to send; return 0, or a negative errno."""
        return commit(self._send_case(memory), deadline, self._handle)[0]

    def send(self, element: ReadableBuffer, timeout: float | None = None) -> None:
        """Send an element, and wait until there is room.

        On a channel of capacity 0, wait until a receiver has been handed it. Raises
        SendOnClosed, or TimeoutError when timeout seconds have passed: the element was not
        sent. ValueError if it has not the channel's size. In message mode, OSError with
        the errno EMSGSIZE if it is too long, and EINVAL if it is empty.
        """
        with ffi.from_buffer("char[]", element) as memory:
            if not self._try_send(memory, lib.kc_send_timeout, 0):
                check(self._send(memory, deadline_of(timeout)))

    def try_send(self, element: ReadableBuffer) -> bool:
        """Send without waiting: False if there is no room now. Raises SendOnClosed."""
        with ffi.from_buffer("char[]", element) as memory:
            return self._try_send(memory, lib.kc_try_send)

    def _count(self, memory: Any) -> int:
        """How many elements of a fixed size that are."""
        self._check_fixed()
        if not self._elem_size or len(memory) % self._elem_size:
            raise ValueError(f"{len(memory)} bytes are no elements of {self._elem_size}")
        return len(memory) // self._elem_size

    def _try_send_n(self, memory: Any, n: int, call: Any, *timeout: int) -> int:
        return max(_check_waits(call(self._handle, memory, n, *timeout)), 0)

    def _send_more(self, memory: Any, sent: int, n: int) -> int:
        """Send those after the first ones that need not wait; return how many that are."""
        if sent == n:
            return 0
        result = lib.kc_try_send_n(self._handle, memory + sent * self._elem_size, n - sent)
        # An error comes with the next call.
        return max(int(result), 0)

    def send_n(self, elements: ReadableBuffer, timeout: float | None = None) -> int:
        """Send several elements of a fixed size, which follow each other in memory.

        These are several sends, in this order. Returns how many were sent: all of them,
        or fewer if the channel was closed meanwhile, or the timeout has passed. If none
        was sent, raises what send() raises.
        """
        deadline = deadline_of(timeout)
        with ffi.from_buffer("char[]", elements) as memory:
            n = self._count(memory)
            sent = self._try_send_n(memory, n, lib.kc_send_n_timeout, 0)
            while sent < n:
                at = sent * self._elem_size
                status = self._send(memory[at:at + self._elem_size], deadline)
                if status:
                    # With the next call, if this one has something else to tell.
                    return sent or check(status)
                sent += 1
                sent += self._send_more(memory, sent, n)
            return sent

    def try_send_n(self, elements: ReadableBuffer) -> int:
        """Send those elements that need not wait; return how many that are."""
        with ffi.from_buffer("char[]", elements) as memory:
            n = self._count(memory)
            return self._try_send_n(memory, n, lib.kc_try_send_n)

    async def asend(self, element: ReadableBuffer, timeout: float | None = None) -> None:
        """send() for asyncio: only this task waits, until there is room.

        TimeoutError means that the element was not sent. If the task is cancelled, nobody
        knows: it may have been sent just before. So give a timeout here, and not by
        asyncio.timeout().
        """
        await _armed.let_others_run()
        with ffi.from_buffer("char[]", element) as memory:
            if self._try_send(memory, lib.kc_try_send):
                return
            outcome = await _armed.commit([_armed.send(self.fileno(), memory)], timeout)
        check(-outcome.status)

    async def asend_n(self, elements: ReadableBuffer, timeout: float | None = None) -> int:
        """send_n() for asyncio. If it is cancelled, nobody knows how many were sent."""
        deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        await _armed.let_others_run()
        with ffi.from_buffer("char[]", elements) as memory:
            n = self._count(memory)
            sent = self._try_send_n(memory, n, lib.kc_try_send_n)
            while sent < n:
                at = sent * self._elem_size
                try:
                    await self.asend(
                        ffi.buffer(memory + at, self._elem_size),
                        None if deadline is None else
                        deadline - asyncio.get_running_loop().time())
                except (SendOnClosed, TimeoutError):
                    if not sent:
                        raise
                    return sent
                sent += 1
                sent += self._send_more(memory, sent, n)
            return sent


class Channel(Receiver, Sender):
    """A new channel, and its first end, which sends and receives: Go's make(chan T, n).

    elem_size is the size of an element in bytes. With message, each element has a length
    of its own, from 1 to elem_size bytes. The channel holds capacity elements. With 0 it
    is a rendezvous: a send waits until a receiver has been handed the element.

    A channel that is used often is mapped: this process moves elements without system
    calls while nobody waits. mapped=False prevents this: see libkchan(7).

    Raises OSError with the errno ENODEV if the kernel module is not loaded, EDQUOT when
    this user's channels would hold more than the administrator allows, and EINVAL for
    values over their maximum.
    """

    __slots__ = ()

    _DIRECTIONS = lib.KCHAN_INFO_RECV | lib.KCHAN_INFO_SEND

    def __init__(self, elem_size: int, capacity: int = 0, *, message: bool = False,
                 mapped: bool = True) -> None:
        out = ffi.new("kc_chan **")
        check(lib.kc_make_opts(out, options(elem_size, capacity, message, mapped)))
        made = Channel._own(out[0])
        self._handle = made._handle
        self._elem_size, self._message = made._elem_size, made._message

    def resize(self, capacity: int) -> None:
        """Change the capacity. No element is lost.

        Raises OSError with the errno EBUSY if more elements are queued.
        """
        check(lib.kc_resize(self._handle, capacity))


def options(elem_size: int, capacity: int, message: bool, mapped: bool = True,
            send_hold: bool = True) -> Any:
    """The options of a channel, as libkchan knows them."""
    out = ffi.new("kc_chan_opts *")
    lib.kcpy_init_opts(out)
    out.elem_size = elem_size
    out.cap = capacity
    if message:
        out.flags |= lib.KC_CHAN_MESSAGE
    if not mapped:
        out.flags |= lib.KC_CHAN_NOMAP
    if not send_hold:
        out.flags |= lib.KC_CHAN_NO_SEND_HOLD
    return out


def pair(elem_size: int, capacity: int = 0, *, message: bool = False, mapped: bool = True
         ) -> tuple[Receiver, Sender]:
    """Make a channel, and return its two ends: (receiver, sender), as os.pipe() does.

    There is no other end. So the channel closes when the sender is closed, and all ends
    that were made from it. For the arguments see Channel.
    """
    recv, send = ffi.new("kc_chan **"), ffi.new("kc_chan **")
    check(lib.kc_make_pair_opts(recv, send, options(elem_size, capacity, message, mapped)))
    return Receiver._own(recv[0]), Sender._own(send[0])


def pass_ends(**ends: End) -> dict[str, Any]:
    """Arguments for subprocess.Popen(), so that the child has these ends.

    The child gets them by their names: with Receiver.inherit() in Python, kc_inherit() in
    C, and from the variable KCHAN_FDS in any language.

        subprocess.Popen(["worker"], **kchan.pass_ends(jobs=receiver))

    Close the ends that are not used here afterwards. Popen takes env and pass_fds from
    here: add to these if you need more.
    """
    fds = {name: end.fileno() for name, end in ends.items()}
    told = ",".join(f"{fd}:{name}" for name, fd in fds.items())
    return {"pass_fds": tuple(fds.values()), "env": {**os.environ, "KCHAN_FDS": told}}
