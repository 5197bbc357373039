#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Count primes: Python gives out the work, and processes of a C program do it.

usage: primes.py [--workers N] [--names DIRECTORY] WORKER END

WORKER is the program of primes_worker.c. The workers are given their ends when they are
started. With --names they open channels that have names, in a directory of /run/kchan.
"""

from __future__ import annotations

import argparse
import os
import struct
import subprocess
import sys
import threading

import kchan

# Two numbers of 64 bits: what the structures in the C program are.
PAIR = struct.Struct("=QQ")
STEP = 1000


def give_out(jobs: kchan.Sender, end: int) -> None:
    """Send all ranges. The channel closes with the sender, and the workers end."""
    with jobs:
        for first in range(0, end, STEP):
            jobs.send(PAIR.pack(first, min(first + STEP, end)))


def collect(results: kchan.Receiver) -> int:
    return sum(PAIR.unpack(each)[1] for each in results)


def with_ends(worker: str, count: int, end: int) -> int:
    """The channels have no names: each worker inherits the two ends that it needs."""
    jobs, jobs_out = kchan.pair(PAIR.size, capacity=16)
    results_in, results = kchan.pair(PAIR.size, capacity=16)
    workers = [subprocess.Popen([worker], **kchan.pass_ends(jobs=jobs, results=results))
               for _ in range(count)]
    # Here only the workers use them. So the results end when the last worker has ended.
    jobs.close()
    results.close()
    threading.Thread(target=give_out, args=(jobs_out, end)).start()
    found = collect(results_in)
    for each in workers:
        each.wait()
    return found


def with_names(worker: str, count: int, end: int, directory: str) -> int:
    """The channels have names, which programs open that are no children of ours."""
    names = [os.path.join(directory, name) for name in ("jobs", "results")]
    made = [kchan.create(name, PAIR.size, 16, send_hold=False) for name in names]
    try:
        with made[0], made[1]:
            jobs_out, results_in = made[0].sender(), made[1].receiver()
            workers = [subprocess.Popen([worker, *names]) for _ in range(count)]
            threading.Thread(target=give_out, args=(jobs_out, end)).start()
            # The results are as many as the ranges.
            found = 0
            for _ in range(0, end, STEP):
                found += PAIR.unpack(results_in.recv())[1]
        for each in workers:
            each.wait()
        return found
    finally:
        for name in names:
            os.unlink(name)


def main() -> int:
    parser = argparse.ArgumentParser(description="Count primes.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--names")
    parser.add_argument("worker")
    parser.add_argument("end", type=int)
    options = parser.parse_args()
    if options.names:
        found = with_names(options.worker, options.workers, options.end, options.names)
    else:
        found = with_ends(options.worker, options.workers, options.end)
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
