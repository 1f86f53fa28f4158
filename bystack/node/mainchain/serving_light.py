"""Answering light nodes: filters, matches, proofs, records; one task per peer, at a bounded price.

A filter is made of its block when first asked for and kept, so that connecting blocks costs nothing
more. Reading and hashing blocks for all light peers together takes one thread, and each peer waits
in proportion to what its last request cost: floods are dropped, never queued.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import structlog
import trio

from bystack.mainchain.blocks import Block, decode_block
from bystack.mainchain.filters import MAX_FILTER, BlockFilter, filter_digest, filter_of, keys_of
from bystack.mainchain.issues import record_outpoint
from bystack.mainchain.light_messages import (
    CAPS,
    FILTERS_SIZE,
    MAX_FILTERS,
    Digests,
    Fee,
    Filters,
    GetDigests,
    GetFee,
    GetFilters,
    GetMatches,
    GetProof,
    GetRecord,
    LightMessage,
    Matches,
    Proof,
    Record,
    Request,
    Unserved,
    decode_light,
    encode_light,
    subject_of,
)
from bystack.mainchain.line import Line
from bystack.mainchain.proofs import prove_transaction, prove_transactions
from bystack.node.store.chainstore import ChainStore
from bystack.node.store.storage import StoreError
from bystack.p2p.queues import Class
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid

WAITING: Final = 16
MOST_MATCHES: Final = 64
ANSWER_BYTES: Final = 8_000_000
"""Blocks read for one answer end before this many bytes, one block excepted."""
BYTES_PER_SECOND: Final = 8_000_000
LEAST_COST: Final = 20_000
PROOF_COST: Final = 50_000
PAUSE: Final = 0.05
PATIENCE: Final = 400
MALFORMED_POINTS: Final = 50

log = structlog.get_logger("light")


class Peers(Protocol):
    """What is needed of the peer host."""

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        """Queue a payload; False when the peer's queue is full or it is gone."""

    def penalise(self, peer: bytes, points: int, reason: str) -> None:
        """Add to a peer's score."""


class Machine(Protocol):
    """What is needed of the chain's machine."""

    @property
    def line(self) -> Line:
        """The connected chain."""


@dataclass
class Cost:
    """What answering took, in bytes read and hashed; filters made, to be kept."""

    size: int = LEAST_COST
    fresh: dict[bytes, bytes] = field(default_factory=dict)


@dataclass(eq=False)
class _Queue:
    """A peer's requests that wait, and the task that answers them."""

    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def __post_init__(self) -> None:
        self.send, self.receive = trio.open_memory_channel[Request](WAITING)


