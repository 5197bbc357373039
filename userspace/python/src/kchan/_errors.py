# SPDX-License-Identifier: LGPL-2.1-or-later
"""The exceptions, and how a result of libkchan becomes one."""

from __future__ import annotations

import errno
import os

from ._libkchan import ffi, lib


class Closed(Exception):
    """The channel is closed: it is EndOfStream or SendOnClosed."""


class EndOfStream(Closed, EOFError):
    """A receive: the channel is closed, and all its elements were received."""

    def __init__(self, text: str = "end of stream") -> None:
        super().__init__(text)


class SendOnClosed(Closed, BrokenPipeError):
    """A send: the channel is closed, or nobody is left who could receive.

    The element was not sent. Go panics here. errno is EPIPE.
    """


class LeaseExpired(OSError):
    """The limit of a lease has come: its element has gone back. errno is ETIME."""


def error(code: int, path: str | bytes | os.PathLike[str] | os.PathLike[bytes] | None = None
          ) -> OSError:
    """The exception for a negative errno: OSError chooses TimeoutError and so on."""
    text = ffi.string(lib.kc_strerror(code)).decode()
    if code == -errno.EPIPE:
        return SendOnClosed(-code, text)
    if code == -errno.ETIME:
        return LeaseExpired(-code, text)
    if path is None:
        return OSError(-code, text)
    return OSError(-code, text, path)


def check(result: int) -> int:
    """The result of a call, if it is not an error."""
    if result < 0:
        raise error(result)
    return result
