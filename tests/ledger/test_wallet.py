"""A wallet follows the chain forwards and back, and never forgets a coin it could spend."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.ledger.accounts import CHANGE, RECEIVE, TEST_COIN, Place, account_of
from bystack.ledger.amounts import BTM
from bystack.ledger.checks import verify_checks
from bystack.ledger.coins import NO_CHANGE, Coin, Delta
from bystack.ledger.effects import NO_EFFECTS
from bystack.ledger.payments import FeeTerms, completed
from bystack.ledger.satisfaction import policy_root
from bystack.ledger.transactions import (
    DepositLock,
    Lock,
    Outpoint,
    Output,
    PolicyLock,
    Transaction,
)
from bystack.ledger.validation import apply_transaction
from bystack.ledger.wallet import (
    Balance,
    GapExceeded,
    HistoryRecord,
    Movement,
    Wallet,
    build_payment,
    sign_transaction,
)
from bystack.primitives.bip32 import HardenedFromPublic, master
from bystack.primitives.codec import encode
from bystack.primitives.errors import Misuse
from tests.ledger.people import BOB, CHAIN, GOLD, RULES, ZEROS, body, outpoint, pay

ACCOUNT = account_of(master(b"\x05" * 32), TEST_COIN, 0)
FEES = FeeTerms(BTM, 1_000_000)
LOCKS = [PolicyLock(ACCOUNT.root(Place(RECEIVE, n))) for n in range(25)]


def made(lock: Lock, amount: int, height: int = 1, asset: bytes = BTM, coinbase: int = 0) -> Coin:
    return Coin(asset, amount, lock, height, coinbase, 1, b"")


def created(*coins: Coin, start: int = 0) -> Delta:
    return Delta({}, {outpoint(start + n): one for n, one in enumerate(coins)})


def confirmed(wallet: Wallet, asset: bytes = BTM) -> int:
    return wallet.balances(100).get(asset, Balance()).confirmed


def test_addresses_follow_from_the_seed_alone() -> None:
    place = Place(CHANGE, 7)
    path = master(b"\x05" * 32).path("m/86'/1'/0'/1/7")
    assert ACCOUNT.policy(place).key == path.public
    assert ACCOUNT.root(place) == policy_root([ACCOUNT.policy(place)])
    assert ACCOUNT.secret(place) == path.secret
    watching = ACCOUNT.watching()
    assert watching.root(place) == ACCOUNT.root(place)
    with pytest.raises(HardenedFromPublic):
        watching.secret(place)
    assert account_of(master(b"\x05" * 32), TEST_COIN, 1) != ACCOUNT


def test_addresses_are_given_once_and_up_to_the_gap() -> None:
    wallet = Wallet(ACCOUNT)
    assert [wallet.new_lock() for _ in range(20)] == LOCKS[:20]
    with pytest.raises(GapExceeded):
        wallet.new_lock()
    wallet.observe(1, created(made(LOCKS[3], 5)))
    assert [wallet.new_lock() for _ in range(4)] == LOCKS[20:24]
    assert [PolicyLock(root) for root, _ in wallet.book.given()] == LOCKS[:24]


def test_coins_come_and_go_by_deltas() -> None:
    wallet = Wallet(ACCOUNT)
    ours = created(made(LOCKS[0], 50), made(BOB.lock, 7), made(LOCKS[1], 9, asset=GOLD))
    wallet.observe(1, ours)
    assert confirmed(wallet) == 50
    assert confirmed(wallet, GOLD) == 9
    wallet.observe(2, Delta({outpoint(0): ours.created[outpoint(0)]}, {}))
    assert confirmed(wallet) == 0
    assert list(wallet.coins) == [outpoint(2)]


def test_other_locks_are_not_ours() -> None:
    wallet = Wallet(ACCOUNT)
    wallet.observe(1, created(made(DepositLock(LOCKS[0].root, bytes(64)), 5)))
    assert not wallet.coins


def test_rewards_mature() -> None:
    wallet = Wallet(ACCOUNT)
    wallet.observe(10, created(made(LOCKS[0], 50, height=10, coinbase=1)))
    assert wallet.balances(100)[BTM] == Balance(immature=50)
    wallet.observe(108, NO_CHANGE)
    assert not wallet.confirmed(100)
    wallet.observe(109, NO_CHANGE)
    assert wallet.balances(100)[BTM] == Balance(confirmed=50)


def test_discovery_walks_on_within_one_block() -> None:
    far = PolicyLock(ACCOUNT.root(Place(RECEIVE, 38)))
    beyond = PolicyLock(ACCOUNT.root(Place(RECEIVE, 59)))
    wallet = Wallet(ACCOUNT)
    wallet.observe(1, created(made(beyond, 4), made(far, 2), made(LOCKS[19], 1)))
    assert confirmed(wallet) == 3  # 59 is more than 20 after 38
    assert wallet.new_lock() == PolicyLock(ACCOUNT.root(Place(RECEIVE, 39)))


@given(st.lists(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=6), max_size=8))
def test_forgetting_blocks_is_the_way_back(history: list[list[tuple[bool, int]]]) -> None:
    wallet, number = Wallet(ACCOUNT), 0
    states, deltas = [], []
    chain: dict[Outpoint, Coin] = {}
    for height, steps in enumerate(history, 1):
        fresh, gone = {}, {}
        for spend, which in steps:
            if spend and chain:
                point = sorted(chain, key=encode)[which % len(chain)]
                gone[point] = chain.pop(point)
                continue
            number += 1
            lock = LOCKS[which] if which < 7 else BOB.lock
            fresh[outpoint(number)] = made(lock, number, height)
        chain |= fresh
        states.append((dict(wallet.coins), wallet.height))
        deltas.append(Delta(gone, fresh))
        wallet.observe(height, deltas[-1])
        assert wallet.coins == {p: c for p, c in chain.items() if c.lock != BOB.lock}
    for (coins, height), delta in zip(reversed(states), reversed(deltas), strict=True):
        wallet.forget(wallet.height, delta)
        assert (wallet.coins, wallet.height) == (coins, height)


def test_only_the_last_block_can_be_forgotten() -> None:
    wallet = Wallet(ACCOUNT)
    wallet.observe(3, NO_CHANGE)
    with pytest.raises(Misuse):
        wallet.forget(2, NO_CHANGE)


def funded() -> Wallet:
    wallet = Wallet(ACCOUNT)
    wallet.observe(1, created(made(LOCKS[0], 60_000), made(LOCKS[1], 40_000)))
    return wallet


def payment(wallet: Wallet, amount: int) -> Transaction:
    coins, change = wallet.spendable(100), wallet.change_lock()
    draft = build_payment(CHAIN, coins, [pay(BOB, amount)], change, FEES)
    wallet.reserve(draft)
    return completed(sign_transaction(draft, wallet.secrets(draft), ZEROS))


def test_a_payment_is_signed_by_the_accounts_keys() -> None:
    wallet = funded()
    tx = payment(wallet, 70_000)
    coins = {outpoint(0): made(LOCKS[0], 60_000), outpoint(1): made(LOCKS[1], 40_000)}
    applied = apply_transaction(coins, tx, 2, NO_EFFECTS, RULES)
    assert verify_checks(applied.checks)
    wallet.observe(2, applied.delta, [tx])
    assert confirmed(wallet) == 30_000 - applied.fees[BTM]
    assert not wallet.reserved
    assert wallet.change_lock() == PolicyLock(ACCOUNT.root(Place(CHANGE, 1)))


def test_coins_are_set_aside_and_released() -> None:
    wallet = funded()
    tx = payment(wallet, 10_000)
    assert list(wallet.confirmed(100)) == [outpoint(1)]
    assert wallet.balances(100)[BTM] == Balance(confirmed=40_000, reserved=60_000)
    wallet.release(tx.body.inputs)
    assert wallet.balances(100)[BTM] == Balance(confirmed=100_000)


def test_own_change_is_spendable_before_its_block() -> None:
    wallet = funded()
    first = payment(wallet, 10_000)
    wallet.sent(first)
    change = first.body.outputs[1].amount
    assert wallet.balances(100)[BTM] == Balance(40_000, 0, change, 60_000)
    second = payment(wallet, 45_000)
    assert second.body.inputs == (Outpoint(first.id, 1),)
    wallet.dropped(second)
    wallet.dropped(first)
    assert wallet.balances(100)[BTM] == Balance(confirmed=100_000)
    wallet.sent(first)
    coins = {outpoint(0): made(LOCKS[0], 60_000)}
    wallet.observe(2, apply_transaction(coins, first, 2, NO_EFFECTS, RULES).delta, [first])
    assert wallet.balances(100)[BTM] == Balance(confirmed=40_000 + change)
    assert not wallet.pending


def test_a_watching_wallet_sees_but_cannot_sign() -> None:
    wallet = Wallet(ACCOUNT.watching())
    wallet.observe(1, created(made(LOCKS[0], 60_000)))
    draft = build_payment(CHAIN, wallet.confirmed(100), [pay(BOB, 5)], wallet.change_lock(), FEES)
    with pytest.raises(HardenedFromPublic):
        wallet.secrets(draft)


def test_history_tells_what_came_and_went() -> None:
    wallet = Wallet(ACCOUNT)
    income = Transaction(body([outpoint(77)], [pay(BOB, 1), *[_to(LOCKS[0], 30)] * 2]), ())
    through = Transaction(body([Outpoint(income.id, 1)], [_to(LOCKS[2], 9), pay(BOB, 20)]), ())
    others = Transaction(body([outpoint(78)], [pay(BOB, 1)]), ())
    kept = {
        Outpoint(income.id, 2): made(LOCKS[0], 30),
        Outpoint(through.id, 0): made(LOCKS[2], 9),
    }
    wallet.observe(4, Delta({}, kept), [income, others, through], time=99)
    assert list(wallet.history.values()) == [
        HistoryRecord(income.id, 4, 0, 99, 0, (Movement(BTM, 60, 0),), ()),
        HistoryRecord(through.id, 4, 1, 99, 0, (Movement(BTM, 9, 30),), ((BTM, 1),)),
    ]
    wallet.forget(4, Delta({}, kept))
    assert not wallet.history


def _to(lock: PolicyLock, amount: int) -> Output:
    return Output(BTM, amount, lock)
