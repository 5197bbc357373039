# SPDX-License-Identifier: LGPL-2.1-or-later
"""Channels with a name: files in a filesystem of the type kchan, at /run/kchan."""

from __future__ import annotations

import os
from typing import Literal, overload

from ._ends import Channel, Receiver, Sender, options
from ._errors import error
from ._libkchan import ffi, lib

Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


@overload
def open(path: Path, mode: Literal["r"] = "r") -> Receiver: ...
@overload
def open(path: Path, mode: Literal["w"]) -> Sender: ...
@overload
def open(path: Path, mode: Literal["r+"]) -> Channel: ...
@overload
def open(path: Path, mode: str) -> Receiver | Sender: ...


def open(path: Path, mode: str = "r") -> Receiver | Sender:
    """Open the channel with that name, to receive ("r"), to send ("w"), or both ("r+").

    This does not wait for anybody. It never makes a name: FileNotFoundError if there is
    none. Raises PermissionError, OSError with the errno ENOTTY if the file is not a
    channel's name, and ENXIO if nobody is left in that direction, for good.
    """
    if mode == "r":
        kind: type[Receiver] | type[Sender] = Receiver
        directions = lib.KC_OPEN_RECV
    elif mode == "w":
        kind, directions = Sender, lib.KC_OPEN_SEND
    elif mode == "r+":
        kind, directions = Channel, lib.KC_OPEN_RECV | lib.KC_OPEN_SEND
    else:
        raise ValueError(f"a mode of r, w or r+, not {mode!r}")
    out = ffi.new("kc_chan **")
    result = lib.kc_open(out, os.fsencode(path), directions)
    if result < 0:
        raise error(result, path)
    return kind._own(out[0])


def create(path: Path, elem_size: int, capacity: int, *, message: bool = False,
           send_hold: bool = True, mode: int = 0o600) -> Channel:
    """Make a channel with that name, and return an end that sends and receives.

    mode has the permissions of the name, which the umask does not change. The name stays
    until os.unlink(), and what is queued stays with it. With send_hold=False the channel
    closes with the last end that can send; otherwise the name keeps it open until
    shutdown(). os.mkfifo() makes a name as well, with the size and capacity that the mount
    gives. For the other arguments see Channel.

    Raises FileExistsError, PermissionError, FileNotFoundError if the directory is not
    there, and OSError with the errno ENODEV if it is not in a filesystem of the type
    kchan.
    """
    out = ffi.new("kc_chan **")
    result = lib.kc_create(out, os.fsencode(path),
                           options(elem_size, capacity, message, send_hold=send_hold), mode)
    if result < 0:
        raise error(result, path)
    return Channel._own(out[0])
