#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Channels in an event loop of asyncio: only the loop's own thread waits. TAP."""

import array
import asyncio
import os
import struct
import threading
import time
import unittest

import kchan
from kchan import Recv, Selected, Send
import tap


def threads():
    return len(os.listdir("/proc/self/task"))


def fds():
    return len(os.listdir("/proc/self/fd"))


class Tasks(unittest.IsolatedAsyncioTestCase):

    async def asyncSetUp(self):
        # It tells each step that takes long, as all do on an emulated processor.
        asyncio.get_running_loop().set_debug(False)
        self.fds, self.threads, self.joined = fds(), threads(), False

    async def asyncTearDown(self):
        # A thread of the test itself is not always gone when it was joined.
        if not self.joined:
            self.assertLessEqual(threads(), self.threads)

    async def test_rendezvous(self):
        """two tasks of one thread meet on a channel without a buffer"""
        receiver, sender = kchan.pair(8)
        total = 300

        async def sends():
            for i in range(total):
                await sender.asend(struct.pack("q", i))
            sender.close()

        task = asyncio.create_task(sends())
        got = [struct.unpack("q", each)[0] async for each in receiver]
        await task
        self.assertEqual(got, list(range(total)))
        receiver.close()
        self.assertEqual(fds(), self.fds)

    async def test_room(self):
        """a send waits for room, and lets others run"""
        receiver, sender = kchan.pair(100, 2, message=True)
        sent = []

        async def sends():
            for i in range(5):
                await sender.asend(b"message %d" % i)
                sent.append(i)
            sender.close()

        task = asyncio.create_task(sends())
        while len(sent) < 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        self.assertEqual(sent, [0, 1])
        got = [each async for each in receiver]
        self.assertEqual(got, [b"message %d" % i for i in range(5)])
        await task

    async def test_closed(self):
        """a task that waits is told that the channel was closed"""
        c, full = kchan.Channel(1), kchan.Channel(1, 1)
        full.send(b"a")
        receiving = asyncio.create_task(c.arecv())
        sending = asyncio.create_task(full.asend(b"b"))
        await asyncio.sleep(0.01)
        c.shutdown()
        full.shutdown()
        with self.assertRaises(kchan.EndOfStream):
            await receiving
        with self.assertRaises(kchan.SendOnClosed):
            await sending
        for late in c.arecv(), c.arecv_n(3):
            with self.assertRaises(kchan.EndOfStream):
                await late
        with self.assertRaises(kchan.SendOnClosed):
            await c.asend(b"a")

    async def test_timeout(self):
        """a timeout ends a wait, and nothing has moved"""
        c, full = kchan.Channel(1), kchan.Channel(1, 1)
        full.send(b"a")
        with self.assertRaises(TimeoutError):
            await c.arecv(timeout=0.02)
        with self.assertRaises(TimeoutError):
            await full.asend(b"b", timeout=0.02)
        with self.assertRaises(TimeoutError):
            await kchan.aselect([Recv(c), Send(full, b"b"), None], timeout=0.02)
        with self.assertRaises(TimeoutError):
            await kchan.aselect([None], timeout=0.02)
        with self.assertRaises(TimeoutError):
            async with asyncio.timeout(0.02):
                await c.arecv()
        self.assertEqual(full.length, 1)
        self.assertEqual(c.info().recv_waiters, 0)

    async def test_cancelled(self):
        """a receive that is cancelled loses nothing, and the order stays"""
        receiver, sender = kchan.pair(4, 1)
        total, got, cancelled = 300, [], 0

        def sends():
            for i in range(total):
                sender.send(struct.pack("i", i))

        thread = threading.Thread(target=sends)
        thread.start()
        while len(got) < total:
            task = asyncio.create_task(receiver.arecv())
            await asyncio.sleep(0)
            task.cancel()
            try:
                got.append(struct.unpack("i", await task)[0])
            except asyncio.CancelledError:
                cancelled += 1
                # What had come is on its way back: a task that is not cancelled.
                if cancelled % 2:
                    got.append(struct.unpack("i", await receiver.arecv())[0])
        thread.join()
        self.joined = True
        self.assertEqual(got, list(range(total)))
        receiver.close()
        sender.close()
        self.assertEqual(fds(), self.fds)
        print(f"# {cancelled} cancelled")

    async def test_committed_then_cancelled(self):
        """an element that came to a task goes back if the task is cancelled then"""
        receiver, sender = kchan.pair(1, 2)
        task = asyncio.create_task(receiver.arecv())
        await asyncio.sleep(0.01)
        # It goes to the armed select, of which the loop does not know yet.
        sender.send(b"a")
        sender.send(b"b")
        self.assertEqual(receiver.info().in_flight, 1)
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        self.assertEqual(receiver.info().in_flight, 0)
        self.assertEqual((receiver.recv(), receiver.recv()), (b"a", b"b"))

    async def test_late_timeout(self):
        """what comes just after the timeout is received or sent, and told"""
        receiver, sender = kchan.pair(1)
        loop = asyncio.get_running_loop()

        async def waits(waiting, come):
            task = asyncio.create_task(waiting)
            await asyncio.sleep(0.001)
            # The timer of the wait is due first. The task goes on after both.
            loop.call_later(0.02, come)
            time.sleep(0.05)
            return await task

        self.assertEqual(
            await waits(receiver.arecv(timeout=0.02), lambda: sender.send(b"a")), b"a")
        self.assertIsNone(await waits(
            sender.asend(b"b", timeout=0.02),
            lambda: self.assertEqual(receiver.recv(), b"b")))

    async def test_select(self):
        """a select waits for one of several, with selects on the other side"""
        a, b = kchan.Channel(4), kchan.Channel(4)
        total, got = 100, {0: [], 1: []}

        async def sends(c):
            for i in range(total):
                await kchan.aselect([None, Send(c, struct.pack("i", i))])

        tasks = [asyncio.create_task(sends(c)) for c in (a, b)]
        for _ in range(2 * total):
            chosen = await kchan.aselect([Recv(a), Recv(b)])
            got[chosen.index].append(struct.unpack("i", chosen.element)[0])
        await asyncio.gather(*tasks)
        self.assertEqual(got, {0: list(range(total)), 1: list(range(total))})
        a.shutdown()
        self.assertEqual(await kchan.aselect([Recv(a)]), Selected(0, False, None, 0))
        self.assertEqual(await kchan.aselect([None, Send(a, bytes(4))]),
                         Selected(1, False, None, 0))

    async def test_select_closed_later(self):
        """a select that waits is told of a closed channel"""
        a, b = kchan.Channel(4), kchan.Channel(4)
        task = asyncio.create_task(kchan.aselect([Recv(a), Recv(b)]))
        await asyncio.sleep(0.01)
        b.shutdown()
        self.assertEqual(await task, Selected(1, False, None, 0))

    async def test_batches(self):
        """batches wait for room and for elements"""
        receiver, sender = kchan.pair(4, 3)
        numbers = array.array("i", range(100))

        async def sends():
            self.assertEqual(await sender.asend_n(numbers), 100)
            sender.close()

        task = asyncio.create_task(sends())
        got = b""
        try:
            while True:
                got += await receiver.arecv_n(7)
        except kchan.EndOfStream:
            pass
        await task
        self.assertEqual(got, numbers.tobytes())
        receiver, sender = kchan.pair(4, 3)
        self.assertEqual(await sender.asend_n(numbers, timeout=0.01), 3)
        with self.assertRaises(TimeoutError):
            await sender.asend_n(numbers, timeout=0.01)

    async def test_fairness(self):
        """a task that is never short of elements lets others run"""
        receiver, sender = kchan.pair(1, 4)
        stop = False

        async def others():
            nonlocal stop
            await asyncio.sleep(0)
            stop = True

        task = asyncio.create_task(others())
        count = 0
        while not stop and count < 1000:
            await sender.asend(b"a")
            await receiver.arecv()
            count += 1
        self.assertLess(count, 1000)
        stop = False
        await task
        task = asyncio.create_task(others())
        count = 0
        while not stop and count < 1000:
            await kchan.aselect([Send(sender, b"a")])
            await kchan.aselect([Recv(receiver)])
            count += 1
        self.assertLess(count, 1000)
        await task

    async def test_large(self):
        """a megabyte is received by a task that waits"""
        receiver, sender = kchan.pair(1 << 20, 1, message=True)
        data = os.urandom(1 << 20)
        task = asyncio.create_task(receiver.arecv())
        await asyncio.sleep(0.01)
        await sender.asend(data)
        self.assertEqual(await task, data)
        task = asyncio.create_task(receiver.arecv())
        await asyncio.sleep(0.01)
        await sender.asend(memoryview(data)[:5])
        self.assertEqual(await task, data[:5])

    async def test_empty_elements(self):
        """elements of size 0 come to a task that waits"""
        c = kchan.Channel(0)
        task = asyncio.create_task(c.arecv())
        await asyncio.sleep(0.01)
        await c.asend(b"")
        self.assertEqual(await task, b"")

    async def test_wrong(self):
        """a wrong case is an error"""
        c = kchan.Channel(4, 1)
        with self.assertRaises(ValueError):
            await c.asend(b"123")
        with self.assertRaises(TypeError):
            await kchan.aselect([Recv(c), kchan.After(1)])
        c.close()
        with self.assertRaises(ValueError):
            await c.arecv()

    async def test_add_reader(self):
        """without our methods: add_reader() and the try forms"""
        receiver, sender = kchan.pair(1, 4)
        loop, done, got = asyncio.get_running_loop(), asyncio.Event(), []

        def ready():
            try:
                while (element := receiver.try_recv()) is not None:
                    got.append(element)
            except kchan.EndOfStream:
                loop.remove_reader(receiver)
                done.set()

        loop.add_reader(receiver, ready)
        for each in b"ab", b"cd":
            await asyncio.sleep(0.005)
            sender.send_n(each)
        sender.close()
        await done.wait()
        self.assertEqual(got, [b"a", b"b", b"c", b"d"])


tap.main()
