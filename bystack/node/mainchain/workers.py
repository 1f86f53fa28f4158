"""A nonce searcher's process as its owner sees it: a job in, an answer out, or it is ended.

Jobs are small, so that a new block is searched within a second of its making; their size follows
the speed measured, whatever the engine's.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from subprocess import PIPE
from typing import Final, NamedTuple

import trio

from bystack.mainchain.blocks import NONCE_SIZE, Header
from bystack.primitives.codec import encode

SLICE_SECONDS: Final = 0.5
ANSWER_SECONDS: Final = 300.0
"""Longer than any job: a first digest may have to set up its seed the slow way."""

MAX_ANSWER: Final = 64
GROWTH: Final = 32


class WorkerEnded(Exception):
    """A nonce searcher ended by itself, or gave no answer in time."""


class Job(NamedTuple):
    """Nonces of a header to try, `tries` from `first` on; `engine` and `seed` are its height's."""

    header: Header
    first: int
    tries: int
    seed: bytes
    engine: str

    def line(self) -> bytes:
        """As the process reads it."""
        parts = (encode(self.header).hex(), self.first, self.tries, self.seed.hex(), self.engine)
        return " ".join(map(str, parts)).encode() + b"\n"


class Worker:
    """One process that searches nonces (`mainchain.searcher`)."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._buffer = b""
        self._tries = 1
        self._done, self._seconds = 0.0, 0.0
        self._warm = False

    @property
    def rate(self) -> float:
        """Digests a second, the latest jobs counting most; 0 before there is a measure."""
        return self._done / self._seconds if self._seconds else 0.0

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def tries(self) -> int:
        """How many nonces its next job should have."""
        return self._tries

    async def search(self, job: Job) -> bytes | None:
        """The first fitting nonce of the job, or None; raises `WorkerEnded`."""
        begun = trio.current_time()
        try:
            with trio.fail_after(ANSWER_SECONDS):
                answer = await self._ask(job.line())
        except (trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise WorkerEnded(repr(error)) from None
        nonce = None if answer == b"-" else _nonce_of(job, answer)
        tried = job.tries if nonce is None else int.from_bytes(nonce, "big") - job.first + 1
        self._measure(tried, trio.current_time() - begun)
        return nonce

    def _measure(self, tried: int, seconds: float) -> None:
        """Half of what was known, and this; the first answer waited for the process to start."""
        if self._warm:
            self._done, self._seconds = self._done / 2 + tried, self._seconds / 2 + seconds
        self._warm = True
        wanted = int(self.rate * SLICE_SECONDS)
        self._tries = max(1, min(wanted, self._tries * GROWTH))

    async def _ask(self, line: bytes) -> bytes:
        assert self._process.stdin is not None and self._process.stdout is not None
        await self._process.stdin.send_all(line)
        while b"\n" not in self._buffer:
            more = await self._process.stdout.receive_some(MAX_ANSWER)
            if not more or len(self._buffer) > MAX_ANSWER:
                raise WorkerEnded("the process ended")
            self._buffer += more
        answer, _, self._buffer = self._buffer.partition(b"\n")
        return answer


def _nonce_of(job: Job, answer: bytes) -> bytes:
    """The nonce in an answer; whoever gives another than was asked for is not to be relied on."""
    try:
        nonce = bytes.fromhex(answer.decode())
    except ValueError:
        raise WorkerEnded(f"its answer is no nonce: {answer!r}") from None
    number = int.from_bytes(nonce, "big")
    if len(nonce) != NONCE_SIZE or not job.first <= number < job.first + job.tries:
        raise WorkerEnded(f"its answer is none of the nonces it was to try: {answer!r}")
    return nonce


@asynccontextmanager
async def worker() -> AsyncIterator[Worker]:
    """A searcher's process, ended with the block."""
    argv = [sys.executable, "-P", "-m", "bystack.node.mainchain.searcher"]
    process = await trio.lowlevel.open_process(argv, stdin=PIPE, stdout=PIPE)
    try:
        yield Worker(process)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            for end in (process.stdin, process.stdout):
                if end is not None:
                    await end.aclose()
