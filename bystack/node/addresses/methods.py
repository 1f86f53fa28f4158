"""RPC about an address: its coins, its balance, its history. One for each kind of chain.

Coins are found without the index too, a part of the chain at a time; balance and history are
answered from the index alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import trio
from msgspec import Meta

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, Output
from bystack.node.addresses.reading import Coins, balance_of, coins_of, history_of, scanned
from bystack.node.addresses.rows import GIVEN, Flow, Passage, Place
from bystack.node.addresses.shapes import AddressBalance, AddressCoins, AddressHistory
from bystack.node.ipc import RemoteError
from bystack.node.rpc import Methods
from bystack.node.store.storage import View
from bystack.primitives.addresses import POLICY, decode_address
from bystack.primitives.errors import Invalid

NOT_KEPT: Final = -1
BAD_ADDRESS: Final = -5

Json = dict[str, Any]
Answer = TypeVar("Answer")
AddressText = Annotated[str, Meta(max_length=250, description="an address of this chain")]
Count = Annotated[int, Meta(ge=1, le=500, description="how many at most")]
Cursor = Annotated[
    str,
    Meta(
        pattern=r"^([0-9a-f]{64}:[0-9]{1,10})?\Z",
        description="`next` of the answer before; empty begins",
        examples=[""],
    ),
]
Before = Annotated[
    str,
    Meta(
        pattern=r"^([0-9]{1,18}:[0-9]{1,10})?\Z",
        description="`next` of the answer before; empty begins",
        examples=[""],
    ),
]


class Chain(NamedTuple):
    """What these methods need of a chain.

    `snapshot`: the store at one moment. `height`: of the last block. `first`: of the first whose
    transactions are held. `output`: an output's or coin's fields; `asset`: an asset's. `table`:
    where the configuration switches the index on.
    """

    hrp: str
    snapshot: Callable[[], AbstractContextManager[View]]
    height: Callable[[], int]
    first: Callable[[], int]
    output: Callable[[Output], Json]
    asset: Callable[[bytes], Json]
    indexed: bool
    table: str


class AddressMethods:
    """Answers from the index or the coins, one at a time, each in a thread."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._one_at_a_time: trio.CapacityLimiter | None = None

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        methods.add(
            "getaddressutxos",
            self.coins,
            help="The unspent coins of an address.",
            returns=AddressCoins,
        )
        methods.add(
            "getaddressbalance",
            self.balance,
            help="What an address holds (index of addresses).",
            returns=AddressBalance,
        )
        methods.add(
            "getaddresshistory",
            self.history,
            help="The transactions of an address (index of addresses).",
            returns=AddressHistory,
        )

    async def coins(self, address: AddressText, count: Count = 100, after: Cursor = "") -> Json:
        """In order of their ids. Without an index each answer looks at some 20,000 coins of the
        chain: ask with `next` until it is empty."""
        root, start = self._root(address), _outpoint(after)
        if self._chain.indexed:
            found = await self._read(partial(coins_of, root=root, count=count, after=start))
        else:
            found = await self._read(partial(scanned, root=root, after=start))
        return self._coins(address, found)

    async def balance(self, address: AddressText) -> Json:
        """Sums of its unspent coins, the first 10,000 of them."""
        root = self._root(address)
        self._require()
        sums, whole = await self._read(partial(balance_of, root=root))
        rows = [{**self._units(asset, units), "coins": n} for asset, (units, n) in sums.items()]
        return {"address": address, "height": self._chain.height(), "assets": rows, "whole": whole}

    async def history(self, address: AddressText, count: Count = 50, before: Before = "") -> Json:
        """What each transaction brought and took. `position` counts from the coinbase; null where
        the chain itself gave something out."""
        root, start = self._root(address), _place(before)
        self._require()
        found, last = await self._read(partial(history_of, root=root, count=count, before=start))
        return {
            "address": address,
            "height": self._chain.height(),
            "first": self._chain.first(),
            "transactions": [self._passage(place, one) for place, one in found],
            "next": "" if last is None else f"{last.height}:{last.position}",
        }

    async def _read(self, ask: Callable[[View], Answer]) -> Answer:
        def read() -> Answer:
            with self._chain.snapshot() as view:
                return ask(view)

        self._one_at_a_time = self._one_at_a_time or trio.CapacityLimiter(1)
        return await trio.to_thread.run_sync(read, limiter=self._one_at_a_time)

    def _root(self, address: str) -> bytes:
        try:
            found = decode_address(address, self._chain.hrp)
        except Invalid as error:
            raise RemoteError(
                BAD_ADDRESS, f"Invalid address: {error}", {"rule": error.rule}
            ) from None
        if found.version != POLICY:
            text = "This address is a deposit into a vault, which getvault shows"
            raise RemoteError(BAD_ADDRESS, text)
        return found.payload

    def _require(self) -> None:
        if not self._chain.indexed:
            text = "This node keeps no index of addresses; to make one, write index_addresses ="
            raise RemoteError(NOT_KEPT, f"{text} true under {self._chain.table} and restart it")

    def _coins(self, address: str, found: Coins) -> Json:
        last, tip = found.last, self._chain.height()
        return {
            "address": address,
            "height": tip,
            "indexed": self._chain.indexed,
            "coins": [self._coin(place, coin, tip) for place, coin in found.found],
            "next": "" if last is None else f"{last.transaction.hex()}:{last.index}",
        }

    def _coin(self, place: Outpoint, coin: Coin, tip: int) -> Json:
        return {
            "txid": place.transaction.hex(),
            "vout": place.index,
            **self._chain.output(coin.output),
            "height": coin.height,
            "confirmations": max(1, tip - coin.height + 1),
            "coinbase": bool(coin.coinbase),
        }

    def _passage(self, place: Place, passage: Passage) -> Json:
        given = place.position >= GIVEN
        return {
            "txid": passage.transaction.hex(),
            "height": place.height,
            "position": None if given else place.position,
            "confirmations": max(1, self._chain.height() - place.height + 1),
            "assets": [self._flow(flow) for flow in passage.flows],
        }

    def _flow(self, flow: Flow) -> Json:
        form = self._units(flow.asset, flow.received - flow.spent)
        return {**form, "received": flow.received, "spent": flow.spent}

    def _units(self, asset: bytes, units: int) -> Json:
        """An amount; it may be negative."""
        return {**self._chain.asset(asset), "units": units}


def _outpoint(text: Cursor) -> Outpoint | None:
    id, _, index = text.partition(":")
    return Outpoint(bytes.fromhex(id), min(int(index), 2**32 - 1)) if text else None


def _place(text: Before) -> Place | None:
    height, _, position = text.partition(":")
    return Place(int(height), min(int(position), 2**32 - 1)) if text else None
