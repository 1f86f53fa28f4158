"""The nonce searcher's process speaks in lines, and its answers are proofs of work."""

from __future__ import annotations

import msgspec
import trio

from bystack.mainchain.assembly import build_block, with_nonce
from bystack.mainchain.chain import check_header, genesis_entry
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import NO_SEED, bits_of
from bystack.node.mainchain.mining import Worker
from bystack.node.mainchain.searcher import answer
from bystack.primitives.codec import encode
from tests.ledger.people import ALICE
from tests.mainchain.builders import EASY

PARENT = genesis_entry(EASY)
MADE = build_block(PARENT, (), ALICE.lock, 0, EASY)


def test_a_worker_answers_job_after_job() -> None:
    async def main() -> None:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                worker = await Worker.start(nursery)
                for start in (0, 1_000):
                    nonce = await worker.search(MADE, PARENT, start, "sha256d")
                    assert nonce is not None
                    assert int.from_bytes(nonce, "big") >= start
                    tree = HeaderTree([PARENT], EASY)
                    check_header(tree, with_nonce(MADE, nonce).header, EASY, None)
                nursery.cancel_scope.cancel()

    trio.run(main)


def test_none_found_is_said() -> None:
    hard = msgspec.structs.replace(MADE.header, target=bits_of(1))
    line = f"{encode(hard).hex()} 0 50 {NO_SEED.hex()} sha256d"
    assert answer(line) == "-"
