"""The rules of a transaction, one case each; refused input changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.ledger.amounts import BTM, AmountOverflow
from bystack.ledger.checks import verify_checks
from bystack.ledger.coins import Coin, CoinExists, CoinMissing, Delta, Overlay
from bystack.ledger.effects import NO_EFFECTS, BlsCheck, Effects, SchnorrCheck
from bystack.ledger.policies import Older, Thresh
from bystack.ledger.satisfaction import policy_root, prove_branch
from bystack.ledger.signing import ALL
from bystack.ledger.transactions import (
    MAX_ACTION_BODY,
    MAX_DEPOSITING,
    Action,
    Approval,
    DepositLock,
    Lock,
    NoWitness,
    Outpoint,
    Output,
    PendingLock,
    PolicyLock,
    RecordLock,
    RetireLock,
    Spend,
    Transaction,
    TreasuryLock,
    VaultLock,
)
from bystack.ledger.validation import (
    AmountZero,
    AnchorAmount,
    DepositTooLong,
    Expired,
    Immature,
    InputRepeated,
    LockForbidden,
    NothingDone,
    NotSpendable,
    NotYetValid,
    Overspent,
    TransactionTooLong,
    UnitBroken,
    VersionUnknown,
    WindowEmpty,
    WitnessCount,
    WitnessKind,
    apply_transaction,
    check_transaction,
    spends,
    weight,
)
from bystack.mainchain.proofs import MAX_HISTORY_PROOF
from bystack.primitives.codec import MAX_INT
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB, CAROL, GOLD, RULES, body, coin, outpoint, pay, signed

A, B, NOWHERE = outpoint(1), outpoint(2), outpoint(99)
SILVER = b"\x51" * 32
COINS = {A: coin(ALICE, 50), B: coin(BOB, 700, GOLD, unit=100)}
HEIGHT = 200
VAULT = b"\x77" * 32
PAYMENT = signed(COINS, body([A], [pay(BOB, 30), pay(ALICE, 18)]), [ALICE])
DEED = Action(7, b"")


def with_body(tx: Transaction, **fields: object) -> Transaction:
    return Transaction(msgspec.structs.replace(tx.body, **fields), tx.witnesses)


def with_witnesses(tx: Transaction, *witnesses: object) -> Transaction:
    return Transaction(tx.body, witnesses)  # type: ignore[arg-type]


def to(lock: Lock, amount: int = 50, asset: bytes = BTM) -> Transaction:
    return signed(COINS, body([A], [Output(asset, amount, lock)]), [ALICE])


def test_a_payment_moves_the_coin_and_leaves_the_fee() -> None:
    delta, checks, fees = apply_transaction(COINS, PAYMENT, HEIGHT, NO_EFFECTS, RULES)
    assert delta.spent == {A: COINS[A]}
    assert delta.created == {
        Outpoint(PAYMENT.id, 0): coin(BOB, 30, height=HEIGHT),
        Outpoint(PAYMENT.id, 1): coin(ALICE, 18, height=HEIGHT),
    }
    assert fees == {BTM: 2}
    assert [type(check) for check in checks] == [SchnorrCheck]
    assert verify_checks(checks)


def test_the_delta_and_its_inverse_restore_the_coins() -> None:
    delta = apply_transaction(COINS, PAYMENT, HEIGHT, NO_EFFECTS, RULES).delta
    coins = Overlay(COINS)
    coins.apply(delta)
    assert coins.get(A) is None
    coins.apply(delta.inverse())
    assert coins.get(A) == COINS[A]
    assert coins.get(Outpoint(PAYMENT.id, 0)) is None


def depositing(size: int) -> Transaction:
    """A payment into a vault that is as long as that, for whatever it holds beside."""
    tx = to(DepositLock(VAULT, bytes(64)), 50)
    tx.__dict__["size"] = size
    return tx


STATELESS: list[tuple[Callable[[], Transaction], type[Invalid]]] = [
    (lambda: with_body(PAYMENT, version=0), VersionUnknown),
    (lambda: with_body(PAYMENT, version=2), VersionUnknown),
    (lambda: Transaction(body([], [pay(ALICE, 1)]), ()), NothingDone),
    (lambda: with_body(PAYMENT, inputs=(A, A)), InputRepeated),
    (lambda: with_body(PAYMENT, valid_from=5, valid_until=4), WindowEmpty),
    (lambda: with_body(PAYMENT, outputs=(pay(BOB, 0),)), AmountZero),
    (lambda: to(DepositLock(VAULT, bytes(64)), 0), AmountZero),
    (lambda: to(RetireLock(b""), 0), AmountZero),
    (lambda: to(VaultLock(VAULT), 1), AnchorAmount),
    (lambda: to(VaultLock(VAULT), 0, GOLD), AnchorAmount),
    (lambda: to(RecordLock(b"")), LockForbidden),
    (lambda: with_witnesses(PAYMENT), WitnessCount),
    (lambda: with_witnesses(PAYMENT, *PAYMENT.witnesses, NoWitness()), WitnessCount),
    (lambda: with_body(PAYMENT, actions=(DEED,)), WitnessCount),
    (lambda: with_witnesses(PAYMENT, Approval(b"", ())), WitnessKind),
    (
        lambda: Transaction(body([], [], [DEED]), PAYMENT.witnesses),
        WitnessKind,
    ),
    (lambda: Transaction(body([], [], [Action(1, bytes(10**6))] * 2), ()), TransactionTooLong),
    (lambda: depositing(MAX_DEPOSITING + 1), DepositTooLong),
]


@pytest.mark.parametrize(("make", "error"), STATELESS)
def test_refused_whatever_the_coins(make: Callable[[], Transaction], error: type[Invalid]) -> None:
    with pytest.raises(error):
        check_transaction(make())
    with pytest.raises(error):
        apply_transaction(COINS, make(), HEIGHT, NO_EFFECTS, RULES)


def test_what_a_sidechain_can_be_shown_may_be_deposited() -> None:
    """The longest deposit fits an action together with the longest proof (attack P23)."""
    check_transaction(depositing(MAX_DEPOSITING))
    longest = MAX_DEPOSITING + MAX_HISTORY_PROOF + 32 * 40
    assert longest < MAX_ACTION_BODY
    plain = with_body(PAYMENT)
    plain.__dict__["size"] = MAX_DEPOSITING + 1
    check_transaction(plain)


def test_an_empty_anchor_stands_as_far_as_the_transaction_shows() -> None:
    check_transaction(to(VaultLock(VAULT), 0))


@pytest.mark.parametrize(
    "lock", [VaultLock(VAULT), TreasuryLock(VAULT), PendingLock(VAULT, VAULT, VAULT, 1)]
)
def test_vault_locks_need_an_operation(lock: Lock) -> None:
    tx = to(lock, 0 if isinstance(lock, VaultLock) else 50)
    with pytest.raises(LockForbidden):
        apply_transaction(COINS, tx, HEIGHT, NO_EFFECTS, RULES)
    applied = apply_transaction(COINS, tx, HEIGHT, Effects(outputs={0: b"state"}), RULES)
    assert applied.delta.created[Outpoint(tx.id, 0)].state == b"state"


def test_anyone_may_deposit_and_retire() -> None:
    deposit = DepositLock(VAULT, bytes(64))
    applied = apply_transaction(COINS, to(deposit), HEIGHT, NO_EFFECTS, RULES)
    assert [made.lock for made in applied.delta.created.values()] == [deposit]
    retired = apply_transaction(COINS, to(RetireLock(b"why")), HEIGHT, NO_EFFECTS, RULES)
    assert not retired.delta.created
    assert not retired.fees


@pytest.mark.parametrize(
    ("window", "error"),
    [
        ((HEIGHT, HEIGHT), None),
        ((HEIGHT + 1, 0), NotYetValid),
        ((0, HEIGHT - 1), Expired),
        ((HEIGHT - 1, HEIGHT + 1), None),
    ],
)
def test_the_window_of_heights(window: tuple[int, int], error: type[Invalid] | None) -> None:
    tx = signed(COINS, body([A], [pay(BOB, 50)], window=window), [ALICE])
    if error is None:
        apply_transaction(COINS, tx, HEIGHT, NO_EFFECTS, RULES)
        return
    with pytest.raises(error):
        apply_transaction(COINS, tx, HEIGHT, NO_EFFECTS, RULES)


def test_a_coin_that_is_not_there() -> None:
    with pytest.raises(CoinMissing) as caught:
        apply_transaction({}, PAYMENT, HEIGHT, NO_EFFECTS, RULES)
    assert caught.value.transaction == A.transaction


@pytest.mark.parametrize(("height", "ready"), [(109, False), (110, True)])
def test_a_reward_matures(height: int, ready: bool) -> None:
    coins = {A: coin(ALICE, 50, height=10, coinbase=1)}
    if ready:
        apply_transaction(coins, PAYMENT, height, NO_EFFECTS, RULES)
        return
    with pytest.raises(Immature) as caught:
        apply_transaction(coins, PAYMENT, height, NO_EFFECTS, RULES)
    assert caught.value.matures == 110


@pytest.mark.parametrize(("height", "ready"), [(14, False), (15, True)])
def test_age_counts_from_the_coin(height: int, ready: bool) -> None:
    policy = Older(5)
    coins = {A: Coin(BTM, 50, PolicyLock(policy_root([policy])), 10, 0, 1, b"")}
    spend = Spend(policy, prove_branch([policy], 0), ALL, (b"\x01",))
    tx = Transaction(body([A], [pay(BOB, 50)]), (spend,))
    if ready:
        apply_transaction(coins, tx, height, NO_EFFECTS, RULES)
        return
    with pytest.raises(Invalid):
        apply_transaction(coins, tx, height, NO_EFFECTS, RULES)


def test_a_policy_lock_needs_a_spend() -> None:
    with pytest.raises(WitnessKind):
        apply_transaction(COINS, with_witnesses(PAYMENT, NoWitness()), HEIGHT, NO_EFFECTS, RULES)


def test_the_branch_of_another_lock_is_refused() -> None:
    theirs = signed(COINS, PAYMENT.body, [BOB])
    with pytest.raises(Invalid):
        apply_transaction(COINS, theirs, HEIGHT, NO_EFFECTS, RULES)


def test_a_policy_beyond_the_bounds_is_refused_before_the_coins() -> None:
    spend = PAYMENT.witnesses[0]
    bad = msgspec.structs.replace(spend, policy=Thresh(2, (ALICE.policy,)))
    with pytest.raises(Invalid, match="PolicyInvalid"):
        check_transaction(with_witnesses(PAYMENT, bad))


@pytest.mark.parametrize("lock", [VaultLock(VAULT), DepositLock(VAULT, bytes(64)), RecordLock(b"")])
def test_other_locks_open_to_operations_only(lock: Lock) -> None:
    coins = {A: msgspec.structs.replace(COINS[A], lock=lock)}
    with pytest.raises(NotSpendable):
        apply_transaction(coins, PAYMENT, HEIGHT, NO_EFFECTS, RULES)
    bare = with_witnesses(PAYMENT, NoWitness())
    applied = apply_transaction(coins, bare, HEIGHT, Effects(inputs=frozenset({0})), RULES)
    assert not applied.checks


def test_an_authorised_input_has_no_witness() -> None:
    # It would be ignored, and so free for anybody to change.
    with pytest.raises(WitnessKind):
        apply_transaction(COINS, PAYMENT, HEIGHT, Effects(inputs=frozenset({0})), RULES)


def test_paying_out_more_than_comes_in() -> None:
    tx = signed(COINS, body([A], [pay(BOB, 51)]), [ALICE])
    with pytest.raises(Overspent) as caught:
        apply_transaction(COINS, tx, HEIGHT, NO_EFFECTS, RULES)
    assert caught.value.facts == {"asset": BTM, "spent": 50, "created": 51}


def test_an_asset_from_nowhere() -> None:
    tx = signed(COINS, body([A], [pay(BOB, 50), pay(BOB, 1, GOLD)]), [ALICE])
    with pytest.raises(Overspent):
        apply_transaction(COINS, tx, HEIGHT, NO_EFFECTS, RULES)
    effects = Effects(created={GOLD: 1}, units={GOLD: 1})
    assert not apply_transaction(COINS, tx, HEIGHT, effects, RULES).fees


def test_what_actions_destroy_is_paid_for() -> None:
    effects = Effects(destroyed={BTM: 2})
    assert not apply_transaction(COINS, PAYMENT, HEIGHT, effects, RULES).fees
    with pytest.raises(Overspent):
        apply_transaction(COINS, PAYMENT, HEIGHT, Effects(destroyed={BTM: 3}), RULES)


def test_sums_do_not_wrap() -> None:
    tx = signed(COINS, body([A], [pay(BOB, MAX_INT), pay(BOB, MAX_INT)]), [ALICE])
    with pytest.raises(AmountOverflow):
        apply_transaction(COINS, tx, HEIGHT, NO_EFFECTS, RULES)
    coins = {A: coin(ALICE, MAX_INT), B: coin(ALICE, 1)}
    both = signed(coins, body([A, B], [pay(BOB, 1)]), [ALICE, ALICE])
    with pytest.raises(AmountOverflow):
        apply_transaction(coins, both, HEIGHT, NO_EFFECTS, RULES)


@pytest.mark.parametrize(
    ("amounts", "whole"), [((700,), True), ((600, 100), True), ((650, 50), False)]
)
def test_indivisible_assets_move_in_whole_units(amounts: tuple[int, ...], whole: bool) -> None:
    tx = signed(COINS, body([B], [pay(CAROL, amount, GOLD) for amount in amounts]), [BOB])
    if not whole:
        with pytest.raises(UnitBroken):
            apply_transaction(COINS, tx, HEIGHT, NO_EFFECTS, RULES)
        return
    created = apply_transaction(COINS, tx, HEIGHT, NO_EFFECTS, RULES).delta.created
    assert {made.unit for made in created.values()} == {100}


def test_a_created_asset_brings_its_unit() -> None:
    tx = signed(COINS, body([A], [pay(BOB, 15, SILVER)]), [ALICE])
    effects = Effects(created={SILVER: 15}, units={SILVER: 10})
    with pytest.raises(UnitBroken):
        apply_transaction(COINS, tx, HEIGHT, effects, RULES)


def test_effects_bring_records_checks_and_rewards() -> None:
    record = Outpoint(SILVER, 2**32 - 1)
    old, new = (Coin(SILVER, 0, RecordLock(b), 1, 0, 1, b"") for b in (b"old", b"new"))
    check = BlsCheck(b"k" * 48, b"d" * 32, b"s" * 96)
    effects = Effects(records=Delta({record: old}, {record: new}), checks=(check,), coinbase=1)
    applied = apply_transaction(COINS, PAYMENT, HEIGHT, effects, RULES)
    assert applied.delta.spent[record] == old
    assert applied.delta.created[record] == new
    assert applied.checks[-1] == check
    assert applied.delta.created[Outpoint(PAYMENT.id, 0)].coinbase == 1


def test_a_transaction_without_inputs_may_not_come_twice() -> None:
    tx = Transaction(body([], [pay(BOB, 5)], [DEED]), (NoWitness(),))
    effects = Effects(created={BTM: 5})
    assert spends(tx) == (Outpoint(tx.id, 0),)
    created = apply_transaction({}, tx, HEIGHT, effects, RULES).delta.created
    with pytest.raises(CoinExists):
        apply_transaction(dict(created), tx, HEIGHT + 1, effects, RULES)


def test_spends_and_weight() -> None:
    assert spends(PAYMENT) == (A,)
    checks = (SchnorrCheck(b"", b"", b""), BlsCheck(b"", b"", b""), SchnorrCheck(b"", b"", b""))
    assert weight(PAYMENT, checks) == PAYMENT.size + 2 * 50 + 1_500


amounts = st.lists(st.integers(1, 60), min_size=1, max_size=5)
assets = st.sampled_from([BTM, GOLD, SILVER])


@given(
    st.lists(st.tuples(assets, st.integers(1, 60)), min_size=1, max_size=5),
    st.lists(st.tuples(assets, st.integers(1, 60), st.booleans()), max_size=5),
    st.dictionaries(assets, st.integers(0, 60)),
    st.dictionaries(assets, st.integers(0, 60)),
)
def test_nothing_comes_from_nothing(
    spent: list[tuple[bytes, int]],
    paid: list[tuple[bytes, int, bool]],
    created: dict[bytes, int],
    destroyed: dict[bytes, int],
) -> None:
    """Inputs and created equal outputs, destroyed and fee, per asset."""
    coins = {outpoint(i): coin(ALICE, n, asset) for i, (asset, n) in enumerate(spent)}
    locks = [BOB.lock if kept else RetireLock(b"") for _, _, kept in paid]
    outputs = [Output(a, n, lock) for (a, n, _), lock in zip(paid, locks, strict=True)]
    tx = Transaction(body(list(coins), outputs), (NoWitness(),) * len(coins))
    inputs = frozenset(range(len(coins)))
    effects = Effects(created=created, destroyed=destroyed, inputs=inputs)
    left = dict.fromkeys((BTM, GOLD, SILVER), 0)
    for asset, n in [*spent, *created.items()]:
        left[asset] += n
    for asset, n in [*((a, n) for a, n, _ in paid), *destroyed.items()]:
        left[asset] -= n
    if min(left.values()) < 0:
        with pytest.raises(Overspent):
            apply_transaction(coins, tx, HEIGHT, effects, RULES)
        return
    applied = apply_transaction(coins, tx, HEIGHT, effects, RULES)
    assert applied.fees == {asset: n for asset, n in left.items() if n}
    kept = sum(n for _, n, stays in paid if stays)
    assert sum(made.amount for made in applied.delta.created.values()) == kept


SWAP = signed(COINS, body([A, B], [pay(ALICE, 700, GOLD), pay(BOB, 50)]), [ALICE, BOB])


@given(st.data())
def test_a_changed_witness_is_refused(data: st.DataObject) -> None:
    """Whoever changes a witness on its way breaks it: in form, or a signature."""
    index = data.draw(st.integers(0, 1))
    spend = SWAP.witnesses[index]
    assert isinstance(spend, Spend)
    flipped = bytearray(spend.items[0])
    flipped[data.draw(st.integers(0, 63))] ^= 1 << data.draw(st.integers(0, 7))
    branch = msgspec.structs.replace(spend.branch, path=(bytes(32),))
    changes = [
        {"items": (bytes(flipped),)},
        {"items": (*spend.items, b"")},
        {"items": ()},
        {"mode": data.draw(st.integers(1, 255))},
        {"policy": CAROL.policy},
        {"policy": Thresh(1, (spend.policy,))},
        {"branch": branch},
        {"branch": msgspec.structs.replace(spend.branch, count=2)},
    ]
    other = msgspec.structs.replace(spend, **data.draw(st.sampled_from(changes)))
    witnesses = [other if at == index else kept for at, kept in enumerate(SWAP.witnesses)]
    try:
        applied = apply_transaction(
            COINS, Transaction(SWAP.body, tuple(witnesses)), HEIGHT, NO_EFFECTS, RULES
        )
    except Invalid:
        return
    assert not verify_checks(applied.checks)
