"""Peers that lie to a light node: each lie is found by a rule, the liar is cut off, and what is
read stays what the chain holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
import trio

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import DepositLock, Output, RecordLock, TransactionBody
from bystack.mainchain.blocks import Block
from bystack.mainchain.filters import BlockFilter, filter_of, keys_of
from bystack.mainchain.issues import Registration
from bystack.mainchain.light_messages import (
    GetFilters,
    LightMessage,
    Matches,
    Proof,
    Record,
    Unserved,
    encode_light,
    subject_of,
)
from bystack.mainchain.messages import Announce, Headers, Status, encode_message
from bystack.mainchain.proofs import prove_transaction
from bystack.mainchain.sync.peers import BOAST
from bystack.node.light import asking
from bystack.node.store.chainstore import ChainStore
from bystack.p2p.host import Class
from bystack.primitives.codec import encode
from tests.ledger.people import ALICE, BOB, CAROL
from tests.mainchain.builders import EASY, Chain
from tests.mainchain.light import after
from tests.node.light.network import NAME, Light, light_among
from tests.node.mainchain.branches import GOLD, branches
from tests.node.mainchain.network import Node, Wired, until

KNOWN = branches()
CHAIN = (*KNOWN.trunk, *KNOWN.right)
KEY = BOB.lock.root
TRUE = {
    block.header.height: [tx.id for tx in block.transactions if KEY in keys_of(tx)]
    for block in CHAIN
    if any(KEY in keys_of(tx) for tx in block.transactions)
}
PAID = KNOWN.right[0]


async def ready(light: Light, nodes: Sequence[Node], blocks: Sequence[Block] = CHAIN) -> None:
    for node in nodes:
        await node.take(*blocks)
    await light.at(blocks[-1].id)
    height = blocks[-1].header.height
    await until(lambda: len(light.driver.machine.serving(height)) == len(nodes))


def says(store: ChainStore, filters: Callable[[bytes], BlockFilter | None]) -> None:
    """Make a full node give other filters than its blocks have."""
    true = store.filter_bytes

    def lie(id: bytes) -> bytes | None:
        filter = filters(id)
        return true(id) if filter is None else encode(filter)

    store.filter_bytes = lie  # type: ignore[method-assign]


def hides(store: ChainStore, block: Block, key: bytes) -> None:
    """Make a full node leave out of a block's filter the transactions that hold a key."""
    kept = tuple(tx for tx in block.transactions if key not in keys_of(tx))
    false = filter_of(Block(block.header, kept))
    says(store, lambda id: false if id == block.id else None)


@pytest.mark.parametrize("liar", [0, 1])
def test_a_payment_hidden_by_one_of_two_peers_is_found(tmp_path: Path, liar: int) -> None:
    """Whether it gives the filters or the digests: the block decides."""

    async def main() -> None:
        async with light_among(tmp_path, fulls=3) as (light, nodes):
            await ready(light, nodes)
            hides(nodes[liar].store, PAID, KEY)
            for _ in range(4):  # whoever is asked
                light.scanner._kept.clear()
                assert await light.matched(KEY) == TRUE
                if light.host.banned:
                    break
            assert light.host.banned in ({}, {nodes[liar].host.id: "FilterFalse"})

    trio.run(main)


def test_with_two_peers_the_liar_is_banned_and_reading_waits_for_another(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path, fulls=3) as (light, nodes):
            light.host.part(nodes[2].host)
            await ready(light, nodes[:2])
            await nodes[2].take(*CHAIN)
            hides(nodes[1].store, PAID, KEY)
            found: dict[int, list[bytes]] = {}

            async def read() -> None:
                found.update(await light.matched(KEY))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                await until(lambda: light.host.banned)
                assert light.host.banned == {nodes[1].host.id: "FilterFalse"}
                light.host.join(nodes[2].host)
            assert found == TRUE

    trio.run(main)


