"""Looking things up for RPC and other processes: nothing here changes anything.

What reads several entries that belong together reads them from a snapshot of one moment. Errors
carry Bitcoin Core's codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from bystack.ledger.transactions import Transaction
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError
from bystack.node.rpc import BAD_PARAMETER, NOT_FOUND
from bystack.node.sidechain.following import check_held
from bystack.node.sidechain.proving import Prover
from bystack.node.sidechain.voting.driver import Driver
from bystack.node.sidechain.voting.engines import verifier_of
from bystack.primitives.codec import encode
from bystack.primitives.multiset import multiset_digest
from bystack.sidechain.blocks import Body, Header, decode_body
from bystack.sidechain.consensus.messages import FinalBlock
from bystack.sidechain.misconduct import is_news
from bystack.sidechain.modules.approvals import approved_kinds
from bystack.sidechain.modules.base import Modules, read_only
from bystack.sidechain.relay import RelayView
from bystack.sidechain.state import SystemState

T = TypeVar("T")


class Found(NamedTuple):
    """A transaction and the header of its block; no header for one that waits in the pool."""

    tx: Transaction
    header: Header | None


class Reader:
    """Reads beside the sidechain's task."""

    def __init__(self, driver: Driver, modules: Modules) -> None:
        self._driver, self.modules = driver, modules
        self._store = driver.store
        self.prover = Prover(driver.store, verifier_of(driver.genesis))

    @contextmanager
    def state(self) -> Iterator[SystemState]:
        """The state after the last final block, of one moment."""
        with self._store.snapshot() as snapshot:
            yield SystemState(self._store.base(snapshot).state)

    def look(self, read: Callable[[SystemState], T]) -> T:
        """What `read` finds in the state of one moment."""
        with self.state() as state:
            return read(state)

    @property
    def height(self) -> int:
        """The last final block's."""
        return self._store.height

    def status(self) -> dict[str, Any]:
        """Where the chain stands."""
        driver, header = self._driver, self._store.header
        relayed = self.look(lambda state: RelayView(state).best())
        return {
            "height": header.height,
            "id": header.id,
            "chain": driver.genesis.id,
            "time": header.time,
            "relay_height": relayed.header.height,
            "relay_tip": relayed.id,
            "validator": -1 if driver.index is None else driver.index,
            "peers": len(driver.host.peers()),
            "warnings": driver.upgrade.warnings,
            "first": self._store.first,
            "approved": sorted(approved_kinds(self.modules.modules)),
        }

    def states(self, keys: list[bytes]) -> list[Any]:
        """Height and time of the last final block, and the entries of its state: one moment's."""
        with self._store.snapshot() as snapshot:
            base = self._store.base(snapshot)
            header = base.parent
            return [header.height, header.time, [base.state.get(key) for key in keys]]

    def accusations(self) -> int:
        """How many proofs of misbehaviour lie here that the chain has not taken, or not yet."""
        genesis = self._driver.genesis
        with self.state() as state:
            return sum(is_news(state, genesis, one) for one in self._store.evidence())

    def prove_state(self, key: bytes) -> dict[str, Any]:
        """The value at a key of the state, its proof, and what the header's root is made of."""
        tip = self._store.tip
        return {
            "height": tip.height,
            "value": self._store.state.get(key),
            "proof": encode(self._store.prove_state(key)),
            "system_root": tip.system_root,
            "coin_digest": multiset_digest(tip.multiset),
        }

    def record(self, leaf: int, height: int) -> bytes:
        """The proof of an outbox leaf under the header at a height; raises -8."""
        proof = self._store.record(leaf, height) if height >= 0 else None
        if proof is None:
            raise RemoteError(BAD_PARAMETER, "Block height out of range")
        return encode(proof)

    def query(self, name: str, query: str, params: list[Any]) -> Any:
        """A module's answer; raises -32601 when it has no such query."""
        module = next((one for one in self.modules.modules if one.name == name), None)
        if module is not None:
            with self.state() as state:
                answer = module.query(read_only(state, name), query, params)
            if answer is not None:
                return answer
        raise RemoteError(METHOD_UNKNOWN, f"module {name} has no query {query}")

    def header(self, block: bytes) -> Header:
        """A final block's header; raises -5."""
        height = self._store.height_of(block)
        header = None if height is None else self._store.header_at(height)
        if header is None:
            raise RemoteError(NOT_FOUND, "Block not found")
        return header

    def header_at(self, height: int) -> Header:
        """The header at a height; raises -8, or -1 where it is not held."""
        header = self._store.header_at(height)
        if header is None:
            check_held(self._store, height)
            raise RemoteError(BAD_PARAMETER, "Block height out of range")
        return header

    def final(self, block: bytes) -> tuple[FinalBlock, Body]:
        """A final block; raises -5, or -1 for the one of the snapshot itself."""
        header = self.header(block)
        check_held(self._store, header.height)
        found = self._store.final(header.height)
        assert found is not None
        return found, decode_body(found.body)

    def confirmations(self, header: Header) -> int:
        """1 for the last block, final all the same; also while its commit is just returning."""
        return max(1, self._store.height - header.height + 1)

    def transaction(self, id: bytes) -> Found:
        """A transaction of the pool or the chain; raises -5."""
        place = self._store.find(id)
        if place is not None:  # the pool hears of a final block only after the store
            header = self.header_at(place.height)
            return Found(self._store.body_at(place.height).transactions[place.position], header)
        waiting = self._driver.pooling.pool.get(id)
        if waiting is None:
            raise RemoteError(NOT_FOUND, "No such mempool or blockchain transaction")
        return Found(waiting, None)
