#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Leases: elements that go back unless they are acknowledged. TAP."""

import asyncio
import errno
import os
import signal
import threading
import time
import unittest

import kchan
import tap


class Interrupted(Exception):
    """What a handler raises."""


class Leases(unittest.TestCase):

    def setUp(self):
        self.receiver, self.sender = kchan.pair(100, 4, message=True)

    def test_ack(self):
        """a with statement acknowledges"""
        self.sender.send(b"a")
        with self.receiver.lease() as job:
            self.assertEqual(job.element, b"a")
            self.assertEqual(job.returns, 0)
            self.assertEqual(self.receiver.info().in_flight, 1)
            self.assertFalse(job.over)
        self.assertTrue(job.over)
        self.assertIn("over", repr(job))
        self.assertEqual(self.receiver.info().in_flight, 0)
        self.assertIsNone(self.receiver.try_recv())
        for late in job.ack, job.give_back, job.fileno, lambda: job.extend(1), job.__enter__:
            with self.assertRaisesRegex(ValueError, "over"):
                late()

    def test_exception(self):
        """after an exception the element goes back to its place"""
        self.sender.send(b"a")
        self.sender.send(b"b")
        with self.assertRaises(ZeroDivisionError):
            with self.receiver.lease() as job:
                1 / 0
        self.assertTrue(job.over)
        again = self.receiver.try_lease()
        self.assertEqual((again.element, again.returns, again.number), (b"a", 1, job.number))
        again.ack()
        self.assertEqual(self.receiver.recv(), b"b")

    def test_give_back(self):
        """an element is given back to the tail, not counted, and after a delay"""
        self.sender.send(b"a")
        self.sender.send(b"b")
        with self.receiver.lease() as job:
            job.give_back(tail=True, counted=False)
        self.assertEqual(self.receiver.recv(), b"b")
        with self.receiver.lease() as job:
            self.assertEqual((job.element, job.returns), (b"a", 0))
            with self.assertRaises(OSError) as caught:
                job.give_back(delay=-1)
            self.assertEqual(caught.exception.errno, errno.EINVAL)
            began = time.monotonic()
            job.give_back(delay=0.1)
        self.assertIsNone(self.receiver.try_recv())
        self.assertEqual(self.receiver.recv(), b"a")
        self.assertGreaterEqual(time.monotonic() - began, 0.1)

    def test_dropped(self):
        """a lease that is dropped or closed goes back"""
        self.sender.send(b"a")
        job = self.receiver.lease()
        job = None
        job = self.receiver.lease(timeout=1)
        self.assertEqual(job.element, b"a")
        job.close()
        self.assertEqual(self.receiver.recv(), b"a")

    def test_limit(self):
        """after its limit an element is back, and is told so"""
        self.sender.send(b"a")
        with self.assertRaises(kchan.LeaseExpired) as caught:
            with self.receiver.lease(limit=0.05) as job:
                self.assertEqual(self.receiver.recv(), b"a")
        self.assertEqual(caught.exception.errno, errno.ETIME)
        self.assertTrue(job.over)
        # Another exception says more.
        self.sender.send(b"b")
        with self.assertRaises(ZeroDivisionError):
            with self.receiver.lease(limit=0.02):
                self.receiver.recv()
                1 / 0
        # It can be moved.
        self.sender.send(b"c")
        with self.receiver.lease(limit=0.05) as job:
            job.extend(None)
            with self.assertRaises(TimeoutError):
                self.receiver.recv(timeout=0.1)
        for wrong in 0, -1:
            with self.assertRaises(ValueError):
                self.receiver.lease(limit=wrong)

    def test_stream(self):
        """an iteration leases each element, and ends with the stream"""
        for each in b"a", b"b", b"c":
            self.sender.send(each)
        self.sender.close()
        seen = []
        for job in self.receiver.leases():
            with job:
                seen.append(job.element)
        self.assertEqual(seen, [b"a", b"b", b"c"])
        for at_end in self.receiver.lease, self.receiver.try_lease:
            with self.assertRaises(kchan.EndOfStream):
                at_end()

    def test_held(self):
        """the stream does not end while an element is under lease"""
        self.sender.send(b"a")
        job = self.receiver.lease()
        self.sender.close()
        self.assertIsNone(self.receiver.try_recv())
        with self.assertRaises(TimeoutError):
            self.receiver.lease(timeout=0.02)
        job.ack()
        with self.assertRaises(kchan.EndOfStream):
            self.receiver.lease()

    def test_waits(self):
        """a lease waits for an element, and lets other threads run"""
        thread = threading.Timer(0.05, self.sender.send, (b"a",))
        self.assertIsNone(self.receiver.try_lease())
        with self.assertRaises(TimeoutError):
            self.receiver.lease(timeout=0.01)
        thread.start()
        with self.receiver.lease(timeout=20) as job:
            self.assertEqual(job.element, b"a")
        thread.join()
        # In another thread than the main one.
        got = []
        thread = threading.Thread(target=lambda: got.append(self.receiver.lease().element))
        thread.start()
        time.sleep(0.02)
        self.sender.send(b"b")
        thread.join()
        self.assertEqual(got, [b"b"])

    def test_interrupted(self):
        """a signal ends the wait for a lease, which has taken nothing then"""
        def handler(number, frame):
            raise Interrupted

        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with self.assertRaises(Interrupted) as kept:
            self.receiver.lease()
        self.assertEqual(self.receiver.info().recv_waiters, 0)
        self.sender.send(b"a")
        self.assertEqual(self.receiver.try_recv(), b"a")
        del kept

    def test_killed(self):
        """the lease of a process that is killed goes back"""
        self.sender.send(b"a")
        pid = os.fork()
        if not pid:
            job = self.receiver.lease()
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
        with self.receiver.lease() as job:
            self.assertEqual((job.element, job.returns), (b"a", 1))

    def test_passed(self):
        """a lease is passed on by its descriptor"""
        self.sender.send(b"a")
        job = self.receiver.lease()
        other = kchan.Lease.from_fd(os.dup(job.fileno()))
        job.close()
        self.assertEqual(other.element, b"a")
        with other:
            self.assertEqual(self.receiver.info().in_flight, 1)
        self.assertIsNone(self.receiver.try_recv())

    def test_closed_end(self):
        """an end that is closed gives no leases; a lease outlives its end"""
        self.sender.send(b"a")
        job = self.receiver.lease()
        self.receiver.close()
        with self.assertRaises(ValueError):
            self.receiver.lease()
        job.ack()

    def test_fixed_and_empty(self):
        """elements of a fixed size, and of size 0"""
        for size in 8, 0:
            c = kchan.Channel(size, 2)
            c.send(bytes(size))
            with c.lease() as job:
                self.assertEqual(job.element, bytes(size))

    def test_asyncio(self):
        """a task waits for leases, and a cancelled one has none"""
        async def body():
            with self.assertRaises(TimeoutError):
                await self.receiver.alease(timeout=0.02)
            task = asyncio.create_task(self.receiver.alease())
            await asyncio.sleep(0.01)
            await self.sender.asend(b"a")
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            task = asyncio.create_task(self.receiver.alease(timeout=20))
            with await task as job:
                self.assertEqual(job.element, b"a")
            seen = []

            async def works():
                async for job in self.receiver.aleases(limit=20):
                    with job:
                        seen.append(job.element)

            task = asyncio.create_task(works())
            for each in b"b", b"c":
                await asyncio.sleep(0.005)
                self.sender.send(each)
            self.sender.close()
            await task
            self.assertEqual(seen, [b"b", b"c"])

        asyncio.run(body())


tap.main()
