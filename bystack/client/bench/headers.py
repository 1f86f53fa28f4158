"""Headers of a main chain: decoded, judged, put in the tree and stored, in messages of 2,000.

The floor is the same messages decoded and nothing more.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence

import msgspec
import trio

from bystack.client.bench.frame import Measured, Show
from bystack.mainchain.assembly import mine
from bystack.mainchain.blocks import VERSION, Block, Header
from bystack.mainchain.chain import Entry, check_child, genesis_entry, next_peaks, next_target
from bystack.mainchain.messages import Headers, decode_message, encode_message
from bystack.mainchain.params import MAIN, Params
from bystack.mainchain.work import SHA256D
from bystack.node.processes.garbage import collect_seldom
from bystack.node.store.chainstore import ChainStore
from bystack.primitives.codec import decode
from bystack.primitives.hashes import fixed
from bystack.primitives.mountain import mountain_root

EASIEST = 0x207FFFFF
PARAMS = msgspec.structs.replace(
    MAIN, name="bench", genesis_target=EASIEST, target_limit=EASIEST, maturity=1
)
"""As the main network, difficulty moving as there, but mined by anybody in two attempts."""


def measure(show: Show, *, count: int = 20_000, message: int = 2_000, rounds: int = 3) -> Measured:
    """Headers stored per second; the best of `rounds`."""
    show(f"mining {count} headers")
    headers = headers_after(genesis_entry(PARAMS), count, PARAMS)
    parts = [headers[at : at + message] for at in range(0, count, message)]
    frames = [encode_message(Headers(tuple(part))) for part in parts]
    collect_seldom()
    show("storing them")
    seconds = min(trio.run(_store, frames) for _ in range(rounds))
    plain = min(_decode(frames) for _ in range(rounds))
    return Measured(
        {"stored_headers_per_second": count / seconds, "us_per_header": seconds / count * 1e6},
        {"decoded_headers_per_second": count / plain},
        {"stored_to_decoded": plain / seconds},
    )


def headers_after(parent: Entry, count: int, params: Params) -> list[Header]:
    """Mined headers on schedule, of blocks that nobody has."""
    made = list[Header]()
    for _ in range(count):
        header = _child(parent, params)
        parent = check_child(parent, header, params, None, SHA256D)
        made.append(header)
    return made


def _child(parent: Entry, params: Params) -> Header:
    height = parent.header.height + 1
    header = Header(
        version=VERSION,
        height=height,
        previous=parent.id,
        transaction_root=fixed(height, 32),
        witness_root=fixed(height, 32),
        transaction_count=1,
        history_root=mountain_root(next_peaks(parent)),
        time=parent.header.time + params.spacing,
        target=next_target(parent, params),
        nonce=bytes(8),
    )
    block = mine(Block(header, ()), parent)
    assert block is not None, "the easiest target is met at once"
    return block.header


async def _store(frames: Sequence[tuple[int, bytes]]) -> float:
    """Seconds to take all frames in, as the sync machine and its driver do."""
    with tempfile.TemporaryDirectory() as folder:
        store = ChainStore.open(folder, PARAMS)
        tree = store.load().tree
        begun = time.perf_counter()
        for kind, payload in frames:
            message = decode_message(kind, payload)
            assert isinstance(message, Headers)
            added = tree.add(message.headers, None).added
            await store.commit(store.header_changes(added))
        seconds = time.perf_counter() - begun
        store.close()
    return seconds


def _decode(frames: Sequence[tuple[int, bytes]]) -> float:
    begun = time.perf_counter()
    for _, payload in frames:
        decode(Headers, payload, len(payload))
    return time.perf_counter() - begun
