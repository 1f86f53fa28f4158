"""The main chain at rest: what lies under which key, and the changes of one synced batch.

    c transaction index   coin (see `coinstore`)
    e number              header entry, in the order headers were first seen
    i block               this block is invalid
    b block               a block's bytes
    o block               that block is at hand and not connected
    h height              id of the connected block at that height
    u block               what undoes that connected block
    t transaction         block and position (4 bytes) of a connected transaction
    m level index         node of the mountain range over the connected headers (1 and 8 bytes)
    v vault transaction index   an unspent coin of that vault
    a vault               outpoint of the vault's anchor
    f block               the block's filter, made when a light node first asked for it
    x y X                 the index of addresses, where it is kept (`node.addresses.rows`)
    T                     id of the last connected block
    P                     height of the first block whose body is kept (none: 1, nothing pruned)

Numbers and heights are 8 bytes, big endian. A connected block or a whole reorganisation is one
batch: a killed process finds the last complete one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import (
    DepositLock,
    Lock,
    Outpoint,
    PendingLock,
    PolicyLock,
    TreasuryLock,
    VaultLock,
)
from bystack.mainchain.blocks import Block, decode_block
from bystack.mainchain.chain import Entry, genesis_entry, path
from bystack.mainchain.history import history_nodes
from bystack.mainchain.params import Params, chain_id, genesis
from bystack.mainchain.transition import Undo, decode_undo, encode_undo, undo_of
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import ENGINES, Engine
from bystack.node.store.coinstore import CoinStore, coin_changes, coin_rows, outpoint_of
from bystack.node.store.errors import RESYNC, StoreVersion
from bystack.node.store.failpoints import failpoint
from bystack.node.store.storage import Changes, Migration, Store, StoreCorrupt, View
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.hashes import fixed

KIND = "mainchain"
FORMAT = 2
MAX_ENTRY = 8_192
WRITE_BUFFER = 32 * 1024 * 1024
"""A full block changes two megabytes: sorted into files a dozen at a time, it costs less."""

ENTRY, BAD, BLOCK, LOOSE, LINE, UNDO = b"e", b"i", b"b", b"o", b"h", b"u"
TRANSACTION, NODE, VAULT, ANCHOR, TIP = b"t", b"m", b"v", b"a", b"T"
PRUNED = b"P"
FILTER = b"f"


def _without_vaults(view: View) -> Changes:
    """Format 1 did not keep since which turn a vault's terms are in force, and blocks alone say."""
    if any(True for _ in view.iterate(ANCHOR)):
        raise StoreVersion("the main chain's store", "format 1 has vaults of another form", RESYNC)
    return {}


# Format → what leads to the next one (`storage.Migration`). `tests/node/store/stores` keeps some.
MIGRATIONS: Mapping[int, Migration] = {1: _without_vaults}

_REBUILD = "stop the node and run: bystackd check --repair"
_AWAY = "move the directory away and let the process fetch its chain again"


class Stored(NamedTuple):
    """What a start finds: the header tree, the last connected block, blocks not connected."""

    tree: HeaderTree
    connected: bytes
    at_hand: tuple[bytes, ...]


class Place(NamedTuple):
    """Where a connected transaction stands."""

    block: bytes
    position: int


