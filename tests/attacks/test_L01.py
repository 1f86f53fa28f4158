"""L01: pathological policies, at every bound of the language. What one of them costs the node is
proportional to its bytes, and what a block of them may ask for follows from the block's weight.

Cost is counted, never timed: calls made by the interpreter, and bytes allocated.
"""

import sys
import tracemalloc
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given

from bystack.ledger.effects import NO_EFFECTS, SchnorrCheck
from bystack.ledger.policies import (
    MAX_BRANCHES,
    MAX_DEPTH,
    MAX_KEYS,
    MAX_NODES,
    After,
    All,
    Any,
    Bls,
    Key,
    Policy,
    PolicyInvalid,
    Sha256,
    Thresh,
    check_policy,
)
from bystack.ledger.satisfaction import BranchInvalid, Context, check_branch, policy_root, satisfies
from bystack.ledger.signing import ALL
from bystack.ledger.transactions import (
    MAX_TRANSACTION,
    Outpoint,
    PolicyLock,
    Spend,
    Transaction,
    decode_transaction,
)
from bystack.ledger.validation import (
    BLS_WEIGHT,
    SCHNORR_WEIGHT,
    apply_transaction,
    check_transaction,
    weight,
)
from bystack.mainchain.params import MAIN
from bystack.primitives.codec import Malformed, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import MerkleProof, ProofMismatch
from tests.ledger.people import ALICE, BOB, RULES, body, coin, outpoint, pay
from tests.ledger.strategies import policies

YES, NOW = b"\x01", Context(9, 1, bytes(32))
CALLS_PER_BYTE = 3
MEMORY_PER_BYTE = 40
ONE_BRANCH = MerkleProof(0, 1, ())


def calls(act: Callable[[], object]) -> int:
    """How many calls `act` makes; an `Invalid` is an answer like any other."""
    made = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        act()
    except Invalid:
        pass
    finally:
        sys.setprofile(before)
    return made


def nested(depth: int) -> bytes:
    """`depth` levels of `all(…)` around a height, as bytes: no object so deep can be made."""
    return b"\x92\x03\x91" * (depth - 1) + encode(After(0))


def leaf_items(policy: Policy) -> list[bytes]:
    """Items of the right form for every leaf, whether or not all are wanted."""
    match policy:
        case Key():
            return [bytes(64)]
        case Bls():
            return [bytes(96)]
        case Thresh(_, subs) | All(subs) | Any(subs):
            return [item for sub in subs for item in leaf_items(sub)]
        case Sha256():
            return [bytes(32)]
        case _:
            return [YES]


def spending(policy: Policy, items: list[bytes]) -> tuple[dict[Outpoint, object], Transaction]:
    """A transaction that reveals the policy, and the coin under it."""
    place = outpoint(1)
    lock = PolicyLock(policy_root([policy]))
    coins = {place: msgspec.structs.replace(coin(ALICE, 50), lock=lock)}
    spend = Spend(policy, ONE_BRANCH, ALL, tuple(items))
    return coins, Transaction(body([place], [pay(BOB, 50)]), (spend,))


def unchecked(policy: Policy) -> Transaction:
    """As bytes from a peer would: the policy need not be within the bounds."""
    return Transaction(body([outpoint(1)], [pay(BOB, 1)]), (Spend(policy, ONE_BRANCH, ALL, ()),))


