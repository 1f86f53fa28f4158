"""Many transactions handed in at once: taken in together, each refusal its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output
from bystack.node.ipc import RemoteError
from bystack.primitives.codec import encode
from tests.ledger.people import BOB, CAROL
from tests.node.sidechain.network import Network, running, until
from tests.node.sidechain.test_pegs import balance, pegged, transact

MANY = 12


def test_many_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await pegged(net, 1000)
            await through_the_socket(net)
            await through_rpc(net)

    trio.run(main)


async def through_the_socket(net: Network) -> None:
    """A block of so many payments travels in short; its tip is told of by number."""
    one, other = net.nodes[0], net.nodes[3]
    cut = transact(one, CAROL, tuple(Output(BTM, 40, CAROL.lock) for _ in range(MANY)))
    poor = transact(one, CAROL, fee=0)
    [[place, rule, _]] = await one.service.handle("submit_many", [[encode(cut), encode(poor)]])
    assert (place, rule) == (1, "FeeTooLow")
    await until(lambda: one.store.find(cut.id) is not None)
    place = one.store.find(cut.id)
    assert place is not None
    await until(lambda: other.store.height >= place.height)
    filled = other.store.header_at(place.height)
    assert filled is not None and filled.transaction_count >= 1
    with trio.fail_after(180):
        height, id, time, count = await anext(one.service.tips("tips", []))
    header = one.store.header_at(height)
    assert header is not None
    assert (header.id, header.time, header.transaction_count) == (id, time, count)


async def through_rpc(net: Network) -> None:
    one, other = net.nodes[1], net.nodes[2]
    await until(lambda: balance(one, CAROL) == balance(net.nodes[0], CAROL) > 0)
    pay = transact(one, CAROL, (Output(BTM, 30, BOB.lock),))
    free = transact(one, CAROL, (Output(BTM, 31, BOB.lock),), fee=0)
    sent = [encode(tx).hex() for tx in (pay, free, pay)]
    taken, refused, again = await one.rpc("sendrawtransactions", sent)
    assert taken == again == {"txid": pay.id.hex()}
    assert refused["txid"] == free.id.hex() and refused["rule"]
    await until(lambda: balance(other, BOB) == 30)
    with pytest.raises(RemoteError):
        await one.rpc("sendrawtransactions", ["c0"])
