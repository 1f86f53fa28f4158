"""What a validator's node listens for on behalf of its key: how far others are, and its own votes.

A restored copy of a journal does not know that it is old; others do. So nothing is signed before
enough of them have said where the chain is that nothing could be decided without them. And a vote
of the own key that the signer did not release here was released elsewhere: the signer is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from bystack.node.sidechain.store import SideStore
from bystack.primitives.codec import Wire
from bystack.sidechain.consensus.messages import Blocks, Propose, Status
from bystack.sidechain.consensus.statements import (
    Certificate,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.validators import ValidatorSet, quorum, weak
from bystack.sidechain.epochs import current, record_of
from bystack.sidechain.state import SystemState

Statement = Vote | Certificate | Timeout | TimeoutCertificate
KNOWN: Final = 4096


class Overheard(NamedTuple):
    """A statement that holds a vote of our key, says its sender, and the set it is of."""

    statement: Statement
    validators: ValidatorSet


def statements_in(message: Wire) -> Iterator[Statement]:
    """The votes and certificates that a message carries."""
    match message:
        case Vote() | Certificate() | TimeoutCertificate():
            yield message
        case Timeout(best=best):
            yield message.bare()
            yield from best
        case Status(certificate=certificate):
            yield certificate
        case Propose(parent_certificate=certificate, timeouts=timeouts):
            yield certificate
            yield from timeouts
        case Blocks(blocks=blocks):
            yield from (one.certificate for one in blocks)
        case _:
            return


class Hearing:
    """One node's ears for one key. Owned by the driver's task; never waits."""

    def __init__(self, store: SideStore) -> None:
        self._store, self._chain = store, store.genesis.id
        self._key = b""
        self._heights: dict[bytes, int] = {}
        self._released: dict[bytes, None] = {}
        self._sets: dict[int, ValidatorSet] = {}

    def listen_for(self, key: bytes) -> None:
        """The key we vote with."""
        self._key = key

    def released(self, digest: bytes) -> None:
        """The signer here released (or knows) the signature of this."""
        self._released[digest] = None
        while len(self._released) > KNOWN:
            self._released.pop(next(iter(self._released)))

    def hear(self, peer: bytes, message: Wire) -> list[Overheard]:
        """What the signer must be shown of a message; nothing of it is verified."""
        if isinstance(message, Status):
            self._heights.pop(peer, None)
            self._heights[peer] = message.certificate.height
            if len(self._heights) > KNOWN:
                self._heights.pop(next(iter(self._heights)))
        if not self._key:
            return []
        found = (self._own(statement) for statement in statements_in(message))
        return [one for one in found if one is not None]

    def _own(self, statement: Statement) -> Overheard | None:
        validators = self._set_of(statement.epoch)
        index = None if validators is None else validators.by_key.get(self._key)
        if validators is None or index is None or not _names(statement, index):
            return None
        digests = _digests(statement, index, self._chain)
        if all(digest in self._released for digest in digests):
            return None
        return Overheard(statement, validators)

    def _set_of(self, epoch: int) -> ValidatorSet | None:
        if epoch not in self._sets:
            record = record_of(SystemState(self._store.state), epoch)
            if record is None:
                return None
            self._sets = {**dict(list(self._sets.items())[-3:]), epoch: record.validators}
        return self._sets[epoch]

    def digests_of(self, heard: Overheard) -> list[bytes]:
        """What our key signed, as a statement says."""
        index = heard.validators.by_key[self._key]
        return _digests(heard.statement, index, self._chain)

    def ready(self) -> bool:
        """Whether others have said enough for this key to begin, and our chain is as far.

        With us they make a quorum, without which nothing is decided anyway; and we are as far as
        so many of them are that one at least is honest. Who is no validator waits for nobody.
        """
        validators = current(SystemState(self._store.state)).validators
        own = validators.by_key.get(self._key)
        if own is None:
            return True
        places = ((validators.by_node.get(n, own), h) for n, h in self._heights.items())
        heard = {index: height for index, height in places if index != own}
        if validators.weight_of({own, *heard}) < quorum(validators.total):
            return False
        ahead = [i for i, height in heard.items() if height > self._store.height]
        return validators.weight_of(ahead) < weak(validators.total)


def _names(statement: Statement, index: int) -> bool:
    match statement:
        case Vote() | Timeout():
            return statement.index == index
        case Certificate():
            return _has(statement.bitmap, index)
        case TimeoutCertificate():
            return any(_has(group.bitmap, index) for group in statement.signers)


def _has(bitmap: bytes, index: int) -> bool:
    return bool(int.from_bytes(bitmap, "little") >> index & 1)


def _digests(statement: Statement, index: int, chain: bytes) -> list[bytes]:
    if isinstance(statement, TimeoutCertificate):
        groups = statement.signers
        return [statement.digest(chain, one.high) for one in groups if _has(one.bitmap, index)]
    return [statement.digest(chain)]
