"""Whether a witness satisfies a policy, and under which root a revealed branch stands.

A witness has one form only, or a stranger could change it on its way: every leaf has its item, a
leaf counts as satisfied exactly when its item is non-empty, a threshold is met exactly, and what is
not needed is empty. Signatures are not verified here but returned as checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from bystack.ledger.effects import BlsCheck, Check, SchnorrCheck
from bystack.ledger.policies import (
    MAX_BRANCHES,
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
    check_policy,
)
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import MerkleProof, merkle_prove, merkle_root, merkle_verify

HEIGHT_REACHED = b"\x01"
_PADDING = b""  # no policy encodes to nothing


class BranchInvalid(Invalid):
    """The proof of the revealed branch has an impossible number of branches."""


class ItemsMissing(Invalid):
    """The witness has fewer items than the policy has leaves."""


class ItemsSurplus(Invalid):
    """The witness has more items than the policy has leaves."""


class ItemMalformed(Invalid):
    """An item is not of the form its leaf asks for."""


class PreimageWrong(Invalid):
    """An item is not the preimage of the policy's hash."""


class HeightTooLow(Invalid):
    """The block does not yet stand at the height the policy asks for."""


class CoinTooYoung(Invalid):
    """The coin is not yet as many blocks old as the policy asks for."""


class PolicyUnsatisfied(Invalid):
    """A part of the policy is satisfied by too few, or by too many, of its subs."""


class Context(NamedTuple):
    """The block's height, the height of the block that holds the coin, and what signatures sign."""

    height: int
    coin_height: int
    digest: bytes


def policy_root(policies: Sequence[Policy]) -> bytes:
    """The 32 bytes that a policy lock holds. Raises `PolicyInvalid` for none, too many or bad ones.

    The tree is filled up to a power of two: a lock commits to no count, and in a full tree a branch
    has one proof only, where otherwise (1 of 2) and (2 of 3) could share a path.
    """
    return merkle_root(_leaves(policies))


def prove_branch(policies: Sequence[Policy], index: int) -> MerkleProof:
    """The proof that `policies[index]` stands under `policy_root(policies)`."""
    return merkle_prove(_leaves(policies), index)


def _leaves(policies: Sequence[Policy]) -> list[bytes]:
    if not 1 <= len(policies) <= MAX_BRANCHES:
        raise PolicyInvalid(branches=len(policies), most=MAX_BRANCHES)
    for policy in policies:
        check_policy(policy)
    leaves = [encode(policy) for policy in policies]
    return leaves + [_PADDING] * ((1 << (len(leaves) - 1).bit_length()) - len(leaves))


def check_branch(root: bytes, policy: Policy, proof: MerkleProof) -> None:
    """Check that `policy` is a branch under `root` and within the bounds.

    Raises `PolicyInvalid`, `BranchInvalid` or one of the proof's errors.
    """
    check_policy(policy)
    if not 1 <= proof.count <= MAX_BRANCHES or proof.count & (proof.count - 1):
        raise BranchInvalid(count=proof.count)
    merkle_verify(root, proof.count, encode(policy), proof)


def satisfies(policy: Policy, items: Sequence[bytes], context: Context) -> tuple[Check, ...]:
    """The signatures to verify before `items`, one per leaf depth first, satisfy the policy.

    Items: 64 bytes for `key`, 96 for `bls`, a 32-byte preimage for `sha256`, the byte 1 for `after`
    and `older`; empty where not provided. Raises one of this file's errors.
    """
    queue = iter(items)
    checks: list[Check] = []
    if not _satisfied(policy, queue, context, checks):
        raise PolicyUnsatisfied(needed=1, given=0)
    if next(queue, None) is not None:
        raise ItemsSurplus(given=len(items))
    return tuple(checks)


def _satisfied(
    policy: Policy, queue: Iterator[bytes], context: Context, checks: list[Check]
) -> bool:
    """True when satisfied, False when wholly empty; anything between is an error."""
    match policy:
        case Thresh(needed, subs):
            return _count(needed, subs, queue, context, checks)
        case All(subs):
            return _count(len(subs), subs, queue, context, checks)
        case Any(subs):
            return _count(1, subs, queue, context, checks)
        case _:
            return _leaf(policy, queue, context, checks)


def _count(
    needed: int,
    subs: Sequence[Policy],
    queue: Iterator[bytes],
    context: Context,
    checks: list[Check],
) -> bool:
    given = sum(_satisfied(sub, queue, context, checks) for sub in subs)
    if given not in (0, needed):
        raise PolicyUnsatisfied(needed=needed, given=given)
    return given == needed


def _leaf(leaf: Policy, queue: Iterator[bytes], context: Context, checks: list[Check]) -> bool:
    item = next(queue, None)
    if item is None:
        raise ItemsMissing()
    if not item:
        return False
    match leaf:
        case Key(key):
            checks.append(SchnorrCheck(key, context.digest, _sized(item, 64)))
        case Bls(key):
            checks.append(BlsCheck(key, context.digest, _sized(item, 96)))
        case Sha256(digest):
            _check_preimage(digest, _sized(item, 32))
        case After(height):
            _check_height(height, item, context)
        case Older(blocks):
            _check_age(blocks, item, context)
        case _:
            raise PolicyInvalid(leaf=type(leaf).__name__)
    return True


def _sized(item: bytes, size: int) -> bytes:
    if len(item) != size:
        raise ItemMalformed(length=len(item), expected=size)
    return item


def _check_preimage(digest: bytes, preimage: bytes) -> None:
    if sha256(preimage).digest() != digest:
        raise PreimageWrong(hash=digest)


def _check_height(height: int, item: bytes, context: Context) -> None:
    if item != HEIGHT_REACHED:
        raise ItemMalformed(item=item, expected=HEIGHT_REACHED)
    if context.height < height:
        raise HeightTooLow(height=context.height, needed=height)


def _check_age(blocks: int, item: bytes, context: Context) -> None:
    if item != HEIGHT_REACHED:
        raise ItemMalformed(item=item, expected=HEIGHT_REACHED)
    if context.height - context.coin_height < blocks:
        raise CoinTooYoung(age=context.height - context.coin_height, needed=blocks)
