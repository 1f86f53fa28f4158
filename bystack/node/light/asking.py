"""Asking one peer and waiting for its answer, each question with a deadline."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

import trio

from bystack.mainchain.light_messages import (
    LightMessage,
    Reply,
    Request,
    Unserved,
    encode_light,
    subject_of,
)
from bystack.mainchain.messages import BlockMessage, GetBlocks, Missing, encode_message
from bystack.p2p.host import Class, Host

PATIENCE: Final = 20.0
SILENCE_POINTS: Final = 10
UNASKED_POINTS: Final = 2
MOST_SUBJECTS: Final = 256
AT_ONCE: Final = 8
"""Questions to one peer at a time; a full node drops what exceeds `serving_light.WAITING`."""

Answer = Reply | BlockMessage
T = TypeVar("T", bound=Answer)


class Unanswered(Exception):
    """The peer is gone, let us wait too long, or does not serve what was asked."""


class Silent(Unanswered):
    """The peer let us wait too long."""


@dataclass(eq=False)
class _Question:
    wanted: type[Any]
    since: float
    late: bool = False
    done: trio.Event = field(default_factory=trio.Event)
    answer: Answer | None = None


class Asking:
    """The open questions, by peer and by what they are about; a peer answers in order."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._open: defaultdict[bytes, dict[bytes, list[_Question]]] = defaultdict(dict)
        self._rooms: dict[bytes, trio.CapacityLimiter] = {}

    async def ask(self, peer: bytes, request: Request, wanted: type[T]) -> T:
        """The peer's answer of the type wanted. Raises `Unanswered`."""
        kind, payload = encode_light(request)
        return await self._ask(peer, subject_of(request), kind, payload, wanted)

    async def block(self, peer: bytes, id: bytes) -> BlockMessage:
        """A peer's block, not looked at yet. Raises `Unanswered`."""
        kind, payload = encode_message(GetBlocks((id,)))
        return await self._ask(peer, id, kind, payload, BlockMessage)

    async def _ask(
        self, peer: bytes, subject: bytes, kind: int, payload: bytes, wanted: type[T]
    ) -> T:
        # Whoever asks more at a time than a peer takes would find an honest one silent.
        async with self._rooms.setdefault(peer, trio.CapacityLimiter(AT_ONCE)):
            if not self._host.send(peer, kind, payload, Class.SYNC):
                self._rooms.pop(peer, None)
                raise Unanswered
            question = _Question(wanted, trio.current_time())
            self._note(peer, subject, question)
            with trio.move_on_after(PATIENCE) as patience:
                await question.done.wait()
        if patience.cancelled_caught:
            question.late = True
            self._host.penalise(peer, SILENCE_POINTS, "silent")
            raise Silent
        if question.answer is None:
            raise Unanswered
        return cast(T, question.answer)

    def _note(self, peer: bytes, subject: bytes, question: _Question) -> None:
        """Expect an answer. A question whose asker went away stays, or a late answer to it would
        look like one that nobody asked for. One that waited too long is not answered any more, and
        must not take the answer to the next."""
        subjects, oldest = self._open[peer], question.since - PATIENCE
        before = subjects.get(subject, ())
        fresh = [one for one in before if one.since > oldest and not one.late]
        subjects[subject] = [*fresh, question]
        if len(subjects) > MOST_SUBJECTS:
            del subjects[next(iter(subjects))]

    def hear(self, peer: bytes, message: LightMessage) -> None:
        """A light answer came, or a question, which a light node does not serve."""
        if isinstance(message, Unserved):
            return self._resolve(peer, message.subject, None, None)
        if isinstance(message, Request):
            kind, payload = encode_light(Unserved(subject_of(message)))
            self._host.send(peer, kind, payload, Class.SYNC)
            return None
        return self._resolve(peer, subject_of(message), type(message), message)

    def hear_blocks(self, peer: bytes, message: BlockMessage) -> None:
        """Blocks came; each question was about one."""
        for block in message.blocks:
            self._resolve(peer, block.id, BlockMessage, BlockMessage((block,)))

    def hear_missing(self, peer: bytes, message: Missing) -> None:
        """The peer has not got these blocks."""
        for id in message.ids:
            self._resolve(peer, id, BlockMessage, None)

    def lost(self, peer: bytes) -> None:
        """The peer is gone, and its answers with it."""
        self._rooms.pop(peer, None)
        for waiting in self._open.pop(peer, {}).values():
            for question in waiting:
                question.done.set()

    def _resolve(
        self, peer: bytes, subject: bytes, kind: type[Answer] | None, answer: Answer | None
    ) -> None:
        subjects = self._open.get(peer, {})
        for question in subjects.get(subject, ()):
            if kind is None or question.wanted is kind:
                subjects[subject].remove(question)
                if not subjects[subject]:
                    del subjects[subject]
                question.answer = answer
                return question.done.set()
        if answer is not None:
            self._host.penalise(peer, UNASKED_POINTS, "unasked")
        return None
