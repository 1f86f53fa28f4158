"""How many requests each process is asked at one time, and when it is taken for deaf.

A process that is stopped, or whose loop stands still, would hold every request to it until its time
is over. So while requests to a process wait it is asked for a sign of life, which costs it nothing
and stands in no queue; without one for `BEATS` beats what waits is told so, and what comes is
refused at once, until the sign comes. The beats are counted and not the time: a pause in which the
supervisor itself was stopped is one beat.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import trio

from bystack.node.ipc import PING, RemoteError, Unanswered, Unavailable

BEAT_SECONDS = 2.0
BEATS = 15
MAX_WAITING = 256


class Deaf(Unavailable):
    """The process runs, and does not answer: asked again later, it may."""

    def __init__(self, label: str) -> None:
        super().__init__(f"{label} does not answer (stopped, or overloaded); see bystack status")


class GivenUp(Unanswered):
    """The process was asked, and has shown no sign of life since."""

    def __init__(self, label: str, seconds: float) -> None:
        super().__init__(f"{label} shows no sign of life for {seconds:.0f} s; see bystack status")


class Calls(Protocol):
    """What is needed of a client of a private socket."""

    async def call(self, method: str, *params: Any, timeout: float = ...) -> Any:
        """The result of a call."""


class Room:
    """The requests to one process."""

    def __init__(self, label: str, size: int) -> None:
        self.label, self.limit = label, trio.CapacityLimiter(size)
        self.deaf = self.asked = False
        self._missed = 0
        self._scopes: set[trio.CancelScope] = set()

    async def within(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """What `ask` gives, once there is room.

        Raises `Deaf`, `GivenUp`, or `Unavailable` when too many wait.
        """
        if self.deaf:
            raise Deaf(self.label)
        if self.limit.statistics().tasks_waiting >= MAX_WAITING:
            raise Unavailable(f"too many requests wait for {self.label}")
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                async with self.limit:
                    return await ask()
            finally:
                self._scopes.discard(scope)
        raise GivenUp(self.label, BEATS * BEAT_SECONDS)

    @property
    def waiting(self) -> bool:
        """Requests wait for an answer, or the process is deaf."""
        return self.deaf or bool(self._scopes)

    async def probe(self, client: Calls) -> None:
        """Ask for a sign of life; any answer is one, and a lost connection ends the question."""
        self.asked, self._missed = True, 0
        try:
            await client.call(PING, timeout=math.inf)
        except (RemoteError, Unavailable):
            pass
        finally:
            self.asked = self.deaf = False

    def miss(self) -> None:
        """One more beat without a sign; with the last the process is deaf."""
        self._missed += 1
        if self._missed >= BEATS:
            self.deaf = True
            for scope in self._scopes:
                scope.cancel()


class Rooms:
    """The rooms of all processes, by label."""

    def __init__(self, size: Callable[[], int]) -> None:
        self._size = size
        self._rooms: dict[str, Room] = {}

    def of(self, label: str) -> Room:
        """The room of one process, as large as rooms are now."""
        size = self._size()
        room = self._rooms.get(label)
        if room is None:
            room = self._rooms[label] = Room(label, size)
        elif room.limit.total_tokens != size:
            room.limit.total_tokens = size
        return room

    async def watch(self, client: Callable[[str], Calls | None]) -> None:
        """Ask the processes that keep requests waiting for signs of life, for ever."""
        async with trio.open_nursery() as nursery:
            while True:
                await trio.sleep(BEAT_SECONDS)
                for label, room in self._rooms.items():
                    self._beat(room, client(label), nursery)

    def _beat(self, room: Room, client: Calls | None, nursery: trio.Nursery) -> None:
        if room.asked:
            room.miss()
        elif room.waiting and client is not None:
            room.asked = True
            nursery.start_soon(room.probe, client)
