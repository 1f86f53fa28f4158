"""Getting blocks, proofs and records from full peers: whoever gives a false one is banned.

Each is checked against the own headers before it is handed on, so one honest peer is enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from typing import Final

import structlog
import trio

from bystack.ledger.amounts import asset_id
from bystack.ledger.coins import Coin
from bystack.ledger.mempool import MIN_RATE
from bystack.ledger.transactions import RecordLock, Transaction
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry
from bystack.mainchain.issues import registration_of
from bystack.mainchain.light_messages import (
    Fee,
    GetFee,
    GetProof,
    GetRecord,
    Proof,
    Record,
)
from bystack.mainchain.proofs import TransactionProof, check_transaction_proof
from bystack.mainchain.transition import check_block
from bystack.node.light.asking import Silent, Unanswered
from bystack.node.light.driver import LightDriver
from bystack.primitives.errors import Invalid

FALSE_POINTS: Final = 100
REST_SECONDS: Final = 0.5
LONG_REST_SECONDS: Final = 120.0
RATE_SECONDS: Final = 5.0
RATE_PEERS: Final = 5
MOST_RATE: Final = 100 * MIN_RATE

log = structlog.get_logger("light")


class ProofForeign(Invalid):
    """The proof is of another transaction than was asked for."""


class RecordForeign(Invalid):
    """The record is not that of the asset asked for."""


class NoPeer(Exception):
    """No connected full peer serves what is needed."""


class Fetcher:
    """Asks peers in an order of chance, those that we chose before those that came to us.

    Who did not serve rests, each time for longer; who let us wait rests long.
    """

    def __init__(self, driver: LightDriver, dice: Random) -> None:
        self.driver = driver
        self._dice = dice
        self._resting: dict[bytes, float] = {}
        self._failures: Counter[bytes] = Counter()

    def peers(self, height: int) -> list[bytes]:
        """The full peers that have the blocks from a height on."""
        return self._shuffled(self.driver.machine.serving(height))

    def _shuffled(self, peers: Iterable[bytes]) -> list[bytes]:
        now = trio.current_time()
        ready = sorted(peer for peer in peers if self._resting.get(peer, 0) <= now)
        order = self._dice.sample(ready, len(ready))
        return sorted(order, key=self.driver.inbound.__contains__)

    def served(self, peer: bytes) -> None:
        """The peer answered."""
        self._failures.pop(peer, None)
        self._resting.pop(peer, None)

    def rest(self, peer: bytes, why: Unanswered) -> None:
        """Do not ask this peer for a while."""
        self._failures[peer] += 1
        seconds = REST_SECONDS * 2 ** min(self._failures[peer] - 1, 16)
        longest = LONG_REST_SECONDS
        span = longest if isinstance(why, Silent) else min(longest, seconds)
        self._resting[peer] = trio.current_time() + span
        for gone in self._resting.keys() - set(self.driver.machine.full()):
            self.served(gone)

    def blame(self, peer: bytes, error: Invalid) -> None:
        """The peer gave something false: it is banned."""
        log.warning("false answer", peer=peer.hex(), rule=error.rule, reason=str(error))
        self.driver.host.penalise(peer, FALSE_POINTS, error.rule)

    async def block(self, entry: Entry) -> Block:
        """The block of a header, its every byte committed to by it. Raises `NoPeer`."""
        for peer in self._asked(self.peers(entry.header.height)):
            try:
                (block,) = (await self.driver.asking.block(peer, entry.id)).blocks
                check_block(block)
            except Unanswered as why:
                self.rest(peer, why)
            except Invalid as error:
                self.blame(peer, error)
            else:
                self.served(peer)
                return block
        raise NoPeer

    def _asked(self, peers: Iterable[bytes]) -> Iterator[bytes]:
        """Peers one after another, as long as they are connected."""
        for peer in peers:
            if peer in self.driver.machine.full():
                yield peer

    async def proof(self, transaction: bytes) -> TransactionProof | None:
        """The proof of a transaction in our best chain: kept, or asked for; None if nobody has it.

        That nobody has it is a peer's word only. Raises `NoPeer` when nobody answers.
        """
        kept = self.driver.store.watched(transaction)
        if kept is not None and self.driver.machine.line.holds(kept.header):
            return kept
        heard = False
        for peer in self._asked(self._shuffled(self.driver.machine.full())):
            try:
                answer = await self.driver.asking.ask(peer, GetProof(transaction), Proof)
                self.served(peer)
                heard = True
                found = self._judged(transaction, answer)
            except Unanswered as why:
                self.rest(peer, why)
                continue
            except Invalid as error:
                self.blame(peer, error)
                continue
            if found is not None:
                return found
        _check_heard(heard)
        return None

    def _judged(self, transaction: bytes, answer: Proof) -> TransactionProof | None:
        """The proof, if it is of a block we know; one of another branch proves nothing here."""
        tree, line = self.driver.machine.tree, self.driver.machine.line
        for proof in answer.proof:
            entry = tree.entry(proof.header)
            if entry is None or not line.holds(proof.header):
                return None
            tx: Transaction = check_transaction_proof(entry.header, proof)
            if tx.id != transaction:
                raise ProofForeign(asked=transaction, given=tx.id)
            return proof
        return None

    async def record(self, asset: bytes) -> Coin | None:
        """An asset's record. Its definition is bound by the asset's id; how much was issued, and
        when, is a peer's word. Raises `NoPeer` when nobody answers."""
        heard = False
        for peer in self._asked(self._shuffled(self.driver.machine.full())):
            try:
                answer = await self.driver.asking.ask(peer, GetRecord(asset), Record)
                self.served(peer)
                heard = True
                for coin in answer.coin:
                    return _checked(asset, coin)
            except Unanswered as why:
                self.rest(peer, why)
                continue
            except Invalid as error:
                self.blame(peer, error)
        _check_heard(heard)
        return None

    async def rate(self, blocks: int) -> tuple[int, int]:
        """A fee rate, per million of weight, and how many peers were heard.

        The lower median of what they say, within bounds: no peer alone moves it, and all together
        no further than a hundred times the least.
        """
        rates: list[int] = []

        async def hear(peer: bytes) -> None:
            try:
                rates.append((await self.driver.asking.ask(peer, GetFee(blocks), Fee)).rate)
            except Unanswered:
                return

        with trio.move_on_after(RATE_SECONDS):
            async with trio.open_nursery() as nursery:
                for peer in self._shuffled(self.driver.machine.full())[:RATE_PEERS]:
                    nursery.start_soon(hear, peer)
        median = sorted(rates)[(len(rates) - 1) // 2] if rates else MIN_RATE
        return max(MIN_RATE, min(median, MOST_RATE)), len(rates)


def _check_heard(heard: bool) -> None:
    """That nobody has it takes somebody to say so."""
    if not heard:
        raise NoPeer("no full peer answered; see getpeerinfo, and try again")


def _checked(asset: bytes, coin: Coin) -> Coin:
    if not isinstance(coin.lock, RecordLock):
        raise RecordForeign(asset=asset)
    registration = registration_of(coin)
    if asset_id(registration.issuance, registration.definition) != asset:
        raise RecordForeign(asset=asset)
    return coin
