"""The chain's task: blocks travel, branches compete, invalid blocks cost whoever sent them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.checks import SignatureWrong
from bystack.ledger.coins import CoinMissing
from bystack.ledger.transactions import Output, Spend, Transaction, TransactionBody
from bystack.mainchain.blocks import Block, transaction_root, witness_root
from bystack.mainchain.events import Switch
from bystack.mainchain.messages import (
    CAPS,
    BlockMessage,
    Headers,
    decode_message,
    encode_message,
)
from bystack.node.mainchain.mining import generate, template
from bystack.node.mainchain.switching import Switcher
from bystack.node.mainchain.wire import BLOCK_KIND, GOSSIP, block_payload
from bystack.p2p.host import Message
from bystack.p2p.items import Announce
from bystack.primitives.codec import encode
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import Chain, child, remine
from tests.node.mainchain.branches import branches, image_after, replayed
from tests.node.mainchain.network import Node, running, until

KNOWN = branches()
GET_BLOCKS, GET_COMPACT, GET_PART = 19, 24, 26
LEFT, RIGHT = (*KNOWN.trunk, *KNOWN.left), (*KNOWN.trunk, *KNOWN.right)


def image(node: Node) -> dict[bytes, bytes]:
    return {encode(place): encode(coin) for place, coin in node.store.coins.all()}


def forged(tx: Transaction) -> Transaction:
    """The same transaction, its first signature wrong."""
    spend = tx.witnesses[0]
    assert isinstance(spend, Spend)
    wrong = msgspec.structs.replace(spend, items=(bytes(64),))
    return Transaction(tx.body, (wrong, *tx.witnesses[1:]))


def with_transactions(block: Block, chain: Chain, *txs: Transaction) -> Block:
    """The block with other transactions after its coinbase, roots and work made good."""
    contents = (block.transactions[0], *txs)
    header = msgspec.structs.replace(
        block.header,
        transaction_root=transaction_root(contents),
        witness_root=witness_root(contents),
        transaction_count=len(contents),
    )
    return Block(remine(header, chain.tip), contents)


def test_the_heavier_branch_wins_on_both_sides(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "a", tmp_path / "b") as (a, b):
            await a.take(*LEFT)
            await b.take(*RIGHT)
            a.host.join(b.host)
            await until(lambda: a.tip == b.tip == RIGHT[-1].id)
            assert image(a) == image(b) == image_after(RIGHT)
            await until(lambda: a.driver.deepest == len(KNOWN.left))
            assert not a.host.penalties
            assert not b.host.penalties

    trio.run(main)


def test_transactions_of_undone_blocks_wait_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "a") as (a,):
            await a.take(*LEFT)
            await a.take(*KNOWN.right)
            assert a.tip == RIGHT[-1].id
            free, paying = KNOWN.left[0].transactions[1], KNOWN.left[1].transactions[1]
            assert a.driver.pool.transactions() == [paying]
            with pytest.raises(CoinMissing):
                await a.driver.submit(free)  # the other branch spent its coin

    trio.run(main)


def test_a_late_joiner_fetches_everything(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "a", tmp_path / "b") as (a, b):
            await generate(a.driver, 40, ALICE.lock)
            a.host.join(b.host)
            await until(lambda: b.tip == a.tip)
            assert image(a) == image(b)
            await generate(b.driver, 1, BOB.lock)
            await until(lambda: b.tip == a.tip)
            assert b.driver.machine.tip.header.height == 41

    trio.run(main)


def test_a_heavy_branch_with_an_invalid_block_is_left_and_its_sender_blamed(tmp_path: Path) -> None:
    """A wrong signature hides in the middle of the heavier branch: headers alone look best."""

    async def main() -> None:
        async with running(tmp_path / "a") as (a,):
            await a.take(*LEFT)
            fork = replayed(KNOWN.trunk)
            paid = fork.pay(ALICE, BOB, 9_000, 10)
            good = child(fork.tip, [paid], fees=10)
            bad = with_transactions(good, fork, forged(paid))
            evil: list[Block] = [bad]
            fork.tree.add([bad.header], None)
            for _ in range(6):
                entry = fork.tree.entry(evil[-1].id)
                assert entry is not None
                evil.append(child(entry, extra=b"evil"))
                fork.tree.add([evil[-1].header], None)
            await _feed(a, evil, fork.tree.best().work)
            await until(lambda: a.host.penalties)
            assert a.host.penalties[0][1:] == (100, "SignatureWrong")
            assert a.tip == LEFT[-1].id
            assert image(a) == image_after(LEFT)
            assert all(a.driver.machine.tree.entry(block.id) is None for block in evil)
        async with running(tmp_path / "a") as (again,):
            assert again.tip == LEFT[-1].id
            assert all(again.driver.machine.tree.entry(block.id) is None for block in evil)

    trio.run(main)


async def _feed(node: Node, blocks: list[Block], work: bytes) -> None:
    """Play a peer that promises these blocks and delivers them when asked."""
    from bystack.mainchain.messages import GetBlocks, GetHeaders, Status
    from bystack.p2p.host import Connected
    from bystack.p2p.identity import NodeId

    peer = NodeId(b"\xee" * 32)
    by_id = {block.id: block for block in blocks}
    await node.host.inbox.send(Connected(peer, "wire", True))
    status = Status(blocks[-1].header.height, blocks[-1].id, work, 0)
    await node.host.inbox.send(Message(peer, *encode_message(status)))
    answered = 0
    while not node.host.penalties:
        for _, kind, payload in node.host.sent[answered:]:
            answered += 1
            if kind == GOSSIP:
                continue
            match decode_message(kind, payload):
                case GetHeaders():
                    answer = [encode_message(Headers(tuple(b.header for b in blocks)))]
                case GetBlocks(ids):
                    answer = [encode_message(BlockMessage((by_id[id],))) for id in ids]
                case _:
                    answer = []
            for one in answer:
                await node.host.inbox.send(Message(peer, *one))
        await trio.sleep(0.002)


def test_own_invalid_block_is_refused_with_its_rule_and_kept_out_for_good(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "a") as (a,):
            await a.take(*KNOWN.trunk)
            fork = replayed(KNOWN.trunk)
            paid = fork.pay(ALICE, BOB, 9_000, 10)
            bad = with_transactions(child(fork.tip, [paid], fees=10), fork, forged(paid))
            with pytest.raises(SignatureWrong):
                await a.driver.hand_in(bad)
            assert a.tip == KNOWN.trunk[-1].id
            await a.take(*KNOWN.left)
            assert a.tip == LEFT[-1].id

    trio.run(main)


def test_a_transaction_travels_and_is_mined_by_the_other(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "a", tmp_path / "b") as (a, b):
            await a.take(*KNOWN.trunk)
            a.host.join(b.host)
            await until(lambda: b.tip == a.tip)
            model = replayed(KNOWN.trunk)
            tx = model.pay(ALICE, BOB, 5_000, 10_000)
            await a.driver.submit(tx)
            await until(lambda: b.driver.pool.get(tx.id) is not None)
            ids = await generate(b.driver, 1, BOB.lock)
            await until(lambda: a.tip == ids[0])
            await until(lambda: a.driver.pool.get(tx.id) is None)
            place = a.store.find(tx.id)
            assert place is not None
            assert place.block == ids[0]
            reward = a.store.block(ids[0]).transactions[0].body.outputs[0].amount
            assert reward == 41_250_000_000 + 10_000

    trio.run(main)


def test_an_orphan_is_taken_in_when_its_parent_comes(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "a", tmp_path / "b") as (a, b):
            await a.take(*KNOWN.trunk)
            await b.take(*KNOWN.trunk)
            model = replayed(KNOWN.trunk)
            parent = model.pay(ALICE, BOB, 500_000, 10_000)
            model.mine(parent)
            (place, coin), *_ = model.owned(BOB)
            body = TransactionBody(
                1, (place,), (Output(BTM, coin.amount - 9_000, ALICE.lock),), (), 0, 0, b""
            )
            orphan = model.sign(body, BOB)
            with pytest.raises(CoinMissing):
                await a.driver.submit(orphan)
            a.driver.pool.hold(orphan)
            await a.driver.submit(parent)
            assert a.driver.pool.get(orphan.id) == orphan
            a.host.join(b.host)
            await until(lambda: b.driver.pool.get(orphan.id) is not None)

    trio.run(main)


def test_peers_that_send_what_is_no_message_are_scored_and_nothing_else_happens(
    tmp_path: Path,
) -> None:
    peer = b"\xaa" * 32

    async def main() -> None:
        async with running(tmp_path / "a", tmp_path / "b") as (a, b):
            a.host.join(b.host)
            await until(lambda: a.host.sent)
            for kind in range(16, 23):
                await a.host.inbox.send(Message(b.host.id, kind, b"\xc1rubbish"))
            announced = encode(Announce(0, (peer,)))
            await a.host.inbox.send(Message(b.host.id, GOSSIP, b"\xff"))
            await a.host.inbox.send(Message(b.host.id, GOSSIP, announced))
            await a.take(*KNOWN.trunk)
            assert a.tip == KNOWN.trunk[-1].id
            reasons = [reason for _, _, reason in a.host.penalties]
            assert reasons.count("Malformed") == 8
            assert {points for _, points, _ in a.host.penalties} == {20, 50}

    trio.run(main)


def test_a_message_longer_than_its_kind_allows_costs_its_sender(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "a", tmp_path / "b") as (a, b):
            a.host.join(b.host)
            await until(lambda: a.host.sent)
            for kind, cap in CAPS.items():
                if cap < 1_000_000:
                    await a.host.inbox.send(Message(b.host.id, kind, bytes(cap + 1)))
            await a.take(*KNOWN.trunk)
            reasons = {(points, reason) for _, points, reason in a.host.penalties}
            assert reasons == {(50, "TooLong")}

    trio.run(main)


def test_blocks_come_in_while_a_switch_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first switch is held up; everything else arrives meanwhile and goes into the second."""
    gate, judged, plain = trio.Event(), list[int](), Switcher.judge

    async def judge(self: Switcher, switch: Switch, fresh: Mapping[bytes, Block]) -> Any:
        judged.append(len(switch.connect))
        await gate.wait()
        return await plain(self, switch, fresh)

    async def main() -> None:
        async with running(tmp_path / "a", tmp_path / "b") as (a, b):
            await generate(a.driver, 30, ALICE.lock)
            monkeypatch.setattr(Switcher, "judge", judge)
            monkeypatch.setattr("bystack.node.mainchain.serving.TOGETHER", 1)
            a.host.join(b.host)
            await until(lambda: b.driver.machine.progress(0).headers == 30)
            await until(lambda: not b.driver.machine._window.in_flight)
            assert b.tip == KNOWN.trunk[0].header.previous and len(judged) == 1
            gate.set()
            await until(lambda: b.tip == a.tip)
            assert sum(judged) == 30 and len(judged) == 2
            assert image(a) == image(b)

    trio.run(main)


