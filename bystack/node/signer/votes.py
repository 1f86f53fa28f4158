"""A validator's key and its vote journal: one owner, one position once (bbft.md, section 8).

Nothing is signed before the node has shown what its chain knows of this key's votes: a journal
older than the chain is found then, and not after a second vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from bystack.node.signer.journals import floor_of, last_vote
from bystack.node.store.failpoints import failpoint
from bystack.node.store.journal import Journal
from bystack.primitives import bls
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.positions import (
    Position,
    Reuse,
    SignRequest,
    judge,
)
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.consensus.validators import ValidatorSet, indexes_of
from bystack.sidechain.engines import verifier_of
from bystack.sidechain.params import Genesis

MAX_REQUEST = 100_000
MAX_CERTIFICATE = 65_536
MAX_SET = 100_000


class JournalOld(Invalid):
    """The vote journal is older than the chain: this key signed a block the journal lacks.

    A copy was restored, or the file was lost: this signer votes no more on this chain.
    """


class NotIntroduced(Invalid):
    """The node has not shown yet what its chain knows of this key: `ready` comes first."""


class ChainBehind(Invalid):
    """The journal reaches beyond the node's chain, which must catch up before this key votes."""


class Abstaining(Invalid):
    """The journal was lost, and its operator accepted to abstain up to this height."""


class MethodUnknown(Invalid):
    """The signer has no such method on this socket."""


class Voter:
    """Signs what the journal allows. One task at a time enters: the socket's calls are locked."""

    def __init__(self, secret: bytes, genesis: Genesis, journal: Journal) -> None:
        self._secret, self._genesis, self._journal = secret, genesis, journal
        self._key, self._verifier = bls.sk_to_pk(secret), verifier_of(genesis)
        self._floor, self._last = floor_of(journal), last_vote(journal)
        self._older: Position | None = None
        self._introduced = False
        self._order = trio.Lock()

    async def handle(self, method: str, params: Sequence[Any]) -> Any:
        """`key`, `last`, `ready(certificate, set)`, `ready_empty(height)`, `sign(request)`.

        `ready` shows the newest commit certificate this key signed; `ready_empty` is said at the
        height of a chain that holds none.
        """
        match method, params:
            case "key", []:
                return self._key
            case "last", []:
                return encode(self._last) if self._last else None
            case "ready", [bytes() as certificate, bytes() as validators]:
                return self._ready(
                    decode(Certificate, certificate, MAX_CERTIFICATE),
                    decode(ValidatorSet, validators, MAX_SET),
                )
            case "ready_empty", [int() as height] if type(height) is int and height >= 0:
                return self._introduce(height)
            case "sign", [bytes() as request]:
                async with self._order:
                    return await self._sign(decode(SignRequest, request, MAX_REQUEST))
            case _:
                raise MethodUnknown(method=method)

    def _ready(self, certificate: Certificate, validators: ValidatorSet) -> bool:
        """Refuse, from now on, when a certificate shows a vote of this key beyond its journal.

        The set is taken on the node's word: a false one could only make this signer refuse.
        """
        self._verifier.check_votes(certificate, validators, self._genesis.id)
        signers = indexes_of(certificate.bitmap, len(validators))
        if all(validators.validators[i].key != self._key for i in signers):
            return self._introduce(certificate.height)
        voted, order = self._verifier.voted(certificate), self._verifier.order
        unknown = self._last is None or order(voted) > order(self._last.position)
        if voted.height > self._floor and unknown:
            self._older = voted
        self._check_journal()
        self._introduced = True
        return True

    def _introduce(self, height: int) -> bool:
        """A chain of this height shows no vote of this key: the journal may hold only the next.

        A chain that must still catch up may show one later.
        """
        self._check_journal()
        reached = max(self._floor, self._last.position.height if self._last else 0)
        if reached > height + 1 and not self._verifier.runs_ahead:
            raise ChainBehind(journal=reached, chain=height)
        self._introduced = True
        return True

    def _check_journal(self) -> None:
        """The vote the journal lacks may not be the only one: nothing is signed after it."""
        if self._older is not None:
            last = self._last.position if self._last else None
            raise JournalOld(signed=self._older, journal=last)

    async def _sign(self, request: SignRequest) -> list[bytes]:
        self._check_journal()
        if not self._introduced:
            raise NotIntroduced(asked=request.position)
        if request.position.height <= self._floor:
            raise Abstaining(floor=self._floor, asked=request.position)
        judged = judge(self._last, request, self._genesis.id, self._verifier.order)
        if isinstance(judged, Reuse):
            return [encode(request.position), judged.signature, request.digest(self._genesis.id)]
        signature = await trio.to_thread.run_sync(bls.sign, self._secret, judged.digest)
        record = judged.record(signature)
        failpoint("signer.before_journal")
        await trio.to_thread.run_sync(self._journal.append, encode(record))
        self._last = record
        failpoint("signer.before_release")
        return [encode(request.position), signature, judged.digest]
