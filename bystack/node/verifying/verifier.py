"""Signature checks beside the work that needs them, with a memory of those that held.

A few are verified where they come. Many go, while more are being found, to a process of their own
(`lane`), which shares no interpreter with us; when all are found we help from the other end. One
core gains nothing by it and verifies in place. BLS checks, and all where the process is missing,
are shared among threads: libsecp256k1 and arkworks let go of the interpreter while they compute. A
check that held in the memory pool is not made again when its block comes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Final

import trio

from bystack.ledger.checks import SignatureWrong, Verified, failed, name_of
from bystack.ledger.effects import BlsCheck, Check
from bystack.node.verifying.lane import CHUNK, Lane
from bystack.primitives.keys import RECORD, first_wrong

REMEMBERED: Final = 200_000
INLINE: Final = 4
"""So few Schnorr checks cost less than handing them to a thread."""
ENOUGH: Final = 1_000
"""From so many checks in one piece of work on, the process is started."""
PAIRINGS: Final = 2
"""BLS checks that are worth a thread."""
AHEAD: Final = 2
"""Chunks that the process has before it while we help."""

Part = Callable[[], int | None]
"""Verifies some checks: the least number of a wrong one, or None."""


class Verification:
    """The checks of one piece of work: added as they are found, all verified by `wrong`.

    Belongs to one thread. Checks are numbered as they are added, from 0.
    """

    def __init__(self, known: Verified, lane: Lane | None, threads: int) -> None:
        self._known, self._lane, self._threads = known, lane, threads
        self._count = 0
        self._records: list[bytes] = []
        self._numbers: list[int] = []
        self._others: list[tuple[int, Check]] = []
        self._front = 0  # records before this are with the process, or done
        self._flying: dict[int, int] = {}  # chunk's number -> its first record
        self._wrong: list[int] = []

    @property
    def names(self) -> list[bytes]:
        """What to remember once all hold."""
        return [*self._records, *(name_of(check) for _, check in self._others)]

    def add(self, checks: Sequence[Check]) -> None:
        """These have to hold as well."""
        for check in checks:
            name = name_of(check)
            if name not in self._known:
                self._put(name, check)
            self._count += 1
        if self._lane is not None and len(self._records) - self._front >= CHUNK:
            self._feed(self._lane)

    def wrong(self) -> int | None:
        """The number of the first check that does not hold, or None; verifies what is left."""
        end = len(self._records)
        if self._lane is not None:
            end = self._meet(self._lane, end)
        parts = [self._part(at, end) for at in range(self._front, end, CHUNK)]
        self._wrong += _shared([*parts, *self._pairings()], self._threads)
        return min(self._wrong, default=None)

    def _put(self, name: bytes, check: Check) -> None:
        if len(name) == RECORD:
            self._records.append(name)
            self._numbers.append(self._count)
        else:
            self._others.append((self._count, check))

    def _feed(self, lane: Lane) -> None:
        """Send whole chunks while there is room."""
        if len(self._records) < ENOUGH:
            return
        if not self._front:
            lane.start()
        self._hear(lane)
        while lane.room and len(self._records) - self._front >= CHUNK:
            self._send(lane, len(self._records))

    def _send(self, lane: Lane, end: int) -> None:
        begin, end = self._front, min(self._front + CHUNK, end)
        number = lane.send(b"".join(self._records[begin:end]))
        if number is not None:
            self._flying[number], self._front = begin, end

    def _hear(self, lane: Lane) -> None:
        for number, place in lane.answers():
            begin = self._flying.pop(number, None)  # None: of an earlier work, or done by us
            if begin is not None and place is not None:
                self._wrong.append(self._numbers[begin + place])

    def _meet(self, lane: Lane, end: int) -> int:
        """Verify from the end while the process does from the front; where what is left ends.

        Nothing waits: when no more is to be sent, what the process has not come to is done here.
        """
        while self._flying:
            self._hear(lane)
            while lane.room and len(self._flying) < AHEAD and self._front < end:
                self._send(lane, end)
            if self._front < end:
                begin = max(self._front, end - CHUNK)
                self._take(begin, end)
                end = begin
            elif self._flying:
                begin = self._flying.pop(max(self._flying))
                self._take(begin, min(begin + CHUNK, len(self._records)))
        return end

    def _take(self, begin: int, end: int) -> None:
        number = self._part(begin, end)()
        self._wrong += [] if number is None else [number]

    def _part(self, begin: int, end: int) -> Part:
        end = min(begin + CHUNK, end)
        return partial(_verify_records, self._records[begin:end], self._numbers[begin:end])

    def _pairings(self) -> list[Part]:
        size = max(PAIRINGS, -(-len(self._others) // self._threads))
        cut = [self._others[at : at + size] for at in range(0, len(self._others), size)]
        return [partial(_verify_others, part) for part in cut]


def _verify_records(records: Sequence[bytes], numbers: Sequence[int]) -> int | None:
    place = first_wrong(b"".join(records))
    return None if place is None else numbers[place]


def _verify_others(others: Sequence[tuple[int, Check]]) -> int | None:
    place = failed([check for _, check in others])
    return None if place is None else others[place][0]


def _shared(parts: Sequence[Part], threads: int) -> list[int]:
    """Do all parts on so many threads, this one included; the numbers found.

    Raises what a part raises: one that was not verified is never taken for one that holds.
    """
    if len(parts) < 2 or threads < 2:
        answers = [part() for part in parts]
    else:
        with ThreadPoolExecutor(min(threads, len(parts))) as pool:
            answers = list(pool.map(_done, parts))
    return [number for number in answers if number is not None]


def _done(part: Part) -> int | None:
    return part()


class Verifier:
    """Verifies checks on `workers` cores; shared by everything in one process."""

    def __init__(self, workers: int | None = None, remembered: int = REMEMBERED) -> None:
        self._workers = workers or len(os.sched_getaffinity(0))
        self._verified = Verified(remembered)
        self._lane, self._lane_free = Lane(), Lock()

    async def require(self, checks: Sequence[Check]) -> None:
        """Return when every check holds; raise `SignatureWrong` when one does not."""
        unknown = self._verified.unknown(checks)
        if len(unknown) <= INLINE and not any(isinstance(check, BlsCheck) for check in unknown):
            place = failed(unknown)
        else:
            place = await trio.to_thread.run_sync(self._first_wrong, unknown)
        if place is not None:
            wrong = unknown[place]
            raise SignatureWrong(index=checks.index(wrong), key=wrong.key)
        self._verified.remember(unknown)

    def holds(self, checks: Sequence[Check]) -> bool:
        """Whether every check holds, verified in this thread where it is not remembered."""
        return failed(self._verified.unknown(checks)) is None

    @contextmanager
    def verification(self) -> Iterator[Verification]:
        """A piece of work for the calling thread; of several at once, one uses the process."""
        mine = self._workers > 1 and self._lane_free.acquire(blocking=False)
        try:
            yield Verification(self._verified, self._lane if mine else None, self._workers)
        finally:
            if mine:
                self._lane_free.release()

    def unknown(self, checks: Sequence[Check]) -> tuple[Check, ...]:
        """Those checks that nobody verified yet, in their order."""
        return self._verified.unknown(checks)

    def remember_all(self, checks: Sequence[Check]) -> None:
        """Note checks that held."""
        self._verified.remember(checks)

    def remember(self, names: Sequence[bytes]) -> None:
        """Note what held (`Verification.names`); for the thread that everything runs in."""
        self._verified.remember_names(names)

    def close(self) -> None:
        """End the process, if there is one."""
        self._lane.stop()

    def _first_wrong(self, checks: Sequence[Check]) -> int | None:
        with self.verification() as work:
            work.add(checks)
            return work.wrong()