def test_an_empty_filter_and_one_that_cannot_be_read_are_refuted(tmp_path: Path) -> None:
    async def main() -> None:
        for number, false in enumerate((BlockFilter(0, b""), BlockFilter(3, b"\xff" * 9))):
            async with light_among(tmp_path / str(number), fulls=3, agree=3) as (light, nodes):
                await ready(light, nodes)
                says(nodes[0].store, lambda id, false=false: false if id == PAID.id else None)
                light.scanner.agree = 3
                with trio.move_on_after(180) as scope:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(light.matched, KEY)
                        await until(lambda: light.host.banned)
                        nursery.cancel_scope.cancel()
                assert not scope.cancelled_caught
                assert light.host.banned == {nodes[0].host.id: "FilterFalse"}

    trio.run(main)


def test_all_peers_with_one_unreadable_filter_are_refuted_by_the_block(tmp_path: Path) -> None:
    """Agreement is no proof where the block can be asked."""

    async def main() -> None:
        async with light_among(tmp_path, fulls=2) as (light, nodes):
            await ready(light, nodes)
            for node in nodes:
                says(node.store, lambda id: BlockFilter(3, b"\xff" * 9) if id == PAID.id else None)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(light.matched, KEY)
                await until(lambda: len(light.host.banned) == 2)
                nursery.cancel_scope.cancel()
            assert set(light.host.banned.values()) == {"FilterFalse"}

    trio.run(main)


def twice_paid() -> tuple[Block, ...]:
    """A chain in whose last block Bob is paid twice."""
    chain = Chain()
    chain.grow(8)
    payments = []
    for place, coin in chain.owned(ALICE)[:2]:
        outputs = (Output(coin.asset, 9, BOB.lock), Output(coin.asset, coin.amount - 9, ALICE.lock))
        payments.append(chain.sign(TransactionBody(1, (place,), outputs, (), 0, 0, b""), ALICE))
    chain.mine(*payments)
    return tuple(chain.blocks.values())


def answers(node: Node, false: Callable[[LightMessage], LightMessage]) -> None:
    """Make a full node give other answers than its store would."""
    serving = node.driver._light
    assert serving is not None
    true = serving._answer

    def lie(request, ids, cost):  # type: ignore[no-untyped-def]
        return false(true(request, ids, cost))

    serving._answer = lie  # type: ignore[method-assign]
    serving._at_once = lambda _: None  # type: ignore[method-assign]


def test_a_match_left_out_is_missed_and_read_from_the_block(tmp_path: Path) -> None:
    """The filter counts two transactions: one of them alone is not taken for all."""
    blocks = twice_paid()
    both = [tx.id for tx in blocks[-1].transactions[1:]]

    def first(answer: LightMessage) -> LightMessage:
        return Matches(answer.block, answer.proofs[:1]) if isinstance(answer, Matches) else answer

    async def main() -> None:
        async with light_among(tmp_path, fulls=2) as (light, nodes):
            await ready(light, nodes, blocks)
            for node in nodes:
                answers(node, first)
            found = await light.matched(KEY)
            assert found == {9: both}
            assert list(light.host.banned.values()) == ["MatchesIncomplete"]

    trio.run(main)


def lured(same_block: bool) -> tuple[tuple[Block, ...], dict[bytes, BlockFilter]]:
    """A chain that pays Carol and Bob, and filters that name Carol twice and Bob not at all."""
    chain = Chain()
    chain.grow(8)
    payments = []
    for (place, coin), paid in zip(chain.owned(ALICE), (CAROL, BOB), strict=False):
        outputs = (
            Output(coin.asset, 9, paid.lock),
            Output(coin.asset, coin.amount - 9, ALICE.lock),
        )
        payments.append(chain.sign(TransactionBody(1, (place,), outputs, (), 0, 0, b""), ALICE))
    for lot in [payments] if same_block else [payments[:1], payments[1:]]:
        chain.mine(*lot)
    falses = {}
    for block in chain.blocks.values():
        shown = [tx for tx in block.transactions if KEY not in keys_of(tx)]
        shown += [tx for tx in shown if CAROL.lock.root in keys_of(tx)]
        falses[block.id] = filter_of(Block(block.header, tuple(shown)))
    return tuple(chain.blocks.values()), falses


