# SPDX-License-Identifier: LGPL-2.1-or-later
"""Go's channels as Linux file descriptors.

    receiver, sender = kchan.pair(4096, capacity=16, message=True)

A channel moves elements, which are bytes, from senders to receivers: between threads,
tasks of asyncio, processes, and programs in other languages. It holds up to its capacity
of elements; then senders wait. Each element goes to one receiver. Once the channel is
closed, receivers get what is queued, and then the end of the stream.

    Channel, pair       make a channel
    open, create        open or make one that has a name in /run/kchan
    Receiver, Sender    the ends: recv(), send(), "for", "async for", leases and more
    select, aselect     do exactly one of several sends and receives
    pass_ends           give ends to a child process

Calls that wait take a timeout, in seconds. Those that start with try_ do not wait, and
those that start with a are awaited. libkchan(7) has the rules of channels, and
docs/python.md what to mind in Python.
"""

from ._ends import Channel, End, Info, Receiver, Sender, pair, pass_ends
from ._errors import Closed, EndOfStream, LeaseExpired, SendOnClosed
from ._lease import Lease
from ._names import create, open
from ._select import After, Fd, Recv, Selected, Send, aselect, select, try_select
from ._version import VERSION as __version__

__all__ = [
    "After", "Channel", "Closed", "End", "EndOfStream", "Fd", "Info", "Lease", "LeaseExpired",
    "Receiver", "Recv", "Selected", "Send", "SendOnClosed", "Sender", "__version__", "aselect",
    "create", "open", "pair", "pass_ends", "select", "try_select",
]