def test_a_block_travels_in_short_and_is_filled_from_the_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bystack.mainchain.sync.news.WORTH", 1)

    async def main() -> None:
        async with running(tmp_path / "a", tmp_path / "b") as (a, b):
            await a.take(*KNOWN.trunk)
            a.host.join(b.host)
            await until(lambda: b.tip == a.tip)
            model = replayed(KNOWN.trunk)
            known = model.pay(ALICE, BOB, 5_000, 10_000)
            await a.driver.submit(known)
            await until(lambda: b.driver.pool.get(known.id) is not None)
            a.host.sent.clear()
            b.host.sent.clear()
            await generate(a.driver, 1, ALICE.lock)
            await until(lambda: b.tip == a.tip)
            kinds = [kind for _, kind, _ in b.host.sent]
            assert GET_COMPACT in kinds and GET_BLOCKS not in kinds and GET_PART not in kinds
            assert BLOCK_KIND not in [kind for _, kind, _ in a.host.sent]
            # Then a block with a transaction that B has never seen.
            model = replayed((*KNOWN.trunk, a.store.block(a.tip)))
            b.host.sent.clear()
            await a.take(model.mine(model.pay(ALICE, BOB, 7_000, 20_000)))
            await until(lambda: a.tip == b.tip)
            asked = [kind for _, kind, _ in b.host.sent]
            assert GET_PART in asked and GET_BLOCKS not in asked
            assert image(a) == image(b)

    trio.run(main)


def test_a_template_leaves_out_what_no_longer_stands(tmp_path: Path) -> None:
    """A transaction valid until a height that has passed stays out though the pool holds it."""

    async def main() -> None:
        async with running(tmp_path / "a") as (a,):
            await a.take(*KNOWN.trunk)
            model = replayed(KNOWN.trunk)
            (place, coin), *_ = model.owned(ALICE)
            outputs = (Output(BTM, coin.amount - 9_000, BOB.lock),)
            brief = model.sign(TransactionBody(1, (place,), outputs, (), 0, 5, b""), ALICE)
            await a.driver.submit(brief)
            block, _ = await template(a.driver, ALICE.lock)
            assert brief in block.transactions
            await a.take(child(model.tip, extra=b"other"))
            block, _ = await template(a.driver, ALICE.lock)
            assert len(block.transactions) == 1
            assert a.driver.pool.get(brief.id) is None

    trio.run(main)


def test_a_block_payload_is_a_block_message() -> None:
    block = KNOWN.left[0]
    assert (BLOCK_KIND, block_payload(encode(block))) == encode_message(BlockMessage((block,)))
