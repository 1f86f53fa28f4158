"""K19: a quorum's keys drain a vault quietly; nobody asks for six days.

A guard finds the order that no final batch backs before the next block, without a report, and
freezes by itself: in the blocks that follow nothing leaves. The loss is what left by then.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.ledger.vault_errors import VaultFrozen
from bystack.ledger.vault_operations import FREEZE
from tests.federation.guarding.tower import paid
from tests.node.guard.post import BTM, Post, in_trio
from tests.sidechain.mainside import FAST, SLOW, TERMS


@in_trio
async def test_the_drain_ends_with_the_block_in_which_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post(tmp_path, monkeypatch)
    await post.follow()
    await post.later()
    await post.rob([paid(700)])
    began = post.main.height
    await post.later()
    assert post.kinds == ["unknown_spend"] and post.main.height == began
    assert post.operations == [FREEZE]
    await post.mined()
    bucket = next(limit for limit in TERMS.tiers[FAST].limits if limit.asset == BTM)
    assert bucket.capacity >= 700
    for _ in range(TERMS.guard.freeze - 1):
        with pytest.raises(VaultFrozen):
            post.main.mine(post.main.order([paid(1)]))
        post.main.mine()


@in_trio
async def test_what_was_set_aside_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post(tmp_path, monkeypatch)
    await post.follow()
    await post.later()
    held = sum(coin.amount for _, coin in post.main.vault_coins(BTM))
    await post.rob([paid(3_000)], SLOW)
    await post.later()
    await post.mined()
    await post.later()
    assert post.main.pendings() == []
    assert sum(coin.amount for _, coin in post.main.vault_coins(BTM)) == held


@in_trio
async def test_a_thief_who_copies_a_batch_under_another_seq_is_found_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very outputs of an honest batch, once more."""
    post = Post(tmp_path, monkeypatch)
    post.batch(0, [paid(300)])
    await post.follow()
    await post.later()
    await post.rob([paid(300)])
    await post.later()
    assert post.kinds == []
    await post.rob([paid(300)])
    await post.later()
    assert post.kinds == ["unknown_spend"]


@in_trio
async def test_a_thief_who_takes_an_honest_batchs_turn_is_found_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its seq, and all of it to himself."""
    post = Post(tmp_path, monkeypatch)
    post.batch(0, [paid(300)])
    await post.follow()
    await post.later()
    await post.rob([paid(301)])
    await post.later(1)
    assert post.kinds == ["unknown_spend"] and post.operations == [FREEZE]