class ChainStore:
    """The main chain's directory. Made by `ChainStore.open`."""

    def __init__(
        self,
        store: Store,
        path: str,
        params: Params,
        cache_mb: int,
        engines: Mapping[str, Engine] = ENGINES,
    ) -> None:
        self.coins = CoinStore(store, cache_mb)
        self.params, self.engines = params, engines
        self.path = path
        self.first_kept = int.from_bytes(store.get(PRUNED) or fixed(1), "big")
        """The least height above the first block whose body and undo data are kept."""
        self._store = store
        self._entries = 0

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        params: Params,
        cache_mb: int = 64,
        engines: Mapping[str, Engine] = ENGINES,
    ) -> ChainStore:
        """Open or make the store; raises a `StoreError` that names what is wrong."""
        raw = open_raw(path, params)
        made = cls(raw, str(path), params, cache_mb, engines)
        try:
            made._begin()
        except BaseException:
            raw.close()
            raise
        return made

    def close(self) -> None:
        """Release the directory."""
        self._store.close()

    @property
    def view(self) -> Store:
        """The keys themselves: for checks and indexes."""
        return self._store

    @property
    def size(self) -> int:
        """Bytes of disk the store takes, about."""
        return self._store.size

    def _begin(self) -> None:
        first, entry = genesis(self.params), genesis_entry(self.params)
        found = self._store.get(LINE + fixed(0))
        if found is None and next(self._store.iterate(), None) is not None:
            raise StoreCorrupt(self.path, "the place of the first block is missing", _REBUILD)
        if found is None:
            nodes = _node_changes(entry)
            line = {LINE + fixed(0): first.id, TIP: first.id, BLOCK + first.id: encode(first)}
            self._store.commit_now({ENTRY + fixed(0): encode(entry), **line, **nodes})
        elif found != first.id:
            chain = chain_id(self.params).hex()
            raise StoreCorrupt(self.path, f"it is of another chain than {chain}", _AWAY)

    def load(self) -> Stored:
        """Read the header tree and what is connected; needed once, before anything else.

        Raises `StoreCorrupt` also where an entry or a height is missing in between: what a batch
        that got lost leaves.
        """
        invalid = {key[1:] for key, _ in self._store.iterate(BAD)}
        try:
            tree = HeaderTree(self._sound(invalid), self.params, self.engines, invalid)
        except Invalid as error:
            raise StoreCorrupt(
                self.path, f"a header entry is damaged ({error})", _REBUILD
            ) from None
        loose = [key[1:] for key, _ in self._store.iterate(LOOSE)]
        connected = self._needed(TIP, "the id of the last block")
        self._check_line(tree, connected)
        return Stored(tree, connected, tuple(id for id in loose if tree.entry(id)))

    def _sound(self, invalid: set[bytes]) -> list[Entry]:
        """The entries but those that descend from an invalid one, which join `invalid`."""
        entries: list[Entry] = []
        for at, (key, data) in enumerate(self._store.iterate(ENTRY)):
            if key != ENTRY + fixed(at):
                raise StoreCorrupt(self.path, f"header entry {at} is missing", _REBUILD)
            self._entries = at + 1
            entry = decode(Entry, data, MAX_ENTRY)
            if entry.id in invalid or entry.header.previous in invalid:
                invalid.add(entry.id)
            else:
                entries.append(entry)
        return entries

    def _check_line(self, tree: HeaderTree, connected: bytes) -> None:
        """The connected heights are those of the last block's ancestors, without a gap."""
        entry = tree.entry(connected)
        if entry is None:
            raise StoreCorrupt(self.path, "the last block's header is missing", _REBUILD)
        line = [id for _, id in self._store.iterate(LINE)]
        expected = [tree.first.id, *path(tree, tree.first, entry)[1]]
        if line != expected:
            raise StoreCorrupt(self.path, "heights and headers do not agree", _REBUILD)

    def _needed(self, key: bytes, what: str) -> bytes:
        data = self._store.get(key)
        if data is None:
            raise StoreCorrupt(self.path, f"{what} is missing", _REBUILD)
        return data

    # Reading

    def block_bytes(self, id: bytes) -> bytes | None:
        """A stored block's bytes."""
        return self._store.get(BLOCK + id)

    def filter_bytes(self, id: bytes) -> bytes | None:
        """A block's filter, if it was ever made."""
        return self._store.get(FILTER + id)

    def block(self, id: bytes) -> Block:
        """A block that must be stored."""
        return decode_block(self._needed(BLOCK + id, f"block {id.hex()}"))

    def undo(self, id: bytes) -> Undo:
        """What undoes a connected block."""
        return decode_undo(self._needed(UNDO + id, f"undo data of block {id.hex()}"))

    def loose(self) -> tuple[bytes, ...]:
        """The ids of blocks at hand that are not connected."""
        return tuple(key[1:] for key, _ in self._store.iterate(LOOSE))

    def connected_at(self, height: int) -> bytes | None:
        """The id of the connected block at a height."""
        return self._store.get(LINE + fixed(height))

    def tip(self) -> bytes:
        """The id of the last connected block."""
        return self._needed(TIP, "the id of the last block")

    def find(self, transaction: bytes) -> Place | None:
        """Where a transaction stands in the connected chain."""
        data = self._store.get(TRANSACTION + transaction)
        return None if data is None else Place(data[:32], int.from_bytes(data[32:], "big"))

    def node(self, level: int, index: int) -> bytes:
        """A node of the mountain range over the connected headers."""
        return self._needed(NODE + fixed(level, 1) + fixed(index), f"history node {level}/{index}")

    def vaults(self) -> tuple[bytes, ...]:
        """The ids of all vaults, ascending."""
        return tuple(key[1:] for key, _ in self._store.iterate(ANCHOR))

    def anchor(self, vault: bytes) -> tuple[Outpoint, Coin] | None:
        """A vault's anchor coin."""
        data = self._store.get(ANCHOR + vault)
        if data is None:
            return None
        place = outpoint_of(b"c" + data)
        coin = self.coins.get(place)
        if coin is None:
            raise StoreCorrupt(self.path, f"the anchor of vault {vault.hex()} is missing", _REBUILD)
        return place, coin

    def vault_coins(self, vault: bytes) -> Iterator[tuple[Outpoint, Coin]]:
        """Every unspent coin of a vault: anchor, deposits, treasury, pending."""
        for key, _ in self._store.iterate(VAULT + vault):
            place = outpoint_of(b"c" + key[33:])
            coin = self.coins.get(place)
            if coin is not None:
                yield place, coin

    # Changes, to be committed together

    def header_changes(self, entries: Sequence[Entry]) -> dict[bytes, bytes | None]:
        """Keep judged headers, in the order first seen."""
        start, self._entries = self._entries, self._entries + len(entries)
        return {ENTRY + fixed(start + at): encode(entry) for at, entry in enumerate(entries)}

    def block_changes(self, block: Block) -> dict[bytes, bytes | None]:
        """Keep a block that is not connected yet."""
        return {BLOCK + block.id: encode(block), LOOSE + block.id: b""}

    def bad_changes(self, id: bytes) -> dict[bytes, bytes | None]:
        """Never connect this block again."""
        return {BAD + id: b"", BLOCK + id: None, LOOSE + id: None}

    def loose_changes(self, id: bytes) -> dict[bytes, bytes | None]:
        """Drop a block at hand."""
        return {BLOCK + id: None, LOOSE + id: None}

    def pruning_changes(self, data: bytes) -> dict[bytes, bytes | None]:
        """Drop a connected block, given its bytes: body, undo data, filter, index entries."""
        block = decode_block(data)
        places = {TRANSACTION + tx.id: None for tx in block.transactions}
        return {**places, **dict.fromkeys(kind + block.id for kind in (BLOCK, UNDO, FILTER))}

    async def commit_pruning(self, changes: Changes, first_kept: int) -> None:
        """Drop blocks; from now on those from height `first_kept` on are here."""
        failpoint("prune.before_commit")
        await self._store.commit({**changes, PRUNED: fixed(first_kept)})
        failpoint("prune.after_commit")
        self.first_kept = first_kept

    async def keep_filters(self, filters: Mapping[bytes, bytes]) -> None:
        """Keep filters by block; they follow from the blocks, so nothing depends on them."""
        await self._store.commit({FILTER + id: data for id, data in filters.items()})

    async def commit(self, changes: Changes) -> None:
        """Make changes beside the chain durable: headers, blocks at hand."""
        await self._store.commit(changes)

    async def commit_switch(self, changes: Changes, coins: Changes) -> None:
        """Make a move of the connected chain durable, in one batch: `coins` and what is beside."""
        failpoint("chain.before_commit")
        await self._store.commit({**changes, **coins})
        failpoint("chain.after_commit")
        self.coins.apply(coins)


