"""A light node's own transactions reach every full peer, and it takes in nobody's."""

from pathlib import Path

import msgspec
import pytest
import trio

from bystack.ledger.transactions import NoWitness, Transaction
from bystack.node.light.sending import KEPT
from bystack.node.mainchain.wire import GOSSIP, TRANSACTIONS
from bystack.p2p.host import Class
from bystack.p2p.items import Announce, Item
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import Chain
from tests.node.light.network import light_among
from tests.node.mainchain.network import Wired, until


def world() -> tuple[Chain, Transaction]:
    chain = Chain()
    chain.grow(6)
    return chain, chain.pay(ALICE, BOB, 5_000, 20_000)


def test_a_payment_reaches_every_full_peer_and_is_seen_in_a_block(tmp_path: Path) -> None:
    chain, payment = world()
    blocks = tuple(chain.blocks.values())

    async def main() -> None:
        async with light_among(tmp_path) as (light, nodes):
            for node in nodes:
                await node.take(*blocks)
            await light.at(blocks[-1].id)
            await light.driver.submit(payment)
            for node in nodes:
                await until(lambda node=node: node.driver.pool.get(payment.id))
            assert light.reader.transaction(payment.id).block is None
            block = chain.mine(payment)
            for node in nodes:
                await node.take(block)
            await light.at(block.id)
            assert (await light.matched(BOB.lock.root))[7] == [payment.id]
            found = light.reader.transaction(payment.id).block
            assert found is not None and found.id == block.id

    trio.run(main)


def test_a_peer_that_joins_later_is_offered_it(tmp_path: Path) -> None:
    chain, payment = world()
    blocks = tuple(chain.blocks.values())

    async def main() -> None:
        async with light_among(tmp_path, fulls=1, agree=1) as (light, nodes):
            await nodes[0].take(*blocks)
            await light.at(blocks[-1].id)
            light.host.part(nodes[0].host)
            await light.driver.submit(payment)
            assert nodes[0].driver.pool.get(payment.id) is None
            light.host.join(nodes[0].host)
            await until(lambda: nodes[0].driver.pool.get(payment.id))

    trio.run(main)


def test_what_breaks_a_rule_of_form_is_refused_at_once(tmp_path: Path) -> None:
    _, payment = world()
    odd = Transaction(payment.body, (*payment.witnesses, NoWitness()))

    async def main() -> None:
        async with light_among(tmp_path) as (light, _):
            with pytest.raises(Invalid):
                await light.driver.submit(odd)
            assert light.driver.sending.get(odd.id) is None

    trio.run(main)


def test_so_many_are_kept_and_what_others_announce_is_not_asked_for(tmp_path: Path) -> None:
    _, payment = world()

    async def main() -> None:
        async with light_among(tmp_path, fulls=0) as (light, _):
            for height in range(KEPT + 3):
                body = msgspec.structs.replace(payment.body, valid_until=height + 1)
                await light.driver.submit(Transaction(body, payment.witnesses))
            assert light.driver.sending.waiting == KEPT
            odd = Wired(5)
            light.host.join(odd)
            announce = Announce(TRANSACTIONS, (payment.id,))
            item = Item(TRANSACTIONS, payment.id, encode(payment))
            for message in (announce, item):
                odd.send(light.host.id, GOSSIP, encode(message), Class.TRANSACTION)
            odd.send(light.host.id, GOSSIP, b"\xc1", Class.TRANSACTION)
            await until(lambda: light.host.penalties)
            assert light.host.penalties == [(odd.id, 50, "Malformed")]
            assert light.reader._driver.sending.get(payment.id) is None

    trio.run(main)
