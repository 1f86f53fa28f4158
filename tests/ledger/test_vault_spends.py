"""Complete, veto and consolidate."""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.satisfaction import ItemsMissing
from bystack.ledger.transactions import (
    Approval,
    NoWitness,
    Outpoint,
    Output,
    PendingLock,
    RetireLock,
    TreasuryLock,
)
from bystack.ledger.vault_building import OwnedCoin
from bystack.ledger.vault_errors import (
    ApprovalInvalid,
    ConsolidationInvalid,
    GuardUnknown,
    NotMature,
    NotPending,
    OutputsMismatch,
    SponsorInvalid,
    TooLate,
)
from bystack.ledger.vault_operations import Veto, encode_operation
from bystack.primitives.codec import Malformed, encode
from tests.ledger.vault_world import (
    EVERYBODY,
    GOLD,
    GOLD_UNIT,
    LARGE,
    World,
    approved_by,
    edited,
    pay,
)

PAID = (pay(30), pay(4, to="bob"))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def pending(world: World) -> Outpoint:
    """A pending coin of 34 BTM, mature 144 blocks on."""
    tx = world.order(PAID, [world.deposit(90)], tier=LARGE)
    world.submit(tx)
    return Outpoint(tx.id, 1)


class TestComplete:
    def test_exactly_the_outputs_once_mature(self, world: World, pending: Outpoint) -> None:
        tx = world.complete(pending, PAID)
        world.height += 143
        with pytest.raises(NotMature):
            world.judge(tx)
        world.height += 1
        world.submit(tx)
        assert world.holdings(BTM) == 56
        assert world.judge(world.touch())

    def test_stays_possible(self, world: World, pending: Outpoint) -> None:
        world.height += 10**6
        world.judge(world.complete(pending, PAID))

    def test_nothing_else(self, world: World, pending: Outpoint) -> None:
        world.height += 144
        tx = world.complete(pending, PAID)
        first, second, back = tx.body.outputs
        for outputs in (
            (second, first, back),
            (pay(34), back),
            (first, replace(second, lock=first.lock), back),
            (first, pay(3, to="bob"), back),
            (first, pay(5, to="bob"), back),
            (first, replace(second, asset=GOLD), back),
            (back, first, second),
            (first,),
            (),
        ):
            with pytest.raises(OutputsMismatch):
                world.judge(edited(world, tx, outputs=outputs))

    def test_sponsors_only_beside(self, world: World, pending: Outpoint) -> None:
        world.height += 144
        tx = world.complete(pending, PAID)
        coin, _ = world.deposit(9)
        with pytest.raises(SponsorInvalid):
            world.judge(edited(world, tx, inputs=(*tx.body.inputs, coin)))
        retired = Output(BTM, 1, RetireLock(b""))
        with pytest.raises(SponsorInvalid):
            world.judge(edited(world, tx, outputs=(*PAID, retired)))

    def test_of_a_pending_coin_by_nobody_in_particular(
        self, world: World, pending: Outpoint
    ) -> None:
        world.height += 144
        tx = world.complete(pending, PAID)
        with pytest.raises(ApprovalInvalid):
            world.judge(approved_by(tx, Approval(b"", ())))
        coin, _ = world.deposit(34)
        with pytest.raises(NotPending):
            world.judge(edited(world, tx, inputs=(coin, tx.body.inputs[1])))
        with pytest.raises(NotPending):
            world.judge(edited(world, tx, inputs=()))


