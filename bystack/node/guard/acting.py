"""Doing what the guard decided: have it signed, bring a fee, send it, and see it through.

An act is bound to the turn it was begun for, so that whatever crashes, it happens once. What is not
mined for a while is sent again with a higher fee; that needs no new signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from bystack.federation.guarding.alarms import Act, ActKind, ActRecord, Alarm, Kind, subject_of
from bystack.federation.guarding.vault import Vault
from bystack.federation.purse import Purse
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_building import NO_SPONSOR, Sponsor
from bystack.ledger.vault_operations import Cancel, Freeze, Veto, counter_of, name_of
from bystack.node.federation.feeding import Feeding
from bystack.node.guard.book import Book
from bystack.node.guard.links import GuardLinks
from bystack.node.guard.sending import CoinGone, Operation, digest_of, prepared
from bystack.node.guard.setting import Setting
from bystack.node.ipc import RemoteError
from bystack.node.store.failpoints import failpoint
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

log = structlog.get_logger("guard")

STUCK_BLOCKS: Final = 2
RAISE: Final = 30_000
"""Weight more that the first raise pays for; each further one doubles it."""
MOST_RAISES: Final = 6
AGAIN_TICKS: Final = 4
FINAL: Final = frozenset({"GuardForeign", "FrozenAlready"})
"""Refusals that the next try would meet again: the act is given up, and that is an alarm."""


@dataclass
class Job:
    """An act on its way: `spent` is the vault's coin its last transaction spends.

    `signatures` by key, others' among them, each verified; `own`: our signer has signed.
    `refused`: why it could not go the last time; `due`: the tick of the next try.
    """

    record: ActRecord
    operation: Operation
    digest: bytes
    signatures: dict[bytes, bytes] = field(default_factory=dict)
    own: bool = False
    sent: bytes = b""
    sent_at: int = 0
    spent: Outpoint | None = None
    sponsor: Sponsor = NO_SPONSOR
    raises: int = 0
    refused: str = ""
    due: int = 0

    @property
    def name(self) -> str:
        """`freeze`, `veto`, `cancel`."""
        return name_of(self.operation)


class Acting:
    """The acts of one guard; the driver's purse and feeding follow the main chain beside it."""

    def __init__(
        self, links: GuardLinks, setting: Setting, book: Book, purse: Purse, feeding: Feeding
    ) -> None:
        self._links, self._setting, self._book = links, setting, book
        self._purse, self._feeding = purse, feeding
        self._ticks = 0
        self.jobs = [self._job(record) for record in book.begun]

    def _job(self, record: ActRecord) -> Job:
        operation = _operation(record)
        return Job(record, operation, digest_of(self._setting, operation, counter_of(operation)))

    def begin(self, act: Act, vault: Vault) -> Job | None:
        """Write an act down and take it up; None when it was begun for this reason before."""
        return None if self._book.was_begun(act) else self._begin(act, vault)

    def _begin(self, act: Act, vault: Vault) -> Job:
        failpoint("guard.before_act")
        job = self._job(self._book.begin(act, vault.anchor.turn))
        failpoint("guard.after_act")
        self.jobs.append(job)
        log.warning("act begun", act=job.name, digest=job.digest.hex())
        return job

    async def step(self, vault: Vault) -> list[Alarm]:
        """Bring every act on as far as it goes now; what was refused comes back as alarms."""
        self._ticks += 1
        open, self.jobs = self.jobs, []
        self.jobs += [job for job in open if not self._over(job, vault)]
        due = [job for job in self.jobs if self._ticks >= job.due and not _waits(job, vault)]
        if due:
            await self._feed()
        return [alarm for job in due for alarm in await self._try(job, vault)]

    async def _feed(self) -> None:
        """The signer judges by the tip it was shown itself."""
        try:
            while await self._feeding.step():
                continue
        except (RemoteError, Invalid) as error:
            log.warning("signer not fed", reason=str(error))

    def add(self, digest: bytes, signatures: Mapping[bytes, bytes]) -> None:
        """Other guards' signatures of an act, by key, verified before."""
        for job in self.jobs:
            if job.digest == digest:
                job.signatures.update(signatures)
                job.due = 0

    def _over(self, job: Job, vault: Vault) -> bool:
        """True once nothing is left to do. An act whose turn went to another one is begun anew.

        Nothing is left of a freeze while one is in force, of a cancellation when nothing is
        announced, of a veto when the coin is gone, and of any when its own turn did it.
        """
        record, anchor = job.record, vault.anchor
        match job.operation:
            case Veto(outpoint):
                coin = vault.waiting.get(outpoint)
                return coin is None or vault.height + 1 >= coin.mature
            case Freeze():
                done = vault.height + 1 < anchor.frozen_until
                displaced = isinstance(vault.at_turn(record.turn), Cancel)
            case Cancel(_, terms):
                done = all(one.terms != terms for one in anchor.announced)
                displaced = isinstance(vault.at_turn(record.turn), Freeze)
        if displaced and not done:
            self._begin(_act(record), vault)
        return done or anchor.turn > record.turn

    async def _try(self, job: Job, vault: Vault) -> list[Alarm]:
        job.due = self._ticks + AGAIN_TICKS
        try:
            await self._send(job, vault)
        except (RemoteError, Invalid) as error:
            return self._refused(job, error)
        job.refused = ""
        return []

    def _refused(self, job: Job, error: RemoteError | Invalid) -> list[Alarm]:
        """A new reason is worth an alarm; the same one again is not."""
        before, job.refused = job.refused, error.rule or str(error)
        if error.rule in FINAL:
            self.jobs = [one for one in self.jobs if one is not job]
        log.warning("act not sent", act=job.name, reason=str(error))
        if before == job.refused:
            return []
        facts = {"act": job.name, "digest": job.digest.hex(), "reason": str(error)}
        subject = subject_of(Kind.ACT_FAILED, job.digest, job.refused.encode())
        return [Alarm(Kind.ACT_FAILED, subject, facts)]

    async def _send(self, job: Job, vault: Vault) -> None:
        """Sign what is not signed, then send; what was sent before goes with a higher fee."""
        if not job.own:
            key, signature = await self._sign(job)
            job.signatures[bytes(key)], job.own = bytes(signature), True
        if job.sent and job.spent == _coin_of(job, vault):
            job.raises = min(job.raises + 1, MOST_RAISES)
        self._purse.release(job.sponsor)
        coins = await self._links.vault_coins(self._setting.genesis.vault)
        extra = RAISE * (2**job.raises - 1)
        sent = prepared(
            self._setting, self._purse, vault, coins, job.operation, job.signatures, extra
        )
        job.sponsor = sent.sponsor
        failpoint("guard.before_submit")
        job.sent = bytes(await self._links.main.call("submit", encode(sent.transaction)))
        failpoint("guard.after_submit")
        job.sent_at, job.spent = vault.height, sent.transaction.body.inputs[0]
        log.warning("act sent", act=job.name, transaction=job.sent.hex(), raises=job.raises)

    async def _sign(self, job: Job) -> list[bytes]:
        """Our key and its signature, if our signer finds the same."""
        signer = self._links.signer
        match job.operation:
            case Freeze(turn):
                signed: list[bytes] = await signer.call("freeze", turn)
            case Cancel(turn, terms):
                signed = await signer.call("cancel", turn, terms)
            case Veto(outpoint):
                order = await self._links.inclusion(outpoint.transaction)
                if order is None:
                    raise CoinGone(transaction=outpoint.transaction, index=outpoint.index)
                signed = await signer.call("veto", encode(order), outpoint.index)
        return signed


