"""A sidechain's part in joining by snapshots: gives them to others, and joins by one itself.

A node that is told `join = "snapshot"` and finds itself more than one epoch behind looks for one,
a few times in the life of its process: who has one may connect later than a liar who has none.
While it takes one in it asks for no blocks and signs nothing: it knows of a later final header.
When the snapshot is whole the process begins again on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
import trio

from bystack.node.sidechain.proving import Prover
from bystack.node.sidechain.snapshots.asking import Asking
from bystack.node.sidechain.snapshots.giving import Answers, Giving
from bystack.node.sidechain.snapshots.joining import Joining
from bystack.node.sidechain.snapshots.shelf import Shelf, SnapshotTooLarge
from bystack.node.sidechain.store import SideStore
from bystack.node.store.errors import StoreError
from bystack.p2p.host import Class, Host
from bystack.primitives.errors import Invalid
from bystack.sidechain import parameters
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.engine import Verifier
from bystack.sidechain.consensus.messages import MAX_BLOCKS, GetBlocks, Status
from bystack.sidechain.consensus.messages import Message as Said
from bystack.sidechain.consensus.statements import COMMIT, Certificate
from bystack.sidechain.messages import write_message
from bystack.sidechain.snapshots.messages import KINDS, Answer, read_aid
from bystack.sidechain.state import SystemState

BREACH_POINTS: Final = 50
FOLDER: Final = "snapshots"
STALL: Final = 2.0
GATHERING: Final = 1.0
"""Seconds in which other peers may connect, once one says that we are far behind."""
LOOKS: Final = 5
REST: Final = 30.0
"""Seconds from a look in vain to the next, in which blocks are asked for."""
AID_KINDS: Final = frozenset(KINDS.values())

NEAR: Final = 2
"""So many blocks behind what peers say is no catching up."""

log = structlog.get_logger("snapshot")


@dataclass(frozen=True)
class Policy:
    """What the operator wants. `joins`: by snapshot where far behind. `kept`: how many for others.

    `every`: blocks from one to the next; 0: one an epoch, when the next validators are named.
    """

    joins: bool = False
    kept: int = 2
    every: int = 0


class StateSync:
    """Made with the driver, which tells it of peers, frames and final blocks. `folder`: the
    sidechain's, where `chain` lies.
    """

    def __init__(
        self, folder: str, store: SideStore, host: Host, verifier: Verifier, policy: Policy
    ) -> None:
        self._folder, self._store, self._host = folder, store, host
        self._verifier, self._policy = verifier, policy
        self._shelf = Shelf(f"{folder}/{FOLDER}", store.genesis.id, policy.kept)
        self._asking = Asking(host)
        self._heights: dict[bytes, int] = {}
        self._making = False
        self._looks_left, self._rests_until = LOOKS if policy.joins else 0, 0.0
        self._joining: Joining | None = None
        self.arrived = trio.Event()
        """A whole snapshot waits to take the chain's place: begin again."""

    def start(
        self,
        nursery: trio.Nursery,
        blame: Callable[[bytes, str], None],
        of_use: Callable[[], bool] = lambda: True,
    ) -> None:
        """From here on peers come and go; `blame` is told of those who gave something false.

        `of_use`: whether blocks are: who is too old for the chain's rules executes none.
        """
        self._nursery, self._blame, self._of_use = nursery, blame, of_use
        answers = Answers(self._store, self._shelf, Prover(self._store, self._verifier))
        self._giving = Giving(self._host, answers, nursery)
        nursery.start_soon(self._watch)

    @property
    def looks(self) -> bool:
        """A snapshot is looked for, or taken in: no blocks are asked for meanwhile."""
        return self._joining is not None

    @property
    def takes_in(self) -> bool:
        """A snapshot of a final header is being taken in, or waits: nothing is to be signed."""
        return self._joining is not None and self._joining.carrying is not None

    # What the driver tells

    def join(self, peer: bytes) -> None:
        """A peer is connected."""
        self._giving.join(peer)

    def leave(self, peer: bytes) -> None:
        """A peer is gone."""
        self._giving.leave(peer)
        self._asking.lost(peer)
        self._heights.pop(peer, None)

    def hear(self, peer: bytes, kind: int, payload: bytes) -> None:
        """A frame of our kinds came."""
        try:
            message = read_aid(kind, payload)
        except Invalid as error:
            return self._host.penalise(peer, BREACH_POINTS, error.rule)
        if isinstance(message, Answer):
            return self._asking.hear(peer, message)
        return self._giving.ask(peer, message)

    def overhear(self, peer: bytes, message: Said) -> None:
        """What a peer says of how far it is; nobody has checked it.

        Where finality is a matter of depth, a certificate alone tells of no final block.
        """
        instant = not self._verifier.depth
        match message:
            case Status(certificate):
                self._claim(peer, certificate.height)
            case Certificate(kind=kind, height=height) if kind == COMMIT and instant:
                self._claim(peer, height)

    def _claim(self, peer: bytes, height: int) -> None:
        self._heights[peer] = max(height, self._heights.get(peer, 0))
        length = self._epoch_length()
        ready = self._joining is None and trio.current_time() >= self._rests_until
        if self._looks_left and ready and height - self._store.height > length:
            self._looks_left -= 1
            args = (self._folder, self._store, self._asking, self._verifier, self._far, self._blame)
            self._joining = Joining(*args, least=self._store.height + max(1, length // 2))
            self._nursery.start_soon(self._join, self._joining)

    def final(self, header: Header) -> None:
        """A block is final and in the store, and none after it yet."""
        if self._policy.kept and not self._making and self._is_due(header) and not self._is_far():
            self._making = True
            self._nursery.start_soon(self._make, self._store.snapshot())

    def report(self) -> dict[str, Any]:
        """How far behind we are, and what is done about it."""
        height, joining = self._store.height, self._joining
        target = max(self._heights.values(), default=height)
        mode = "blocks" if target > height + NEAR else "none"
        found = {"mode": mode, "height": height, "target": max(target, height)}
        first = {**found, "first": self._store.first, "snapshots": self._kept_heights()}
        if joining is None:
            return first
        if joining.carrying is None:
            return {**first, "mode": "epochs", "epoch": joining.epoch}
        carrying = joining.carrying
        chunks = {"chunks": carrying.done, "of": len(carrying.manifest.chunks)}
        at = {"snapshot": carrying.manifest.header.height, "givers": carrying.carriers}
        return {**first, "mode": "snapshot", **at, **chunks}

    def _kept_heights(self) -> list[int]:
        return [one.header.height for one in self._shelf.manifests]

    async def _watch(self) -> None:
        """Where no block came for a while though peers say there are, ask one after another.

        The engine asks as well, but a new one (we became a validator) has not heard who is ahead,
        and certificates of later epochs it cannot judge yet.
        """
        turn = 0
        while True:
            before = self._store.height
            await trio.sleep(STALL)
            ahead = sorted(peer for peer, height in self._heights.items() if height > before)
            if ahead and self._store.height == before and not self.looks and self._of_use():
                peer, turn = ahead[turn % len(ahead)], turn + 1
                log.info("no block came: asking a peer again", peer=peer.hex(), height=before)
                wanted = write_message(GetBlocks(before + 1, MAX_BLOCKS))
                self._host.send(peer, *wanted, Class.SYNC)

    # Making

    def _is_due(self, header: Header) -> bool:
        if self._policy.every:
            return header.height % self._policy.every == 0
        if header.next_validators_hash == header.validators_hash:
            return False
        proof = self._store.epoch_proof(header.epoch)
        return proof is not None and proof.final.header == header

    async def _make(self, view: Any) -> None:
        try:
            made = await self._shelf.make(view)
        except (OSError, StoreError, SnapshotTooLarge) as error:
            log.error("no snapshot made", reason=str(error))
        else:
            if made is not None:
                log.info("snapshot made", height=made.header.height, bytes=made.size)
        finally:
            self._making = False

    # Joining

    def _epoch_length(self) -> int:
        return parameters.in_force(SystemState(self._store.state)).epoch

    async def _join(self, joining: Joining) -> None:
        await trio.sleep(GATHERING)
        try:
            whole = await joining.run()
        except (StoreError, OSError) as error:
            log.error("no snapshot taken in", reason=str(error))
            whole = False
        if whole:
            return self.arrived.set()
        log.warning("no snapshot to join by; going on block by block", looks=self._looks_left)
        self._joining, self._rests_until = None, trio.current_time() + REST
        return None

    def _is_far(self) -> bool:
        """Most peers say that they are far ahead; a few may lie."""
        return 2 * len(self._far()) > len(self._heights)

    def _far(self) -> list[bytes]:
        """The peers that say they are far ahead."""
        enough = self._store.height + self._epoch_length()
        return sorted(peer for peer, height in self._heights.items() if height > enough)