def open_raw(path: str | os.PathLike[str], params: Params) -> Store:
    """The keys and values of a chain's store, in this format; raises a `StoreError`."""
    return Store.open(
        path,
        kind=KIND,
        magic=params.magic,
        version=FORMAT,
        migrations=MIGRATIONS,
        write_buffer=WRITE_BUFFER,
    )


class Moved(NamedTuple):
    """What going over one block changes: coins under their keys, and what is beside."""

    coins: dict[bytes, bytes | None]
    beside: dict[bytes, bytes | None]


def connected(entry: Entry, block: Block, delta: Delta) -> Moved:
    """What connecting a block changes; `delta` is that of this block alone."""
    spent, created = coin_rows(delta.spent), coin_rows(delta.created)
    undo = encode_undo([pair for _, pair, _ in spent], [pair for _, pair, _ in created])
    beside = {**_line_changes(entry, block), UNDO + entry.id: undo, **vault_changes(delta)}
    return Moved(coin_changes(spent, created), beside)


def disconnected(block: Block, delta: Delta) -> Moved:
    """What disconnecting the last block changes; `delta` is what undoes it."""
    coins = coin_changes(coin_rows(delta.spent), coin_rows(delta.created))
    return Moved(coins, {**disconnect_changes(block), **vault_changes(delta)})