@pytest.mark.parametrize("same_block", [True, False])
def test_what_found_out_liars_agreed_to_hide_is_looked_for_again(
    tmp_path: Path, same_block: bool
) -> None:
    """All who were asked give one false filter; where they are found out, nothing they said of this
    block or of another is believed any more."""
    blocks, falses = lured(same_block)
    last = blocks[-1].header.height

    async def main() -> None:
        async with light_among(tmp_path, fulls=4) as (light, nodes):
            for honest in nodes[2:]:
                light.host.part(honest.host)
            await ready(light, nodes[:2], blocks)
            for node in nodes[:2]:
                says(node.store, falses.get)
            for honest in nodes[2:]:
                await honest.take(*blocks)
            found: dict[int, list[bytes]] = {}

            async def read() -> None:
                found.update(await light.matched(CAROL.lock.root, KEY))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                await until(lambda: len(light.host.banned) == 2)
                for honest in nodes[2:]:
                    light.host.join(honest.host)
            paid = [tx.id for tx in (*blocks[-2].transactions[1:], *blocks[-1].transactions[1:])]
            assert [id for ids in found.values() for id in ids] == paid
            assert max(found) == last
            assert light.host.banned == {node.host.id: "FilterFalse" for node in nodes[:2]}

    trio.run(main)


def test_a_match_by_chance_costs_nobody_anything(tmp_path: Path) -> None:
    """A filter may name a key that is not there: whoever says so is honest."""

    async def main() -> None:
        async with light_among(tmp_path, fulls=2) as (light, nodes):
            await ready(light, nodes)
            entry = light.driver.machine.tree.entry(PAID.id)
            assert entry is not None
            agreed = await light.scanner._agreed(entry)
            assert agreed is not None
            wanted = {b"\x77" * 32: 1}
            assert await light.scanner._proofs(entry, agreed, wanted) == ()
            assert light.host.banned == {}

    trio.run(main)


def test_a_proof_of_a_foreign_block_or_transaction_is_not_handed_on(tmp_path: Path) -> None:
    tx, other = PAID.transactions[1], PAID.transactions[0]
    left = KNOWN.left[0]
    foreign = prove_transaction(left, 0)
    lies = {
        "ProofForeign": prove_transaction(PAID, 0),
        "ProofMismatch": msgspec.structs.replace(
            prove_transaction(PAID, 1), transaction=encode(other)
        ),
        "ProofHeight": msgspec.structs.replace(prove_transaction(PAID, 1), height=2),
    }

    async def main() -> None:
        for rule, lie in lies.items():
            async with light_among(tmp_path / rule, fulls=2) as (light, nodes):
                await ready(light, nodes)
                answers(nodes[0], lambda _, lie=lie: Proof(tx.id, (lie,)))
                answers(nodes[1], lambda _: Proof(tx.id, (foreign,)))
                assert await light.scanner.fetcher.proof(tx.id) is None
                assert light.host.banned == {nodes[0].host.id: rule}

    trio.run(main)


def test_a_proof_of_a_block_beside_the_best_chain_is_not_handed_on(tmp_path: Path) -> None:
    """Though its header is known and the proof true."""
    gone = KNOWN.left[0]
    tx = gone.transactions[1]

    async def main() -> None:
        async with light_among(tmp_path, fulls=2) as (light, nodes):
            await ready(light, nodes, (*KNOWN.trunk, *KNOWN.left))
            for node in nodes:
                await node.take(*KNOWN.right)
            await light.at(CHAIN[-1].id)
            assert light.driver.machine.tree.entry(gone.id) is not None
            for node in nodes:
                answers(node, lambda _: Proof(tx.id, (prove_transaction(gone, 1),)))
            assert await light.scanner.fetcher.proof(tx.id) is None
            assert light.host.banned == {}

    trio.run(main)


def test_a_peer_that_shows_headers_and_then_keeps_silent_is_scored_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.01)

    async def main() -> None:
        async with light_among(tmp_path, fulls=1, agree=1) as (light, nodes):
            await ready(light, nodes)
            serving = nodes[0].driver._light
            assert serving is not None
            serving.hear = lambda *_: None  # type: ignore[method-assign]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(light.matched, KEY)
                await until(lambda: light.host.penalties)
                nursery.cancel_scope.cancel()
            assert light.host.penalties[0] == (nodes[0].host.id, 10, "silent")
            assert light.scanner.fetcher.peers(1) == []

    trio.run(main)


