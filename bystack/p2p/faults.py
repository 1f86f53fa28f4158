"""What a broken rule costs the peer that broke it; 100 points are a ban (peers.py)."""

from __future__ import annotations

from typing import Final

from bystack.p2p.connection import FrameLate, HandshakeLate, Silent
from bystack.p2p.handshake import (
    NotAllowed,
    SelfConnection,
    UnexpectedPeer,
    WrongChain,
    WrongNetwork,
    WrongVersion,
)
from bystack.primitives.errors import Invalid


class TlsFailed(Invalid):
    """The bytes are no TLS 1.3 handshake."""


class StreamBroken(Invalid):
    """The byte stream ended in the middle of a handshake."""


class SendLate(Invalid):
    """The peer did not take what we sent in time."""


STRANGERS: Final = (
    WrongVersion,
    WrongNetwork,
    WrongChain,
    SelfConnection,
    NotAllowed,
    UnexpectedPeer,
)
"""Honest nodes that are not for us: refused, without a point."""
HUNG_UP: Final = (StreamBroken,)
"""Perhaps we kept them waiting: a process that stood still finds all its callers gone."""
SLOW: Final = (HandshakeLate, FrameLate, Silent, SendLate)
NO_POINTS: Final = 0
SLOW_POINTS: Final = 5
BREACH_POINTS: Final = 20


def points(error: Invalid) -> int:
    """The points of a fault: nothing for strangers, few for slowness, many for a breach."""
    if isinstance(error, (*STRANGERS, *HUNG_UP)):
        return NO_POINTS
    return SLOW_POINTS if isinstance(error, SLOW) else BREACH_POINTS
