"""The guard: events of both chains in, alarms and acts out. It knows no clock, disk or network.

It judges only while its own node is up to date: a scanner behind the tip raises nothing but that
it is blind (K18). An act is named with its reason; that it happens once is the journal's affair.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from bystack.federation.guarding.alarms import Act, ActKind, Alarm, Kind, Output, subject_of
from bystack.federation.guarding.backing import accounted, shortfall
from bystack.federation.guarding.conditions import Conditions
from bystack.federation.guarding.judging import Question, Verdict, judge
from bystack.federation.guarding.vault import Move, Vault
from bystack.federation.guarding.view import Heard, View
from bystack.ledger.terms import terms_hash
from bystack.ledger.vault_operations import (
    Adopt,
    Announce,
    Cancel,
    Complete,
    Freeze,
    Order,
    Recover,
    Replace,
    Veto,
    name_of,
)
from bystack.mainchain.blocks import Block
from bystack.sidechain.params import Genesis
from bystack.sidechain.stops import Stop

MOST_ASKED: Final = 64
REPEATED: Final = 2
"""Views in a row that must lack backing: what two chains show of one moment may cross."""


@dataclass(frozen=True)
class Rules:
    """What the operator decided: acts done without asking, and the least purse."""

    act: frozenset[ActKind] = frozenset(ActKind)
    low_balance: int = 0


class Guarding:
    """One guard over one vault. Made once; one task owns it."""

    def __init__(self, genesis: Genesis, rules: Rules, standing: Collection[Alarm] = ()) -> None:
        self.vault = Vault(genesis)
        self._genesis, self._rules = genesis, rules
        self._conditions = Conditions(genesis, rules.low_balance, standing)
        self._questions: list[Question] = []
        self._payments: list[Move] = []
        self._lacking = 0
        self._heard = Heard(0, False, 0, 0)
        self._view: View | None = None

    @property
    def view(self) -> View | None:
        """What is known of the sidechain."""
        return self._view

    @property
    def seeing(self) -> bool:
        """Whether the own node shows enough to judge by."""
        return self.vault.known and self._heard.caught_up and self._conditions.seeing

    @property
    def open(self) -> int:
        """How many spends are not judged yet."""
        return len(self._questions)

    def wanted(self) -> tuple[int, ...]:
        """The seqs whose batches the next view should have."""
        asked = [one.move.seq for one in self._questions if _is_order(one.move)]
        asked += [one.seq for one in self._payments if isinstance(one.operation, Complete)]
        return tuple(dict.fromkeys(asked))[:MOST_ASKED]

    # -- events

    def connected(self, height: int, block: Block, now: int) -> list[Output]:
        """A main-chain block joined the best chain; `now` in milliseconds."""
        outputs: list[Output] = []
        for move in self.vault.connect(height, block):
            if isinstance(move.operation, Order | Announce):
                self._questions.append(Question(move, now))
            if move.paid:
                self._payments.append(move)
            outputs += self._told(move)
        return outputs + self._judged()

    def disconnected(self, height: int) -> list[Output]:
        """The block of this height left the best chain; raises `UndoForgotten`."""
        self.vault.disconnect(height)
        self._questions = [one for one in self._questions if one.move.height < height]
        self._payments = [one for one in self._payments if one.height < height]
        self._lacking = 0
        return []

    def viewed(self, view: View, now: int) -> list[Output]:
        """The sidechain's final state as it stands now."""
        self._view = view
        self._payments = [one for one in self._payments if not accounted(one, view)]
        outputs = self._conditions.viewed(view, now)
        return [*outputs, *self._judged(), *self._equivocation(view), *self._backing(view)]

    def heard(self, heard: Heard) -> list[Output]:
        """The clock, the own node, the purse."""
        self._heard = heard
        anchor = self.vault.anchor if self.vault.known else None
        outputs = self._conditions.heard(heard, self.vault.height, anchor, self.vault.terms)
        return [*outputs, *self._judged()]

    # -- what follows

    def _judged(self) -> list[Output]:
        """Judge what can be; nothing while this guard's own node is behind."""
        if not self.seeing or self._view is None:
            return []
        left, outputs = [], list[Output]()
        still = self._conditions.stands_still
        for one in self._questions:
            verdict = judge(one, self._view, stands_still=still, height=self.vault.height)
            match verdict:
                case Verdict.NOT_YET:
                    left.append(one)
                case Verdict.UNKNOWN:
                    outputs += self._unknown(one.move)
                case Verdict.BACKED:
                    pass
        self._questions = left
        return outputs

    def _unknown(self, move: Move) -> Iterator[Output]:
        if isinstance(move.operation, Announce):
            yield from self._undecided(move, move.operation)
            return
        subject = subject_of(Kind.UNKNOWN_SPEND, move.transaction)
        held = {point.transaction.hex() + f":{point.index}" for point in move.pending}
        facts = {"transaction": move.transaction.hex(), "seq": move.seq, "height": move.height}
        yield Alarm(Kind.UNKNOWN_SPEND, subject, {**facts, **_sums(move), "pending": sorted(held)})
        if self._fresh(move):
            yield from self._act(Act(ActKind.FREEZE, subject))
        for point in move.pending:
            coin = self.vault.waiting.get(point)
            if coin is not None and self.vault.height + 1 < coin.mature:
                yield from self._act(Act(ActKind.VETO, subject, outpoint=point))

    def _undecided(self, move: Move, announce: Announce) -> Iterator[Output]:
        """Terms nobody decided, as long as they stand: old ones may have been decided and gone."""
        if all(one.terms != announce.terms for one in self.vault.anchor.announced):
            return
        subject = subject_of(Kind.UNDECIDED_TERMS, move.transaction)
        facts = {"transaction": move.transaction.hex(), "terms": announce.terms.hex()}
        ripe = move.height + move.terms.govern.delay
        yield Alarm(Kind.UNDECIDED_TERMS, subject, {**facts, "height": move.height, "ripe": ripe})
        yield from self._act(Act(ActKind.CANCEL, subject, terms=announce.terms))

    def _told(self, move: Move) -> Iterator[Output]:
        """What every guard's operator must hear of, once it is fresh."""
        match move.operation:
            case Replace(_, terms) | Recover(_, terms):
                kind = Kind.TAKEN_OVER
            case Adopt(terms) if self._view and terms_hash(terms) not in self._view.decided:
                kind = Kind.TAKEN_OVER
            case Freeze() | Cancel() | Veto():
                kind = Kind.GUARD_ACTED
            case _:
                return
        if self._heard.caught_up:
            facts = {"transaction": move.transaction.hex(), "operation": name_of(move.operation)}
            subject = subject_of(kind, move.transaction)
            yield Alarm(kind, subject, {**facts, "height": move.height})

    def _equivocation(self, view: View) -> Iterator[Output]:
        """Told by the chain, or proved to the own follower: who contradicts can keep it untold.

        A stop that a follower reads in old blocks may be lifted since, so it waits for the present:
        what was found behind the tip would be neither acted on then nor again at the tip.
        """
        if not self.seeing:
            return
        subject = subject_of(Kind.EQUIVOCATION, self._genesis.id)
        there = bool(view.stops & Stop.EQUIVOCATION or view.accused)
        facts = {"seen": view.height, "untold": view.accused}
        for output in self._conditions.stand(Kind.EQUIVOCATION, subject, there, facts):
            yield output
            if isinstance(output, Alarm):
                yield from self._act(Act(ActKind.FREEZE, subject))

    def _backing(self, view: View) -> Iterator[Output]:
        """Whether all that the sidechain owes is there, twice in a row."""
        comparable = self.seeing and view.attached and self.vault.height >= view.relay_height
        if not comparable:
            self._lacking = 0
            return
        lacking = shortfall(self.vault.holdings, self._payments, view)
        self._lacking = self._lacking + 1 if lacking else 0
        if self._lacking not in (0, REPEATED):
            return
        subject = subject_of(Kind.UNBACKED_MINT, self._genesis.id)
        facts = {"missing": {asset.hex(): lack for asset, lack in sorted(lacking.items())}}
        for output in self._conditions.stand(Kind.UNBACKED_MINT, subject, bool(lacking), facts):
            yield output
            if isinstance(output, Alarm):
                yield from self._act(Act(ActKind.FREEZE, subject))

    def _fresh(self, move: Move) -> bool:
        """Young enough that freezing still answers it: not what a node reads when it first syncs.

        A freeze in answer to old history would itself be the harm.
        """
        return self.vault.height - move.height <= move.terms.guard.freeze

    def _act(self, act: Act) -> Iterator[Output]:
        if act.kind in self._rules.act:
            yield act


def _is_order(move: Move) -> bool:
    return isinstance(move.operation, Order)


def _sums(move: Move) -> dict[str, dict[str, int]]:
    """What an order pays, per asset, for an alarm's facts."""
    sums: dict[str, int] = {}
    if isinstance(move.operation, Order):
        for output in move.operation.outputs:
            sums[output.asset.hex()] = sums.get(output.asset.hex(), 0) + output.amount
    return {"amounts": sums}
