"""The main chain's store against a model: any walk over the branches, and kills at every step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import (
    DepositLock,
    Outpoint,
    PendingLock,
    TreasuryLock,
    VaultLock,
)
from bystack.mainchain.blocks import decode_block
from bystack.mainchain.history import prove_history
from bystack.mainchain.params import REGTEST, genesis
from bystack.mainchain.proofs import verify_history_proof
from bystack.node.store.chainstore import ChainStore, vault_changes
from bystack.node.store.storage import StoreCorrupt, StoreNetwork
from bystack.primitives.codec import encode
from tests.mainchain.builders import EASY
from tests.node.mainchain.branches import (
    Opened,
    branches,
    chain_to,
    image_after,
)

KNOWN = branches()
FIRST = genesis(EASY)
HEIGHTS = {block.id: block.header.height for block in (FIRST, *KNOWN.all)}


def check(opened: Opened, goal: bytes) -> None:
    """Everything in the store is what the blocks up to `goal` leave."""
    store, blocks = opened.store, chain_to(goal)
    assert store.tip() == goal
    assert opened.image() == image_after(blocks)
    line = [store.connected_at(height) for height in range(12)]
    assert line == [FIRST.id, *(b.id for b in blocks), *[None] * (11 - len(blocks))]
    connected = {block.id for block in blocks}
    for block in KNOWN.all:
        for at, tx in enumerate(block.transactions):
            place = store.find(tx.id)
            inside = [b.id for b in blocks if tx in b.transactions]
            assert (place.block if place else None) == (inside[0] if inside else None)
            assert place is None or inside != [block.id] or place.position == at
        assert (store._store.get(b"u" + block.id) is not None) == (block.id in connected)


@given(walk=st.lists(st.sampled_from([block.id for block in KNOWN.all]), max_size=6))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_walk_over_the_branches_leaves_what_the_blocks_say(
    tmp_path: Path, walk: list[bytes]
) -> None:
    path = tmp_path / str(len(list(tmp_path.iterdir())))

    async def main() -> None:
        opened = Opened(path)
        await opened.keep(*KNOWN.all)
        goal = FIRST.id
        for goal in walk:
            await opened.move(goal)
        check(opened, goal)
        opened.store.close()
        again = Opened(path)
        check(again, goal)
        assert {e for e in HEIGHTS if again.tree.entry(e)} == set(HEIGHTS)
        again.store.close()

    trio.run(main)


def test_blocks_beside_the_chain_are_at_hand_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        opened = Opened(tmp_path)
        await opened.keep(*KNOWN.all)
        await opened.move(KNOWN.left[-1].id)
        await opened.store.commit(opened.store.bad_changes(KNOWN.right[1].id))
        opened.store.close()
        again = ChainStore.open(tmp_path, EASY)
        stored = again.load()
        assert stored.connected == KNOWN.left[-1].id
        assert stored.at_hand == (KNOWN.right[0].id,)
        assert all(stored.tree.entry(block.id) is None for block in KNOWN.right[1:])
        assert stored.tree.tip() == KNOWN.left[-1].id
        again.close()

    trio.run(main)


def test_blocks_come_back_byte_for_byte_and_history_is_proved(tmp_path: Path) -> None:
    async def main() -> None:
        opened = Opened(tmp_path)
        await opened.keep(*KNOWN.all)
        await opened.move(KNOWN.left[-1].id)
        await opened.move(KNOWN.right[-1].id)
        store, tip = opened.store, KNOWN.right[-1]
        for block in KNOWN.all:
            data = store.block_bytes(block.id)
            assert data == encode(block)
            assert data is not None and decode_block(data) == block
        for block in (FIRST, *KNOWN.trunk, *KNOWN.right[:-1]):
            entry = opened.tree.entry(block.id)
            assert entry is not None
            proof = prove_history(store.node, tip.header, entry)
            height = block.header.height
            assert verify_history_proof(tip.header, proof, height) == block.header
        store.close()

    trio.run(main)


def test_another_network_or_chain_is_refused(tmp_path: Path) -> None:
    ChainStore.open(tmp_path / "a", EASY).close()
    with pytest.raises(StoreCorrupt, match="another chain"):
        ChainStore.open(tmp_path / "a", REGTEST)
    from bystack.mainchain.params import MAIN

    with pytest.raises(StoreNetwork):
        ChainStore.open(tmp_path / "a", MAIN)


POINTS = [
    *(
        f"{name}:{nth}"
        for name in ("chain.before_commit", "chain.after_commit")
        for nth in (1, 6, 8)
    ),
    "store.before_commit:20",
    "store.after_commit:20",
]


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_leaves_the_last_complete_block(tmp_path: Path, point: str) -> None:
    """The eighth move reorganises; before, one commit begins the store and 11 keep blocks."""
    mark, store = tmp_path / "mark", tmp_path / "store"
    environment = {
        **os.environ,
        "BYSTACK_TESTING": "1",
        "BYSTACK_FAILPOINT": point,
        "BYSTACK_FAILPOINT_MARK": str(mark),
    }
    argv = [sys.executable, "-m", "tests.node.store.killed_store", str(store)]
    ended = subprocess.run(argv, env=environment, check=False, capture_output=True, timeout=180)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert mark.exists(), "the kill did not hit inside the step"
    opened = Opened(store)
    goals = [*(block.id for block in (*KNOWN.trunk, *KNOWN.left)), KNOWN.right[-1].id]
    name, _, nth = point.partition(":")
    moves = int(nth) - (0 if name.startswith("chain.") else len(KNOWN.all) + 1)
    done = moves if name.endswith("after_commit") else moves - 1
    check(opened, goals[done - 1] if done else FIRST.id)
    opened.store.close()

    async def finish() -> None:
        again = Opened(store)
        await again.move(KNOWN.right[-1].id)
        check(again, KNOWN.right[-1].id)
        again.store.close()

    trio.run(finish)


VAULTS = [bytes([number]) * 32 for number in (1, 2)]
LOCKS = st.one_of(
    st.builds(VaultLock, st.sampled_from(VAULTS)),
    st.builds(DepositLock, st.sampled_from(VAULTS), st.just(bytes(64))),
    st.builds(TreasuryLock, st.sampled_from(VAULTS)),
    st.builds(PendingLock, st.sampled_from(VAULTS), *[st.just(bytes(32))] * 2, st.just(3)),
)


@given(locks=st.lists(LOCKS, max_size=8), spent=st.sets(st.integers(0, 7)))
def test_the_index_of_vaults_is_what_a_scan_of_the_coins_finds(
    locks: list[VaultLock], spent: set[int]
) -> None:
    coins = {
        Outpoint(bytes([at]) * 32, at): Coin(BTM, at, lock, 1, 0, 1, b"")
        for at, lock in enumerate(locks)
    }
    gone = {place: coin for place, coin in coins.items() if place.index in spent}
    index: dict[bytes, bytes] = {}
    for delta in (Delta({}, coins), Delta(gone, {})):
        for key, value in vault_changes(delta).items():
            if value is None:
                index.pop(key, None)
            else:
                index[key] = value
    left = {place: coin for place, coin in coins.items() if place not in gone}
    expected = {
        b"v" + coin.lock.vault + place.transaction + place.index.to_bytes(4, "big")
        for place, coin in left.items()
        if not isinstance(coin.lock, str) and hasattr(coin.lock, "vault")
    }
    assert {key for key in index if key[:1] == b"v"} == expected
