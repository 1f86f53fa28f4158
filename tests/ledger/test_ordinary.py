"""The pass for ordinary payments says what the general rule says, or leaves it to the general rule.

Payments are spoilt in every place the pass looks at, alone and together: transaction, coin, height.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.effects import NO_EFFECTS, Applied, Effects
from bystack.ledger.ordinary import judge_ordinary
from bystack.ledger.policies import Older, Thresh
from bystack.ledger.satisfaction import policy_root, prove_branch
from bystack.ledger.transactions import (
    MAX_TRANSACTION,
    Action,
    DepositLock,
    NoWitness,
    Outpoint,
    Output,
    PolicyLock,
    RecordLock,
    RetireLock,
    Spend,
    Transaction,
    TreasuryLock,
    VaultLock,
)
from bystack.ledger.validation import apply_general, apply_transaction
from bystack.primitives.codec import MAX_INT
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import MerkleProof
from tests.ledger.people import ALICE, BOB, CAROL, GOLD, RULES, body, coin, outpoint, pay, signed

PLACE, OTHER, HEIGHT = outpoint(1), outpoint(2, 7), 200
replace = msgspec.structs.replace


class Case(NamedTuple):
    """A transaction to be judged over two coins at a height."""

    tx: Transaction
    coin: Coin
    height: int


def payment(outputs: tuple[Output, ...], held: Coin, window: tuple[int, int] = (0, 0)) -> Case:
    tx = signed({PLACE: held}, body([PLACE], outputs, window=window), [ALICE])
    return Case(tx, held, HEIGHT)


SOUND = payment((pay(BOB, 30), pay(ALICE, 18)), coin(ALICE, 50))

Spoil = Callable[[Case], Case]


def in_body(**fields: Any) -> Spoil:
    return lambda case: case._replace(
        tx=Transaction(replace(case.tx.body, **fields), case.tx.witnesses)
    )


def in_output(index: int, **fields: Any) -> Spoil:
    def spoil(case: Case) -> Case:
        outputs = list(case.tx.body.outputs)
        if index < len(outputs):
            outputs[index] = replace(outputs[index], **fields)
        return in_body(outputs=tuple(outputs))(case)

    return spoil


def in_spend(**fields: Any) -> Spoil:
    def spoil(case: Case) -> Case:
        witnesses = tuple(
            replace(one, **fields) if isinstance(one, Spend) else one for one in case.tx.witnesses
        )
        return case._replace(tx=Transaction(case.tx.body, witnesses))

    return spoil


def witnesses(*given: Any) -> Spoil:
    return lambda case: case._replace(tx=Transaction(case.tx.body, given))


def in_coin(**fields: Any) -> Spoil:
    return lambda case: case._replace(coin=replace(case.coin, **fields))


def at(height: int) -> Spoil:
    return lambda case: case._replace(height=height)


SPEND = SOUND.tx.witnesses[0]
THRESH = Thresh(1, (ALICE.policy, BOB.policy))
VAULT = b"\x77" * 32

SPOILS: dict[str, Spoil] = {
    "nothing": lambda case: case,
    "version": in_body(version=2),
    "no inputs": in_body(inputs=()),
    "two inputs": in_body(inputs=(PLACE, OTHER)),
    "one input twice": in_body(inputs=(PLACE, PLACE)),
    "another input": in_body(inputs=(OTHER,)),
    "a coin that is not there": in_body(inputs=(outpoint(9),)),
    "no outputs": in_body(outputs=()),
    "action": in_body(actions=(Action(7, b""),)),
    "memo": in_body(memo=b"hello"),
    "from this height": in_body(valid_from=HEIGHT),
    "from a later height": in_body(valid_from=HEIGHT + 1),
    "until this height": in_body(valid_until=HEIGHT),
    "until an earlier height": in_body(valid_until=HEIGHT - 1),
    "window empty": in_body(valid_from=HEIGHT, valid_until=HEIGHT - 1),
    "amount zero": in_output(1, amount=0),
    "all of it": in_output(1, amount=20),
    "one too much": in_output(1, amount=21),
    "overflow": in_output(1, amount=MAX_INT),
    "overflow twice": lambda case: in_output(0, amount=MAX_INT)(in_output(1, amount=MAX_INT)(case)),
    "another asset": in_output(0, asset=GOLD),
    "retired": in_output(0, lock=RetireLock(b"gone")),
    "deposit": in_output(0, lock=DepositLock(VAULT, bytes(64))),
    "treasury": in_output(0, lock=TreasuryLock(VAULT)),
    "anchor": in_output(0, lock=VaultLock(VAULT), amount=0),
    "record": in_output(0, lock=RecordLock(b"")),
    "no witness": witnesses(),
    "empty witness": witnesses(NoWitness()),
    "two witnesses": witnesses(SPEND, SPEND),
    "mode for one": in_spend(mode=1),
    "mode unknown": in_spend(mode=2),
    "no item": in_spend(items=()),
    "two items": in_spend(items=(bytes(64), bytes(64))),
    "empty item": in_spend(items=(b"",)),
    "short item": in_spend(items=(bytes(63),)),
    "wrong signature": in_spend(items=(bytes(64),)),
    "another key": in_spend(policy=BOB.policy),
    "another policy": in_spend(policy=Older(1)),
    "a threshold": in_spend(policy=THRESH),
    "branch count zero": in_spend(branch=MerkleProof(0, 0, ())),
    "branch count two": in_spend(branch=MerkleProof(0, 2, ())),
    "branch count three": in_spend(branch=MerkleProof(0, 3, ())),
    "branch index": in_spend(branch=MerkleProof(1, 1, ())),
    "branch path": in_spend(branch=MerkleProof(0, 1, (bytes(32),))),
    "a branch of two": lambda case: in_coin(
        lock=PolicyLock(policy_root([ALICE.policy, BOB.policy]))
    )(in_spend(branch=prove_branch([ALICE.policy, BOB.policy], 0))(case)),
    "a coin of another": in_coin(lock=CAROL.lock),
    "a coin of a threshold": in_coin(lock=PolicyLock(policy_root([THRESH]))),
    "a vault's coin": in_coin(lock=TreasuryLock(VAULT)),
    "a coin of another asset": in_coin(asset=GOLD),
    "a coin of two units": in_coin(unit=2),
    "a coin of seven units": in_coin(unit=7),
    "a young reward": in_coin(coinbase=1, height=HEIGHT - RULES.maturity + 1),
    "a mature reward": in_coin(coinbase=1, height=HEIGHT - RULES.maturity),
    "a coin too small": in_coin(amount=47),
    "a coin just enough": in_coin(amount=48),
    "the greatest coin": in_coin(amount=MAX_INT),
    "height zero": at(0),
}

ORDINARY = {
    "nothing", "memo", "from this height", "until this height", "all of it", "no outputs",
    "wrong signature", "a mature reward", "a coin just enough", "the greatest coin",
    "height zero",
}  # fmt: skip


def outcome(judge: Callable[[], Applied]) -> object:
    """What was applied, or the rule broken and its facts."""
    try:
        return judge()
    except Invalid as error:
        return type(error), error.facts


def both(case: Case) -> Applied | None:
    """Judge in both ways, which must agree; what the short one says."""
    coins = {PLACE: case.coin, OTHER: coin(ALICE, 5)}
    arguments = (coins, case.tx, case.height, NO_EFFECTS, RULES)
    general = outcome(lambda: apply_general(*arguments))
    quick = judge_ordinary(coins, case.tx, case.height, RULES.chain_id, RULES.maturity)
    assert quick is None or quick == general
    assert outcome(lambda: apply_transaction(*arguments)) == general
    return quick


@pytest.mark.parametrize("name", SPOILS)
def test_each_spoil_alone(name: str) -> None:
    assert (both(SPOILS[name](SOUND)) is not None) == (name in ORDINARY)


@given(names=st.lists(st.sampled_from(sorted(SPOILS)), max_size=4))
@settings(max_examples=600, deadline=None)
def test_spoils_together(names: list[str]) -> None:
    case = SOUND
    for name in names:
        case = SPOILS[name](case)
    both(case)


@given(
    amounts=st.lists(st.integers(1, 60) | st.integers(1, MAX_INT), max_size=6),
    held=st.integers(1, 200) | st.integers(1, MAX_INT),
    height=st.integers(0, 400),
    window=st.tuples(st.integers(0, 400), st.integers(0, 400)),
    facts=st.fixed_dictionaries({"height": st.integers(0, 400), "coinbase": st.integers(0, 1)}),
    asset=st.sampled_from([BTM, GOLD]),
)
@settings(max_examples=200, deadline=None)
def test_payments_of_any_size_at_any_time(
    amounts: list[int],
    held: int,
    height: int,
    window: tuple[int, int],
    facts: dict[str, int],
    asset: bytes,
) -> None:
    outputs = tuple(pay(BOB, amount, asset) for amount in amounts)
    case = payment(outputs, coin(ALICE, held, asset, **facts), window)
    both(case._replace(height=height))


def test_what_is_too_long_is_left_to_the_general_rule() -> None:
    tx = Transaction(SOUND.tx.body, SOUND.tx.witnesses)
    tx.__dict__["size"] = MAX_TRANSACTION + 1
    assert both(SOUND._replace(tx=tx)) is None
    tx.__dict__["size"] = MAX_TRANSACTION
    assert both(SOUND._replace(tx=tx)) is not None


def test_effects_are_never_passed_over() -> None:
    """An operation that authorises the input, or creates, is no ordinary payment."""
    effects = Effects(inputs=frozenset({0}))
    coins = {PLACE: SOUND.coin}
    given = outcome(lambda: apply_transaction(coins, SOUND.tx, HEIGHT, effects, RULES))
    assert given == outcome(lambda: apply_general(coins, SOUND.tx, HEIGHT, effects, RULES))
    assert not isinstance(given, Applied)


def test_outputs_stand_at_their_index() -> None:
    applied = both(SOUND)
    assert applied is not None
    assert list(applied.delta.created) == [Outpoint(SOUND.tx.id, 0), Outpoint(SOUND.tx.id, 1)]
