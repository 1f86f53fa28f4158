"""A process that verifies signatures for another: chunks in, the place of a wrong one out.

A chunk is a count (4 bytes, big endian) and so many records (`primitives.keys.first_wrong`); its
answer is the place of its first wrong record or `NONE_WRONG`, 4 bytes. It ends with its input, or
when nothing came for a while: whoever needs it again starts it again.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from typing import BinaryIO, Final

from bystack.primitives.keys import RECORD, first_wrong

NONE_WRONG: Final = 2**32 - 1
IDLE_SECONDS: Final = 60.0
WORD: Final = 4


def serve(chunks: BinaryIO, answers: int) -> None:
    """Answer every chunk, until the input ends or nothing comes for `IDLE_SECONDS`."""
    while select.select([chunks], [], [], IDLE_SECONDS)[0]:
        records = _read(chunks)
        if records is None:
            return
        wrong = first_wrong(records)
        os.write(answers, (NONE_WRONG if wrong is None else wrong).to_bytes(WORD, "big"))


def _read(chunks: BinaryIO) -> bytes | None:
    """The records of a chunk; None at the end of the input, wherever it stands."""
    head = _exactly(chunks, WORD)
    return _exactly(chunks, int.from_bytes(head, "big") * RECORD) if head else None


def _exactly(source: BinaryIO, size: int) -> bytes | None:
    parts = list[bytes]()
    while size:
        part = source.read(size)
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us by closing our input
    with open(sys.stdin.fileno(), "rb", buffering=0) as source:
        serve(source, sys.stdout.fileno())
