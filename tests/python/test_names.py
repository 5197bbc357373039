#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Channels with a name, with this module, and as files of plain Python. TAP."""

import asyncio
import errno
import io
import os
import selectors
import stat
import subprocess
import unittest

import kchan
import tap

FOLDER = "/run/kchan"
NAME = FOLDER + "/jobs"


class Mounted(unittest.TestCase):

    def setUp(self):
        os.makedirs(FOLDER, exist_ok=True)
        subprocess.run(["mount", "-t", "kchan", "kchan", FOLDER], check=True)
        self.addCleanup(subprocess.run, ["umount", FOLDER], check=True)
        self.addCleanup(lambda: [os.unlink(each.path) for each in os.scandir(FOLDER)])


class Names(Mounted):

    def test_create_open(self):
        """a channel is made with a name, and opened by it"""
        with kchan.create(NAME, 8, 4, mode=0o640) as c:
            self.assertEqual(stat.S_IMODE(os.stat(NAME).st_mode), 0o640)
            self.assertTrue(stat.S_ISFIFO(os.stat(NAME).st_mode))
            self.assertTrue(c.info().named)
            with kchan.open(NAME) as receiver, kchan.open(NAME, "w") as sender, \
                    kchan.open(os.fsencode(NAME), "r+") as both:
                self.assertIs(type(receiver), kchan.Receiver)
                self.assertIs(type(sender), kchan.Sender)
                self.assertIs(type(both), kchan.Channel)
                self.assertEqual(receiver.elem_size, 8)
                sender.send(b"12345678")
                both.send(b"abcdefgh")
                self.assertEqual(receiver.recv(), b"12345678")
                self.assertEqual(both.recv(), b"abcdefgh")

    def test_outlives(self):
        """what is queued outlives the ends, until the name goes"""
        kchan.create(NAME, 100, 4, message=True).close()
        with kchan.open(NAME, "w") as sender:
            sender.send(b"message")
        with kchan.open(NAME) as receiver:
            self.assertEqual(receiver.recv(), b"message")
            with self.assertRaises(TimeoutError):
                receiver.recv(timeout=0.01)
            os.unlink(NAME)
            with self.assertRaises(kchan.EndOfStream):
                receiver.recv()

    def test_no_send_hold(self):
        """without a hold the channel closes with its last sender"""
        kchan.create(NAME, 1, 4, send_hold=False).close()
        receiver = kchan.open(NAME)
        with kchan.open(NAME, "w") as sender:
            sender.send(b"a")
        self.assertEqual(list(receiver), [b"a"])
        with self.assertRaises(OSError) as caught:
            kchan.open(NAME, "w")
        self.assertEqual(caught.exception.errno, errno.ENXIO)
        receiver.close()

    def test_errors(self):
        """errors tell the path"""
        with self.assertRaises(FileNotFoundError) as caught:
            kchan.open(NAME)
        self.assertEqual(caught.exception.filename, NAME)
        kchan.create(NAME, 1, 1).close()
        with self.assertRaises(FileExistsError):
            kchan.create(NAME, 1, 1)
        with self.assertRaises(ValueError):
            kchan.open(NAME, "rw")
        with self.assertRaises(OSError) as caught:
            kchan.open("/dev/null")
        self.assertEqual(caught.exception.errno, errno.ENOTTY)
        with self.assertRaises(OSError) as caught:
            kchan.create("/tmp/jobs", 1, 1)
        self.assertEqual(caught.exception.errno, errno.ENODEV)

    def test_owner(self):
        """another user may not open what the mode forbids, nor close the channel"""
        kchan.create(NAME, 1, 4, mode=0o622).close()
        pid = os.fork()
        if not pid:
            status = 1
            try:
                os.setuid(1000)
                with kchan.open(NAME, "w") as sender:
                    sender.send(b"a")
                    for forbidden in sender.shutdown, lambda: kchan.open(NAME):
                        try:
                            forbidden()
                            os._exit(2)
                        except PermissionError:
                            pass
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)


