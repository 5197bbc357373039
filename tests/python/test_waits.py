#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Calls that wait: other threads run, and signals end the wait. TAP."""

import os
import select
import signal
import socket
import threading
import time
import unittest

import kchan
import tap


class Interrupted(Exception):
    """What a handler raises."""


class Waits(unittest.TestCase):

    def setUp(self):
        self.came = 0
        signal.signal(signal.SIGALRM, self.on_alarm)

    def on_alarm(self, number, frame):
        self.came += 1

    def raise_it(self, number, frame):
        raise Interrupted

    def until_waits(self, end, receivers=1):
        """Until so many wait there to receive: those that look first are not meant."""
        seen = 0
        while seen < 5:
            seen = seen + 1 if end.info().recv_waiters >= receivers else 0
            time.sleep(0.001)

    def test_gil(self):
        """other threads run while a call waits"""
        receiver, sender = kchan.pair(1)
        got = []
        thread = threading.Thread(target=lambda: got.append(receiver.recv()))
        thread.start()
        self.until_waits(sender)
        sender.send(b"a")
        thread.join()
        self.assertEqual(got, [b"a"])
        # The same where the main thread waits.
        thread = threading.Thread(target=lambda: (self.until_waits(sender), sender.send(b"b")))
        thread.start()
        self.assertEqual(receiver.recv(), b"b")
        thread.join()

    def test_keyboard_interrupt(self):
        """Ctrl-C ends each call that waits"""
        c, full = kchan.Channel(1), kchan.Channel(1, 1)
        full.send(b"a")
        calls = {
            "recv": c.recv,
            "recv with a timeout": lambda: c.recv(timeout=100),
            "recv_into": lambda: c.recv_into(bytearray(1)),
            "recv_n": lambda: c.recv_n(5),
            "for": lambda: list(c),
            "send": lambda: c.send(b"a"),
            "send on a full one": lambda: full.send(b"a"),
            "send_n": lambda: full.send_n(b"abc"),
            "select": lambda: kchan.select([kchan.Recv(c), kchan.Send(full, b"a")]),
            "select of nothing": lambda: kchan.select([]),
            "select of time": lambda: kchan.select([kchan.After(100)]),
        }
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name, call in calls.items():
            with self.subTest(name):
                timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
                timer.start()
                with self.assertRaises(KeyboardInterrupt):
                    call()
                timer.join()
        # None of them has left anything.
        self.assertEqual((c.info().recv_waiters, c.info().send_waiters), (0, 0))
        self.assertEqual(full.info().send_waiters, 0)

    def test_goes_on(self):
        """a handler that returns lets the call go on, with the same timeout"""
        c = kchan.Channel(1)
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        with self.assertRaises(TimeoutError):
            c.recv(timeout=0.3)
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.assertGreaterEqual(time.monotonic() - began, 0.3)
        self.assertGreater(self.came, 3)

    def test_handler_sends(self):
        """a handler runs while the main thread waits, and may use the channel itself"""
        receiver, sender = kchan.pair(1)
        other, others = kchan.pair(1)

        def handler(number, frame):
            # It waits itself, and is interrupted too.
            with self.assertRaises(TimeoutError):
                other.recv(timeout=0.05)
            thread.start()

        thread = threading.Thread(target=lambda: sender.send(b"a"))
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        self.assertEqual(receiver.recv(), b"a")
        thread.join()

    def test_other_thread(self):
        """a signal that another thread gets ends the main thread's wait"""
        c = kchan.Channel(1)
        signal.signal(signal.SIGALRM, self.raise_it)
        ready = threading.Event()

        def other():
            self.until_waits(c)
            signal.pthread_kill(threading.get_ident(), signal.SIGALRM)
            ready.wait()

        thread = threading.Thread(target=other)
        thread.start()
        with self.assertRaises(Interrupted):
            c.recv()
        ready.set()
        thread.join()

    def test_before(self):
        """a signal is not missed, however close to the beginning of the wait it comes"""
        c = kchan.Channel(1)
        signal.signal(signal.SIGALRM, self.raise_it)
        for i in range(200):
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-6 + i * 4e-6)
                c.recv(timeout=20)
                self.fail("received what nobody sent")
            except Interrupted:
                pass

    def test_wakeup_fd(self):
        """the wakeup descriptor of others is theirs again, and has what came"""
        a, b = socket.socketpair()
        a.setblocking(False)
        b.setblocking(False)
        c = kchan.Channel(1)
        signal.set_wakeup_fd(b.fileno())
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with self.assertRaises(TimeoutError):
            c.recv(timeout=0.1)
        self.assertEqual(a.recv(10), bytes([signal.SIGALRM]))
        self.assertEqual(signal.set_wakeup_fd(-1), b.fileno())
        # Also when the handler raises.
        signal.signal(signal.SIGALRM, self.raise_it)
        signal.set_wakeup_fd(b.fileno())
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with self.assertRaises(Interrupted):
            c.recv()
        self.assertEqual(a.recv(10), bytes([signal.SIGALRM]))
        self.assertEqual(signal.set_wakeup_fd(-1), b.fileno())
        a.close()
        b.close()

    def test_forked(self):
        """a child does not take its parent's signals, nor its parent the child's"""
        c = kchan.Channel(1)
        with self.assertRaises(TimeoutError):
            c.recv(timeout=0)
        children = []
        for _ in range(3):
            pid = os.fork()
            if not pid:
                status = 1
                try:
                    signal.signal(signal.SIGALRM, self.raise_it)
                    signal.setitimer(signal.ITIMER_REAL, 0.02)
                    c.recv(timeout=20)
                except Interrupted:
                    # While the parent's come.
                    try:
                        c.recv(timeout=1)
                    except TimeoutError:
                        status = 0
                os._exit(status)
            children.append(pid)
        a, b = socket.socketpair()
        a.setblocking(False)
        b.setblocking(False)
        signal.set_wakeup_fd(b.fileno())
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        with self.assertRaises(TimeoutError):
            c.recv(timeout=0.8)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.set_wakeup_fd(-1)
        self.assertGreater(self.came, 3)
        self.assertGreaterEqual(len(a.recv(1000)), self.came)
        for pid in children:
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
        a.close()
        b.close()

    def test_traceback(self):
        """an exception that ended a wait does not keep the end open"""
        receiver, sender = kchan.pair(1)
        signal.signal(signal.SIGALRM, self.raise_it)
        kept = []
        for waits in receiver.recv, lambda: kchan.select([kchan.Recv(receiver)]):
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            try:
                waits()
            except Interrupted as error:
                kept.append(error)
        self.assertEqual(len(kept), 2)
        receiver.close()
        self.assertEqual(sender.info().recv_ends, 0)

    def test_place(self):
        """a wait that a handler interrupts queues again at the tail, as in C"""
        receiver, sender = kchan.pair(1)
        order = []

        def later():
            self.until_waits(sender, 1)
            second.start()
            self.until_waits(sender, 2)
            os.kill(os.getpid(), signal.SIGALRM)
            while not self.came:
                time.sleep(0.001)
            # The first one is there again, behind the second one.
            self.until_waits(sender, 2)
            sender.send(b"1")
            sender.send(b"2")

        second = threading.Thread(target=lambda: order.append(("second", receiver.recv())))
        thread = threading.Thread(target=later)
        thread.start()
        order.append(("main", receiver.recv()))
        thread.join()
        second.join()
        self.assertEqual(sorted(order), [("main", b"2"), ("second", b"1")])

    def test_closed_meanwhile(self):
        """an end that another thread closes stays open until the call is over"""
        receiver, sender = kchan.pair(1)
        got = []
        thread = threading.Thread(target=lambda: got.append(receiver.recv()))
        thread.start()
        self.until_waits(sender)
        receiver.close()
        self.assertEqual(sender.info().recv_ends, 1)
        sender.send(b"a")
        thread.join()
        self.assertEqual(got, [b"a"])
        self.assertEqual(sender.info().recv_ends, 0)

    def test_many(self):
        """many threads send and receive, and each element comes once"""
        receiver, sender = kchan.pair(4, 8)
        counts, total = [], 200

        def sends(which):
            with sender.sender() as mine:
                for i in range(total):
                    mine.send(bytes([which, 0, i % 256, 0]))

        def receives():
            counts.append(sum(1 for _ in receiver))

        senders = [threading.Thread(target=sends, args=(i,)) for i in range(4)]
        receivers = [threading.Thread(target=receives) for _ in range(4)]
        for thread in senders + receivers:
            thread.start()
        for thread in senders:
            thread.join()
        sender.close()
        for thread in receivers:
            thread.join()
        self.assertEqual(sum(counts), 4 * total)

    def test_fd_case(self):
        """a select waits for other descriptors too, and for time"""
        receiver, sender = kchan.pair(1, 1)
        a, b = socket.socketpair()
        cases = [kchan.Recv(receiver), kchan.Fd(a), kchan.After(0.05), None]
        chosen = kchan.select(cases)
        self.assertEqual((chosen.index, chosen.ok), (2, True))
        b.send(b"x")
        chosen = kchan.select(cases)
        self.assertEqual((chosen.index, chosen.events & select.POLLIN), (1, select.POLLIN))
        a.recv(1)
        sender.send(b"a")
        self.assertEqual(kchan.select(cases), kchan.Selected(0, True, b"a", 0))
        a.close()
        b.close()


tap.main()