class TestVeto:
    def test_returns_all_to_the_treasury(self, world: World, pending: Outpoint) -> None:
        world.height += 143
        before = world.state
        back = world.submit(world.veto(pending))
        assert world.coins[back].output == Output(BTM, 34, TreasuryLock(world.vault))
        assert world.holdings(BTM) == 90
        assert world.state == before  # gives nothing back to a bucket

    def test_strictly_before_maturity(self, world: World, pending: Outpoint) -> None:
        world.height += 144
        with pytest.raises(TooLate):
            world.judge(world.veto(pending))

    def test_by_the_guard(self, world: World, pending: Outpoint) -> None:
        with pytest.raises(ItemsMissing):
            world.judge(world.veto(pending, EVERYBODY - {"g1", "g2"}))
        world.judge(world.veto(pending, {"g2"}))
        tx = world.veto(pending)
        with pytest.raises(ApprovalInvalid):
            world.judge(approved_by(tx, NoWitness()))
        approved = tx.witnesses[-1]
        assert isinstance(approved, Approval)
        other = encode(world.terms.recover.policy)
        with pytest.raises(GuardUnknown):
            world.judge(approved_by(tx, replace(approved, revealed=other)))
        with pytest.raises(Malformed):
            world.judge(approved_by(tx, replace(approved, revealed=b"")))

    def test_names_its_coin(self, world: World, pending: Outpoint) -> None:
        order = world.order(PAID, [world.deposit(90)], tier=LARGE)
        world.submit(order)
        other = encode_operation(Veto(Outpoint(order.id, 1)))
        with pytest.raises(NotPending):
            world.judge(edited(world, world.veto(pending), actions=(other,)))

    def test_one_treasury_coin(self, world: World, pending: Outpoint) -> None:
        tx = world.veto(pending)
        back, change = tx.body.outputs
        thief = pay(34, to="thief")
        halves = (replace(back, amount=17), replace(back, amount=17))
        for outputs in ((thief, change), (change, back), (*halves, change), ()):
            with pytest.raises(OutputsMismatch):
                world.judge(edited(world, tx, outputs=outputs))

    def test_coin_is_pending(self, world: World, pending: Outpoint) -> None:
        tx = world.veto(pending)
        world.coins[pending] = world.treasury(34)[1]
        with pytest.raises(NotPending):
            world.judge(tx)


class TestConsolidate:
    def coins(self, world: World, count: int, depth: int = 100) -> list[OwnedCoin]:
        at = world.height - depth
        made = [world.deposit(n + 1, height=at) for n in range(count - 1)]
        return [*made, world.mint(TreasuryLock(world.vault), 1000, height=at)]

    @pytest.mark.parametrize("count", [8, 256])
    def test_joins(self, world: World, count: int) -> None:
        coins, before = self.coins(world, count), world.holdings(BTM)
        held, state = len(world.coins), world.state
        joined = world.submit(world.consolidate(coins))
        assert world.coins[joined].output == Output(BTM, before, TreasuryLock(world.vault))
        assert len(world.coins) == held + 1 - count + 1  # the sponsor's coin changed hands
        assert world.state == state

    @pytest.mark.parametrize("count", [7, 257])
    def test_count(self, world: World, count: int) -> None:
        with pytest.raises(ConsolidationInvalid):
            world.judge(world.consolidate(self.coins(world, count)))

    def test_depth(self, world: World) -> None:
        coins = [*self.coins(world, 8), *self.coins(world, 2, depth=99)]
        with pytest.raises(ConsolidationInvalid):
            world.judge(world.consolidate(coins))
        world.height += 1
        world.judge(world.consolidate(coins))

    def test_one_vault_and_asset(self, world: World) -> None:
        good = self.coins(world, 8)
        pending = PendingLock(world.vault, bytes(32), bytes(32), 1)
        for odd in (
            world.deposit(10, GOLD, GOLD_UNIT, height=0),
            world.mint(TreasuryLock(b"\x09" * 32), 5, height=0),
            world.mint(pending, 5, height=0),
            (world.anchor, world.coins[world.anchor]),
        ):
            world.height += 100
            with pytest.raises(ConsolidationInvalid):
                world.judge(world.consolidate([*good, odd]))

    def test_all_of_it_and_sponsors_apart(self, world: World) -> None:
        tx = world.consolidate(self.coins(world, 8))
        joined, change = tx.body.outputs
        for outputs in ((replace(joined, amount=joined.amount - 1), change), (change, joined), ()):
            with pytest.raises(OutputsMismatch):
                world.judge(edited(world, tx, outputs=outputs))
        late, _ = world.deposit(5, height=0)
        with pytest.raises(SponsorInvalid):
            world.judge(edited(world, tx, inputs=(*tx.body.inputs, late)))
        with pytest.raises(ApprovalInvalid):
            world.judge(approved_by(tx, Approval(b"", ())))
