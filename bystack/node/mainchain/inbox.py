"""What comes to the one task that owns the chain, and who waits for an answer from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from bystack.ledger.transactions import Transaction
from bystack.mainchain import events as sync
from bystack.mainchain.blocks import Block
from bystack.node.mainchain.switching import Decision
from bystack.p2p.host import Connected, Lost, Message


@dataclass(frozen=True)
class Restored:
    """Transactions that waited before a restart, and since when each waits."""

    transactions: tuple[Transaction, ...]
    since: tuple[int, ...]


@dataclass(eq=False)
class Request:
    """Work handed to the task from outside, and the answer to it."""

    work: Transaction | Block | Restored
    done: trio.Event = field(default_factory=trio.Event)
    error: Exception | None = None


@dataclass(frozen=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True)
class Judged:
    """The verdict on the switch that the sync machine asked for."""

    decision: Decision | sync.Refused


DriverEvent = Connected | Lost | Message | Request | Tick | Judged


class HandedIn:
    """Blocks of our own that are not connected yet, and who handed them in.

    `pending(id)` says whether a switch under way may yet connect a block.
    """

    def __init__(self, pending: Callable[[bytes], bool]) -> None:
        self._pending = pending
        self._waiting: list[tuple[Request, bytes]] = []

    def __contains__(self, request: Request) -> bool:
        return any(one is request for one, _ in self._waiting)

    def add(self, request: Request, block: Block) -> None:
        """A block came in and was not refused at once."""
        self._waiting.append((request, block.id))
        self.answer()

    def answer(self, refused: sync.Refused | None = None) -> None:
        """Tell those whose block is connected, refused, or known to stay beside."""
        for request, id in list(self._waiting):
            if refused is not None and refused.block == id:
                request.error = refused.reason
            elif self._pending(id):
                continue
            self._waiting.remove((request, id))
            request.done.set()
