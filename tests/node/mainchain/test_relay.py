"""Transactions between two nodes: what comes together is judged together, an orphan's sender is
asked for the parent, and what is wrong costs its sender only."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from bystack.ledger.transactions import Spend, Transaction
from bystack.node.mainchain import relay
from bystack.node.mainchain.relay import BREACH_POINTS, WrongItem
from bystack.node.mainchain.wire import GOSSIP, TRANSACTIONS
from bystack.p2p.host import Class
from bystack.p2p.items import Announce, Get, GossipMessage, Item, read
from bystack.primitives.codec import encode
from tests.node.mainchain.branches import branches, replayed
from tests.node.mainchain.network import Node, Wired, running, until
from tests.node.mainchain.test_pool import paying
from tests.node.mainchain.test_rpc_mempool import child

KNOWN = branches()


class Peer:
    """A wire on which a test speaks for itself."""

    def __init__(self, node: Node, name: int = 9) -> None:
        self.wire, self.node = Wired(name), node
        self.wire.join(node.host)

    def say(self, message: GossipMessage) -> None:
        self.wire.send(self.node.host.id, GOSSIP, encode(message), Class.TRANSACTION)

    def heard(self) -> list[GossipMessage]:
        mine = (sent for sent in self.node.host.sent if sent[0] == self.wire.id)
        return [read(payload, len(payload)) for _, kind, payload in mine if kind == GOSSIP]

    def asked_for(self, id: bytes) -> bool:
        return any(isinstance(one, Get) and id in one.ids for one in self.heard())

    async def give(self, *txs: Transaction) -> None:
        """Announce, and send once all were asked for."""
        self.say(Announce(TRANSACTIONS, tuple(tx.id for tx in txs)))
        await until(lambda: all(self.asked_for(tx.id) for tx in txs))
        for tx in txs:
            self.say(Item(TRANSACTIONS, tx.id, encode(tx)))


def test_the_sender_of_an_orphan_is_asked_for_its_parent(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            model, peer = replayed(KNOWN.trunk), Peer(node)
            parent = paying(model, 5_000)
            young = child(model, parent, 7_000)
            await peer.give(young)
            await until(lambda: peer.asked_for(parent.id))
            assert young.id in node.driver.pool.orphans
            peer.say(Item(TRANSACTIONS, parent.id, encode(parent)))
            await until(lambda: node.driver.pool.transactions() == [parent, young])
            assert not node.driver.pool.orphans
            assert node.host.penalties == []

    trio.run(main)


def test_of_many_at_once_only_the_wrong_cost_their_sender(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            model, peer = replayed(KNOWN.trunk), Peer(node)
            good, poor = paying(model, 5_000), paying(model, 1, which=1)
            forged = with_items(paying(model, 9_000, which=2), bytes(64))
            await peer.give(good, forged, poor)
            await until(lambda: good.id in node.driver.pool.machine)
            await until(lambda: node.host.penalties)
            assert node.driver.pool.transactions() == [good]
            [(who, points, _)] = node.host.penalties
            assert (who, points) == (peer.wire.id, BREACH_POINTS)

    trio.run(main)


def test_a_wrong_witness_does_not_keep_the_right_one_out(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            model, liar, honest = replayed(KNOWN.trunk), Peer(node), Peer(node, 10)
            tx = paying(model, 5_000)
            for items in ((), (b"", b""), (bytes(64),)):
                wrong = with_items(tx, *items)
                assert wrong.id == tx.id
                await liar.give(wrong)
                liar.wire.part(node.host)
                liar = Peer(node, 11 + len(items))
            await honest.give(tx)
            await until(lambda: node.driver.pool.transactions() == [tx])

    trio.run(main)


def with_items(tx: Transaction, *items: bytes) -> Transaction:
    """The same transaction with other signatures."""
    [witness] = tx.witnesses
    assert isinstance(witness, Spend)
    return Transaction(tx.body, (replace(witness, items=items),))


def test_another_body_than_was_announced_is_a_breach(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            model, peer = replayed(KNOWN.trunk), Peer(node)
            one, other = paying(model, 5_000), paying(model, 6_000)
            peer.say(Announce(TRANSACTIONS, (one.id,)))
            await until(lambda: peer.asked_for(one.id))
            peer.say(Item(TRANSACTIONS, one.id, encode(other)))
            await until(lambda: node.host.penalties)
            assert node.host.penalties == [(peer.wire.id, BREACH_POINTS, WrongItem.__name__)]
            assert node.driver.pool.transactions() == []

    trio.run(main)


def test_the_orphans_of_one_who_left_are_forgotten(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            model, peer = replayed(KNOWN.trunk), Peer(node)
            young = child(model, paying(model, 5_000), 7_000)
            await peer.give(young)
            await until(lambda: young.id in node.driver.pool.orphans)
            peer.wire.part(node.host)
            await until(lambda: not node.driver.pool.orphans)

    trio.run(main)


@pytest.mark.parametrize(("most", "held"), [(1, 0), (10_000_000, 3)])
def test_what_nobody_has_judged_takes_bounded_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, held: int
) -> None:
    """A peer that keeps the inbox busy keeps us from settling, not from counting bytes."""
    monkeypatch.setattr(relay, "MAX_HELD", most)

    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            model, peer, ours = replayed(KNOWN.trunk), b"p" * 33, node.driver.relay
            txs = [paying(model, 5_000, which=at) for at in range(3)]
            await ours.join(peer, 0.0)
            announced = Announce(TRANSACTIONS, tuple(tx.id for tx in txs))
            await ours.hear(peer, encode(announced), 0.0)
            for tx in txs:
                await ours.hear(peer, encode(Item(TRANSACTIONS, tx.id, encode(tx))), 0.0)
            assert len(node.driver.pool.machine) == 3 - held
            await ours.settle(0.0)
            assert len(node.driver.pool.machine) == 3

    trio.run(main)


def test_what_waits_long_is_announced_again_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame is dropped where too many are under way: nobody may hear of it for ever."""
    monkeypatch.setattr(relay, "REMINDED", 2)

    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            model, peer, ours = replayed(KNOWN.trunk), Peer(node), node.driver.relay
            txs = [paying(model, 5_000, which=at) for at in range(3)]
            await ours.admit_all(txs, 0.0)
            waiting = [tx.id for tx in node.driver.pool.transactions()]
            await until(lambda: told(peer) == [waiting])
            now = trio.current_time() + relay.REMIND  # the driver's own ticks are far from it
            for round in range(4):
                await ours.tick(now + round * relay.REMIND)
                await ours.tick(now + (round + 0.5) * relay.REMIND)
            assert told(peer)[1:] == [waiting[:2], waiting[2:], waiting[:2]]
            await node.driver.pool.connect(txs, node.driver.pool.machine.height + 1)
            await ours.tick(now + 4 * relay.REMIND)
            assert len(told(peer)) == 4

    trio.run(main)


