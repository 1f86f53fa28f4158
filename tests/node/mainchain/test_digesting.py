"""A slow engine's digests are made before judging asks: once, and as far as work goes."""

from __future__ import annotations

import hashlib

import trio
from msgspec.structs import replace

from bystack.mainchain.assembly import build_block, build_coinbase, mine
from bystack.mainchain.blocks import Block, Header
from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.messages import Announce, BlockMessage, CompactBlock, Headers, Status
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import SHA256D, Engine, meets, target_of
from bystack.node.engines import Installed
from bystack.node.mainchain.digesting import carried, digest_ahead
from tests.ledger.people import ALICE
from tests.mainchain.builders import EASY

SLOW = replace(EASY, name="slow", work="slow")


class Slow:
    """Counts its digests."""

    def __init__(self) -> None:
        self.made: list[tuple[bytes, bytes]] = []

    def digest(self, id: bytes, seed: bytes, /) -> bytes:
        self.made.append((id, seed))
        return hashlib.blake2s(seed + id).digest()


def branch(count: int, engine: Engine) -> list[Header]:
    tree = HeaderTree([genesis_entry(SLOW)], SLOW, {"slow": engine})
    made: list[Header] = []
    for _ in range(count):
        block = mine(build_block(tree.best(), (), ALICE.lock, 0, SLOW), tree.best(), engine)
        assert block is not None
        tree.add([block.header], None)
        made.append(block.header)
    return made


def ahead(engine: Engine, headers: list[Header]) -> HeaderTree:
    tree = HeaderTree([genesis_entry(SLOW)], SLOW, {"slow": engine})
    trio.run(digest_ahead, tree, headers, SLOW, engine)
    return tree


HEADERS = branch(300, Slow())  # over the border of two seeds


def test_judging_finds_every_digest_made() -> None:
    slow = Slow()
    engine = Installed("slow", slow)
    tree = ahead(engine, HEADERS)
    assert [id for id, _ in slow.made] == [header.id for header in HEADERS]
    assert len({seed for _, seed in slow.made}) == 2
    tree.add(HEADERS, None)
    assert len(slow.made) == len(HEADERS), "none was made again"
    trio.run(digest_ahead, tree, HEADERS, SLOW, engine)
    assert len(slow.made) == len(HEADERS), "what is judged already needs no digest"


def test_it_stops_where_work_stops() -> None:
    slow = Slow()
    unfit = next(
        changed
        for number in range(100)
        if not _meets(changed := replace(HEADERS[2], nonce=number.to_bytes(8, "big")))
    )
    ahead(Installed("slow", slow), [*HEADERS[:2], unfit, *HEADERS[3:]])
    assert len(slow.made) == 3


def _meets(header: Header) -> bool:
    seed = genesis_entry(SLOW).seed
    return meets(Slow().digest(header.id, seed), target_of(header.target))


def test_an_easy_target_that_nobody_prescribed_costs_no_digest() -> None:
    """Else a peer could have thousands made for the work of a few."""
    slow = Slow()
    ahead(Installed("slow", slow), [replace(HEADERS[0], target=0x20700000), *HEADERS[1:]])
    ahead(Installed("slow", slow), [replace(HEADERS[0], target=0)])
    ahead(Installed("slow", slow), HEADERS[5:])  # nobody knows its parent
    assert not slow.made


def test_every_message_that_carries_headers_tells_them() -> None:
    header, block = HEADERS[0], Block(HEADERS[0], ())
    compact = CompactBlock(header, bytes(8), build_coinbase(1, 1, ALICE.lock), ())
    for message in (Headers((header,)), Announce(header), compact, block):
        assert carried(message) == (header,)
    assert carried(Status(0, bytes(32), bytes(32), 0)) == carried(BlockMessage((block,))) == ()


def test_a_built_in_engine_is_fast_enough_without() -> None:
    ahead(SHA256D, HEADERS)
    ahead(Slow(), HEADERS)
