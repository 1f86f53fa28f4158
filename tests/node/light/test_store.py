"""A light node's disk: headers cost their own bytes, damage is named, a restart judges nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import trio

from bystack.mainchain.chain import Entry, genesis_entry
from bystack.mainchain.params import REGTEST
from bystack.mainchain.proofs import prove_transaction
from bystack.node.light.store import HEADER, LightStore
from bystack.node.store import storage
from bystack.node.store.storage import StoreCorrupt, StoreKind, StoreNetwork
from bystack.primitives.codec import encode
from bystack.primitives.hashes import fixed
from tests.ledger.people import ALICE
from tests.mainchain.builders import EASY, Chain
from tests.mainchain.light import after
from tests.node.light import killed_store
from tests.node.mainchain.network import Node

FIRST = genesis_entry(EASY)
CHAIN = after(FIRST, 12)
SIDE = after(CHAIN[5], 3, mark=2)
LIMIT = 5_000_000


class Refusing:
    """An engine that no header meets: whoever asks it judges again what is on the disk."""

    def digest(self, id: bytes, seed: bytes, /) -> bytes:
        return b"\xff" * 32


def filled(path: Path, *batches: Sequence[Entry]) -> None:
    store = LightStore.open(path, EASY)
    store.load()

    async def keep() -> None:
        for batch in batches:
            await store.keep_headers(batch)

    trio.run(keep)
    store.close()


def spoilt(path: Path, changes: dict[bytes, bytes | None]) -> None:
    database = storage.plyvel.DB(str(path))
    for key, value in changes.items():
        database.delete(key) if value is None else database.put(key, value)
    database.close()


def test_headers_come_back_in_order_with_their_branches(tmp_path: Path) -> None:
    filled(tmp_path, CHAIN[:7], SIDE, CHAIN[7:])
    store = LightStore.open(tmp_path, EASY, {EASY.work: Refusing()})
    tree = store.load()
    assert tree.best() == CHAIN[-1]
    assert [tree.entry(entry.id) for entry in (*CHAIN, *SIDE)] == [*CHAIN, *SIDE]

    async def more() -> None:
        await store.keep_headers(after(CHAIN[-1], 2))

    trio.run(more)
    store.close()
    again = LightStore.open(tmp_path, EASY)
    assert again.load().best().header.height == 14
    again.close()


def test_ten_thousand_headers_take_less_than_five_megabytes(tmp_path: Path) -> None:
    many = after(FIRST, 10_000)
    filled(tmp_path, *(many[at : at + 2_000] for at in range(0, 10_000, 2_000)))
    store = LightStore.open(tmp_path, EASY)
    assert store.load().best() == many[-1]
    assert store.size < LIMIT
    store.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < LIMIT


def test_a_watched_transaction_is_kept_with_its_proof(tmp_path: Path) -> None:
    chain = Chain()
    block = chain.mine(miner=ALICE)
    proof = prove_transaction(block, 0)
    store = LightStore.open(tmp_path, EASY)
    trio.run(store.keep_watched, [(block.transactions[0].id, proof)])
    store.close()
    again = LightStore.open(tmp_path, EASY)
    assert again.watched(block.transactions[0].id) == proof
    assert again.watched(b"\x01" * 32) is None
    again.close()


@pytest.mark.parametrize(
    "damage",
    [
        {HEADER + fixed(4): None},
        {HEADER + fixed(4): b"\xc1"},
        {HEADER + fixed(4): encode(msgspec.structs.replace(CHAIN[3].header, time=7))},
        {HEADER + fixed(12): encode(CHAIN[3].header)[:-1]},
    ],
)
def test_damage_is_named_with_a_next_step(tmp_path: Path, damage: dict[bytes, bytes]) -> None:
    filled(tmp_path, CHAIN)
    spoilt(tmp_path, damage)
    store = LightStore.open(tmp_path, EASY)
    with pytest.raises(StoreCorrupt, match=r"header \d+ does not fit .* move the directory away"):
        store.load()
    store.close()


def test_a_store_of_another_chain_network_or_kind_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "light", CHAIN)
    other = msgspec.structs.replace(EASY, genesis_time=EASY.genesis_time + 1)
    with pytest.raises(StoreCorrupt, match="another chain"):
        LightStore.open(tmp_path / "light", other)
    with pytest.raises(StoreNetwork):
        LightStore.open(tmp_path / "light", msgspec.structs.replace(REGTEST, magic=b"else"))

    async def full() -> None:
        Node(tmp_path / "full", 1).store.close()

    trio.run(full)
    with pytest.raises(StoreKind):
        LightStore.open(tmp_path / "full", EASY)


@pytest.mark.parametrize(("point", "kept"), [("before", (1, 2)), ("after", (2, 4))])
def test_a_kill_at_a_commit_keeps_whole_batches_and_the_next_start_goes_on(
    tmp_path: Path, point: str, kept: tuple[int, int]
) -> None:
    """The second batch of each run is the one that is hit: none of it is kept, or all."""
    place = tmp_path / "store"
    LightStore.open(place, EASY).close()
    for batches in kept:
        armed = {"BYSTACK_TESTING": "1", "BYSTACK_FAILPOINT": f"store.{point}_commit:2"}
        command = [sys.executable, "-m", "tests.node.light.killed_store", str(place)]
        done = subprocess.run(command, env={**os.environ, **armed}, check=False)
        assert done.returncode == -signal.SIGKILL
        store = LightStore.open(place, EASY)
        assert store.load().best() == killed_store.CHAIN[batches * killed_store.BATCH - 1]
        store.close()
