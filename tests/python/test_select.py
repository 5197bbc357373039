#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Select. TAP."""

import errno
import threading
import unittest

import kchan
from kchan import Recv, Selected, Send
import tap


class Select(unittest.TestCase):

    def test_ready(self):
        """the case that is ready is done, and no other"""
        a, b = kchan.Channel(1, 1), kchan.Channel(100, 1, message=True)
        b.send(b"message")
        self.assertEqual(kchan.select([Recv(a), Recv(b)]), Selected(1, True, b"message", 0))
        self.assertEqual(kchan.select([Recv(a), Send(b, b"more")]),
                         Selected(1, True, None, 0))
        self.assertEqual((a.length, b.recv()), (0, b"more"))

    def test_random(self):
        """each of those that are ready is chosen at times"""
        a, b = kchan.Channel(1, 1), kchan.Channel(1, 1)
        a.send(b"a")
        b.send(b"b")
        seen = set()
        for _ in range(200):
            chosen = kchan.select([Recv(a), Recv(b)])
            seen.add(chosen.index)
            (a, b)[chosen.index].send(chosen.element)
        self.assertEqual(seen, {0, 1})

    def test_default(self):
        """try_select does not wait, and a timeout ends a select"""
        c = kchan.Channel(1)
        self.assertIsNone(kchan.try_select([Recv(c), Send(c, b"a")]))
        self.assertIsNone(kchan.try_select([None]))
        for timeout in 0, 0.01:
            with self.assertRaises(TimeoutError):
                kchan.select([Recv(c), None], timeout=timeout)

    def test_closed(self):
        """a closed channel is a case that commits"""
        receiver, sender = kchan.pair(1, 1)
        sender.shutdown()
        self.assertEqual(kchan.select([Recv(receiver)]), Selected(0, False, None, 0))
        self.assertEqual(kchan.select([None, Send(sender, b"a")]),
                         Selected(1, False, None, 0))

    def test_wrong(self):
        """a wrong case is an error, and nothing is done"""
        a = kchan.Channel(2, 1)
        with self.assertRaises(ValueError):
            kchan.select([Send(a, b"abc")])
        with self.assertRaises(ValueError):
            kchan.select([None] * 64)
        with self.assertRaises(OSError) as caught:
            kchan.select([kchan.Fd(999)])
        self.assertEqual(caught.exception.errno, errno.EBADF)
        a.close()
        with self.assertRaises(ValueError):
            kchan.select([Recv(a)])
        # The buffer is nobody's when it is over.
        data = bytearray(b"ab")
        b = kchan.Channel(2, 1)
        kchan.select([Send(b, data)])
        with self.assertRaises(TimeoutError):
            kchan.select([Send(b, data)], timeout=0.01)
        data.append(1)

    def test_both_sides(self):
        """two selects meet on channels without a buffer"""
        a, b = kchan.Channel(2), kchan.Channel(2)
        total, got = 300, {0: [], 1: []}

        def sends():
            for i in range(total):
                data = i.to_bytes(2, "little")
                kchan.select([Send(a, data), Send(b, data)])

        threads = [threading.Thread(target=sends) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(2 * total):
            chosen = kchan.select([Recv(a), Recv(b)])
            got[chosen.index].append(int.from_bytes(chosen.element, "little"))
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(got[0] + got[1]), sorted([*range(total)] * 2))

    def test_63(self):
        """63 cases wait in the main thread"""
        channels = [kchan.Channel(1) for _ in range(63)]
        thread = threading.Thread(target=lambda: channels[62].send(b"a"))
        thread.start()
        self.assertEqual(kchan.select([Recv(each) for each in channels]).index, 62)
        thread.join()

    def test_match(self):
        """what a select returns can be matched"""
        c = kchan.Channel(1, 1)
        c.send(b"a")
        match kchan.select([None, Recv(c)]):
            case Selected(1, True, element):
                self.assertEqual(element, b"a")
            case _:
                self.fail()


tap.main()
