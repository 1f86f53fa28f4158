"""Which blocks concern somebody here: filters that several peers agree on, then what they name.

One peer gives the filters of a stretch of blocks, others their digests. Where two differ the block
itself decides, and whoever gave a false one is banned: so hiding a payment takes every peer asked.
A filter tells how many transactions hold a key; a peer that gives fewer is found out the same way.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

import structlog
import trio

from bystack.ledger.transactions import decode_transaction
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry
from bystack.mainchain.filters import (
    BlockFilter,
    FilterFalse,
    check_matches,
    filter_digest,
    filter_of,
    keys_of,
    open_filter,
)
from bystack.mainchain.light_messages import (
    MAX_FILTERS,
    MAX_KEYS,
    Digests,
    Filters,
    GetDigests,
    GetFilters,
    GetMatches,
    Matches,
)
from bystack.mainchain.proofs import TransactionProof, prove_transactions
from bystack.node.light.asking import Unanswered
from bystack.node.light.driver import LightDriver
from bystack.node.light.fetching import Fetcher, NoPeer
from bystack.primitives.errors import Invalid

KEPT_BYTES: Final = 16_000_000
"""Filters kept in memory: far more than one answer brings."""
FEW: Final = 64
"""More matches in one block than this and the whole block is asked for."""
PAUSE: Final = 0.5

log = structlog.get_logger("light")


class Agreed(NamedTuple):
    """A block's filter, its digest, and the peers that vouched for it."""

    filter: BlockFilter
    digest: bytes
    peers: frozenset[bytes]