WIDE = tuple(After(0) for _ in range(MAX_NODES))
SHAPES: dict[str, Policy] = {
    "as wide as a level may be": All(WIDE),
    "every level as wide as it may be": All(tuple(Any(WIDE) for _ in range(MAX_NODES))),
    "three wide levels": All((All(tuple(All(WIDE) for _ in range(MAX_NODES))),) * 5),
    "one key too many": Thresh(1, tuple(Key(bytes([n]) * 32) for n in range(MAX_KEYS + 1))),
    "a threshold of none": Thresh(0, (After(0),)),
    "a threshold of more than there are": Thresh(2, (After(0),)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_beyond_a_bound_is_refused_at_a_cost_that_follows_its_bytes(name: str) -> None:
    tx = unchecked(SHAPES[name])
    data = encode(tx)
    assert len(data) <= MAX_TRANSACTION
    with pytest.raises(PolicyInvalid):
        check_transaction(decode_transaction(data))
    spent = calls(lambda: check_transaction(decode_transaction(data)))
    assert spent <= 400 + CALLS_PER_BYTE * len(data)


def test_the_memory_a_policy_takes_follows_its_bytes() -> None:
    data = encode(unchecked(SHAPES["three wide levels"]))
    tracemalloc.start()
    tx = decode_transaction(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert tx.witnesses and peak <= 100_000 + MEMORY_PER_BYTE * len(data)


def test_depth_ends_at_the_bound_and_far_beyond_it_nothing_overflows() -> None:
    frame = encode(unchecked(After(0)))
    inner = encode(After(0))
    at = frame.index(inner, frame.index(b"\x95\x01"))  # the policy inside its Spend

    def with_policy(policy: bytes) -> bytes:
        return frame[:at] + policy + frame[at + len(inner) :]

    check_transaction(decode_transaction(with_policy(nested(MAX_DEPTH))))
    for depth in (MAX_DEPTH + 1, 100, 5_000, 500_000):
        with pytest.raises((PolicyInvalid, Malformed)) as refused:
            decode_transaction(with_policy(nested(depth)))
        assert depth > 100 or isinstance(refused.value, PolicyInvalid)


def test_what_we_make_ourselves_ends_at_the_same_bounds() -> None:
    """A policy or a root that nobody could ever spend by is not made."""
    policy: Policy = After(0)
    for _ in range(MAX_DEPTH - 1):
        policy = All((policy,))
    check_policy(policy)
    assert len(policy_root([policy])) == 32
    for wrap in (lambda: All((policy,)), lambda: Any((policy,)), lambda: Thresh(1, (policy,))):
        with pytest.raises(PolicyInvalid):
            check_policy(wrap())
        with pytest.raises(PolicyInvalid):
            policy_root([wrap()])
    assert len(policy_root([After(0)] * MAX_BRANCHES)) == 32
    for count in (0, MAX_BRANCHES + 1):
        with pytest.raises(PolicyInvalid):
            policy_root([After(0)] * count)


def test_a_branch_proof_ends_at_the_bound() -> None:
    leaf = After(0)
    deepest = MerkleProof(0, MAX_BRANCHES, (bytes(32),) * 10)
    with pytest.raises(ProofMismatch):
        check_branch(bytes(32), leaf, deepest)
    for count in (0, 3, MAX_BRANCHES - 1, MAX_BRANCHES + 1, 2 * MAX_BRANCHES, 2**32 - 1):
        with pytest.raises(BranchInvalid):
            check_branch(bytes(32), leaf, MerkleProof(0, count, (bytes(32),) * 32))


@given(policies())
def test_judging_a_spend_costs_what_its_bytes_allow(policy: Policy) -> None:
    items = leaf_items(policy)
    coins, tx = spending(policy, items)

    def judge() -> None:
        apply_transaction(coins, tx, 200, NO_EFFECTS, RULES)  # type: ignore[arg-type]

    assert calls(judge) <= 600 + CALLS_PER_BYTE * tx.size


@given(policies())
def test_every_check_is_paid_for_in_weight(policy: Policy) -> None:
    """So a block asks for at most 200 pairings and so many signatures, whatever is in it."""
    items = leaf_items(policy)
    try:
        checks = satisfies(policy, items, NOW)
    except Invalid:
        return
    _, tx = spending(policy, items)
    schnorr = sum(isinstance(check, SchnorrCheck) for check in checks)
    paid = schnorr * (64 + SCHNORR_WEIGHT) + (len(checks) - schnorr) * (96 + BLS_WEIGHT)
    assert weight(tx, checks) >= paid


def test_the_densest_spend_that_the_bounds_allow() -> None:
    """32 signatures under one input: the most a byte can ask for; 35,000 of them fill a block."""
    policy = All(tuple(Key(bytes([n]) * 32) for n in range(MAX_KEYS)))
    assert check_policy(policy) == MAX_KEYS + 1
    coins, tx = spending(policy, [bytes(64)] * MAX_KEYS)
    checks = apply_transaction(coins, tx, 200, NO_EFFECTS, RULES).checks  # type: ignore[arg-type]
    assert len(checks) == MAX_KEYS
    most = MAIN.max_weight * len(checks) // weight(tx, checks)
    assert most <= MAIN.max_weight // (64 + SCHNORR_WEIGHT)
