# SPDX-License-Identifier: GPL-2.0-only
"""What mypy is to find in a program, and not to find. It is not run."""

from typing import assert_type

import kchan

receiver, sender = kchan.pair(8, 4)
assert_type(receiver.recv(), bytes)
assert_type(receiver.try_recv(), bytes | None)
assert_type(sender.try_send(bytearray(8)), bool)
sender.send(memoryview(b"12345678"))
receiver.send(b"")      # type: ignore[attr-defined]
sender.recv()           # type: ignore[attr-defined]
sender.send("text")     # type: ignore[arg-type]
receiver.recv_into(b"") # type: ignore[arg-type]
assert_type(kchan.open("/run/kchan/jobs"), kchan.Receiver)
assert_type(kchan.open("/run/kchan/jobs", "w"), kchan.Sender)
assert_type(kchan.open("/run/kchan/jobs", "r+"), kchan.Channel)
assert_type(kchan.Receiver.from_fd(3), kchan.Receiver)
assert_type(kchan.Channel(8), kchan.Channel)
assert_type([each for each in receiver], list[bytes])
assert_type(kchan.select([kchan.Recv(receiver), None]), kchan.Selected)
with receiver.lease(limit=1) as job:
    assert_type(job, kchan.Lease)
    assert_type(job.element, bytes)
kchan.Recv(sender)      # type: ignore[arg-type]


async def tasks() -> None:
    assert_type(await receiver.arecv(), bytes)
    async for each in receiver:
        assert_type(each, bytes)
    async for job in receiver.aleases():
        assert_type(job, kchan.Lease)
