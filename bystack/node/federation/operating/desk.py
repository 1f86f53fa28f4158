"""The desk of vault operations: those that this member's operator builds, and others' requests.

Nothing here decides what is signed: the signer does, and the main chain judges what is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from bystack.federation.bridge import (
    AskOperation,
    Bridge,
    NamedSignature,
    NamedSignatureInvalid,
    check_named,
)
from bystack.federation.messages import MESSAGE_LIMIT, KeyCertificate
from bystack.ledger.terms import terms_hash
from bystack.ledger.vault_operations import (
    Adopt,
    Announce,
    Create,
    Recover,
    Replace,
    Touch,
    decode_operation,
    name_of,
)
from bystack.node.federation.assembling import anchor_among
from bystack.node.federation.membership import TURN_TICKS, Membership
from bystack.node.federation.operating.forms import form, names_of
from bystack.node.federation.operating.founding import Founding
from bystack.node.federation.operating.jobs import Job, moved
from bystack.node.federation.orders import Orders
from bystack.node.federation.showing import Showing
from bystack.node.ipc import RemoteError, Unavailable
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid

log = structlog.get_logger("federation")

SIGNATURE = 64
MAX_ASKED = 4
MAX_BUILT = 32
MAX_ANSWERED = 128


class NothingDrafted(Invalid):
    """No such operation is being signed here: build it first."""


class KeyUnknown(Invalid):
    """The roster has no key of this name."""


class Desk:
    """The operations built here by id, and what other members had our signer sign."""

    def __init__(self, member: Membership, founding: Founding, orders: Orders) -> None:
        self._member, self._founding, self._orders = member, founding, orders
        self._showing = Showing(member.links)
        self._asked: dict[int, list[bytes]] = {}
        self._answered: dict[tuple[bytes, bytes], tuple[bytes, ...]] = {}
        self._drafts: set[bytes] = set()
        self._ticks = 0
        self.jobs: dict[str, Job] = {}

    # -- what this member's operator builds

    async def open(self, job: Job) -> Job:
        """Keep a job, ask our signer and then everybody; raises what ours says of a touch."""
        for old in self.jobs.values():  # the same digests, perhaps over an earlier anchor
            job.brought |= {of: one for of, one in old.brought.items() if of[0] in job.digests}
        self.jobs.pop(job.id, None)
        while len(self.jobs) >= MAX_BUILT:
            self.jobs.pop(next(iter(self.jobs)))
        if job.ask is not None:
            await self._own(job, job.ask)
        self.jobs[job.id] = job
        return job

    async def _own(self, job: Job, ask: AskOperation) -> None:
        """Our signer may refuse, and others not; of a touch it knows what every signer knows."""
        if isinstance(job.operation, Touch):
            await self.asked(self._member.seat, ask)
            return self._member.say(ask)
        # Others hear what is asked before they hear our partials, which may be of a key that they
        # learn of by being asked.
        self._member.say(ask)
        try:
            await self.asked(self._member.seat, ask)
        except RemoteError as error:
            job.refused = str(error)
        return None

    def find(self, which: str) -> Job:
        """A job by its id, by its operation's name (the latest), or the latest of all."""
        for id, job in reversed(self.jobs.items()):
            if which in ("", id, job.name):
                return job
        raise NothingDrafted(operation=which)

    def bring(self, job: Job, given: Mapping[str, bytes]) -> None:
        """Signatures from outside, by charter key name; raises what is wrong with one of them."""
        keys = self._member.setting.charter_keys
        for name, signature in sorted(given.items()):
            if name not in keys:
                raise KeyUnknown(name=name)
            if len(signature) != SIGNATURE:
                raise NamedSignatureInvalid(key=keys[name])
            self._take(job, keys[name], signature)

    def _take(self, job: Job, key: bytes, signature: bytes) -> None:
        """One signature, of whichever digest of the job it is."""
        for digest in job.digests:
            try:
                check_named(NamedSignature(digest, key, signature), frozenset((key,)))
            except NamedSignatureInvalid:
                continue
            job.brought[digest, key] = signature
            return
        raise NamedSignatureInvalid(key=key)

    async def submit(self, job: Job) -> bytes:
        """Complete and send a job over the anchor as it is now; the transaction's id.

        Raises `SignaturesInsufficient`, `PurseEmpty`, or the main chain's refusal; then nothing is
        spent.
        """
        bridge, member, job = await self.bridge(), self._member, await self._placed(job)
        member.purse.release(job.sponsor)  # what it paid for before spends a coin that is gone
        draft, tx = job.transaction(member.purse, member.setting.main, bridge.signatures)
        try:
            job.sent = bytes(await member.links.main.call("submit", encode(tx)))
        except (RemoteError, Invalid):
            if not isinstance(job.operation, Create):
                member.purse.release(draft.sponsor)
            raise
        job.sponsor = draft.sponsor
        for digest in job.digests:
            job.brought |= {(digest, k): s for k, s in bridge.signatures(digest).items()}
            bridge.done(digest)
        return job.sent

    async def _placed(self, job: Job) -> Job:
        """The job over the anchor as it is; what follows no anchor stays as it is."""
        if not job.movable:
            return job
        anchor = anchor_among(job.vault, await self._member.links.vault_coins(job.vault))
        if anchor.coin.outpoint == job.coin:
            return job
        self.jobs.pop(job.id, None)
        made = moved(job, anchor)
        self.jobs[made.id] = made
        return made

    async def renew(self) -> None:
        """Send new terms that recovery signed over each later anchor, until they are in force.

        Who moves the anchor in every block, and raises its turn, gains no more than that block.
        """
        for job in [one for one in self.jobs.values() if _lasting(one)]:
            try:
                anchor = anchor_among(job.vault, await self._member.links.vault_coins(job.vault))
                present = job.terms is not None and terms_hash(job.terms) == anchor.state.terms
                if present and anchor.coin.outpoint != job.coin:
                    sent = await self.submit(job)
                    log.warning("sent again", operation=job.name, transaction=sent.hex())
            except (RemoteError, Unavailable, Invalid) as error:
                log.info("not sent again", operation=job.name, reason=str(error))

    async def bridge(self) -> Bridge:
        """The bridge; raises `NothingDrafted` before there is a key."""
        bridge = await self._member.ensure_bridge()
        if bridge is None:
            raise NothingDrafted(reason="the federation has no group key yet")
        return bridge

    async def form(self, job: Job) -> dict[str, Any]:
        """A job as operators see it."""
        bridge, member = await self.bridge(), self._member
        names = names_of(member.setting, bridge.certificate.key)
        made = form(job, bridge, names, member.purse.height + 1)
        return {**made, "chain": member.setting.main.hex()}

    # -- what other members ask

    async def asked(self, seat: int, message: AskOperation) -> None:
        """A member asks for signatures of an operation; raises what our signer refuses."""
        operation = decode_operation(message.operation.kind, message.operation.body)
        match operation:
            case Create() if message.first:
                digest = await self._founding.asked(message.first[0])
                self._drafts.add(digest)
                self._make_room(seat, digest)
            case Touch(seq, tier):
                await self._orders.asked_touch(seq, tier)
            case Announce() | Adopt() | Replace() | Recover():
                await self._terms(seat, message)
            case _:
                log.info("nothing to sign on request", operation=name_of(operation))

    async def _terms(self, seat: int, message: AskOperation) -> None:
        """Have our signer judge an operation about terms, once it was shown what was decided."""
        signer, action = self._member.links.signer, encode(message.operation)
        bridge, known = await self.bridge(), self._answered.get((action, message.charter), ())
        if known and all(map(bridge.knows, known)):
            return
        await self._showing.show(await signer.call("shown"))
        signed = await signer.call("operation", action, message.charter)
        while len(self._answered) >= MAX_ANSWERED:
            self._answered.pop(next(iter(self._answered)))
        self._answered[action, message.charter] = tuple(digest for digest, *_ in signed)
        for digest, partials, named, certificate in signed:
            if certificate:
                bridge.following = decode(KeyCertificate, certificate, MESSAGE_LIMIT)
            self._make_room(seat, digest)
            await self._member.signed(digest, partials, named)

    def over(self, bridge: Bridge) -> None:
        """The vault is founded: no draft of it is said again."""
        for digest in self._drafts:
            bridge.done(digest)
        self._drafts.clear()
        creations = [id for id, job in self.jobs.items() if isinstance(job.operation, Create)]
        for id in creations:
            self.jobs.pop(id)

    def _make_room(self, seat: int, digest: bytes) -> None:
        """A member's newest requests push out its own older ones, never another's."""
        asked = self._asked.setdefault(seat, [])
        if digest not in asked:
            asked.append(digest)
        while len(asked) > MAX_ASKED:
            old = asked.pop(0)
            if self._member.bridge is not None:
                self._member.bridge.done(old)
            self._drafts.discard(old)

    def again(self) -> None:
        """Ask again, now and then, for what was not sent yet: who was away has not heard."""
        self._ticks += 1
        if self._ticks % TURN_TICKS:
            return
        for job in self.jobs.values():
            if job.ask is not None and not job.sent:
                self._member.say(job.ask)

    def named(self, message: NamedSignature) -> None:
        """A charter key's signature over something built here; raises as `check_named`."""
        for job in self.jobs.values():
            if message.digest in job.digests:
                check_named(message, frozenset(self._member.setting.charter_keys.values()))
                job.brought[message.digest, message.key] = message.signature


def _lasting(job: Job) -> bool:
    """Sent, and good until other terms are in force."""
    return bool(job.sent) and isinstance(job.operation, Replace | Recover)
