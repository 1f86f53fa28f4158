"""Random lives of a vault: the second implementation and the program take every step alike."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.ledger import vault_operations as operations
from bystack.ledger.amounts import BTM
from bystack.ledger.buckets import Bucket, refilled
from bystack.ledger.terms import Govern, Guard, Limit, Recover, Terms, Tier, check_terms, terms_hash
from bystack.ledger.transactions import DepositLock, Output, PolicyLock, TreasuryLock
from bystack.ledger.vault_layout import anchor_output, payments
from bystack.ledger.vault_operations import accept_digest, operation_digest, vault_id
from bystack.ledger.vault_state import AnchorState, first_state, replay
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from tests.ledger.samples import OUTPOINT
from tests.ledger.test_vault_machine import random_terms
from tests.ledger.vault_world import GOLD, key, new_terms, usual_terms
from tests.protocol import vaults
from tests.protocol.program import page_name
from tests.protocol.reader import Refused, read, write

CHAIN, VAULT = b"\x0c" * 32, b"\x0a" * 32
LOCKS = (PolicyLock(b"\x05" * 32), DepositLock(VAULT, bytes(64)), TreasuryLock(VAULT))
STEPS = 60


def shown(value: Any) -> Any:
    return read(page_name(type(value)), encode(value))


def outputs(dice: random.Random) -> tuple[Output, ...]:
    assets, locks = (BTM, BTM, GOLD, b"\x33" * 32), (*LOCKS[:2] * 4, LOCKS[2])
    count = dice.choice((1, 1, 2, 3))
    amounts = [dice.choice((0, 1, 5, 20, 2**63 - 1)) if dice.random() < 0.1 else dice.randint(1, 9)
               for _ in range(count)]  # fmt: skip
    return tuple(Output(dice.choice(assets), n, dice.choice(locks)) for n in amounts)


def counter(dice: random.Random, present: int) -> int:
    return present if dice.random() < 0.9 else max(0, present + dice.choice((-1, 1)))


def operation(dice: random.Random, state: AnchorState, pool: list[Terms]) -> Any:
    """Some operation, more often than not one that may be done now."""
    seq, turn, tier = counter(dice, state.seq), counter(dice, state.turn), dice.randint(0, 3)
    other = dice.choice(pool)
    announced = [one.terms for one in state.announced] or [terms_hash(other)]
    known = {terms_hash(one): one for one in pool}
    return dice.choice(
        (
            *(operations.Order(seq, tier, outputs(dice)) for _ in range(5)),
            operations.Touch(seq, tier),
            *[operations.Announce(seq, terms_hash(other))] * 2,
            operations.Cancel(turn, announced[0]),
            *[operations.Adopt(known[announced[0]])] * 4,
            operations.Freeze(turn),
            operations.Replace(dice.choice((turn, state.since)), other),
            operations.Recover(dice.choice((turn, state.since)), other),
        )
    )


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_every_step_of_a_life(seed: int) -> None:
    dice = random.Random(seed)
    pool = [random_terms(dice) for _ in range(3)]
    height = dice.randint(0, 50)
    terms = next((one for one in pool if not refused_terms(one)), usual_terms())
    pool = [*pool, terms]
    state = first_state(terms, height)
    ours = vaults.first_state(shown(terms), height)
    for _ in range(STEPS):
        height += dice.choice((0, 1, 2, 7, 30))
        given = operation(dice, state, pool)
        assert same_verdict(state, ours, given, terms, height)
        try:
            state = replay(state, given, terms, height)
        except Invalid:
            continue
        ours = vaults.after(ours, shown(given), shown(terms), height)
        assert write(ours) == encode(state)
        terms = next(one for one in pool if terms_hash(one) == state.terms)


def same_verdict(state: AnchorState, ours: Any, given: Any, terms: Terms, height: int) -> bool:
    """Whether both give the same verdict on an operation, and by the same rule."""
    theirs = mine = ""
    try:
        replay(state, given, terms, height)
    except Invalid as error:
        theirs = error.rule
    try:
        vaults.after(ours, shown(given), shown(terms), height)
    except Refused as error:
        mine = str(error)
    return theirs == mine


def refused_terms(terms: Terms) -> bool:
    try:
        check_terms(terms)
    except Invalid:
        return True
    return False


def variants() -> list[Terms]:
    usual = usual_terms()
    limit, op = Limit(BTM, 1, 1, 1), key("op")

    def first(tier: Tier) -> Terms:
        return replace(usual, tiers=(tier, *usual.tiers[1:]))

    return [
        usual,
        new_terms(),
        first(Tier(op, (), 143)),
        first(Tier(op, (), 144)),
        first(Tier(op, (), 2**32)),
        first(Tier(op, (), 2**32 + 1)),
        first(Tier(op, (limit, limit), 0)),
        first(Tier(op, (replace(limit, capacity=0),), 0)),
        first(Tier(op, (replace(limit, refill=0),), 0)),
        first(Tier(op, (replace(limit, period=0),), 0)),
        first(Tier(op, (replace(limit, period=2**32),), 0)),
        first(Tier(op, (replace(limit, period=2**32 + 1),), 0)),
        replace(usual, guard=Guard(op, 9)),
        replace(usual, guard=Guard(key("g1"), 0)),
        replace(usual, guard=Guard(key("g1"), 4032)),
        replace(usual, guard=Guard(key("g1"), 4033)),
        replace(usual, guard=Guard(key("r1"), 9)),
        replace(usual, govern=Govern(key("g1"), 9)),
        replace(usual, govern=Govern(op, 0)),
        replace(usual, govern=Govern(op, 2**32 + 1)),
        replace(usual, recover=Recover(op, 9)),
        replace(usual, recover=Recover(key("r1"), 0)),
        replace(usual, recover=Recover(key("r1"), 2**32)),
    ]


@pytest.mark.parametrize("number", range(len(variants())))
def test_valid_terms(number: int) -> None:
    terms = variants()[number]
    if refused_terms(terms):
        with pytest.raises(Refused, match=r"TermsInvalid|PolicyInvalid"):
            vaults.check_terms(shown(terms))
    else:
        vaults.check_terms(shown(terms))


def test_some_variants_are_valid_and_some_are_not() -> None:
    verdicts = [refused_terms(one) for one in variants()]
    assert verdicts.count(False) >= 7 and verdicts.count(True) >= 12


@given(st.integers(0, 100), st.integers(1, 30), st.integers(1, 30), st.integers(0, 200))
def test_buckets(level: int, refill: int, period: int, later: int) -> None:
    bucket, limit = Bucket(0, BTM, level, 1000), Limit(BTM, 100, refill, period)
    ours = vaults.refilled(shown(bucket), shown(limit), 1000 + later)
    assert write(ours) == encode(refilled(bucket, limit, 1000 + later))


def test_the_bucket_of_the_page() -> None:
    limit = {"capacity": 100, "refill": 10, "period": 6}
    bucket = read("Bucket", encode(Bucket(1, BTM, 70, 1000)))
    later = vaults.refilled(bucket, limit, 1017)
    assert (later["level"], later["counted"]) == (90, 1012)
    last = vaults.refilled({**later, "level": 65}, limit, 1018)
    assert (last["level"], last["counted"]) == (75, 1018)


def test_what_operations_sign() -> None:
    terms, order = usual_terms(), operations.Order(7, 1, (Output(BTM, 5, LOCKS[0]),))
    for one in (order, operations.Touch(7, 0), operations.Freeze(3), operations.Create(terms)):
        wanted = operation_digest(CHAIN, VAULT, operations.counter_of(one), one)
        assert vaults.operation_digest(CHAIN, VAULT, shown(one)) == wanted
    accepted = accept_digest(CHAIN, VAULT, terms_hash(terms))
    assert vaults.accept_digest(CHAIN, VAULT, shown(terms)) == accepted
    assert vaults.vault_id(shown(OUTPOINT), shown(terms)) == vault_id(
        OUTPOINT, 0, terms_hash(terms)
    )


@pytest.mark.parametrize("tier", [0, 1, 2])
def test_payments_and_pending_coins(tier: int) -> None:
    paid = (Output(BTM, 5, LOCKS[0]), Output(GOLD, 10, LOCKS[1]), Output(BTM, 7, LOCKS[1]))
    order, terms = operations.Order(0, tier, paid), usual_terms()
    wanted = payments(VAULT, terms, order)
    assert [write(one) for one in vaults.payments(VAULT, shown(terms), shown(order))] == [
        encode(one) for one in wanted
    ]
    assert write(vaults.anchor(VAULT)) == encode(anchor_output(VAULT))


def test_a_state_read_back() -> None:
    state = first_state(usual_terms(), 9)
    assert decode(AnchorState, write(vaults.first_state(shown(usual_terms()), 9)), 9999) == state