def test_what_was_refused_for_want_of_room_is_asked_for_again_after_a_while(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            peer, ours = Peer(node), node.driver.relay
            poor = paying(replayed(KNOWN.trunk), 1)
            await peer.give(poor)
            await until(lambda: poor.id in ours._gossip._topics[TRANSACTIONS].refused)
            await ours.tick(trio.current_time() + relay.REMIND)
            peer.say(Announce(TRANSACTIONS, (poor.id,)))
            await until(lambda: sum(isinstance(one, Get) for one in peer.heard()) == 2)

    trio.run(main)


def told(peer: Peer) -> list[list[bytes]]:
    """What a peer was told of, message by message."""
    return [list(one.ids) for one in peer.heard() if isinstance(one, Announce)]


def test_two_bodies_of_one_id_in_a_lot_cost_only_the_liar_or_nobody(tmp_path: Path) -> None:
    """The first lay unjudged so long that another peer was asked as well."""

    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            ours, liar, honest = node.driver.relay, b"l" * 33, b"h" * 33
            tx, late = paying(replayed(KNOWN.trunk), 5_000), 10_000.0
            for peer in (liar, honest):
                await ours.join(peer, 0.0)
                await ours.hear(peer, encode(Announce(TRANSACTIONS, (tx.id,))), 0.0)
            wrong = encode(with_items(tx, bytes(64)))
            await ours.hear(liar, encode(Item(TRANSACTIONS, tx.id, wrong)), 0.0)
            await ours.tick(late)
            await ours.hear(honest, encode(Item(TRANSACTIONS, tx.id, encode(tx))), late)
            await ours.settle(late)
            assert node.driver.pool.transactions() == [tx]
            assert honest not in [peer for peer, _, _ in node.host.penalties]

    trio.run(main)