class Files(Mounted):
    """Clients that do not know of channels."""

    def test_raw(self):
        """unbuffered files move whole messages; r+ needs buffering=0"""
        os.mkfifo(NAME)
        with open(NAME, "r+b", buffering=0) as file:
            file.write(b"one")
            file.write(b"two")
            self.assertEqual(file.read(4096), b"one")
            # A message that does not fit is an error, and stays.
            with self.assertRaises(OSError) as caught:
                file.read(2)
            self.assertEqual(caught.exception.errno, errno.EMSGSIZE)
            self.assertEqual(file.read(4096), b"two")
            with self.assertRaises(OSError) as caught:
                file.write(bytes(4097))
            self.assertEqual(caught.exception.errno, errno.EMSGSIZE)

    def test_r_plus(self):
        """with a buffer, r+ is refused by Python: a channel cannot seek"""
        os.mkfifo(NAME)
        for mode in "r+", "r+b":
            with self.assertRaises(io.UnsupportedOperation):
                open(NAME, mode)

    def test_buffered(self):
        """a buffer joins what is written, and takes apart what is read"""
        os.mkfifo(NAME)
        # So that no end goes that could send or receive.
        with open(NAME, "wb") as file:
            file.write(b"one")
            file.write(b"two")
        with kchan.open(NAME) as receiver:
            self.assertEqual(receiver.recv(), b"onetwo")
        with open(NAME, "w", buffering=1) as file:
            print("a line", file=file)
            print("another", file=file)
        with open(NAME) as file:
            self.assertEqual(file.readline(), "a line\n")
            self.assertEqual(file.readline(), "another\n")
        file = open(NAME, "wb", buffering=8192)
        for _ in range(5):
            file.write(bytes(1000))
        for fails in file.flush, file.close:
            with self.assertRaises(OSError) as caught:
                fails()
            self.assertEqual(caught.exception.errno, errno.EMSGSIZE)

    def test_o_creat(self):
        """open(name, "w") makes no name, as it makes files elsewhere"""
        with self.assertRaises(PermissionError):
            open(NAME, "wb")

    def test_selectors(self):
        """selectors tell when a channel can be read and written"""
        os.mkfifo(NAME)
        into = os.open(NAME, os.O_RDONLY | os.O_NONBLOCK)
        out = os.open(NAME, os.O_WRONLY | os.O_NONBLOCK)
        for kind in (selectors.EpollSelector, selectors.PollSelector,
                     selectors.SelectSelector):
            with self.subTest(kind.__name__), kind() as selector:
                selector.register(into, selectors.EVENT_READ)
                selector.register(out, selectors.EVENT_WRITE)
                ready = lambda: {key.fd for key, _ in selector.select(0)}
                self.assertEqual(ready(), {out})
                for _ in range(16):
                    os.write(out, b"message")
                with self.assertRaises(BlockingIOError):
                    os.write(out, b"message")
                self.assertEqual(ready(), {into})
                for _ in range(16):
                    self.assertEqual(os.read(into, 4096), b"message")
                with self.assertRaises(BlockingIOError):
                    os.read(into, 4096)
                self.assertEqual(ready(), {out})
        os.close(into)
        os.close(out)

    def test_asyncio_reader(self):
        """a stream of asyncio joins messages; add_reader() does not"""
        os.mkfifo(NAME)

        async def body():
            loop = asyncio.get_running_loop()
            sender = kchan.open(NAME, "w")
            reader = asyncio.StreamReader()
            transport, _ = await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), open(NAME, "rb", buffering=0))
            for each in b"one", b"two":
                await sender.asend(each)
            await asyncio.sleep(0.01)
            self.assertEqual(await reader.read(100), b"onetwo")
            sender.shutdown()
            self.assertEqual(await reader.read(), b"")
            transport.close()
            os.unlink(NAME)

        asyncio.run(body())

    def test_asyncio_fixed(self):
        """a stream of asyncio reads elements of a fixed size exactly"""
        async def body():
            loop = asyncio.get_running_loop()
            c = kchan.create(NAME, 4, 4)
            reader = asyncio.StreamReader()
            transport, _ = await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), open(NAME, "rb", buffering=0))
            for i in range(20):
                await c.asend(b"%4d" % i)
            self.assertEqual([int(await reader.readexactly(4)) for _ in range(20)],
                             list(range(20)))
            transport.close()

        asyncio.run(body())

    def test_asyncio_writer(self):
        """a write transport needs an end that only sends"""
        os.mkfifo(NAME)

        async def send(file, expect_lost):
            loop = asyncio.get_running_loop()
            lost = []

            class Protocol(asyncio.BaseProtocol):
                def connection_lost(self, error):
                    lost.append(error)

            transport, _ = await loop.connect_write_pipe(Protocol, file)
            transport.write(b"one")
            for _ in range(20):
                await asyncio.sleep(0.001)
            self.assertEqual(len(lost), expect_lost)
            if not lost:
                transport.close()
                await asyncio.sleep(0)

        with kchan.open(NAME) as receiver:
            asyncio.run(send(open(NAME, "wb", buffering=0), 0))
            self.assertEqual(receiver.recv(), b"one")
            # One that receives too becomes readable by what it sends itself: the transport
            # takes that for the end of its reader.
            asyncio.run(send(open(NAME, "r+b", buffering=0), 1))
            self.assertEqual(receiver.recv(), b"one")

    def test_device(self):
        """the device is a channel without a name"""
        with open("/dev/kchan", "r+b", buffering=0) as file:
            file.write(b"one")
            self.assertEqual(file.read(4096), b"one")
        # Without r+ it is refused.
        for mode in "rb", "wb":
            with self.assertRaises(OSError):
                open("/dev/kchan", mode, buffering=0)


tap.main()