class Scanner:
    """Finds what concerns the watched keys of one reader after another.

    `agree` peers must give the same filter before it is believed.
    """

    def __init__(self, driver: LightDriver, fetcher: Fetcher, agree: int) -> None:
        self.driver, self.fetcher, self.agree = driver, fetcher, agree
        self._kept: OrderedDict[bytes, Agreed] = OrderedDict()
        self._size = 0
        self._turn = trio.Lock()
        self._waiting: list[int] = []

    @property
    def waits(self) -> int | None:
        """The lowest height whose filter a reader wants and has not got."""
        return min(self._waiting, default=None)

    @property
    def lacking(self) -> int:
        """How many more full peers are needed, that have the blocks a reader waits for."""
        machine = self.driver.machine
        ready = machine.full() if self.waits is None else machine.serving(self.waits)
        return max(0, self.agree - len(ready))

    async def matching(
        self, entry: Entry, keys: Iterable[bytes]
    ) -> tuple[TransactionProof, ...] | None:
        """Every transaction of a block that holds one of the keys, in order, with its proof.

        Waits as long as too few peers are connected. None when the block left the best chain.
        """
        while (agreed := await self._agreed(entry)) is not None:
            wanted = open_filter(entry.id, agreed.filter).matches(keys)
            if not wanted:
                return ()
            try:
                proofs = await self._proofs(entry, agreed, wanted)
            except NoPeer:
                await self._wait()
                continue
            if self._refuted(entry.id, agreed):
                continue  # what it hid is to be looked for too
            ids = [decode_transaction(proof.transaction).id for proof in proofs]
            await self.driver.store.keep_watched(zip(ids, proofs, strict=True))
            return proofs
        return None

    def _refuted(self, id: bytes, agreed: Agreed) -> bool:
        known = self._kept.get(id)
        return known is not None and known.digest != agreed.digest

    async def _wait(self) -> None:
        """Until a peer comes or speaks, or one that rested may be asked again."""
        with trio.move_on_after(PAUSE):
            await self.driver.stirred.wait()

    # Filters

    async def _agreed(self, entry: Entry) -> Agreed | None:
        """The filter of a block, once there; None when the block left the best chain.

        Readers take turns: one whose blocks nobody here keeps holds up no other.
        """
        with self._wanting(entry.header.height):
            while self.driver.machine.line.holds(entry.id):
                async with self._turn:
                    if entry.id in self._kept or await self._extend(entry):
                        self._kept.move_to_end(entry.id)
                        return self._kept[entry.id]
                await self._wait()
        return None

    @contextmanager
    def _wanting(self, height: int) -> Iterator[None]:
        """While a reader is not given the filter at a height."""
        self._waiting.append(height)
        try:
            yield
        finally:
            self._waiting.remove(height)

    async def _extend(self, entry: Entry) -> bool:
        """Take in filters from this block on; whether its own is there now."""
        first = entry.header.height
        reach = self.driver.machine.serving(first)
        peers = self.fetcher.peers(first)[: self.agree]
        if len(peers) < self.agree or not self.driver.machine.line.holds(entry.id):
            return False
        last = min(first + MAX_FILTERS - 1, *(reach[peer] for peer in peers))
        line = self.driver.machine.line
        ids = [id for id in map(line.at, range(first, last + 1)) if id is not None]
        with suppress(Unanswered, NoPeer):
            await self._take(entry, ids, await self._gather(peers, first, ids))
        return entry.id in self._kept

    async def _gather(
        self, peers: Sequence[bytes], first: int, ids: Sequence[bytes]
    ) -> tuple[tuple[BlockFilter, ...], Mapping[bytes, Sequence[bytes]]]:
        """Filters of the first peer, and digests by peer. Raises `Unanswered`."""
        ask, digests = self.driver.asking.ask, dict[bytes, Sequence[bytes]]()
        filters: tuple[BlockFilter, ...] = ()

        async def hear(peer: bytes) -> None:
            nonlocal filters
            try:
                if peer == peers[0]:
                    filters = (await ask(peer, GetFilters(first, ids[-1]), Filters)).filters
                    digests[peer] = tuple(map(filter_digest, ids, filters))
                else:
                    answer = await ask(peer, GetDigests(first, ids[-1]), Digests)
                    digests[peer] = answer.digests
                self.fetcher.served(peer)
            except Unanswered as why:
                self.fetcher.rest(peer, why)

        async with trio.open_nursery() as nursery:
            for peer in peers:
                nursery.start_soon(hear, peer)
        if len(digests) < len(peers):
            raise Unanswered
        return filters, digests

    async def _take(
        self,
        entry: Entry,
        ids: Sequence[bytes],
        given: tuple[tuple[BlockFilter, ...], Mapping[bytes, Sequence[bytes]]],
    ) -> None:
        """Keep the filters on which all agree; the first on which they differ, the block decides.

        Raises `NoPeer` when nobody gives the block.
        """
        filters, digests = given
        for at, (id, filter) in enumerate(zip(ids, filters, strict=False)):
            views = {peer: list(known[at : at + 1]) for peer, known in digests.items()}
            if not all(views.values()):
                return  # one of them gave fewer
            said = {peer: view[0] for peer, view in views.items()}
            if len(set(said.values())) > 1 or not _opens(id, filter):
                return await self._decide(id, said)
            self._keep(id, Agreed(filter, said[next(iter(said))], frozenset(said)))

    async def _decide(self, id: bytes, said: Mapping[bytes, bytes]) -> None:
        """Peers differ: read the block, believe it, ban those it refutes."""
        entry = self.driver.machine.tree.entry(id)
        if entry is not None:
            self._refute(await self.fetcher.block(entry), said)

    def _refute(self, block: Block, said: Mapping[bytes, bytes]) -> frozenset[bytes]:
        """Put the block's own filter in place of what was said; the peers that lied."""
        true = filter_of(block)
        digest = filter_digest(block.id, true)
        liars = frozenset(peer for peer, one in said.items() if one != digest)
        for peer in liars:
            self.fetcher.blame(peer, FilterFalse(block=block.id))
        self._doubt(liars)
        self._keep(block.id, Agreed(true, digest, frozenset(said) - liars))
        return liars

    def _doubt(self, liars: frozenset[bytes]) -> None:
        """Forget the filters that a liar vouched for: too few are left who say so."""
        for id in [id for id, one in self._kept.items() if one.peers & liars]:
            self._drop(id)

    def _drop(self, id: bytes) -> None:
        if (old := self._kept.pop(id, None)) is not None:
            self._size -= _size(old)

    def _keep(self, id: bytes, agreed: Agreed) -> None:
        self._drop(id)
        self._kept[id] = agreed
        self._size += _size(agreed)
        while self._size > KEPT_BYTES:
            self._size -= _size(self._kept.popitem(last=False)[1])

    # What they name

    async def _proofs(
        self, entry: Entry, agreed: Agreed, wanted: Mapping[bytes, int]
    ) -> tuple[TransactionProof, ...]:
        """The transactions, from one peer if they are few, else out of the block."""
        most = min(FEW, 1 + entry.header.transaction_count // 2)
        if len(wanted) <= MAX_KEYS and sum(wanted.values()) <= most:
            for peer in self.fetcher.peers(entry.header.height):
                try:
                    request = GetMatches(entry.id, tuple(sorted(wanted)))
                    answer = await self.driver.asking.ask(peer, request, Matches)
                except Unanswered as why:
                    self.fetcher.rest(peer, why)
                    continue
                self.fetcher.served(peer)
                try:
                    check_matches(entry.header, wanted, answer.proofs)
                    return answer.proofs
                except Invalid as error:
                    return await self._whole(entry, agreed, wanted, (peer, answer, error))
        return _of(await self.fetcher.block(entry), wanted)

    async def _whole(
        self,
        entry: Entry,
        agreed: Agreed,
        wanted: Mapping[bytes, int],
        doubted: tuple[bytes, Matches, Invalid],
    ) -> tuple[TransactionProof, ...]:
        """Filter and matches do not fit: the block tells which of the two is false, if any.

        Once in some hundred thousand blocks a filter names a key by chance, and nobody lied.
        """
        peer, answer, error = doubted
        block = await self.fetcher.block(entry)
        self._refute(block, dict.fromkeys(agreed.peers, agreed.digest))
        true = _of(block, wanted)
        if answer.proofs != true:
            self.fetcher.blame(peer, error)
        return true


def _size(agreed: Agreed) -> int:
    return len(agreed.filter.data) + 500


def _opens(id: bytes, filter: BlockFilter) -> bool:
    try:
        open_filter(id, filter)
    except Invalid:
        return False
    return True


def _of(block: Block, wanted: Mapping[bytes, int]) -> tuple[TransactionProof, ...]:
    """The matching transactions of a block, proved."""
    held = (at for at, tx in enumerate(block.transactions) if wanted.keys() & keys_of(tx))
    return prove_transactions(block, tuple(held))
