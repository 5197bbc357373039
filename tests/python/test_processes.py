#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Channels between processes: fork, exec, sockets, and programs in C. TAP."""

import multiprocessing
import os
import socket
import subprocess
import sys
import unittest

import kchan
import tap

CHILD = """
import kchan
with kchan.Receiver.inherit("in") as receiver, kchan.Sender.inherit("out") as sender:
    for element in receiver:
        sender.send(element.upper())
try:
    kchan.Receiver.inherit("none")
except FileNotFoundError as error:
    assert error.filename == "none"
"""


def doubles(receiver, sender):
    for element in receiver:
        sender.send(element + element)


class Processes(unittest.TestCase):

    def test_fork(self):
        """a child of multiprocessing uses the channels of its parent"""
        jobs, jobs_out = kchan.pair(10, 4, message=True)
        results_in, results = kchan.pair(20, 4, message=True)
        child = multiprocessing.get_context("fork").Process(
            target=doubles, args=(jobs, results))
        child.start()
        jobs.close()
        results.close()
        for each in b"a", b"b", b"c":
            jobs_out.send(each)
        # The child has a copy of this end too, as each child of a fork.
        jobs_out.shutdown()
        self.assertEqual(list(results_in), [b"aa", b"bb", b"cc"])
        child.join()
        self.assertEqual(child.exitcode, 0)

    def test_fork_mapped(self):
        """a channel that is mapped works in a child"""
        c = kchan.Channel(8, 4)
        for _ in range(300):
            c.send(b"12345678")
            c.recv()
        self.assertTrue(c.info().mapped)
        c.send(b"toparent")
        c.send(b"tochild ")
        self.assertEqual(c.recv(), b"toparent")
        got = kchan.Channel(0, 1)
        pid = os.fork()
        if not pid:
            status = 1
            try:
                if c.recv() == b"tochild ":
                    got.send(b"")
                    for _ in range(100):
                        c.send(b"child   ")
                    status = 0
            finally:
                os._exit(status)
        got.recv()
        for _ in range(100):
            self.assertEqual(c.recv(), b"child   ")
        self.assertEqual(os.waitpid(pid, 0)[1], 0)

    def test_pass_ends(self):
        """a program is given ends by their names"""
        receiver, sender = kchan.pair(10, 4, message=True)
        back, out = kchan.pair(10, 4, message=True)
        ends = kchan.pass_ends(**{"in": receiver, "out": out})
        with subprocess.Popen([sys.executable, "-c", CHILD], **ends) as child:
            receiver.close()
            out.close()
            for each in b"a", b"b":
                sender.send(each)
            sender.close()
            self.assertEqual(list(back), [b"A", b"B"])
            self.assertEqual(child.wait(), 0)

    def test_pass_fds(self):
        """a shell uses a descriptor that it is given"""
        receiver, sender = kchan.pair(10, 4, message=True)
        fd = sender.fileno()
        subprocess.run(["sh", "-c", f"printf one >&{fd}; kchanctl send --fd {fd} two"],
                       pass_fds=[fd], check=True)
        sender.close()
        self.assertEqual(list(receiver), [b"one", b"two"])

    def test_not_inherited(self):
        """a program that is given nothing keeps no end"""
        receiver, sender = kchan.pair(1, 4)
        with subprocess.Popen(["sleep", "100"], close_fds=False) as child:
            sender.close()
            self.assertEqual(list(receiver), [])
            child.kill()

    def test_socket(self):
        """an end goes over a socket"""
        receiver, sender = kchan.pair(8, 4)
        a, b = socket.socketpair()
        socket.send_fds(a, [b"x"], [receiver.fileno()])
        _, fds, _, _ = socket.recv_fds(b, 1, 1)
        passed = kchan.Receiver.from_fd(fds[0])
        receiver.close()
        sender.send(b"12345678")
        sender.close()
        self.assertEqual(list(passed), [b"12345678"])
        a.close()
        b.close()

    def test_killed(self):
        """a channel closes when a process that could send is killed"""
        receiver, sender = kchan.pair(1, 4)
        pid = os.fork()
        if not pid:
            sender.send(b"a")
            os.kill(os.getpid(), 9)
        sender.close()
        self.assertEqual(list(receiver), [b"a"])
        os.waitpid(pid, 0)

    def test_example(self):
        """the example talks to a program in C, by descriptors and by names"""
        command = [sys.executable, "/t/examples/primes.py", "primes_worker", "20000"]
        self.assertEqual(subprocess.check_output(command), b"2262\n")
        os.makedirs("/run/kchan", exist_ok=True)
        subprocess.run(["mount", "-t", "kchan", "kchan", "/run/kchan"], check=True)
        try:
            command[2:2] = ["--names", "/run/kchan"]
            self.assertEqual(subprocess.check_output(command), b"2262\n")
            self.assertEqual(os.listdir("/run/kchan"), [])
        finally:
            subprocess.run(["umount", "/run/kchan"], check=True)


tap.main()
