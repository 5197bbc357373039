#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Channels and their ends, in one thread. TAP."""

import array
import errno
import gc
import os
import select
import struct
import threading
import unittest

import kchan
import tap


def open_fds():
    return len(os.listdir("/proc/self/fd"))


class Channels(unittest.TestCase):

    def test_fixed(self):
        """elements of a fixed size go through in their order"""
        with kchan.Channel(8, 4) as c:
            self.assertEqual((c.elem_size, c.capacity, c.message), (8, 4, False))
            for i in range(4):
                c.send(struct.pack("q", i))
            self.assertEqual(c.length, 4)
            self.assertFalse(c.try_send(bytes(8)))
            for i in range(4):
                self.assertEqual(struct.unpack("q", c.recv()), (i,))
            self.assertIsNone(c.try_recv())

    def test_often(self):
        """a channel that is used often is mapped, and loses nothing"""
        with kchan.Channel(8, 4) as c, kchan.Channel(8, 4, mapped=False) as plain:
            for i in range(300):
                for each in c, plain:
                    each.send(struct.pack("q", i))
                    self.assertEqual(each.recv(), struct.pack("q", i))
            self.assertTrue(c.info().mapped)
            self.assertFalse(plain.info().mapped)

    def test_wrong_size(self):
        """an element of another size is a ValueError, and nothing is sent"""
        with kchan.Channel(8, 4) as c:
            for wrong in b"", b"1234567", b"123456789":
                with self.assertRaises(ValueError):
                    c.send(wrong)
                with self.assertRaises(ValueError):
                    c.try_send(wrong)
            for wrong in "12345678", 8, None, [b"12345678"]:
                with self.assertRaises(TypeError):
                    c.send(wrong)
            self.assertEqual(c.length, 0)

    def test_messages(self):
        """in message mode each element has a length of its own"""
        with kchan.Channel(100, 4, message=True) as c:
            self.assertTrue(c.message)
            for message in b"a", bytes(100), "größe".encode():
                c.send(message)
                self.assertEqual(c.recv(), message)
            with self.assertRaises(OSError) as caught:
                c.send(bytes(101))
            self.assertEqual(caught.exception.errno, errno.EMSGSIZE)
            with self.assertRaises(OSError) as caught:
                c.send(b"")
            self.assertEqual(caught.exception.errno, errno.EINVAL)
            with self.assertRaises(OSError):
                c.send_n(b"1234")
            with self.assertRaises(OSError):
                c.recv_n(1)

    def test_large(self):
        """elements of a megabyte go through"""
        data = os.urandom(1 << 20)
        with kchan.Channel(1 << 20, 2, message=True) as c:
            c.send(data)
            self.assertEqual(c.recv(), data)

    def test_empty_elements(self):
        """elements of size 0 are told from the end of the stream"""
        with kchan.Channel(0, 2) as c:
            c.send(b"")
            self.assertEqual(c.recv(), b"")
            self.assertIsNone(c.try_recv())
            c.shutdown()
            with self.assertRaises(kchan.EndOfStream):
                c.recv()

    def test_buffers(self):
        """any bytes-like object is sent, and received into"""
        with kchan.Channel(8, 4) as c:
            for data in (b"12345678", bytearray(b"12345678"), memoryview(b"12345678"),
                         memoryview(b"0123456789")[1:9], array.array("i", [1, 2]),
                         memoryview(array.array("i", [1, 2])).cast("B").cast("i", [2, 1])):
                c.send(data)
                self.assertEqual(c.recv(), bytes(data))
            with self.assertRaises((BufferError, ValueError)):
                c.send(memoryview(b"0123456789abcdef")[::2])
            c.send(b"12345678")
            into = array.array("i", [0, 0, 7])
            self.assertEqual(c.recv_into(into), 8)
            self.assertEqual(into.tobytes()[:8], b"12345678")
            self.assertEqual(into[2], 7)
            with self.assertRaises((BufferError, TypeError)):
                c.recv_into(b"12345678")
            with self.assertRaises(ValueError):
                c.recv_into(bytearray(7))
            # Nobody holds them when the calls are over.
            held = bytearray(8)
            c.send(held)
            c.recv_into(held)
            held.append(1)

    def test_short_room(self):
        """a message that is longer than the buffer stays"""
        with kchan.Channel(100, 4, message=True) as c:
            c.send(b"longer")
            with self.assertRaises(OSError) as caught:
                c.recv_into(bytearray(3))
            self.assertEqual(caught.exception.errno, errno.EMSGSIZE)
            into = bytearray(10)
            self.assertEqual(c.recv_into(into), 6)
            self.assertEqual(into[:6], b"longer")

    def test_batches(self):
        """several elements move in one call"""
        with kchan.Channel(4, 8) as c:
            numbers = array.array("i", range(12))
            self.assertEqual(c.try_send_n(numbers), 8)
            self.assertEqual(c.try_send_n(numbers), 0)
            self.assertEqual(c.recv_n(3), numbers[:3].tobytes())
            into = array.array("i", [0] * 9)
            self.assertEqual(c.recv_n_into(into), 5)
            self.assertEqual(into[:5], numbers[3:8])
            self.assertIsNone(c.try_recv_n(5))
            for wrong in 0, -1:
                with self.assertRaises(ValueError):
                    c.recv_n(wrong)
            with self.assertRaises(ValueError):
                c.send_n(bytes(5))
            with self.assertRaises(TimeoutError):
                c.recv_n(5, timeout=0.01)
            self.assertEqual(c.send_n(numbers, timeout=0.01), 8)
            with self.assertRaises(TimeoutError):
                c.send_n(numbers, timeout=0.01)
            self.assertEqual(c.send_n(b""), 0)
            c.shutdown()
            with self.assertRaises(kchan.SendOnClosed):
                c.send_n(numbers)
            self.assertEqual(len(c.recv_n(100)), 32)
            with self.assertRaises(kchan.EndOfStream):
                c.recv_n(100)

    def test_batches_that_wait(self):
        """a batch that is larger than the channel waits for room, in its order"""
        for capacity in 0, 3:
            receiver, sender = kchan.pair(4, capacity)
            numbers = array.array("i", range(1000))
            sent = []
            thread = threading.Thread(target=lambda: sent.append(sender.send_n(numbers)))
            thread.start()
            got = b""
            while len(got) < 4000:
                got += receiver.recv_n(7)
            thread.join()
            self.assertEqual(got, numbers.tobytes())
            self.assertEqual(sent, [1000])

    def test_closed(self):
        """a closed channel drains, then tells the end of the stream"""
        receiver, sender = kchan.pair(1, 4)
        sender.send(b"a")
        self.assertTrue(sender.shutdown())
        self.assertFalse(sender.shutdown())
        for send in sender.send, sender.try_send:
            with self.assertRaises(kchan.SendOnClosed) as caught:
                send(b"b")
            self.assertIsInstance(caught.exception, BrokenPipeError)
            self.assertIsInstance(caught.exception, kchan.Closed)
            self.assertEqual(caught.exception.errno, errno.EPIPE)
        self.assertEqual(receiver.recv(), b"a")
        for receive in receiver.recv, receiver.try_recv:
            with self.assertRaises(kchan.EndOfStream) as caught:
                receive()
            self.assertIsInstance(caught.exception, EOFError)
            self.assertIsInstance(caught.exception, kchan.Closed)

    def test_last_end(self):
        """a channel closes with its last end that sends"""
        receiver, sender = kchan.pair(1, 4)
        other = sender.sender()
        sender.close()
        other.send(b"a")
        other.close()
        self.assertEqual(list(receiver), [b"a"])
        receiver, sender = kchan.pair(1, 4)
        receiver.receiver().close()
        sender.send(b"a")
        receiver.close()
        with self.assertRaises(kchan.SendOnClosed):
            sender.send(b"a")

    def test_directions(self):
        """an end has the methods of its direction, and its descriptor no other"""
        with kchan.Channel(1, 4) as c:
            receiver, sender = c.receiver(), c.sender()
            self.assertFalse(hasattr(receiver, "send"))
            self.assertFalse(hasattr(sender, "recv"))
            for kind, end in ((kchan.Sender, receiver), (kchan.Receiver, sender),
                              (kchan.Channel, receiver), (kchan.Channel, sender)):
                fd = os.dup(end.fileno())
                with self.assertRaises(OSError) as caught:
                    kind.from_fd(fd)
                self.assertEqual(caught.exception.errno, errno.EBADF)
                os.close(fd)

    def test_from_fd(self):
        """a descriptor becomes an end, which owns it"""
        c = kchan.Channel.from_fd(os.open("/dev/kchan", os.O_RDWR))
        self.assertEqual((c.elem_size, c.message), (4096, True))
        self.assertFalse(c.get_inheritable())
        c.set_inheritable(True)
        self.assertTrue(os.get_inheritable(c.fileno()))
        receiver = kchan.Receiver.from_fd(os.dup(c.fileno()))
        c.send(b"message")
        self.assertEqual(receiver.recv(), b"message")
        fd = receiver.fileno()
        receiver.close()
        with self.assertRaises(OSError):
            os.fstat(fd)
        a, b = os.pipe()
        with self.assertRaises(OSError) as caught:
            kchan.Receiver.from_fd(a)
        self.assertEqual(caught.exception.errno, errno.ENOTTY)
        os.close(a)
        os.close(b)

    def test_handles(self):
        """with, close and the last reference close the descriptor"""
        gc.collect()
        before = open_fds()
        with kchan.Channel(1) as c:
            self.assertEqual(open_fds(), before + 1)
            self.assertFalse(c.closed)
            self.assertIn("elem_size=1", repr(c))
        self.assertTrue(c.closed)
        self.assertIn("closed", repr(c))
        c.close()
        for use in (c.recv, c.fileno, c.shutdown, c.receiver, c.__enter__, c.try_recv,
                    c.info, lambda: c.send(b"a"), lambda: c.capacity):
            with self.assertRaisesRegex(ValueError, "closed"):
                use()
        with self.assertRaises(AttributeError):
            c.no_such_thing
        c = kchan.Channel(1)
        c = None
        self.assertEqual(open_fds(), before)

    def test_traceback(self):
        """an exception that is kept does not keep an end open"""
        receiver, sender = kchan.pair(1, 1)
        sender.send(b"a")
        kept = []
        for fails in (lambda: sender.send(b"ab"), lambda: sender.send(b"b", timeout=0.01),
                      lambda: kchan.select([kchan.Send(sender, b"b")], timeout=0.01)):
            try:
                fails()
            except (TimeoutError, ValueError) as error:
                kept.append(error)
        self.assertEqual(len(kept), 3)
        sender.close()
        self.assertEqual(list(receiver), [b"a"])

    def test_errors(self):
        """an errno becomes the exception of Python for it"""
        with self.assertRaises(OSError) as caught:
            kchan.Channel(1 << 30)
        self.assertEqual(caught.exception.errno, errno.EINVAL)
        with kchan.Channel(1) as c:
            with self.assertRaises(TimeoutError) as caught:
                c.recv(timeout=0.01)
            self.assertEqual(caught.exception.errno, errno.ETIMEDOUT)
            with self.assertRaises(TimeoutError):
                c.send(b"a", timeout=0)
            with self.assertRaises(TimeoutError):
                c.send(b"a", timeout=-1)
        with self.assertRaises(OverflowError):
            kchan.Channel(-1)
        with kchan.Channel(1, 4) as c:
            c.send(b"a", timeout=1e300)

    def test_resize(self):
        """a channel can be resized"""
        with kchan.Channel(1, 4) as c:
            c.send_n(b"abcd")
            c.resize(8)
            self.assertEqual(c.capacity, 8)
            with self.assertRaises(OSError) as caught:
                c.resize(1)
            self.assertEqual(caught.exception.errno, errno.EBUSY)
            self.assertEqual(c.recv_n(9), b"abcd")

    def test_info(self):
        """info tells what a channel is and holds"""
        receiver, sender = kchan.pair(1, 4)
        sender.send(b"a")
        info = receiver.info()
        self.assertEqual((info.length, info.send_ends, info.recv_ends), (1, 1, 1))
        self.assertEqual((info.closed, info.named, info.in_flight), (False, False, 0))
        self.assertEqual(info.id, sender.info().id)
        sender.shutdown()
        self.assertTrue(receiver.info().closed)

    def test_version(self):
        """the version is that of libkchan"""
        version = kchan._libkchan.ffi.string(kchan._libkchan.lib.kc_version())
        self.assertEqual(kchan.__version__, version.decode())

    def test_poll(self):
        """a descriptor is polled, and the try forms go with it"""
        receiver, sender = kchan.pair(1, 1)
        poll = select.poll()
        poll.register(receiver, select.POLLIN)
        self.assertEqual(poll.poll(0), [])
        sender.send(b"a")
        self.assertEqual(poll.poll(0), [(receiver.fileno(), select.POLLIN)])
        self.assertEqual(receiver.try_recv(), b"a")
        sender.close()
        self.assertTrue(poll.poll(0)[0][1] & select.POLLHUP)


tap.main()