def connect_changes(entry: Entry, block: Block, delta: Delta) -> dict[bytes, bytes | None]:
    """What connecting a block changes beside coins and vaults."""
    return {**_line_changes(entry, block), UNDO + entry.id: encode(undo_of(delta))}


def _line_changes(entry: Entry, block: Block) -> dict[bytes, bytes | None]:
    id = entry.id
    places = {
        TRANSACTION + tx.id: id + at.to_bytes(4, "big") for at, tx in enumerate(block.transactions)
    }
    chain = {LINE + fixed(entry.header.height): id, TIP: id, LOOSE + id: None}
    return {**chain, **places, **_node_changes(entry)}


def disconnect_changes(block: Block) -> dict[bytes, bytes | None]:
    """What disconnecting the last block changes beside the coins.

    History nodes stay: those above the new tip are written anew before anything reads them.
    """
    places: Mapping[bytes, bytes | None] = {TRANSACTION + tx.id: None for tx in block.transactions}
    header = block.header
    if header.height == 0:
        raise Misuse("the first block stays")
    chain = {LINE + fixed(header.height): None, UNDO + block.id: None, LOOSE + block.id: b""}
    return {**places, **chain, TIP: header.previous}


def _node_changes(entry: Entry) -> dict[bytes, bytes | None]:
    return {NODE + fixed(n.level, 1) + fixed(n.index): n.hash for n in history_nodes(entry)}


def vault_changes(delta: Delta) -> dict[bytes, bytes | None]:
    """How the index of vaults follows the coins."""
    changes: dict[bytes, bytes | None] = {}
    for place, coin in delta.spent.items():
        if type(coin.lock) is not PolicyLock:
            changes |= dict.fromkeys(_vault_keys(place, coin.lock))
    for place, coin in delta.created.items():
        if type(coin.lock) is not PolicyLock:
            changes |= _vault_keys(place, coin.lock)
    return changes


def _vault_keys(place: Outpoint, lock: Lock) -> dict[bytes, bytes]:
    where = place.transaction + fixed(place.index, 4)
    match lock:
        case VaultLock(vault):
            return {VAULT + vault + where: b"", ANCHOR + vault: where}
        case DepositLock(vault) | TreasuryLock(vault) | PendingLock(vault):
            return {VAULT + vault + where: b""}
        case _:
            return {}
