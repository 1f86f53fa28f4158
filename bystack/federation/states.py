"""What a member must not lose between the rounds of a key generation; nothing here prints.

Each state but the last two holds the message its round sent, so that a crash repeats it byte for
byte; secrets are the seeds they are derived from, so none can be dealt twice.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bystack.federation.members import MAX_MEMBERS, MAX_WEIGHT, Index, Position
from bystack.federation.messages import ROUNDS, KeyCertificate, Signed
from bystack.federation.session import Session
from bystack.federation.shares import KeyShares, Secret
from bystack.primitives.codec import U16, Bytes32, decode

STATE_LIMIT = 16 << 20
SLOT = 2  # two different messages of one member and round prove equivocation; more add nothing
Messages = Annotated[tuple[Signed, ...], Meta(max_length=MAX_MEMBERS * 3)]


class Greeted(Secret, tag=0):
    """After R0: the seed of all secrets but the ephemeral keys, and the hello."""

    session: Session
    seat: Position
    seed: Bytes32
    message: Signed


class Dealt(Secret, tag=1):
    """After R1: also the seed of the ephemeral keys; `record` holds the hellos."""

    session: Session
    seat: Position
    seed: Bytes32
    ephemeral: Bytes32
    record: Messages
    message: Signed


class Part(Secret):
    """What was dealt to one own index: from one old share, or (source 0) by all in sum."""

    source: U16
    index: Index
    secret: Bytes32


class Acknowledged(Secret, tag=2):
    """After R2: what was received (nothing of what it complains of); `record` adds the deals."""

    session: Session
    seat: Position
    ephemeral: Bytes32
    parts: Annotated[tuple[Part, ...], Meta(max_length=MAX_WEIGHT * MAX_WEIGHT)]
    record: Messages
    message: Signed


class Opened(Secret, tag=3):
    """After R3: complaints were opened and this attempt makes no key; no secret is left."""

    session: Session
    seat: Position
    record: Messages
    message: Signed


class Certified(Secret, tag=4):
    """After R4: the shares of a key that exists once every member's certification is seen."""

    session: Session
    seat: Position
    shares: KeyShares
    record: Messages
    message: Signed


class Finished(Secret, tag=5):
    """The key exists: this member's shares of it (none, if it leaves), and the certificate."""

    session: Session
    seat: Position
    shares: KeyShares
    certificate: KeyCertificate


class Ended(Secret, tag=6):
    """The attempt is over without a key; the pool is the evidence."""

    session: Session
    seat: int


Step = Greeted | Dealt | Acknowledged | Opened | Certified | Finished | Ended
Pool = Annotated[tuple[Signed, ...], Meta(max_length=MAX_MEMBERS * ROUNDS * SLOT)]


class CeremonyState(Secret):
    """All that must survive a crash: the round's state and the messages heard."""

    step: Step
    pool: Pool


def decode_state(data: bytes) -> CeremonyState:
    """The state in these bytes; raises the codec's errors."""
    return decode(CeremonyState, data, STATE_LIMIT)
