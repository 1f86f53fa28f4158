"""The language of spending conditions: small, bounded, without loops.

An output commits to the Merkle root of alternative branches; spending reveals one branch and its
path. What is unknown is refused. Idea and names after Miniscript (Wuille, Poelstra, Kanjalkar).
"""

from __future__ import annotations

from typing import Annotated, Union

from msgspec import Meta

from bystack.primitives.codec import U8, U63, Bytes32, Bytes48, Wire
from bystack.primitives.errors import Invalid

MAX_DEPTH = 8
MAX_NODES = 64
MAX_KEYS = 32
MAX_BRANCHES = 1024


class Key(Wire, tag=0, gc=False):
    """A BIP 340 Schnorr signature by `key` (x-only)."""

    key: Bytes32


class Bls(Wire, tag=1):
    """A BLS12-381 signature by the group key `key`."""

    key: Bytes48


class PolicyInvalid(Invalid):
    """The policy is too deep, too large, or a threshold is out of range."""


class Combination(Wire, dict=True):
    """A policy with policies inside.

    One deeper than 8 levels cannot even be decoded. Were it left to `check_policy`, a policy nested
    just so deep that decoding survives would exhaust the stack of whoever encodes it next.
    """

    def __post_init__(self) -> None:
        subs: tuple[Policy, ...] = self.subs  # type: ignore[attr-defined]
        level = 1 + max((getattr(sub, "level", 1) for sub in subs), default=0)
        if level > MAX_DEPTH:
            raise PolicyInvalid(depth=level, most=MAX_DEPTH)
        self.__dict__["level"] = level


class Thresh(Combination, tag=2):
    """Exactly `k` of `subs` are satisfied in the witness."""

    k: U8
    subs: Annotated[tuple[Policy, ...], Meta(min_length=1, max_length=MAX_NODES)]


class All(Combination, tag=3):
    """Every one of `subs`."""

    subs: Annotated[tuple[Policy, ...], Meta(min_length=1, max_length=MAX_NODES)]


class Any(Combination, tag=4):
    """Exactly one of `subs` is satisfied in the witness."""

    subs: Annotated[tuple[Policy, ...], Meta(min_length=1, max_length=MAX_NODES)]


class After(Wire, tag=5):
    """Not before this block height."""

    height: U63


class Older(Wire, tag=6):
    """Not before the coin is this many blocks old."""

    blocks: U63


class Sha256(Wire, tag=7):
    """A 32-byte preimage of `hash`."""

    hash: Bytes32


Policy = Union[Key, Bls, Thresh, All, Any, After, Older, Sha256]  # noqa: UP007 - recursive


def check_policy(policy: Policy) -> int:
    """The number of nodes; raises `PolicyInvalid` beyond depth 8, 64 nodes or 32 keys."""
    nodes, keys = _measure(policy, 1)
    if nodes > MAX_NODES or keys > MAX_KEYS:
        raise PolicyInvalid(nodes=nodes, keys=keys)
    return nodes


def _measure(policy: Policy, depth: int) -> tuple[int, int]:
    if depth > MAX_DEPTH:
        raise PolicyInvalid(depth=depth, most=MAX_DEPTH)
    match policy:
        case Thresh(k, subs) if not 1 <= k <= len(subs):
            raise PolicyInvalid(threshold=k, of=len(subs))
        case Thresh(_, subs) | All(subs) | Any(subs):
            parts = [_measure(sub, depth + 1) for sub in subs]
            return 1 + sum(n for n, _ in parts), sum(k for _, k in parts)
        case Key() | Bls():
            return 1, 1
        case _:
            return 1, 0