class LightServing:
    """Serves light nodes from the store of a full one.

    `rate` tells the fee rate, per million of weight, to be mined within so many blocks.
    """

    def __init__(
        self,
        host: Peers,
        store: ChainStore,
        machine: Machine,
        nursery: trio.Nursery,
        rate: Callable[[int], int],
    ) -> None:
        self._host, self._store, self._machine, self._nursery = host, store, machine, nursery
        self._rate = rate
        self._peers: dict[bytes, _Queue] = {}
        self._thread = trio.CapacityLimiter(1)

    def leave(self, peer: bytes) -> None:
        """A peer is gone, and with it what it asked for: or many could ask and go, again and again,
        and all that waits would be theirs."""
        if (queue := self._peers.pop(peer, None)) is not None:
            queue.scope.cancel()

    def hear(self, peer: bytes, kind: int, payload: bytes) -> None:
        """A peer asks; what exceeds its due is dropped, and answers we never asked for too."""
        try:
            message = decode_light(kind, payload)
        except Invalid as error:
            return self._host.penalise(peer, MALFORMED_POINTS, error.rule)
        if isinstance(message, Request):
            self._queue(peer, message)

    def _queue(self, peer: bytes, message: Request) -> None:
        if peer not in self._peers:
            self._peers[peer] = queue = _Queue()
            self._nursery.start_soon(self._serve, peer, queue)
        with suppress(trio.WouldBlock):
            self._peers[peer].send.send_nowait(message)

    async def _serve(self, peer: bytes, queue: _Queue) -> None:
        with queue.scope:
            async for request in queue.receive:
                cost = Cost()
                answer = await self._judged(request, cost)
                if cost.fresh:
                    await self._store.keep_filters(cost.fresh)
                await self._deliver(peer, answer)
                await trio.sleep(cost.size / BYTES_PER_SECOND)

    async def _judged(self, request: Request, cost: Cost) -> LightMessage:
        """The boundary of a request: what cannot be read on our disk ends the request only."""
        try:
            answer = self._at_once(request)
            if answer is not None:
                return answer
            work = partial(self._answer, request, self._range(request), cost)
            return await trio.to_thread.run_sync(work, limiter=self._thread)
        except (Invalid, StoreError) as error:
            log.error("not served", request=type(request).__name__, reason=str(error))
            return Unserved(subject_of(request))

    def _at_once(self, request: Request) -> LightMessage | None:
        """What is read between two events: the pool and the coins are the task's, no thread's."""
        match request:
            case GetFee(target):
                return Fee(target, self._rate(target))
            case GetRecord(asset):
                coin = self._store.coins.get(record_outpoint(asset))
                return _fitting(Record(asset, () if coin is None else (coin,)))
            case _:
                return None

    def _range(self, request: Request) -> list[bytes]:
        """The blocks a request is about, read between two events of the chain's task."""
        match request:
            case GetFilters(first, last) | GetDigests(first, last):
                line = self._machine.line
                ids = [line.at(height) for height in range(first, first + MAX_FILTERS)]
                known = [id for id in ids if id is not None]
                if last in known:
                    return known[: known.index(last) + 1]
                return known if line.holds(last) else []
            case _:
                return []

    # In the thread

    def _answer(self, request: Request, ids: Sequence[bytes], cost: Cost) -> LightMessage:
        match request:
            case GetFilters(first, last):
                found = self._filters(ids, cost)
                return Filters(first, last, tuple(found)) if found else Unserved(last)
            case GetDigests(first, last):
                found = self._filters(ids, cost)
                digests = tuple(map(filter_digest, ids, found))
                return Digests(first, last, digests) if digests else Unserved(last)
            case GetMatches(block, keys):
                return self._matches(block, frozenset(keys), cost)
            case GetProof(transaction):
                return self._proof(transaction, cost)
            case GetRecord() | GetFee():
                return Unserved(subject_of(request))

    def _filters(self, ids: Sequence[bytes], cost: Cost) -> list[BlockFilter]:
        found: list[BlockFilter] = []
        size = 0
        for id in ids:
            if size >= FILTERS_SIZE or cost.size >= ANSWER_BYTES:
                break
            data = self._filter(id, cost)
            if data is None:
                break
            size += len(data) + 16
            found.append(decode(BlockFilter, data, MAX_FILTER + 16))
        return found

    def _filter(self, id: bytes, cost: Cost) -> bytes | None:
        data = self._store.filter_bytes(id)
        if data is not None:
            cost.size += len(data)
        elif (block := self._block(id, cost)) is not None:
            data = cost.fresh[id] = encode(filter_of(block))
        return data

    def _block(self, id: bytes, cost: Cost) -> Block | None:
        data = self._store.block_bytes(id)
        if data is None:
            return None
        cost.size += len(data)
        return decode_block(data)

    def _matches(self, id: bytes, keys: frozenset[bytes], cost: Cost) -> LightMessage:
        block = self._block(id, cost)
        if block is None:
            return Unserved(id)
        places = [at for at, tx in enumerate(block.transactions) if keys & keys_of(tx)]
        if len(places) > MOST_MATCHES:
            return Unserved(id)
        cost.size += PROOF_COST * len(places)
        return _fitting(Matches(id, prove_transactions(block, places)))

    def _proof(self, transaction: bytes, cost: Cost) -> LightMessage:
        place = self._store.find(transaction)
        if place is None:
            return Proof(transaction, ())
        block = self._block(place.block, cost)
        if block is None:
            return Unserved(transaction)
        return _fitting(Proof(transaction, (prove_transaction(block, place.position),)))

    async def _deliver(self, peer: bytes, answer: LightMessage) -> None:
        kind, payload = encode_light(answer)
        for _ in range(PATIENCE):
            if peer not in self._peers or self._host.send(peer, kind, payload, Class.SYNC):
                return
            await trio.sleep(PAUSE)


def _fitting(answer: LightMessage) -> LightMessage:
    """The answer, if a frame holds it."""
    kind, payload = encode_light(answer)
    return answer if len(payload) <= CAPS[kind] else Unserved(subject_of(answer))
