"""A validator's key and its vote journal: one owner, one position once (bbft.md, section 8).

Nothing is signed before the node has shown what its chain knows of this key's votes: a journal
older than the chain is found then, and not after a second vote. Whatever shows a vote of this key
that the journal lacks ends its service: an old copy was restored, or another signer has the key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import islice
from typing import Any

import structlog
import trio

from bystack.node.signer.journals import Votes, floor_of, last_vote, votes_in
from bystack.node.signer.marks import Vote, vote_of
from bystack.node.signer.overheard import Shown, check_voters, overheard
from bystack.node.store.failpoints import failpoint
from bystack.node.store.journal import Journal, JournalError
from bystack.primitives import bls
from bystack.primitives.codec import decode, decode_union, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.positions import Position, Reuse, SignRequest, judge
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.consensus.validators import ValidatorSet, indexes_of
from bystack.sidechain.engines import verifier_of
from bystack.sidechain.params import Genesis

MAX_REQUEST = 100_000
MAX_CERTIFICATE = 65_536
MAX_SHOWN = 400_000
MAX_SET = 100_000
REMEMBERED = 4096
"""Votes whose bytes are compared with what others show; older ones are past all evidence."""
KEPT = 2 * REMEMBERED
"""Votes that stay when the journal is shortened: more than are compared."""
LONGEST = 64_000_000
"""Bytes at which the journal is shortened."""
MARK_EVERY = 16
"""After so many votes the mark beside the key follows the journal."""

log = structlog.get_logger("signer")


class JournalOld(Invalid):
    """The vote journal is older than the chain: this key signed a vote the journal lacks.

    A copy was restored, the file was lost, or another signer has the key: this signer votes no
    more on this chain (docs/operations.md, "The vote journal").
    """


class KeyElsewhere(Invalid):
    """This key signed something else than its journal holds: another signer has the same key.

    It votes no more here; stop the other for good (docs/operations.md, "The vote journal").
    """


class JournalRefused(Invalid):
    """The journal of what was signed cannot be written, so nothing is signed: see to the disk.

    A full one heals by itself when there is room (docs/operations.md, "The vote journal").
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
    """Signs what the journal allows. One task at a time enters: the socket's calls are locked.

    `votes`: the key's journal with its mark; a journal alone has none.
    """

    def __init__(self, secret: bytes, genesis: Genesis, votes: Votes | Journal) -> None:
        self._secret, self._genesis = secret, genesis
        journal = votes if isinstance(votes, Journal) else votes.journal
        self._journal, self._mark = journal, votes.mark if isinstance(votes, Votes) else None
        self._key, self._verifier = bls.sk_to_pk(secret), verifier_of(genesis)
        self._floor, self._last = floor_of(journal), last_vote(journal)
        held = votes_in(journal)
        recent = islice(held, max(0, len(held) - REMEMBERED), None)
        self._held = OrderedDict((vote.position, vote.digest) for vote in recent)
        self._whole = len(held) <= REMEMBERED
        self._refusal: Invalid | None = None
        self._introduced = False
        self._unmarked, self._longest = 0, LONGEST
        self._order = trio.Lock()

    async def handle(self, method: str, params: Sequence[Any]) -> Any:
        """`key`, `last`, `ready(certificate, set)`, `ready_empty(height)`, `shown(statement, set)`,
        `sign(request)`.

        `ready` shows the newest commit certificate this key signed; `ready_empty` is said at the
        height of a chain that holds none; `shown` a vote of this key that others tell of.
        """
        async with self._order:
            return await self._handle(method, params)

    async def _handle(self, method: str, params: Sequence[Any]) -> Any:
        match method, params:
            case "key", []:
                return self._key
            case "last", []:
                return encode(self._last) if self._last else None
            case "ready", [bytes() as certificate, bytes() as validators]:
                shown = decode(Certificate, certificate, MAX_CERTIFICATE)
                return await self._ready(shown, decode(ValidatorSet, validators, MAX_SET))
            case "ready_empty", [int() as height] if type(height) is int and height >= 0:
                return self._introduce(height)
            case "shown", [bytes() as statement, bytes() as validators]:
                found: Shown = decode_union(Shown, statement, MAX_SHOWN)
                return await self._shown(found, decode(ValidatorSet, validators, MAX_SET))
            case "sign", [bytes() as request]:
                return await self._sign(decode(SignRequest, request, MAX_REQUEST))
            case _:
                raise MethodUnknown(method=method)

    async def _ready(self, certificate: Certificate, validators: ValidatorSet) -> bool:
        """Refuse, from now on, when a certificate shows a vote of this key beyond its journal."""
        await trio.to_thread.run_sync(check_voters, validators)
        self._verifier.check_votes(certificate, validators, self._genesis.id)
        signers = indexes_of(certificate.bitmap, len(validators))
        if all(validators.validators[i].key != self._key for i in signers):
            return self._introduce(certificate.height)
        voted = self._verifier.voted(certificate)
        self._compare(Vote(voted, certificate.digest(self._genesis.id)))
        self._introduced = True
        return True

    def _introduce(self, height: int) -> bool:
        """A chain of this height shows no vote of this key: the journal may hold only the next.

        A chain that must still catch up may show one later.
        """
        self._check_served()
        reached = max(self._floor, self._last.position.height if self._last else 0)
        if reached > height + 1 and not self._verifier.runs_ahead:
            raise ChainBehind(journal=reached, chain=height)
        self._introduced = True
        return True

    async def _shown(self, shown: Shown, validators: ValidatorSet) -> bool:
        """Whether the journal holds what a statement shows of this key; if not, it is over."""
        chain, verifier = self._genesis.id, self._verifier
        for vote in await trio.to_thread.run_sync(
            overheard, shown, validators, self._key, chain, verifier
        ):
            self._compare(vote)
        return True

    def _compare(self, vote: Vote) -> None:
        """Refuse, from now on, for a vote of this key that the journal lacks.

        One accepted as lost counts for nothing, and of those too old to be remembered only the
        place is compared.
        """
        order, place = self._verifier.order, vote.position
        beyond = self._last is None or order(place) > order(self._last.position)
        if place.height > self._floor and beyond:
            last = self._last.position if self._last else None
            self._stop(JournalOld(signed=place, journal=last), vote)
        elif place.height > self._floor and self._foreign(vote):
            self._stop(KeyElsewhere(signed=place, digest=vote.digest), vote)
        self._check_served()

    def _foreign(self, vote: Vote) -> bool:
        held = self._held.get(vote.position)
        oldest = next(iter(self._held), vote.position)
        order = self._verifier.order
        known = self._whole or order(vote.position) >= order(oldest)
        return known and held != vote.digest

    def _stop(self, refusal: Invalid, vote: Vote) -> None:
        """For good: the vote shown need not be the only one that is missing."""
        log.error("this key votes no more", reason=str(refusal))
        self._refusal = self._refusal or refusal
        try:
            if self._mark is not None:
                self._mark.stop(refusal.rule, vote)
        except OSError as error:
            log.error("the mark of the key is not written", reason=str(error))

    def _check_served(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    async def _sign(self, request: SignRequest) -> list[bytes]:
        self._check_served()
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
        await self._append(encode(record))
        self._last = record
        self._remember(record.position, record.digest)
        failpoint("signer.before_release")
        return [encode(request.position), signature, judged.digest]

    async def _append(self, record: bytes) -> None:
        try:
            await trio.to_thread.run_sync(self._journal.append, record)
            if self._journal.size > self._longest:
                await trio.to_thread.run_sync(self._shorten)
        except JournalError as error:
            log.error("nothing is signed", reason=str(error))
            raise JournalRefused(reason=str(error)) from None

    def _shorten(self) -> None:
        """Votes that no evidence reaches any more leave the journal, lest it grow for ever."""
        try:
            self._journal.shorten(KEPT)
        except OSError as error:
            log.warning("the journal is not shortened", reason=str(error))
        self._longest = max(LONGEST, 2 * self._journal.size)

    def _remember(self, position: Position, digest: bytes) -> None:
        self._held[position] = digest
        if len(self._held) > REMEMBERED:
            self._held.popitem(last=False)
            self._whole = False
        self._unmarked += 1
        if self._unmarked >= MARK_EVERY:
            self.mark()

    def mark(self) -> None:
        """Have the mark beside the key follow the journal; on a full disk it stays behind."""
        if self._mark is None or self._last is None:
            return
        try:
            self._mark.reach(vote_of(self._last))
            self._unmarked = 0
        except OSError as error:
            log.warning("the mark of the key is not written", reason=str(error))
