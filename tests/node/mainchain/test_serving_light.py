"""What a full node answers light ones: from its chain alone, in parts, each filter made once."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest
import trio

from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.filters import check_matches, filter_digest, filter_of, keys_of
from bystack.mainchain.issues import Issue, issued_asset, registration_of
from bystack.mainchain.light_messages import (
    Digests,
    Filters,
    GetDigests,
    GetFilters,
    GetMatches,
    GetProof,
    GetRecord,
    LightMessage,
    Matches,
    Proof,
    Record,
    Unserved,
    decode_light,
    encode_light,
)
from bystack.mainchain.proofs import check_transaction_proof
from bystack.node.mainchain import serving_light
from bystack.p2p.host import Class
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY
from tests.node.mainchain.branches import GOLD, branches
from tests.node.mainchain.network import Node, Wired, running, until

KNOWN = branches()
LEFT, RIGHT = (*KNOWN.trunk, *KNOWN.left), (*KNOWN.trunk, *KNOWN.right)
TIP = RIGHT[-1].id
FILTERS = tuple(filter_of(block) for block in RIGHT)


class Asker(Wired):
    """A peer that asks one thing after another and hears the answers."""

    def __init__(self, node: Node, number: int = 7) -> None:
        super().__init__(number)
        self.node = node
        self.join(node.host)

    def say(self, message: LightMessage) -> None:
        self.send(self.node.host.id, *encode_light(message), Class.SYNC)

    @property
    def heard(self) -> list[LightMessage]:
        sent = self.node.host.sent
        return [decode_light(kind, data) for to, kind, data in sent if to == self.id and kind > 32]

    async def ask(self, message: LightMessage) -> LightMessage:
        before = len(self.heard)
        self.say(message)
        await until(lambda: len(self.heard) > before)
        return self.heard[before]


def served(path: Path, *questions: LightMessage, blocks: tuple = RIGHT) -> list[LightMessage]:  # type: ignore[type-arg]
    answers: list[LightMessage] = []

    async def main() -> None:
        async with running(path) as (node,):
            await node.take(*blocks)
            asker = Asker(node)
            for question in questions:
                answers.append(await asker.ask(question))

    trio.run(main)
    return answers


def test_filters_and_digests_of_any_stretch_of_the_chain(tmp_path: Path) -> None:
    whole, part, digests, last = served(
        tmp_path,
        GetFilters(1, TIP),
        GetFilters(3, RIGHT[4].id),
        GetDigests(2, TIP),
        GetFilters(8, TIP),
    )
    assert whole == Filters(1, TIP, FILTERS)
    assert part == Filters(3, RIGHT[4].id, FILTERS[2:5])
    known = tuple(filter_digest(b.id, f) for b, f in zip(RIGHT, FILTERS, strict=True))
    assert digests == Digests(2, TIP, known[1:])
    assert last == Filters(8, TIP, FILTERS[7:])


def test_what_is_not_of_the_chain_is_not_served(tmp_path: Path) -> None:
    side, unknown = KNOWN.left[1].id, b"\x01" * 32

    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT, *KNOWN.right)
            asker = Asker(node)
            for id in (side, unknown):
                assert await asker.ask(GetFilters(1, id)) == Unserved(id)
                assert await asker.ask(GetDigests(1, id)) == Unserved(id)
            assert await asker.ask(GetFilters(9, TIP)) == Unserved(TIP)
            assert await asker.ask(GetFilters(2**62, TIP)) == Unserved(TIP)
            assert await asker.ask(GetMatches(unknown, (BOB.lock.root,))) == Unserved(unknown)
            assert await asker.ask(GetProof(unknown)) == Proof(unknown, ())
            gone = KNOWN.left[1].transactions[1].id
            assert await asker.ask(GetProof(gone)) == Proof(gone, ())
            assert await asker.ask(GetRecord(unknown)) == Record(unknown, ())

    trio.run(main)


def test_matches_proofs_and_records_are_those_of_the_chain(tmp_path: Path) -> None:
    block, asset = KNOWN.left[0], issued_asset(Issue(ALICE.lock.root, GOLD, 1))
    holds = [tx for tx in block.transactions if ALICE.lock.root in keys_of(tx)]
    matches, none, proof, record = served(
        tmp_path,
        GetMatches(block.id, (ALICE.lock.root,)),
        GetMatches(block.id, (b"\x01" * 32,)),
        GetProof(block.transactions[1].id),
        GetRecord(asset),
        blocks=LEFT,
    )
    assert isinstance(matches, Matches) and isinstance(proof, Proof) and isinstance(record, Record)
    wanted = {ALICE.lock.root: len(holds)}
    assert check_matches(block.header, wanted, matches.proofs) == tuple(holds)
    assert none == Matches(block.id, ())
    assert check_transaction_proof(block.header, proof.proof[0]) == block.transactions[1]
    assert registration_of(record.coin[0]).definition == GOLD


def test_a_filter_is_made_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def counted(block):  # type: ignore[no-untyped-def]
        made.append(block.id)
        return filter_of(block)

    monkeypatch.setattr(serving_light, "filter_of", counted)
    served(tmp_path / "a", GetFilters(1, TIP), GetDigests(1, TIP), GetFilters(3, TIP))
    assert made == [block.id for block in RIGHT]

    async def again() -> None:
        async with running(tmp_path / "a") as (node,):
            assert await Asker(node).ask(GetFilters(1, TIP)) == Filters(1, TIP, FILTERS)

    trio.run(again)
    assert len(made) == len(RIGHT)


def test_an_answer_ends_before_too_many_bytes_are_read_or_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_light, "ANSWER_BYTES", serving_light.LEAST_COST + 1)
    (one,) = served(tmp_path / "a", GetFilters(1, TIP))
    assert one == Filters(1, TIP, FILTERS[:1])
    monkeypatch.undo()
    monkeypatch.setattr(serving_light, "FILTERS_SIZE", 60)
    (some,) = served(tmp_path / "b", GetFilters(1, TIP))
    assert isinstance(some, Filters) and 0 < len(some.filters) < len(FILTERS)
    assert some.filters == FILTERS[: len(some.filters)]


def test_too_many_matches_for_one_answer_are_left_to_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_light, "MOST_MATCHES", 1)
    block = KNOWN.left[0]
    (answer,) = served(tmp_path, GetMatches(block.id, (ALICE.lock.root,)), blocks=LEFT)
    assert answer == Unserved(block.id)


def test_rubbish_is_penalised_and_answers_nobody_asked_for_are_not(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*RIGHT)
            asker = Asker(node)
            asker.say(Filters(1, TIP, FILTERS))
            asker.send(node.host.id, 33, b"\xc1", Class.SYNC)
            assert await asker.ask(GetFilters(8, TIP)) == Filters(8, TIP, FILTERS[7:])
            assert node.host.penalties == [(asker.id, 50, "Malformed")]

    trio.run(main)


def test_a_reorganisation_between_question_and_answer_serves_no_mixture(tmp_path: Path) -> None:
    """Filters of one answer follow one chain: that of the block it was asked about."""

    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT)
            asker = Asker(node)
            asker.say(GetFilters(1, LEFT[-1].id))
            asker.say(GetFilters(1, TIP))
            await node.take(*KNOWN.right)
            asker.say(GetFilters(1, LEFT[-1].id))
            await until(lambda: len(asker.heard) == 3)
            truth = {
                LEFT[-1].id: tuple(filter_of(block) for block in LEFT),
                TIP: FILTERS,
            }
            for answer in asker.heard:
                if isinstance(answer, Filters):
                    assert answer.filters == truth[answer.last]
            assert asker.heard[-1] == Unserved(LEFT[-1].id)

    trio.run(main)


def test_who_asked_waits_for_what_it_cost_and_others_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_light, "BYTES_PER_SECOND", 1)

    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*RIGHT)
            greedy, modest = Asker(node), Asker(node, 8)
            for height in (1, 2, 3):
                greedy.say(GetFilters(height, TIP))
            assert await modest.ask(GetFilters(8, TIP)) == Filters(8, TIP, FILTERS[7:])
            await until(lambda: greedy.heard)
            for number in (9, 10):
                assert await Asker(node, number).ask(GetProof(TIP)) == Proof(TIP, ())
            assert greedy.heard == [Filters(1, TIP, FILTERS)]

    trio.run(main)


def test_the_first_block_is_served_too(tmp_path: Path) -> None:
    first = genesis_entry(EASY)
    (answer,) = served(tmp_path, GetFilters(0, first.id))
    assert isinstance(answer, Filters) and len(answer.filters) == 1
    assert msgspec.structs.asdict(answer)["last"] == first.id


def test_what_a_peer_asked_for_goes_with_it(tmp_path: Path) -> None:
    """Or a peer that asks and goes, again and again, would have all of our time."""

    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*RIGHT)
            serving = node.driver._light
            assert serving is not None
            begun, go_on, true = list[bytes](), threading.Event(), serving._answer

            def slow(request, ids, cost):  # type: ignore[no-untyped-def]
                begun.append(request.transaction)
                go_on.wait(60)
                return true(request, ids, cost)

            serving._answer = slow  # type: ignore[method-assign]
            try:
                leaver = Asker(node)
                for number in range(serving_light.WAITING):
                    leaver.say(GetProof(bytes([number]) * 32))
                await until(lambda: begun)
                node.host.part(leaver)
                await until(lambda: leaver.id not in serving._peers)
            finally:
                go_on.set()
            stayer = Asker(node, 8)
            for _ in range(10):
                assert await stayer.ask(GetProof(TIP)) == Proof(TIP, ())
            assert begun == [bytes(32), *[TIP] * 10]

    trio.run(main)


def test_a_block_that_cannot_be_read_ends_the_request_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*RIGHT)
            true = node.store.block_bytes
            damaged = RIGHT[2].id

            def read(id: bytes) -> bytes | None:
                data = true(id)
                return data and data[:-1] if id == damaged else data

            node.store.block_bytes = read  # type: ignore[method-assign]
            asker = Asker(node)
            assert await asker.ask(GetMatches(damaged, (BOB.lock.root,))) == Unserved(damaged)
            assert await asker.ask(GetFilters(1, TIP)) == Unserved(TIP)
            assert await asker.ask(GetFilters(4, TIP)) == Filters(4, TIP, FILTERS[3:])

    trio.run(main)
