"""Asking a peer one thing at a time and waiting for its answer, each question with a deadline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar, cast

import trio

from bystack.p2p.queues import Class
from bystack.sidechain.snapshots.messages import Answer, Request, write_aid

PATIENCE: Final = 20.0
UNASKED_POINTS: Final = 2

T = TypeVar("T", bound=Answer)


class Peers(Protocol):
    """What is needed of the peer host."""

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        """Queue a payload; False when the peer's queue is full or it is gone."""

    def penalise(self, peer: bytes, points: int, reason: str) -> None:
        """Add to a peer's score."""


class Unanswered(Exception):
    """The peer is gone, or let us wait too long."""


@dataclass(eq=False)
class _Question:
    wanted: type[Any]
    done: trio.Event = field(default_factory=trio.Event)
    answer: Answer | None = None


class Asking:
    """The open questions, at most one to each peer; a peer answers in order."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._locks: dict[bytes, trio.Lock] = {}
        self._open: dict[bytes, _Question] = {}
        self._late: set[bytes] = set()

    async def ask(self, peer: bytes, request: Request, wanted: type[T]) -> T:
        """The peer's answer of the type wanted. Raises `Unanswered`."""
        async with self._locks.setdefault(peer, trio.Lock()):
            if not self._peers.send(peer, *write_aid(request), Class.SYNC):
                raise Unanswered
            question = self._open[peer] = _Question(wanted)
            with trio.move_on_after(PATIENCE) as patience:
                await question.done.wait()
            if patience.cancelled_caught:
                self._late.add(peer)
                self._open.pop(peer, None)
        if question.answer is None:
            raise Unanswered
        return cast(T, question.answer)

    def hear(self, peer: bytes, answer: Answer) -> None:
        """An answer came; one that nobody waits for costs its sender, unless it is only late."""
        question = self._open.get(peer)
        if question is not None and isinstance(answer, question.wanted):
            del self._open[peer]
            question.answer = answer
            question.done.set()
        elif peer not in self._late:
            self._peers.penalise(peer, UNASKED_POINTS, "unasked")

    def lost(self, peer: bytes) -> None:
        """The peer is gone, and its answer with it."""
        self._locks.pop(peer, None)
        self._late.discard(peer)
        question = self._open.pop(peer, None)
        if question is not None:
            question.done.set()
