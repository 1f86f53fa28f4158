"""The bounds of a policy: depth 8, 64 nodes, 32 keys, thresholds that can be met."""

from __future__ import annotations

import pytest

from bystack.ledger.policies import (
    After,
    All,
    Any,
    Bls,
    Key,
    Policy,
    PolicyInvalid,
    Thresh,
    check_policy,
)

KEY, HEIGHT = Key(bytes(32)), After(1)


def chain(levels: int) -> Policy:
    policy: Policy = HEIGHT
    for _ in range(levels - 1):
        policy = All((policy,))
    return policy


@pytest.mark.parametrize(
    ("policy", "nodes"),
    [
        (HEIGHT, 1),
        (chain(8), 8),
        (All((HEIGHT,) * 63), 64),
        (Any((KEY, Bls(bytes(48))) * 16), 33),
        (Thresh(2, (KEY, KEY)), 3),
        (Thresh(1, (KEY, All((KEY, HEIGHT)))), 5),
    ],
)
def test_within_the_bounds(policy: Policy, nodes: int) -> None:
    assert check_policy(policy) == nodes


@pytest.mark.parametrize(
    "policy",
    [
        All((HEIGHT,) * 64),
        All((All((HEIGHT,) * 31), All((HEIGHT,) * 31))),
        Any((KEY,) * 33),
        Any((KEY, All((Bls(bytes(48)),) * 32))),
        Thresh(0, (KEY,)),
        Thresh(2, (KEY,)),
        All((Thresh(3, (KEY, KEY)),)),
    ],
)
def test_beyond_the_bounds(policy: Policy) -> None:
    with pytest.raises(PolicyInvalid):
        check_policy(policy)


def test_too_deep_is_refused_when_made() -> None:
    with pytest.raises(PolicyInvalid) as caught:
        chain(9)
    assert caught.value.depth == 9
