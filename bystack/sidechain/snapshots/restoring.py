"""Taking a snapshot in: each chunk changes what a store holds, and at the end the roots decide.

A chunk is one step: what it adds to the store, and how far taking in is after it, which is kept
beside it. So a process that dies goes on with the next chunk. Rows ascend, so none comes twice.
The trie, the coins' multiset and the outbox' peaks grow with the rows; nothing is believed before
all three are those of the header.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from msgspec import Meta

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint
from bystack.primitives.codec import U32, Bytes32, Wire, decode, decoder
from bystack.primitives.errors import Invalid
from bystack.primitives.mountain import EMPTY_PEAKS, Node, Peaks, append_node, mountain_root
from bystack.primitives.multiset import EMPTY, SIZE, multiset_update
from bystack.primitives.trie import EMPTY_ROOT, Nodes, TrieUpdate, update
from bystack.sidechain.payments import coin_elements
from bystack.sidechain.proofs import MAX_KEY
from bystack.sidechain.records import OUTBOX
from bystack.sidechain.snapshots.manifests import Manifest, chunk_hash
from bystack.sidechain.snapshots.rows import MAX_COIN, MAX_ROW, Row, Section, read_rows
from bystack.sidechain.state import MAX_VALUE

_decode_coin = decoder(Coin, MAX_COIN)


class ChunkWrong(Invalid):
    """The bytes are not the chunk that the manifest names."""


class RowOrder(Invalid):
    """A row of a snapshot does not come after the one before it."""


class LeafOrder(Invalid):
    """The outbox leaves of a snapshot do not count up from 0."""


class SnapshotCut(Invalid):
    """The last chunk of a snapshot ends inside a row."""


class SnapshotWrong(Invalid):
    """What the rows of a snapshot make is not what its header commits to."""


class Progress(Wire):
    """How far a snapshot is taken in: chunks done, the last row's section and key, the bytes of a
    row that has begun, and the roots of all rows so far.
    """

    chunks: U32
    last: Annotated[bytes, Meta(max_length=MAX_KEY + 1)]
    rest: Annotated[bytes, Meta(max_length=MAX_ROW)]
    system_root: Bytes32
    multiset: Annotated[bytes, Meta(min_length=SIZE, max_length=SIZE)]
    peaks: Peaks


NOTHING_YET = Progress(0, b"", b"", EMPTY_ROOT, EMPTY, EMPTY_PEAKS)


class Taken(NamedTuple):
    """What a chunk adds to a store: entries and coins by key, nodes of trie and outbox."""

    progress: Progress
    entries: dict[bytes, bytes]
    trie: TrieUpdate
    coins: dict[bytes, bytes]
    nodes: tuple[Node, ...]


def check_chunk(manifest: Manifest, index: int, data: bytes) -> None:
    """Raise `ChunkWrong` unless these are the bytes of the chunk."""
    wanted = manifest.chunks[index]
    if len(data) != manifest.length(index) or chunk_hash(data) != wanted:
        raise ChunkWrong(index=index, length=len(data), expected=wanted)


def take(nodes: Nodes, progress: Progress, data: bytes) -> Taken:
    """What the next chunk does. `nodes`: the trie's so far.

    Raises `RowSection`, `RowLength`, `RowOrder`, `LeafOrder` and the codec's errors: whoever made
    the manifest is to blame.
    """
    rows, rest = read_rows(progress.rest + data)
    last = _ascending(progress.last, rows)
    entries = {row.key: row.value for row in rows if row.section == Section.ENTRY}
    coins = {row.key: row.value for row in rows if row.section == Section.COIN}
    leaves = [row for row in rows if row.section == Section.LEAF]
    trie = update(nodes, progress.system_root, entries)
    peaks, grown = _grow(progress.peaks, leaves)
    after = Progress(
        progress.chunks + 1, last, rest, trie.root, _multiset(progress.multiset, coins), peaks
    )
    return Taken(after, entries, trie, coins, grown)


def _ascending(last: bytes, rows: Sequence[Row]) -> bytes:
    for row in rows:
        place = bytes([row.section]) + row.key
        if place <= last:
            raise RowOrder(section=Section(row.section).name, key=row.key)
        last = place
    return last


def _multiset(state: bytes, coins: dict[bytes, bytes]) -> bytes:
    read = {
        Outpoint(key[:32], int.from_bytes(key[32:], "big")): _decode_coin(data)
        for key, data in coins.items()
    }
    return multiset_update(state, coin_elements(read), ()) if read else state


def _grow(peaks: Peaks, leaves: Sequence[Row]) -> tuple[Peaks, tuple[Node, ...]]:
    grown: list[Node] = []
    for row in leaves:
        if int.from_bytes(row.key, "big") != peaks.count:
            raise LeafOrder(index=int.from_bytes(row.key, "big"), expected=peaks.count)
        peaks, new = append_node(peaks, row.value)
        grown += new
    return peaks, tuple(grown)


def check_whole(manifest: Manifest, progress: Progress, outbox: bytes | None) -> None:
    """All chunks are in: refuse what is not the state after the header.

    `outbox`: the state's own entry of the outbox' peaks. Raises `SnapshotCut`, `SnapshotWrong`.
    """
    if progress.rest:
        raise SnapshotCut(left=len(progress.rest))
    if progress.system_root != manifest.system_root:
        raise SnapshotWrong(part="state", given=progress.system_root, expected=manifest.system_root)
    if progress.multiset != manifest.multiset:
        raise SnapshotWrong(part="coins", height=manifest.header.height)
    peaks = EMPTY_PEAKS if outbox is None else decode(Peaks, outbox, MAX_VALUE)
    if mountain_root(progress.peaks) != manifest.header.outbox_root or progress.peaks != peaks:
        raise SnapshotWrong(part="outbox", leaves=progress.peaks.count)


__all__ = ["NOTHING_YET", "OUTBOX", "Progress", "Taken", "check_chunk", "check_whole", "take"]
