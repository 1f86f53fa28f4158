"""The lane to the process that verifies signatures beside us: a deep pipe there, answers back.

The pipe holds more than a block's worth, so the process never waits while we are busy with coins,
and sending never blocks. Nothing here waits for it either: a chunk without an answer is simply not
verified yet, and whoever needs it verified does it himself. So a process that died, hangs or was
never started costs time and can never give a wrong yes.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections import deque
from typing import Final

from bystack.node.verifying.process import NONE_WRONG, WORD
from bystack.primitives.keys import RECORD

CHUNK: Final = 200
"""Records sent at once: six milliseconds of work."""
DEPTH: Final = 14
"""Chunks on their way at most."""
PIPE: Final = 1 << 20
HUNG_SECONDS: Final = 10.0


class Lane:
    """One process and the chunks on their way; used by one thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: deque[int] = deque()
        self._depth = 0
        self._sent = 0
        self._heard = b""
        self._last = 0.0

    @property
    def room(self) -> int:
        """How many chunks may be sent now: none without a process."""
        return self._depth - len(self._waiting) if self._process else 0

    def start(self) -> None:
        """Have a live process: start one if there is none, or if the last one ended or hangs."""
        self.answers()
        hung = self._waiting and time.monotonic() - self._last > HUNG_SECONDS
        if self._process is not None and (hung or self._process.poll() is not None):
            self.stop()
        if self._process is None:
            command = [sys.executable, "-P", "-m", "bystack.node.verifying.process"]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0)
            self._last = time.monotonic()
            self._prepare(self._process)

    def _prepare(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        try:
            size = fcntl.fcntl(process.stdin.fileno(), fcntl.F_SETPIPE_SZ, PIPE)
        except OSError:  # the user's share of pipes is used up: a shallow one does
            size = fcntl.fcntl(process.stdin.fileno(), fcntl.F_GETPIPE_SZ)
        # Half of it, for a pipe's pages need not be full.
        self._depth = min(DEPTH, max(1, size // 2 // (CHUNK * RECORD + WORD)))

    def send(self, records: bytes) -> int | None:
        """Send a chunk where there is `room`; its number, or None when the process is gone."""
        process = self._process
        assert process is not None and process.stdin is not None
        head = (len(records) // RECORD).to_bytes(WORD, "big")
        chunk = head + records
        try:
            whole = process.stdin.write(chunk) == len(chunk)
        except OSError:
            whole = False
        if not whole:  # it is gone, or a signal cut the chunk: the rest of the pipe means nothing
            self.stop()
            return None
        if not self._waiting:
            self._last = time.monotonic()
        self._waiting.append(self._sent)
        self._sent += 1
        return self._sent - 1

    def answers(self) -> list[tuple[int, int | None]]:
        """What has come back: number of the chunk, place of its first wrong record or None."""
        got = list[tuple[int, int | None]]()
        self._heard += self._receive()
        while len(self._heard) >= WORD and self._waiting:
            place = int.from_bytes(self._heard[:WORD], "big")
            self._heard = self._heard[WORD:]
            got.append((self._waiting.popleft(), None if place == NONE_WRONG else place))
        return got

    def _receive(self) -> bytes:
        process = self._process
        if process is None or process.stdout is None:
            return b""
        data = process.stdout.read(WORD * DEPTH)
        if data is None:  # nothing yet
            return b""
        if not data:
            self.stop()
        self._last = time.monotonic()
        return data

    def stop(self) -> None:
        """End the process; what was on its way will have no answer."""
        process, self._process = self._process, None
        self._waiting.clear()
        self._heard = b""
        if process is not None:
            process.kill()
            process.communicate()
