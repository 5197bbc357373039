#!/usr/bin/python3 -S
# SPDX-License-Identifier: GPL-2.0-only
"""Armed selects in an asyncio loop: nothing but the loop's own thread waits. TAP."""

import array
import asyncio
import errno
import fcntl
import os
import struct
import sys
import threading

SEND, RECV = 0, 1

SETUP = 0x4010C700
ARM = 0x4020C706
DISARM = 0xC707

CASE = struct.Struct("=iIQII")
COMMIT = struct.Struct("=IIIIQQII")
NONBLOCK = 2
ELEM = struct.Struct("=Q")


def make(capacity):
    fd = os.open("/dev/kchan", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(fd, SETUP, struct.pack("=IIII", 0, ELEM.size, capacity, 0))
    return fd


class Select:
    """A select that is awaited, on one armed fd, which is used again."""

    def __init__(self, channel):
        self.channel = channel
        self.armed = -1

    def arm(self, cases):
        # They have addresses, and are copied from when the ioctl is called.
        elements = [array.array("Q", each[2:]) for each in cases]
        packed = array.array("B", b"".join(
            CASE.pack(fd, op, element.buffer_info()[0] if element else 0, ELEM.size, 0)
            for (fd, op, *_), element in zip(cases, elements)))
        # In what may be written to, or what is returned would be a copy of it.
        request = bytearray(struct.pack("=QIIIIQ", packed.buffer_info()[0],
                                        len(cases), CASE.size,
                                        0 if self.armed >= 0 else NONBLOCK,
                                        COMMIT.size, 0))
        if self.armed < 0:
            self.armed = fcntl.ioctl(self.channel, ARM, request)
        else:
            fcntl.ioctl(self.armed, ARM, request)

    def collect(self):
        """The case that committed, its status, and what it received."""
        data = os.read(self.armed, COMMIT.size + ELEM.size)
        whole, index, status, size, *_ = COMMIT.unpack_from(data)
        if whole != COMMIT.size:
            raise AssertionError(f"a commit of {whole} bytes, not {COMMIT.size}")
        got = data[COMMIT.size:]
        if got and len(got) != size:
            raise AssertionError(f"{len(got)} bytes, not {size}")
        return index, status, ELEM.unpack(got)[0] if got else None

    async def commit(self, *cases):
        self.arm(cases)
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_reader(self.armed, lambda: ready.done() or ready.set_result(None))
        try:
            await ready
        except asyncio.CancelledError:
            # It committed or it did not: the kernel says which, at once.
            try:
                fcntl.ioctl(self.armed, DISARM)
            except OSError as error:
                if error.errno != errno.EALREADY:
                    raise
                return self.collect()
            raise
        finally:
            loop.remove_reader(self.armed)
        return self.collect()

    def close(self):
        if self.armed >= 0:
            os.close(self.armed)


def threads():
    return len(os.listdir("/proc/self/task"))


async def rendezvous():
    """Two coroutines of one thread meet on a channel without a buffer."""
    channel, total = make(0), 500
    out, into, seen = Select(channel), Select(channel), []

    async def sender():
        for i in range(total):
            assert await out.commit((channel, SEND, i)) == (0, 0, None)

    async def receiver():
        for _ in range(total):
            index, status, value = await into.commit((channel, RECV))
            assert (index, status) == (0, 0)
            seen.append(value)

    await asyncio.gather(sender(), receiver())
    assert seen == list(range(total))
    assert threads() == 1


async def one_of_two():
    """A select over two channels, whose senders are selects too."""
    a, b, total = make(0), make(0), 300
    seen = {0: [], 1: []}

    async def sender(channel):
        out = Select(channel)
        for i in range(total):
            await out.commit((channel, SEND, i))

    async def receiver():
        into = Select(a)
        for _ in range(2 * total):
            index, status, value = await into.commit((a, RECV), (b, RECV))
            assert status == 0
            seen[index].append(value)

    await asyncio.gather(sender(a), sender(b), receiver())
    assert seen == {0: list(range(total)), 1: list(range(total))}
    assert threads() == 1


async def given_up():
    """A timeout takes an armed select back, and loses nothing that it had."""
    channel, total = make(0), 300
    into, seen, gave_up = Select(channel), [], 0

    def sends():
        for i in range(total):
            os.write(channel, ELEM.pack(i))

    # Somebody who blocks in a call, as other programs do.
    thread = threading.Thread(target=sends, daemon=True)
    thread.start()
    while len(seen) < total:
        task = asyncio.ensure_future(into.commit((channel, RECV)))
        await asyncio.sleep(0)
        task.cancel()
        try:
            seen.append((await task)[2])
        except asyncio.CancelledError:
            gave_up += 1
    thread.join()
    assert seen == list(range(total)), seen
    # With nobody to send it does give up.
    task = asyncio.ensure_future(into.commit((channel, RECV)))
    await asyncio.sleep(0.01)
    task.cancel()
    try:
        await task
        raise AssertionError("committed with nobody there")
    except asyncio.CancelledError:
        pass
    print(f"# gave up {gave_up} times besides")


async def closed():
    """A closed channel is a case that commits, and so ends a loop."""
    channel = make(4)
    into = Select(channel)
    os.write(channel, ELEM.pack(7))
    fcntl.ioctl(channel, 0xC703)
    assert await into.commit((channel, RECV)) == (0, 0, 7)
    assert await into.commit((channel, RECV)) == (0, errno.EPIPE, None)


def main():
    tests, failed = (rendezvous, one_of_two, given_up, closed), 0
    print(f"TAP version 13\n1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            asyncio.run(asyncio.wait_for(test(), 40))
            how = "ok"
        except Exception as error:      # pylint: disable=broad-except
            print(f"# {type(error).__name__}: {error}")
            how, failed = "not ok", 1
        print(f"{how} {number} - {test.__doc__.splitlines()[0]}", flush=True)
    return failed


sys.exit(main())
