"""Orders and the anchor: what a tier may move, how the transaction must look, what stays."""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.checks import SignatureWrong
from bystack.ledger.effects import BlsCheck
from bystack.ledger.policies import Bls
from bystack.ledger.satisfaction import PolicyUnsatisfied
from bystack.ledger.terms import TermsInvalid, terms_hash
from bystack.ledger.transactions import (
    Approval,
    DepositLock,
    NoWitness,
    Outpoint,
    Output,
    PendingLock,
    RetireLock,
    TreasuryLock,
    VaultLock,
)
from bystack.ledger.vault_building import NO_SPONSOR, Sponsor, build_create, build_order
from bystack.ledger.vault_errors import (
    AnchorMismatch,
    ApprovalInvalid,
    AssetNotListed,
    BucketExceeded,
    CreateSpendsNothing,
    ForeignVaultCoin,
    OrderOutputInvalid,
    OrderUnit,
    PendingInOrder,
    SeqMismatch,
    SponsorInvalid,
    TermsUnknown,
    TierUnknown,
    Underfunded,
    VaultFrozen,
)
from bystack.ledger.vault_operations import (
    Freeze,
    Order,
    encode_operation,
    extra_weight,
    guard_hash,
    operation_digest,
    outputs_hash,
)
from bystack.ledger.vault_state import first_state
from bystack.ledger.vaults import anchor_outpoint_after, spent_anchor
from bystack.primitives import bls
from bystack.primitives.codec import encode
from tests.ledger.vault_world import (
    CHAIN,
    EVERYBODY,
    GOLD,
    GOLD_UNIT,
    LARGE,
    SLOW,
    World,
    approved_by,
    edited,
    new_terms,
    pay,
    payee,
    usual_terms,
)


@pytest.fixture
def world() -> World:
    world = World()
    world.fill_buckets()
    return world


class TestCreate:
    def test_starts_empty(self) -> None:
        world = World(height=77)
        assert world.state == first_state(world.terms, 77)
        assert (world.state.seq, world.state.turn, world.state.touched) == (0, 0, 77)
        assert {b.level for b in world.state.buckets} == {0}
        anchor = world.coins[world.anchor]
        assert (anchor.asset, anchor.amount, anchor.lock) == (BTM, 0, VaultLock(world.vault))

    def test_every_policy_signs(self, world: World) -> None:
        for absent in EVERYBODY & {"op", "s1", "g1"}:
            sponsor = world.sponsor()
            tx = world.create(usual_terms(), sponsor)
            approved = tx.witnesses[-1]
            assert isinstance(approved, Approval)
            groups = (*approved.signatures[:-1], ())
            with pytest.raises(Exception) as refused:
                world.judge(approved_by(tx, Approval(b"", groups)))
            assert type(refused.value).__name__ == "ItemsMissing", absent

    def test_reveals_nothing_beside_the_operation(self, world: World) -> None:
        tx = world.create(usual_terms(), world.sponsor())
        approved = tx.witnesses[-1]
        assert isinstance(approved, Approval)
        with pytest.raises(ApprovalInvalid):
            world.judge(approved_by(tx, replace(approved, revealed=b"x")))

    def test_refuses_invalid_terms(self, world: World) -> None:
        terms = replace(usual_terms(), guard=replace(usual_terms().guard, freeze=0))
        with pytest.raises(TermsInvalid):
            world.judge(world.create(terms, world.sponsor()))

    def test_spends_at_least_one_coin(self, world: World) -> None:
        tx = world.create(usual_terms(), world.sponsor())
        body = replace(tx.body, inputs=())
        with pytest.raises(CreateSpendsNothing):
            world.judge(world.signed(body, NoWitness()))

    def test_sponsors_have_policy_locks(self, world: World) -> None:
        tx = world.create(usual_terms(), world.sponsor())
        coin, _ = world.deposit(5)
        with pytest.raises(SponsorInvalid):
            world.judge(edited(world, tx, inputs=(*tx.body.inputs, coin)))
        retired = Output(BTM, 1, RetireLock(b""))
        with pytest.raises(SponsorInvalid):
            world.judge(edited(world, tx, outputs=(*tx.body.outputs, retired)))

    def test_anchor_carries_the_id(self, world: World) -> None:
        tx = world.create(usual_terms(), world.sponsor())
        wrong = Output(BTM, 0, VaultLock(world.vault))
        with pytest.raises(AnchorMismatch):
            world.judge(edited(world, tx, outputs=(wrong, *tx.body.outputs[1:])))

    def test_weighs_more(self, world: World) -> None:
        tx = world.create(usual_terms(), world.sponsor())
        assert len(tx.body.actions) == 1
        assert extra_weight(Order(0, 0, (pay(1),))) == 0
        assert build_create(usual_terms(), world.sponsor()).actions[0].kind == 16