def _operation(record: ActRecord) -> Operation:
    match ActKind(record.kind):
        case ActKind.FREEZE:
            return Freeze(record.turn)
        case ActKind.VETO:
            return Veto(record.outpoint[0])
        case ActKind.CANCEL:
            return Cancel(record.turn, record.terms[0])


def _act(record: ActRecord) -> Act:
    outpoint, terms = next(iter(record.outpoint), None), next(iter(record.terms), None)
    return Act(ActKind(record.kind), record.subject, outpoint, terms)


def _coin_of(job: Job, vault: Vault) -> Outpoint:
    """The vault's coin that the act spends as things stand."""
    return job.operation.outpoint if isinstance(job.operation, Veto) else vault.place


def _waits(job: Job, vault: Vault) -> bool:
    """Sent over the coin that is still there, and not long ago; or a freeze that is soon allowed.

    One that is not allowed for longer than a freeze lasts is tried, refused, and given up: by then
    it would answer nothing.
    """
    earliest, height = vault.anchor.freeze_from, vault.height + 1
    if isinstance(job.operation, Freeze) and height < earliest <= height + vault.terms.guard.freeze:
        return True
    recent = vault.height < job.sent_at + STUCK_BLOCKS
    return bool(job.sent) and recent and job.spent == _coin_of(job, vault)
