"""A process that searches nonces: reads jobs, one a line, and answers each with a nonce or `-`.

A job is `header start count seed engine`: header and seed in hex. It ends when its input does, and
leaves the processor to whoever else wants it.
"""

from __future__ import annotations

import os
import sys

from bystack.mainchain.blocks import decode_header
from bystack.mainchain.work import search
from bystack.node.engines import installed_engine

NICENESS = 10


def answer(line: str) -> str:
    """The nonce of a job in hex, or `-`."""
    header, start, count, seed, engine = line.split()
    nonce = search(
        decode_header(bytes.fromhex(header)),
        int(start),
        int(count),
        bytes.fromhex(seed),
        installed_engine(engine),
    )
    return "-" if nonce is None else nonce.hex()


def main() -> None:
    """Answer until the input ends. What an engine prints goes to the log, not among the answers."""
    os.nice(NICENESS)
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for job in sys.stdin:
            print(answer(job), file=answers, flush=True)


if __name__ == "__main__":
    main()