class TestOrder:
    def test_pays_and_keeps_the_rest(self, world: World) -> None:
        coins = [world.deposit(70), world.treasury(60), world.deposit(30, GOLD, GOLD_UNIT)]
        tx = world.order([pay(80), pay(10, GOLD)], coins)
        fees = world.judge(tx).fees
        world.submit(tx)
        kept = [(o.asset, o.amount) for o in tx.body.outputs if isinstance(o.lock, TreasuryLock)]
        assert kept == [(GOLD, 20), (BTM, 50)]  # ascending id
        assert fees == {BTM: 3}
        assert (world.holdings(BTM), world.holdings(GOLD)) == (50, 20)
        assert (world.state.seq, world.state.turn, world.state.touched) == (1, 0, world.height)

    def test_pays_a_deposit_of_another_vault(self, world: World) -> None:
        other = Output(BTM, 5, DepositLock(b"\x09" * 32, b"\x01" * 64))
        world.submit(world.order([other], [world.deposit(9)]))
        assert world.holdings(BTM) == 4

    def test_without_fee_or_sponsor(self, world: World) -> None:
        world.submit(world.order([pay(9)], [world.deposit(9)], sponsor=NO_SPONSOR))
        assert world.holdings(BTM) == 0

    def test_another_sponsor_needs_no_new_signature(self, world: World) -> None:
        tx = world.order([pay(9)], [world.deposit(9)])
        richer = world.sponsor(amount=1000, fee=900)
        inputs = (*tx.body.inputs[:2], *richer.inputs)
        outputs = (*tx.body.outputs[:2], *richer.outputs)
        assert world.judge(edited(world, tx, inputs=inputs, outputs=outputs)).fees == {BTM: 900}

    def test_exactly_the_bucket(self, world: World) -> None:
        coins = [world.deposit(1000)]
        with pytest.raises(BucketExceeded) as refused:
            world.judge(world.order([pay(60), pay(41)], coins))
        assert refused.value.facts == {"tier": 0, "asset": BTM, "level": 100, "asked": 101}
        world.submit(world.order([pay(60), pay(40)], coins))
        with pytest.raises(BucketExceeded):
            world.judge(world.order([pay(1)], [world.deposit(1)]))

    def test_unlisted_asset(self, world: World) -> None:
        coin = world.deposit(1000, GOLD, GOLD_UNIT)
        with pytest.raises(AssetNotListed):
            world.judge(world.order([pay(10, GOLD)], [coin], tier=SLOW))
        world.judge(world.order([pay(1000, GOLD)], [coin], tier=LARGE))

    def test_seq_and_tier(self, world: World) -> None:
        coin = world.deposit(5)
        for seq in (1, 2**62):
            with pytest.raises(SeqMismatch):
                world.judge(world.order([pay(1)], [coin], seq=seq))
        order = Order(0, 3, (pay(1),))
        tx = world.order([pay(1)], [coin])
        with pytest.raises(TierUnknown):
            world.judge(edited(world, tx, actions=(encode_operation(order),)))

    def test_signed_by_its_own_tier(self, world: World) -> None:
        coin = world.deposit(300)
        with pytest.raises(Exception, match="ItemsMissing"):
            world.judge(world.order([pay(1)], [coin], held={"s1", "s2"}))
        with pytest.raises(Exception, match="ItemsMissing"):
            world.judge(world.order([pay(300)], [coin], tier=LARGE, held={"op", "s1"}))

    def test_signature_covers_everything_said(self, world: World) -> None:
        coin = world.deposit(90)
        tx = world.order([pay(50)], [coin])
        other = world.order([pay(50, to="thief")], [coin], held=())
        with pytest.raises(SignatureWrong):
            world.judge(approved_by(other, tx.witnesses[-1]))

    def test_frozen(self, world: World) -> None:
        coin = world.deposit(90)
        world.submit(world.spend(Freeze(0)))
        for height in (world.height, world.height + 19):
            world.height = height
            with pytest.raises(VaultFrozen):
                world.judge(world.order([pay(50)], [coin]))
        world.height += 1
        world.judge(world.order([pay(50)], [coin]))

    @pytest.mark.parametrize(
        "output",
        [
            Output(BTM, 0, payee()),
            Output(BTM, 1, RetireLock(b"")),
            Output(BTM, 0, VaultLock(bytes(32))),
            Output(BTM, 1, TreasuryLock(bytes(32))),
            Output(BTM, 1, PendingLock(bytes(32), bytes(32), bytes(32), 0)),
        ],
    )
    def test_pays_policies_and_deposits_only(self, world: World, output: Output) -> None:
        with pytest.raises(OrderOutputInvalid):
            world.order([output], [world.deposit(9)])
        tx = world.order([pay(1)], [world.deposit(9)])
        bad = encode_operation(Order(0, 0, (output,)))
        with pytest.raises(OrderOutputInvalid):
            world.judge(edited(world, tx, actions=(bad,)))

    def test_underfunded(self, world: World) -> None:
        tx = world.order([pay(9)], [world.deposit(9)])
        poor = world.deposit(8)
        inputs = (tx.body.inputs[0], poor[0], *tx.body.inputs[2:])
        with pytest.raises(Underfunded):
            world.judge(edited(world, tx, inputs=inputs))

    def test_a_pending_coin_is_never_made_of_broken_units(self, world: World) -> None:
        coin = world.deposit(40, GOLD, GOLD_UNIT)
        tx = world.order([pay(10, GOLD), pay(10, GOLD)], [coin], tier=LARGE)
        bad = Order(0, LARGE, (pay(5, GOLD), pay(15, GOLD)))
        with pytest.raises(OrderUnit):
            world.order(bad.outputs, [coin], tier=LARGE)
        lock = PendingLock(
            world.vault, guard_hash(world.terms.guard.policy), outputs_hash(bad.outputs), 144
        )
        outputs = (tx.body.outputs[0], Output(GOLD, 20, lock), *tx.body.outputs[2:])
        changed = edited(world, tx, actions=(encode_operation(bad),), outputs=outputs)
        with pytest.raises(OrderUnit):
            world.judge(approved_by(changed, world.approve(bad)))

    def test_foreign_and_pending_coins(self, world: World) -> None:
        tx = world.order([pay(9)], [world.deposit(9)])
        pending = PendingLock(world.vault, bytes(32), bytes(32), 1)
        for lock, error in (
            (TreasuryLock(b"\x09" * 32), ForeignVaultCoin),
            (DepositLock(b"\x09" * 32, bytes(64)), ForeignVaultCoin),
            (VaultLock(b"\x09" * 32), ForeignVaultCoin),
            (pending, PendingInOrder),
        ):
            coin = world.mint(lock, 9)
            inputs = (tx.body.inputs[0], coin[0], *tx.body.inputs[2:])
            with pytest.raises(error):
                world.judge(edited(world, tx, inputs=inputs))

    def test_delay_sets_aside_per_asset(self, world: World) -> None:
        coins = [world.deposit(90), world.deposit(90, GOLD, GOLD_UNIT)]
        paid = (pay(5, GOLD_OTHER), pay(30), pay(10, GOLD), pay(4, to="bob"))
        coins.append(world.deposit(5, GOLD_OTHER))
        tx = world.order(paid, coins, tier=LARGE)
        world.submit(tx)
        pending = [o for o in tx.body.outputs if isinstance(o.lock, PendingLock)]
        assert [(o.asset, o.amount) for o in pending] == [(GOLD, 10), (GOLD_OTHER, 5), (BTM, 34)]
        lock = pending[2].lock
        assert isinstance(lock, PendingLock)
        assert lock.outputs == outputs_hash((paid[1], paid[3]))
        assert (lock.delay, lock.guard) == (144, guard_hash(world.terms.guard.policy))
        assert (world.holdings(BTM), world.holdings(GOLD)) == (90, 90)


