"""A snapshot taken in is the state it was taken of; whatever is changed in it is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from random import Random

import pytest
from msgspec.structs import replace

from bystack.ledger.coins import Coin
from bystack.primitives.codec import Malformed, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed
from bystack.primitives.mountain import mountain_leaf, mountain_prove, mountain_verify
from bystack.sidechain.records import OUTBOX
from bystack.sidechain.snapshots import rows as rows_module
from bystack.sidechain.snapshots.manifests import Manifest
from bystack.sidechain.snapshots.restoring import (
    NOTHING_YET,
    ChunkWrong,
    LeafOrder,
    Progress,
    RowOrder,
    SnapshotCut,
    SnapshotWrong,
    check_chunk,
    check_whole,
    take,
)
from bystack.sidechain.snapshots.rows import Row, Section
from tests.ledger.people import CAROL
from tests.sidechain.mainside import vault_chain
from tests.sidechain.snapshots.samples import Taken
from tests.sidechain.world import Side, Store, World, funded


@lru_cache(maxsize=1)
def _lived() -> World:
    world = funded()
    for _ in range(3):
        world.burn(100)
        world.block(world.transact(CAROL))
    world.pay(0)
    world.block(world.transact(CAROL, fee=3))
    return world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world with claims, burns and batches; chunks so small that there are many."""
    monkeypatch.setattr(rows_module, "CHUNK", 700)
    monkeypatch.setattr("bystack.sidechain.snapshots.manifests.CHUNK", 700)
    return _lived().copy()


class Restored:
    """What a receiver holds."""

    def __init__(self) -> None:
        self.state, self.trie, self.outbox = Store(), Store(), dict[tuple[int, int], bytes]()
        self.coins: dict[bytes, bytes] = {}
        self.progress: Progress = NOTHING_YET

    def take(self, data: bytes) -> None:
        taken = take(self.trie, self.progress, data)
        self.state.update(taken.entries)
        self.trie.take(dict.fromkeys(taken.trie.removed))
        self.trie.take(dict(taken.trie.added))
        self.coins.update(taken.coins)
        self.outbox |= {(node.level, node.index): node.hash for node in taken.nodes}
        self.progress = decode(Progress, encode(taken.progress), 5_000_000)

    def whole(self, manifest: Manifest) -> None:
        check_whole(manifest, self.progress, self.state.get(OUTBOX))


def restore(taken: Taken) -> Restored:
    """Take a snapshot in as its manifest says; raises what refuses it."""
    manifest, made = taken.manifest(), Restored()
    for index, data in enumerate(taken.chunks):
        check_chunk(manifest, index, data)
        made.take(data)
    made.whole(manifest)
    return made


def test_it_is_the_state_it_was_taken_of(world: World) -> None:
    side, taken = world.side, Taken.of(world)
    made = restore(taken)
    assert len(taken.chunks) > 10 and side.outbox and side.coins
    assert made.state == side.state and made.trie == side.nodes
    keys = {place.transaction + place.index.to_bytes(4, "big") for place in side.coins}
    assert set(made.coins) == keys
    assert made.progress.multiset == side.multiset and made.progress.system_root == side.root


def test_the_next_block_executes_to_the_same_root(world: World) -> None:
    made = restore(Taken.of(world))
    fields = {"state": made.state, "nodes": made.trie, "root": made.progress.system_root}
    joined = Side(**{**world.copy().side.__dict__, **fields, "multiset": made.progress.multiset})
    built = world.block(world.transact(CAROL))
    assert joined.validate(built).state_root == built.header.state_root


def test_every_record_of_the_outbox_is_proved_from_it(world: World) -> None:
    made, count = restore(Taken.of(world)), len(world.side.outbox)
    for index, leaf in enumerate(world.side.outbox):
        proof = mountain_prove(lambda level, at: made.outbox[level, at], count, index)
        mountain_verify(world.side.header.outbox_root, leaf, proof)


def test_an_empty_chain_has_a_snapshot_too() -> None:
    made = restore(Taken.of(World(vault_chain())))
    assert made.state and not made.coins and not made.outbox


def _first(rows: list[Row], section: Section) -> int:
    return next(at for at, row in enumerate(rows) if row.section == section)


def drop(rows: list[Row], at: int) -> None:
    del rows[at]


def double(rows: list[Row], at: int) -> None:
    rows.insert(at, rows[at])


def swap(rows: list[Row], at: int) -> None:
    rows[at], rows[at + 1] = rows[at + 1], rows[at]


def add(rows: list[Row], at: int) -> None:
    row = rows[at]
    rows.insert(at, row._replace(key=row.key[:-1] + bytes([row.key[-1] - 1 & 0xFF])))


def alter(rows: list[Row], at: int) -> None:
    row = rows[at]
    rows[at] = row._replace(value=row.value[:-1] + bytes([row.value[-1] ^ 1]))


@pytest.mark.parametrize("section", Section)
@pytest.mark.parametrize("change", [drop, double, swap, add, alter])
def test_whatever_is_changed_in_the_rows_is_refused(
    world: World, section: Section, change: Callable[[list[Row], int], None]
) -> None:
    """The liar's manifest fits his chunks: only the header's roots can tell."""
    taken = Taken.of(world)
    change(taken.rows, _first(taken.rows, section))
    with pytest.raises(Invalid):
        restore(taken)


def test_more_money_than_there_is_is_refused(world: World) -> None:
    taken = Taken.of(world)
    at = _first(taken.rows, Section.COIN)
    coin = decode(Coin, taken.rows[at].value, 10_000)
    richer = encode(replace(coin, amount=coin.amount + 1))
    taken.rows[at] = taken.rows[at]._replace(value=richer)
    with pytest.raises(SnapshotWrong, match="coins"):
        restore(taken)


def test_each_lie_has_its_name(world: World) -> None:
    taken = Taken.of(world)
    double(taken.rows, 3)
    with pytest.raises(RowOrder):
        restore(taken)
    taken = Taken.of(world)
    drop(taken.rows, _first(taken.rows, Section.LEAF))
    with pytest.raises(LeafOrder):
        restore(taken)
    taken = Taken.of(world)
    taken.rows.append(Row(Section.LEAF, fixed(len(world.side.outbox)), mountain_leaf(b"more")))
    with pytest.raises(SnapshotWrong, match="outbox"):
        restore(taken)
    taken = Taken.of(world)
    alter(taken.rows, 3)
    with pytest.raises(SnapshotWrong, match="state"):
        restore(taken)
    taken = Taken.of(world)
    at = _first(taken.rows, Section.COIN)
    taken.rows[at] = taken.rows[at]._replace(value=b"\xc1")
    with pytest.raises(Malformed):
        restore(taken)


def test_a_stream_that_ends_inside_a_row_is_no_snapshot(world: World) -> None:
    taken, made = Taken.of(world), Restored()
    manifest = taken.manifest()
    for data in (*taken.chunks[:-1], taken.chunks[-1][:-1]):
        made.take(data)
    with pytest.raises(SnapshotCut):
        made.whole(manifest)


def test_a_chunk_is_the_one_the_manifest_names(world: World) -> None:
    taken = Taken.of(world)
    manifest, dice = taken.manifest(), Random(1)
    for index, data in enumerate(taken.chunks):
        check_chunk(manifest, index, data)
        at = dice.randrange(len(data))
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        for false in (flipped, data[:-1], data + b"\0", taken.chunks[index - 1], b""):
            with pytest.raises(ChunkWrong):
                check_chunk(manifest, index, false)