def test_a_false_record_of_an_asset_bans_its_giver(tmp_path: Path) -> None:
    asset = b"\x31" * 32
    body = encode(Registration(ALICE.lock.root, GOLD, 5, 1))
    false = Coin(asset, 0, RecordLock(body), 1, 0, 1, b"")

    async def main() -> None:
        async with light_among(tmp_path, fulls=2) as (light, nodes):
            await ready(light, nodes)
            answers(nodes[0], lambda _: Record(asset, (false,)))
            answers(
                nodes[1], lambda _: Record(asset, (msgspec.structs.replace(false, lock=BOB.lock),))
            )
            assert await light.scanner.fetcher.record(asset) is None
            assert set(light.host.banned.values()) == {"RecordForeign"}
            assert len(light.host.banned) == 2

    trio.run(main)


def test_another_body_under_a_true_header_bans_its_giver(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path, fulls=2) as (light, nodes):
            await ready(light, nodes)
            entry = light.driver.machine.tree.entry(PAID.id)
            assert entry is not None
            true, forged = nodes[0].store.block_bytes, encode(Block(PAID.header, ()))
            nodes[0].store.block_bytes = (  # type: ignore[method-assign]
                lambda id: forged if id == PAID.id else true(id)
            )
            for _ in range(4):
                assert await light.scanner.fetcher.block(entry) == PAID
            assert light.host.banned in ({}, {nodes[0].host.id: "TransactionCount"})

    trio.run(main)


def test_a_chain_of_less_work_moves_nothing(tmp_path: Path) -> None:
    """However much its giver claims, and however many peers give it."""

    async def main() -> None:
        async with light_among(tmp_path, fulls=2) as (light, nodes):
            await ready(light, nodes)
            liar = Wired(7)
            light.host.join(liar)
            first = light.driver.machine.tree.first
            weak = after(first, len(CHAIN) - 1, EASY, mark=9)
            claim = Status(10**6, weak[-1].id, b"\xff" * 32, 0)
            for message in (claim, Announce(weak[-1].header)):
                liar.send(light.host.id, *encode_message(message), Class.BLOCK)
            await until(
                lambda: any(kind == 17 and peer == liar.id for peer, kind, _ in light.host.sent)
            )
            headers = Headers(tuple(entry.header for entry in weak))
            liar.send(light.host.id, *encode_message(headers), Class.SYNC)
            await until(lambda: light.host.penalties)
            assert light.host.penalties == [(liar.id, *BOAST[::-1])]
            assert light.tip == CHAIN[-1].id
            assert await light.matched(KEY) == TRUE

    trio.run(main)


def test_a_peer_that_serves_nothing_holds_up_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path, fulls=3) as (light, nodes):
            await ready(light, nodes)
            answers(nodes[0], lambda answer: Unserved(subject_of(answer)))
            assert await light.matched(KEY) == TRUE

    trio.run(main)


def test_peers_that_came_to_us_are_asked_last(tmp_path: Path) -> None:
    """However many an attacker sends: two that we chose are enough to leave all of them aside."""

    async def main() -> None:
        async with light_among(tmp_path, fulls=6) as (light, nodes):
            await ready(light, nodes)
            light.driver.inbound = {node.host.id for node in nodes[:4]}
            chosen = {node.host.id for node in nodes[4:]}
            for _ in range(20):
                order = light.scanner.fetcher.peers(1)
                assert set(order[:2]) == chosen and len(order) == 6
            for node in nodes[:4]:
                hides(node.store, PAID, KEY)
            assert await light.matched(KEY) == TRUE
            assert light.host.banned == {}
            light.host.part(nodes[0].host)
            await until(lambda: len(light.driver.inbound) == 3)

    trio.run(main)


