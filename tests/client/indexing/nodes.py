"""A node that answers from chains in memory, as the daemon does; and looking into tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from bystack.client.indexing.columns import ChainKind, tables_of
from bystack.client.indexing.following import Indexer
from bystack.client.indexing.postgres import Database
from bystack.client.indexing.source import NodeSource
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, RecordLock, RetireLock
from bystack.mainchain.blocks import Block
from bystack.mainchain.params import Params, chain_id
from bystack.primitives.codec import encode
from bystack.primitives.plain import to_plain
from bystack.sidechain.assembly import Built
from tests.mainchain.builders import EASY
from tests.sidechain.world import World

SIDE = "/sidechain/trade"


class MainNode:
    """The main chain's RPC. `line`: its blocks from height 1 on, which the test may change."""

    def __init__(self, line: list[Block], params: Params = EASY) -> None:
        self.line, self.params = line, params
        self.known: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.pruned = 1

    def call(self, method: str, *params: Any, path: str = "/") -> Any:
        self.asked.append(method)
        assert path == "/"
        assert method == "getblockchaininfo"
        pruned = {} if self.pruned == 1 else {"pruneheight": self.pruned}
        best = self.line[-1].id.hex() if self.line else "00" * 32
        chain = {"chain_id": chain_id(self.params).hex(), "hrp": self.params.hrp}
        return {**chain, "blocks": len(self.line), "bestblockhash": best, **pruned}

    def batch(self, method: str, rows: Sequence[Sequence[Any]], path: str = "/") -> list[Any]:
        self.asked.append(method)
        return [getattr(self, method)(*row) for row in rows]

    def getblockhash(self, height: int) -> str:
        return self.line[height - 1].id.hex()

    def getblock(self, id: str, verbosity: int) -> str:
        assert verbosity == 0
        if id not in self.known:
            self.known.update({one.id.hex(): encode(one) for one in self.line})
        return self.known[id].hex()


class SideNode:
    """A sidechain's RPC, and of its main chain what it is asked; reads a `World` as it grows."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def built(self) -> Sequence[Built]:
        return self.world.side.blocks

    def call(self, method: str, *params: Any, path: str = "/") -> Any:
        genesis = self.world.side.genesis
        if path == "/":
            return {"hrp": genesis.main.hrp}
        if method == "getsidechaininfo":
            assets = [to_plain(asset) for asset in genesis.assets]
            return {"chain_id": genesis.id.hex(), "hrp": genesis.hrp, "assets": assets}
        tip = self.built[-1].header
        about = {"blocks": tip.height, "bestblockhash": tip.id.hex()}
        return {"chain_id": genesis.id.hex(), **about}

    def batch(self, method: str, rows: Sequence[Sequence[Any]], path: str = "/") -> list[Any]:
        assert path == SIDE
        return [getattr(self, method)(*row) for row in rows]

    def _block(self, id: str) -> Built:
        (found,) = [one for one in self.built if one.header.id.hex() == id]
        return found

    def getblockhash(self, height: int) -> str:
        return self.built[height - 1].header.id.hex()

    def getblockheader(self, id: str, verbose: bool) -> str:
        assert not verbose
        return encode(self._block(id).header).hex()

    def getblock(self, id: str, verbosity: int) -> str:
        assert not verbosity
        return encode(self._block(id).body).hex()

    def getblockevents(self, id: str) -> list[Any]:
        """As the store keeps them and the daemon shows them."""
        told = [(one.name, one.facts) for one in self._block(id).executed.events]
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(told))
        return [
            {"event": name, **{key: to_plain(one) for key, one in facts.items()}}
            for name, facts in kept
        ]


def indexer(
    node: Any, address: str, name: str = "main", schema: str = "", kind: type[Database] = Database
) -> tuple[Indexer, Database, list[str]]:
    """An indexer over such a node, its tables, and what it told."""
    told: list[str] = []
    source = NodeSource(node, name)
    tables = kind(address, schema or name, source.identity)
    return Indexer(source, tables, told.append), tables, told


def indexed(node: Any, address: str, name: str = "main", schema: str = "", first: int = 1) -> None:
    """Index up to the tip."""
    made, tables, _ = indexer(node, address, name, schema)
    made.run(first, once=True)
    tables.close()


def rows(address: str, query: str, *values: Any) -> list[dict[str, Any]]:
    with psycopg.connect(address, row_factory=dict_row) as connection:
        return connection.execute(query, values).fetchall()  # type: ignore[arg-type]


def contents(address: str, schema: str, kind: ChainKind) -> Mapping[str, list[Any]]:
    """Every row of every table, and where the index stands."""
    found: dict[str, list[Any]] = {}
    with psycopg.connect(address) as connection:
        for table in tables_of(kind):
            order = SQL(", ").join(map(Identifier, table.key))
            asked = SQL("SELECT * FROM {} ORDER BY {}")
            place = Identifier(schema, table.name)
            found[table.name] = connection.execute(asked.format(place, order)).fetchall()
        at = SQL("SELECT version, chain_id, first, height, id FROM {}")
        stands = connection.execute(at.format(Identifier(schema, "indexer")))
        found["indexer"] = stands.fetchall()
    return found


def unspent(address: str, schema: str) -> set[tuple[str, int, str, int]]:
    asked = f"SELECT transaction, position, asset, amount FROM {schema}.unspent"
    return {tuple(row.values()) for row in rows(address, asked)}  # type: ignore[misc]


def held(coins: Mapping[Outpoint, Coin]) -> set[tuple[str, int, str, int]]:
    """The same of a chain's own coins: what can be spent, and no records."""
    return {
        (place.transaction.hex(), place.index, coin.asset.hex(), coin.amount)
        for place, coin in coins.items()
        if not isinstance(coin.lock, RetireLock | RecordLock)
    }
