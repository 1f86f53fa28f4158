"""A witness satisfies a policy in one form only."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.ledger.effects import BlsCheck, SchnorrCheck
from bystack.ledger.policies import (
    After,
    All,
    Any,
    Bls,
    Key,
    Older,
    Policy,
    PolicyInvalid,
    Sha256,
    Thresh,
)
from bystack.ledger.satisfaction import (
    BranchInvalid,
    CoinTooYoung,
    Context,
    HeightTooLow,
    ItemMalformed,
    ItemsMissing,
    ItemsSurplus,
    PolicyUnsatisfied,
    PreimageWrong,
    check_branch,
    policy_root,
    prove_branch,
    satisfies,
)
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import MerkleProof, ProofMismatch, merkle_root
from tests.ledger.strategies import policies

A, B, C = Key(b"\x0a" * 32), Key(b"\x0b" * 32), Key(b"\x0c" * 32)
GROUP = Bls(b"\x0d" * 48)
SA, SB, SC = b"\xa0" * 64, b"\xb0" * 64, b"\xc0" * 64
SG = b"\xd0" * 96
PREIMAGE = b"\x05" * 32
HASH = Sha256(sha256(PREIMAGE).digest())
DIGEST = b"\xdd" * 32
NOW = Context(100, 90, DIGEST)
YES = b"\x01"


@pytest.mark.parametrize(
    ("policy", "items", "signers"),
    [
        (A, [SA], [A]),
        (GROUP, [SG], [GROUP]),
        (HASH, [PREIMAGE], []),
        (After(100), [YES], []),
        (Older(10), [YES], []),
        (Thresh(2, (A, B, C)), [SA, b"", SC], [A, C]),
        (Thresh(2, (A, B, GROUP)), [b"", SB, SG], [B, GROUP]),
        (All((A, Older(10))), [SA, YES], [A]),
        (Any((A, All((B, After(100))))), [b"", SB, YES], [B]),
        (Any((A, All((B, After(10**6))))), [SA, b"", b""], [A]),
        (Thresh(1, (Thresh(2, (A, B)), All((C, HASH)))), [b"", b"", SC, PREIMAGE], [C]),
    ],
)
def test_satisfied(policy: Policy, items: list[bytes], signers: list[Policy]) -> None:
    checks = satisfies(policy, items, NOW)
    assert [check.key for check in checks] == [signer.key for signer in signers]
    assert all(check.digest == DIGEST for check in checks)
    for check, signer in zip(checks, signers, strict=True):
        assert isinstance(check, SchnorrCheck if isinstance(signer, Key) else BlsCheck)


@pytest.mark.parametrize(
    ("policy", "items", "error"),
    [
        (A, [], ItemsMissing),
        (A, [b""], PolicyUnsatisfied),
        (A, [SA, b""], ItemsSurplus),
        (A, [SA[:63]], ItemMalformed),
        (A, [SA + b"\0"], ItemMalformed),
        (GROUP, [SA], ItemMalformed),
        (HASH, [PREIMAGE[:-1]], ItemMalformed),
        (HASH, [b"\x06" * 32], PreimageWrong),
        (After(101), [YES], HeightTooLow),
        (After(1), [b"\x02"], ItemMalformed),
        (After(1), [YES * 2], ItemMalformed),
        (After(0), [b""], PolicyUnsatisfied),
        (Older(11), [YES], CoinTooYoung),
        (Older(1), [b"\x00"], ItemMalformed),
        (Thresh(2, (A, B, C)), [SA, b"", b""], PolicyUnsatisfied),
        (Thresh(2, (A, B, C)), [SA, SB, SC], PolicyUnsatisfied),
        (Thresh(2, (A, B, C)), [SA, SB], ItemsMissing),
        (All((A, B)), [SA, b""], PolicyUnsatisfied),
        (All((A, B)), [b"", b""], PolicyUnsatisfied),
        (Any((A, B)), [SA, SB], PolicyUnsatisfied),
        (Any((A, All((B, C)))), [SA, SB, b""], PolicyUnsatisfied),
        (Any((A, All((B, After(1))))), [SA, b"", YES], PolicyUnsatisfied),
        (Any((A, After(101))), [SA, YES], HeightTooLow),
        (Any((A, HASH)), [SA, b"\x06" * 32], PreimageWrong),
    ],
)
def test_refused(policy: Policy, items: list[bytes], error: type[Invalid]) -> None:
    with pytest.raises(error):
        satisfies(policy, items, NOW)


@given(policies(), st.lists(st.sampled_from([b"", YES, SA, SG, PREIMAGE]), max_size=20))
def test_any_items_are_judged_by_name(policy: Policy, items: list[bytes]) -> None:
    try:
        checks = satisfies(policy, items, NOW)
    except Invalid:
        return
    assert len(checks) <= len(items)


def _leaf_items(policy: Policy) -> list[bytes]:
    """Items that satisfy the policy with its first subs, everything else empty."""
    match policy:
        case Key():
            return [SA]
        case Bls():
            return [SG]
        case Sha256():
            return [PREIMAGE]
        case After() | Older():
            return [YES]
        case Thresh(k, subs):
            return _some(k, subs)
        case All(subs):
            return _some(len(subs), subs)
        case Any(subs):
            return _some(1, subs)


def _some(count: int, subs: tuple[Policy, ...]) -> list[bytes]:
    parts = [_leaf_items(sub) for sub in subs]
    return [item if at < count else b"" for at, part in enumerate(parts) for item in part]


def _payable(policy: Policy) -> Policy:
    """The same shape with conditions that `_leaf_items` meets."""
    match policy:
        case Sha256():
            return HASH
        case After() | Older():
            return After(1)
        case Thresh(k, subs):
            return Thresh(k, tuple(map(_payable, subs)))
        case All(subs):
            return All(tuple(map(_payable, subs)))
        case Any(subs):
            return Any(tuple(map(_payable, subs)))
        case _:
            return policy


@given(policies(), st.data())
def test_one_item_more_or_less_breaks_a_witness(policy: Policy, data: st.DataObject) -> None:
    policy = _payable(policy)
    items = _leaf_items(policy)
    satisfies(policy, items, NOW)
    at = data.draw(st.integers(0, len(items) - 1))
    other = b"" if items[at] else data.draw(st.sampled_from([YES, SA, SG, PREIMAGE, b"\0"]))
    with pytest.raises(Invalid):
        satisfies(policy, [*items[:at], other, *items[at + 1 :]], NOW)
    with pytest.raises(Invalid):
        satisfies(policy, [*items, b""], NOW)


@given(st.lists(policies(), min_size=1, max_size=9, unique_by=encode))
def test_every_branch_proves_itself_and_no_other(branches: list[Policy]) -> None:
    root = policy_root(branches)
    for index, policy in enumerate(branches):
        proof = prove_branch(branches, index)
        check_branch(root, policy, proof)
        for other in branches:
            if other != policy:
                with pytest.raises(ProofMismatch):
                    check_branch(root, other, proof)


def test_one_branch_and_three() -> None:
    assert policy_root([A]) == merkle_root([encode(A)])
    assert policy_root([A, B, C]) == merkle_root([encode(A), encode(B), encode(C), b""])


def test_a_branch_has_one_proof_only() -> None:
    # In a tree that is not full, B's path is that of "1 of 2" and of "2 of 3" alike.
    proof = prove_branch([A, B], 1)
    for count in range(1025):
        for index in range(4):
            other = MerkleProof(index, count, proof.path)
            if other == proof:
                continue
            with pytest.raises(Invalid):
                check_branch(policy_root([A, B]), B, other)


@pytest.mark.parametrize("count", [0, 3, 2048, 2**31])
def test_impossible_counts_are_refused(count: int) -> None:
    with pytest.raises(BranchInvalid):
        check_branch(policy_root([A]), A, MerkleProof(0, count, ()))


def test_bounds_of_the_branches() -> None:
    with pytest.raises(PolicyInvalid):
        policy_root([])
    with pytest.raises(PolicyInvalid):
        policy_root([After(n) for n in range(1025)])
    with pytest.raises(PolicyInvalid):
        policy_root([Thresh(2, (A,))])
    with pytest.raises(PolicyInvalid):
        check_branch(policy_root([A]), Thresh(2, (A,)), MerkleProof(0, 1, ()))