def test_who_does_not_serve_rests_longer_each_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path, fulls=1, agree=1) as (light, nodes):
            await ready(light, nodes)
            fetcher, peer = light.scanner.fetcher, nodes[0].host.id
            began, ends = trio.current_time(), list[float]()
            for _ in range(10):
                fetcher.rest(peer, asking.Unanswered())
                ends.append(fetcher._resting[peer] - began)
            assert ends == sorted(ends) and ends[-1] > 60 > ends[0]
            assert fetcher.peers(1) == []
            fetcher.served(peer)
            assert fetcher.peers(1) == [peer]

    trio.run(main)


def test_questions_and_answers_nobody_asked_for_change_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path, fulls=2) as (light, nodes):
            await ready(light, nodes)
            odd = Wired(8)
            light.host.join(odd)
            before = light.scanner._kept.copy()
            for message in (Proof(PAID.id, ()), Matches(PAID.id, ())):
                odd.send(light.host.id, *encode_light(message), Class.SYNC)
            odd.send(light.host.id, *encode_light(GetFilters(0, PAID.id)), Class.SYNC)
            odd.send(light.host.id, 33, b"\xc1", Class.SYNC)
            await until(lambda: (odd.id, 50, "Malformed") in light.host.penalties)
            assert light.host.penalties[:2] == [(odd.id, 2, "unasked")] * 2
            kind, payload = encode_light(Unserved(PAID.id))
            assert (odd.id, kind, payload) in light.host.sent
            assert light.scanner._kept == before

    trio.run(main)


def test_a_late_answer_to_a_reader_who_left_costs_nobody_anything(tmp_path: Path) -> None:
    """A wallet that asks again with more keys leaves questions behind."""

    async def main() -> None:
        async with light_among(tmp_path, fulls=2) as (light, nodes):
            await ready(light, nodes)
            sent = light.host.sent
            for _ in range(5):
                light.scanner._kept.clear()
                before = len(sent)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(light.matched, KEY)
                    await until(lambda before=before: len(sent) > before)
                    nursery.cancel_scope.cancel()
            await until(lambda: not any(light.driver.asking._open.values()))
            assert light.host.penalties == []
            assert await light.matched(KEY) == TRUE

    trio.run(main)


def test_a_flood_of_questions_is_dropped_not_queued(tmp_path: Path) -> None:
    """A full node answers in its own time: at most so many wait for each light peer."""

    async def main() -> None:
        async with light_among(tmp_path, fulls=1, agree=1) as (light, nodes):
            await ready(light, nodes)
            flooder = Wired(NAME - 1)
            nodes[0].host.join(flooder)
            for _ in range(500):
                request = encode_light(GetFilters(1, CHAIN[-1].id))
                flooder.send(nodes[0].host.id, *request, Class.SYNC)
            assert await light.matched(KEY) == TRUE  # others are served meanwhile
            sent = [one for one in nodes[0].host.sent if one[0] == flooder.id and one[1] == 34]
            assert 0 < len(sent) <= 100

    trio.run(main)


def test_deposits_are_watched_by_their_vault(tmp_path: Path) -> None:
    """A deposit hidden from a sidechain's relayer is a payment hidden like any other."""
    vault = b"\x66" * 32
    chain = Chain()
    chain.grow(3)
    (place, coin), *_ = chain.owned(ALICE)
    outputs = (
        Output(coin.asset, 5, DepositLock(vault, bytes(64))),
        Output(coin.asset, coin.amount - 5, ALICE.lock),
    )
    deposit = chain.sign(TransactionBody(1, (place,), outputs, (), 0, 0, b""), ALICE)
    block = chain.mine(deposit)
    blocks = tuple(chain.blocks.values())

    async def main() -> None:
        async with light_among(tmp_path, fulls=3, agree=3) as (light, nodes):
            await ready(light, nodes, blocks)
            hides(nodes[0].store, block, vault)
            found: dict[int, list[bytes]] = {}

            async def read() -> None:
                found.update(await light.matched(vault))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                await until(lambda: light.host.banned)
                assert light.host.banned == {nodes[0].host.id: "FilterFalse"}
                light.scanner.agree = 2
            assert found == {4: [deposit.id]}

    trio.run(main)
