"""A chain as a node tells it over RPC: where it stands, the ids of its blocks, blocks as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol

from bystack.client.indexing.columns import BlockRows, ChainKind, Row
from bystack.client.indexing.mainchain import BTM_ROW, MainRows
from bystack.client.indexing.sidechain import SideRows, asset_rows
from bystack.client.rpc import Rpc
from bystack.primitives.errors import Invalid

MAIN: Final = "main"
AT_ONCE: Final = 16
"""Blocks asked for in one request: of a sidechain's largest that is 256 MB of hex."""
MOST: Final = 256
ENOUGH: Final = 4_000_000
"""So many blocks are read before they are handed on, or about so many bytes."""


class Standing(NamedTuple):
    """Where a chain stands: its id, its last block, and the first block that the node has."""

    chain_id: str
    height: int
    id: str
    first: int


class Identity(NamedTuple):
    """Which chain it is: its name at the node, its id, the prefix of its addresses."""

    kind: ChainKind
    name: str
    chain_id: str
    hrp: str


class Source(Protocol):
    """A chain that can be read."""

    identity: Identity
    assets: Sequence[Row]

    def standing(self) -> Standing:
        """Where the chain stands now."""

    def ids(self, heights: range) -> list[str]:
        """The ids of the blocks at heights that there are."""

    def blocks(self, heights: range) -> list[BlockRows]:
        """The blocks at these heights, or the first of them: at least one."""


class ChangedMeanwhile(Exception):
    """The blocks read do not follow each other: the chain was reorganised while they were read."""


class Unreadable(Exception):
    """The node answers what no block's rows can be made of; the message says what to look at."""


class NodeSource:
    """A chain of the node that `rpc` speaks to: "main", or a sidechain's name.

    Raises what `Rpc` raises, here and in every call, and `Unreadable` for blocks that are none.
    """

    def __init__(self, rpc: Rpc, name: str = MAIN) -> None:
        self._rpc, self._path = rpc, "/" if name == MAIN else f"/sidechain/{name}"
        info = self._info()
        if name == MAIN:
            hrp = str(info["hrp"])
            self.identity = Identity("main", name, str(info["chain_id"]), hrp)
            self.assets: Sequence[Row] = [BTM_ROW]
            self._read: MainRows | SideRows = MainRows(hrp)
        else:
            more = rpc.call("getsidechaininfo", path=self._path)
            chain, hrp = str(more["chain_id"]), str(more["hrp"])
            self.identity = Identity("sidechain", name, chain, hrp)
            self.assets = asset_rows(more["assets"])
            self._read = SideRows(bytes.fromhex(chain), hrp, self._main_prefix())

    def _info(self) -> dict[str, Any]:
        found: dict[str, Any] = self._rpc.call("getblockchaininfo", path=self._path)
        return found

    def _main_prefix(self) -> str:
        return str(self._rpc.call("getblockchaininfo")["hrp"])

    def standing(self) -> Standing:
        """Where the chain stands now."""
        info = self._info()
        first = int(info.get("pruneheight", 1))
        return Standing(
            str(info["chain_id"]), int(info["blocks"]), str(info["bestblockhash"]), first
        )

    def ids(self, heights: range) -> list[str]:
        """The ids of the blocks at heights that there are."""
        rows = [[height] for height in heights]
        return [str(one) for one in self._rpc.batch("getblockhash", rows, self._path)]

    def blocks(self, heights: range) -> list[BlockRows]:
        """The blocks at these heights, or the first of them; raises `ChangedMeanwhile`."""
        found: list[BlockRows] = []
        while heights and len(found) < MOST and sum(one.size for one in found) < ENOUGH:
            part, heights = heights[:AT_ONCE], heights[AT_ONCE:]
            found += self._fetch(self.ids(part))
            if found[-1].height != part[-1]:
                raise ChangedMeanwhile
        if any(one.previous != before.id for before, one in pairwise(found)):
            raise ChangedMeanwhile
        return found

    def _fetch(self, ids: Sequence[str]) -> list[BlockRows]:
        try:
            return self._decoded(ids)
        except (Invalid, ValueError, KeyError, TypeError) as error:
            said = str(error) if isinstance(error, Invalid) else repr(error)
            text = f"the node's blocks from {ids[0]} on cannot be read ({said[:300]})"
            raise Unreadable(f"{text}: is it of the same version as this bystack?") from error

    def _decoded(self, ids: Sequence[str]) -> list[BlockRows]:
        texts = self._rpc.batch("getblock", [[id, 0] for id in ids], self._path)
        bodies = (bytes.fromhex(text) for text in texts)
        if isinstance(self._read, MainRows):
            return [self._read.block(body) for body in bodies]
        heads = self._rpc.batch("getblockheader", [[id, False] for id in ids], self._path)
        events = self._rpc.batch("getblockevents", [[id] for id in ids], self._path)
        parts = zip(map(bytes.fromhex, heads), bodies, events, strict=True)
        return [self._read.block(*part) for part in parts]


def every_block(source: Source, heights: range) -> Iterator[BlockRows]:
    """The blocks at these heights, each the child of the one before; raises `ChangedMeanwhile`."""
    previous = ""
    while heights:
        for one in source.blocks(heights):
            if previous and one.previous != previous:
                raise ChangedMeanwhile
            previous = one.id
            yield one
            heights = heights[1:]