GOLD_OTHER = b"\x03" * 32


class TestApproval:
    def test_reveals_the_terms_in_force(self, world: World) -> None:
        tx = world.touch()
        world.terms = new_terms()
        with pytest.raises(TermsUnknown):
            world.judge(world.touch())
        with pytest.raises(ApprovalInvalid):
            world.judge(approved_by(tx, NoWitness()))

    def test_one_group_of_items_exactly(self, world: World) -> None:
        tx = world.touch()
        approved = tx.witnesses[-1]
        assert isinstance(approved, Approval)
        for groups in ((), approved.signatures * 2, (*approved.signatures, ())):
            with pytest.raises(ApprovalInvalid):
                world.judge(approved_by(tx, replace(approved, signatures=groups)))
        surplus = (*approved.signatures[0], b"")
        with pytest.raises(Exception, match="ItemsSurplus"):
            world.judge(approved_by(tx, replace(approved, signatures=(surplus,))))
        with pytest.raises(PolicyUnsatisfied):
            world.judge(approved_by(tx, replace(approved, signatures=((b"",),))))


def test_a_group_key_orders() -> None:
    """A tier of a BLS group key: one check of that key, over the order's digest."""
    secret = bls.key_gen(b"a federation's group key of 32 B!")
    group = Bls(bls.sk_to_pk(secret))
    first = replace(usual_terms().tiers[0], policy=group)
    terms = replace(usual_terms(), tiers=(first,))
    world = World()
    world.terms, state = terms, replace(world.state, terms=terms_hash(terms))
    world.coins[world.anchor] = replace(world.coins[world.anchor], state=encode(state))
    world.fill_buckets()
    order, coin = Order(0, 0, (pay(5),)), world.deposit(9)
    digest = operation_digest(CHAIN, world.vault, 0, order)
    body = build_order(world.at(world.anchor), terms, order, [coin], world.sponsor())
    signed = Approval(encode(terms), ((bls.sign(secret, digest),),))
    tx = world.signed(body, signed)
    checks = world.judge(tx).checks
    assert BlsCheck(group.key, digest, signed.signatures[0][0]) in checks
    other = Approval(encode(terms), ((bls.sign(secret, bytes(32)),),))
    with pytest.raises(SignatureWrong):
        world.judge(approved_by(tx, other))


def test_anchor_before_and_after(world: World) -> None:
    tx = world.touch()
    assert spent_anchor(tx, world) == world.anchor
    assert anchor_outpoint_after(tx) == Outpoint(tx.id, 0)
    deposit = world.deposit(5)
    coins = [world.deposit(5, height=0) for _ in range(8)]
    joined = world.consolidate([*coins, (deposit[0], deposit[1])])
    assert (spent_anchor(joined, world), anchor_outpoint_after(joined)) == (None, None)


def test_sponsor_pays_in_any_asset_they_have(world: World) -> None:
    coin, _ = world.mint(payee("sponsor"), 40, GOLD, GOLD_UNIT)
    tx = world.create(usual_terms(), Sponsor((coin,), (pay(40, GOLD),)))
    assert world.judge(tx).fees == {}
