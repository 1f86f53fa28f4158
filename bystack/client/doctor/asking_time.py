"""What time a time server says it is (SNTP, RFC 4330), and what the kernel says of its clock."""

from __future__ import annotations

import ctypes
import socket
import time
from typing import Final

PORT: Final = 123
SIZE: Final = 48
REQUEST: Final = bytes([0b00_100_011]) + bytes(SIZE - 1)
"""No warning, version 4, client."""
SERVER: Final = 4
EPOCH: Final = 2_208_988_800
"""Seconds from 1900, where NTP counts from, to 1970."""
UNSYNCHRONISED: Final = 5
"""What adjtimex returns for a clock that nobody sets (TIME_ERROR)."""
TIMEX: Final = 512
"""Bytes, more than `struct timex` takes; zeroes ask and set nothing."""


class NoTime(Exception):
    """The server did not say what time it is; the message says why."""


def offset(answer: bytes, sent: float, received: float) -> float:
    """Seconds that our clock is ahead; `sent` and `received` by our clock. Raises `NoTime`."""
    if len(answer) < SIZE or answer[0] & 7 != SERVER or not 1 <= answer[1] <= 15:
        raise NoTime("the answer is no time server's, or it has no time itself")
    arrived, left = _stamp(answer[32:40]), _stamp(answer[40:48])
    return ((sent - arrived) + (received - left)) / 2


def _stamp(data: bytes) -> float:
    whole, part = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big")
    return whole - EPOCH + part / 2**32


def ahead_of(server: str, seconds: float) -> float:
    """Seconds that this machine's clock is ahead of `server` (HOST or HOST:PORT).

    Raises `NoTime`.
    """
    host, _, port = server.partition(":")
    try:
        number = int(port or PORT)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.settimeout(seconds)
            line.connect((host, number))
            sent = time.time()
            line.send(REQUEST)
            answer = line.recv(1024)
            return offset(answer, sent, time.time())
    except (OSError, ValueError, OverflowError) as error:
        raise NoTime(f"{server}: {error or 'no answer'}") from None


def synchronised() -> bool | None:
    """Whether a service sets the kernel's clock; None where the kernel cannot be asked."""
    try:
        said: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX))
    except (OSError, AttributeError):
        return None
    return None if said < 0 else said != UNSYNCHRONISED
