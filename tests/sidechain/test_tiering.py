"""The peg queue as a machine against a simple model, with terms that change under it."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bystack.ledger.amounts import BTM
from bystack.ledger.buckets import Bucket
from bystack.ledger.terms import Limit, Terms, Tier
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_state import decode_state, first_state
from bystack.primitives.codec import encode
from bystack.sidechain import batches, peg_numbers, queue, relay, settlement
from bystack.sidechain.burns import Burn, burn, refund
from bystack.sidechain.modules.base import BlockContext, Modules
from bystack.sidechain.records import (
    MAX_BATCH,
    MAX_OPEN,
    MIRROR,
    BatchState,
    Loss,
    Mirror,
    PegoutState,
    Pending,
    Request,
    request_key,
)
from bystack.sidechain.requests import WAITING
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState
from bystack.sidechain.sums import move, reserved_key, spare_fees, sums_of
from bystack.sidechain.tiering import APART, BurnAboveCapacity
from tests.ledger.people import CAROL
from tests.sidechain.mainside import GOLD, TERMS, vault_chain
from tests.sidechain.world import Store, genesis_for

GENESIS = genesis_for(vault_chain())
POLICIES = [tier.policy for tier in TERMS.tiers]
ASSETS = st.sampled_from([BTM, GOLD])
CHANGES = {"asset": ASSETS}


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    """One to three tiers, some delayed, each with limits that cover little, much or one asset."""
    tiers = []
    for policy in POLICIES[: draw(st.integers(1, 3))]:
        listed = draw(st.sampled_from([(BTM,), (GOLD,), (BTM, GOLD)]))
        capacities = st.sampled_from([50, 300, 1_000, 4_000])
        limits = tuple(Limit(asset, most := draw(capacities), most, 2) for asset in listed)
        tiers.append(Tier(policy, limits, draw(st.sampled_from([0, 4]))))
    return msgspec.structs.replace(TERMS, tiers=tuple(tiers))


def covers(tier: Tier, asset: bytes, amount: int) -> bool:
    return any(limit.asset == asset and limit.capacity >= amount for limit in tier.limits)


class Pegs(RuleBasedStateMachine):
    """Burns, batches and what becomes of them; the model keeps a list per tier."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(
            GENESIS, Modules(()), BlockContext(GENESIS.id, 1, 1, 10), SystemState(Store())
        )
        relay.start_relay(self.stage.state, GENESIS)
        peg_numbers.begin(self.stage.state, GENESIS)
        for asset in (BTM, GOLD):
            move(self.stage.state, asset, circulating=10**9)
        self.terms = TERMS
        self.made = 0
        self.queues: dict[int, list[bytes]] = {}
        self.open: dict[int, list[bytes]] = {}
        self.pending: dict[int, list[bytes]] = {}
        self.done: dict[bytes, PegoutState] = {}
        self.next = 0
        self._mirror(TERMS, 0)

    # -- helpers

    def _mirror(self, given: Terms, seq: int) -> None:
        """The vault as proved: these terms, this seq, every bucket full."""
        full = tuple(
            Bucket(number, limit.asset, limit.capacity, 10)
            for number, tier in enumerate(given.tiers)
            for limit in sorted(tier.limits, key=lambda one: one.asset)
        )
        state = msgspec.structs.replace(first_state(given, 10), seq=seq, buckets=full)
        place = Outpoint(bytes(32), 0)
        made = Mirror(place, encode(state), encode(given), 10, bytes(32))
        self.stage.state.write(MIRROR, made)

    def request(self, id: bytes) -> Request:
        found = self.stage.state.read(Request, request_key(id))
        assert found is not None
        return found

    def _seq(self) -> int:
        mirror = self.stage.state.read(Mirror, MIRROR)
        assert mirror is not None
        return decode_state(mirror.state).seq

    def _spent(self) -> tuple[int, list[bytes]]:
        """The oldest open seq is proved spent."""
        seq = min(self.open)
        self._mirror(self.terms, seq + 1)
        return seq, self.open.pop(seq)

    def _batch(self, seq: int) -> Any:
        found = batches.batch_of(self.stage.state, seq)
        assert found is not None
        return found

    def _back(self, seq: int, ids: list[bytes]) -> None:
        self.queues.setdefault(self._batch(seq).record.tier, [])[:0] = ids

    # -- what happens

    @rule(asset=ASSETS, amount=st.sampled_from([20, 60, 200, 700, 1_500, 3_500]))
    def burns(self, asset: bytes, amount: int) -> None:
        self.made += 1
        action = Burn(CAROL.lock, asset, amount, CAROL.lock.root)
        payout = amount - 4 - amount * 200 // 10_000
        fit = [n for n, tier in enumerate(self.terms.tiers) if covers(tier, asset, payout)]
        try:
            id = burn(self.stage, self.terms, action, self.made.to_bytes(32, "big"), 0)
        except BurnAboveCapacity:
            assert not fit
            return
        self.queues.setdefault(fit[0], []).append(id)

    @rule()
    def block(self) -> None:
        """A block ends: at most one batch, as the model says."""
        self._retier()
        expected = self._expected()
        batches.form(self.stage, 0)
        if expected is None:
            assert batches.open_seqs(self.stage.state) == tuple(sorted(self.open))
            return
        tier, ids = expected
        seq = max(self._seq(), self.next)
        self.next = seq + 1
        record = self._batch(seq).record
        assert (record.tier, list(record.requests)) == (tier, ids)
        assert [o.amount for o in record.outputs] == [self.request(id).payout for id in ids]
        self.open[seq] = ids
        del self.queues[tier][: len(ids)]

    def _retier(self) -> None:
        """Heads that their tier can never pay go to the end of one that can, or stand apart."""
        for tier in range(8):
            waiting = self.queues.get(tier, [])
            while waiting and not self._covered(tier, waiting[0]):
                id = waiting.pop(0)
                self.queues.setdefault(self._first(id), []).append(id)
        for id in list(self.queues.get(APART, [])):
            if self._first(id) != APART:
                self.queues[APART].remove(id)
                self.queues.setdefault(self._first(id), []).append(id)

    def _covered(self, tier: int, id: bytes) -> bool:
        request = self.request(id)
        listed = tier < len(self.terms.tiers)
        return listed and covers(self.terms.tiers[tier], request.asset, request.payout)

    def _first(self, id: bytes) -> int:
        fit = [n for n in range(len(self.terms.tiers)) if self._covered(n, id)]
        return fit[0] if fit else APART

    def _expected(self) -> tuple[int, list[bytes]] | None:
        """The next batch: tier by tier, each queue in order as far as its bucket reaches."""
        if len(self.open) >= MAX_OPEN:
            return None
        for number, tier in enumerate(self.terms.tiers):
            room = {limit.asset: limit.capacity for limit in tier.limits}
            for seq in self.open:
                record = self._batch(seq).record
                for output in record.outputs if record.tier == number else ():
                    room[output.asset] = room.get(output.asset, 0) - output.amount
            ids: list[bytes] = []
            for id in self.queues.get(number, [])[:MAX_BATCH]:
                request = self.request(id)
                room[request.asset] = room.get(request.asset, 0) - request.payout
                mixed = ids and tier.delay and request.asset != self.request(ids[0]).asset
                if mixed or room[request.asset] < 0:
                    break
                ids.append(id)
            if ids:
                return number, ids
        return None

    @precondition(lambda self: self.open)
    @rule()
    def paid(self) -> None:
        seq, ids = self._spent()
        settlement.settle(self.stage, seq, self._batch(seq))
        self.done |= dict.fromkeys(ids, PegoutState.SETTLED)

    @precondition(lambda self: self.open)
    @rule()
    def voided(self) -> None:
        """Touch, announce, or another's order: the seq is spent otherwise."""
        seq, ids = self._spent()
        settlement.void(self.stage, seq, self._batch(seq))
        self._back(seq, ids)

    @precondition(lambda self: self.open)
    @rule()
    def set_aside(self) -> None:
        seq, ids = self._spent()
        coin = Outpoint(seq.to_bytes(32, "big"), 1)
        pending = Pending(seq, 1, Loss(BTM, 1))
        settlement.set_aside(self.stage, seq, self._batch(seq), coin, pending)
        self.pending[seq] = ids

    @precondition(lambda self: self.pending)
    @rule(data=st.data(), vetoed=st.booleans())
    def resolved(self, data: st.DataObject, vetoed: bool) -> None:
        seq = data.draw(st.sampled_from(sorted(self.pending)))
        ids = self.pending.pop(seq)
        if vetoed:
            settlement.veto(self.stage, seq, self._batch(seq))
            self._back(seq, ids)
        else:
            settlement.settle(self.stage, seq, self._batch(seq))
            self.done |= dict.fromkeys(ids, PegoutState.SETTLED)

    @rule(given=terms())
    def new_terms(self, given: Terms) -> None:
        """Adopted: the vault's terms are others, and the present seq is spent by that."""
        self.terms = given
        seq = self._seq()
        self._mirror(given, seq + 1)
        if seq in self.open:
            ids = self.open.pop(seq)
            settlement.void(self.stage, seq, self._batch(seq))
            self._back(seq, ids)
        # Later batches stay open under their seqs; whether they can be paid, the main chain says.

    @precondition(lambda self: any(self.queues.values()))
    @rule(data=st.data())
    def refunded(self, data: st.DataObject) -> None:
        tier = data.draw(st.sampled_from([t for t, ids in self.queues.items() if ids]))
        id = data.draw(st.sampled_from(self.queues[tier]))
        refund(self.stage, id)
        self.queues[tier].remove(id)
        self.done[id] = PegoutState.REFUNDED

    # -- what always holds

    @invariant()
    def same(self) -> None:
        for tier in (*range(8), APART):
            mine = self.queues.get(tier, [])
            assert queue.length(self.stage.state, tier) == len(mine)
            assert [id for id, _ in queue.waiting(self.stage.state, tier, 10_000)] == mine
            assert all(self.request(id).tier == tier for id in mine)
            assert all(self.request(id).state == PegoutState.REQUESTED for id in mine)
        for id, state in self.done.items():
            assert self.request(id).state == state
        assert batches.open_seqs(self.stage.state) == tuple(sorted(self.open))
        for seq in self.open:
            assert self._batch(seq).state == BatchState.OPEN

    @invariant()
    def books(self) -> None:
        """What is owed is what waits, and its fees are not to be shared."""
        for asset in (BTM, GOLD):
            ids = [*self._every(self.queues), *self._every(self.open), *self._every(self.pending)]
            waiting = [r for r in map(self.request, ids) if r.asset == asset]
            assert all(request.state in WAITING for request in waiting)
            sums, fees = sums_of(self.stage.state, asset), sum(r.burned - r.payout for r in waiting)
            assert sums.owed == sum(request.payout for request in waiting)
            assert self.stage.state.number(reserved_key(asset)) == fees
            assert spare_fees(self.stage.state, asset) == sums.pool - fees

    def _every(self, lists: dict[int, list[bytes]]) -> list[bytes]:
        return [id for ids in lists.values() for id in ids]


TestPegs = Pegs.TestCase
TestPegs.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
