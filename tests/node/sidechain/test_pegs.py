"""A coin's way through four nodes: deposit, claim, payment, burn, batch, order, settlement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.signing import Signing
from bystack.ledger.transactions import (
    Action,
    DepositLock,
    NoWitness,
    Outpoint,
    Output,
    RetireLock,
    Transaction,
    TransactionBody,
)
from bystack.node.ipc import RemoteError
from bystack.node.rpc import IN_WARMUP
from bystack.node.sidechain.rpc.standing import pegout_state, request_at
from bystack.primitives.addresses import POLICY, Address, decode_address, encode_address
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.action_kinds import STRAY
from bystack.sidechain.actions import encode_action
from bystack.sidechain.batches import batch_of
from bystack.sidechain.claims import note_for
from bystack.sidechain.records import pegout_id
from bystack.sidechain.state import SystemState
from bystack.sidechain.stops import stops_of
from bystack.sidechain.strays import stray_at
from tests.ledger.people import ALICE, BOB, CAROL, Person
from tests.node.sidechain.network import Network, Node, running, until
from tests.sidechain.world import K, burn_action


def coins(node: Node, owner: Person) -> list[Any]:
    """Of blocks whose commit has returned."""
    known = ((p, c) for p, c in node.store.coins.all() if c.height <= node.store.height)
    return [(place, coin) for place, coin in known if coin.lock == owner.lock]


def balance(node: Node, owner: Person) -> int:
    return sum(coin.amount for _, coin in coins(node, owner))


def transact(
    node: Node, owner: Person, outputs: tuple[Output, ...] = (), actions: tuple[Action, ...] = (),
    destroyed: int = 0, fee: int = 1,
) -> Transaction:  # fmt: skip
    owned = coins(node, owner)
    rest = sum(c.amount for _, c in owned) - sum(o.amount for o in outputs) - destroyed - fee
    change = (Output(BTM, rest, owner.lock),) if rest else ()
    inputs = tuple(place for place, _ in owned)
    body = TransactionBody(1, inputs, (*outputs, *change), actions, 0, 0, b"")
    signing = Signing(node.driver.genesis.id, body, owned)
    spends = tuple(owner.spend(signing, index) for index in range(len(owned)))
    return Transaction(body, spends + (NoWitness(),) * len(actions))


def deposit(net: Network, amount: int, to: Person) -> Transaction:
    note = note_for(net.genesis.id, to.lock.root)
    paid = net.main.chain.send(net.main.chain.deposit(ALICE, amount, BTM, note))
    net.main.moved.notify()
    return paid


async def pegged(net: Network, amount: int, to: Person = CAROL) -> Transaction:
    """A deposit that the nodes' own relaying has claimed."""
    paid = deposit(net, amount, to)
    net.grow(K)
    await until(lambda: all(coins(node, to) for node in net.nodes.values()))
    return paid


async def reserves(node: Node) -> dict[str, Any]:
    """The reserves, once the node has read as much of the main chain as is relayed."""
    with trio.fail_after(180):
        while True:
            try:
                found: dict[str, Any] = await node.rpc("getreserves")
            except RemoteError as error:
                assert error.code == IN_WARMUP, error
                await trio.sleep(0.01)
            else:
                return found


async def holds(net: Network) -> dict[str, Any]:
    """The reserves as every node reckons them."""
    found = [await reserves(node) for node in net.nodes.values()]
    assert all(one["holds"] for one in found)
    row: dict[str, Any] = found[0]["assets"]["BTM"]
    return row


def test_a_coins_way_in_and_out(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await in_and_out(net)

    trio.run(main)


async def in_and_out(net: Network) -> None:
    one, other = net.nodes[0], net.nodes[3]
    paid = await pegged(net, 1000)
    assert balance(other, CAROL) == 990  # 100 basis points
    status = await one.rpc("getpeginstatus", paid.id.hex())
    assert (status["state"], status["blocks_left"]) == ("claimed", 0)
    row = await holds(net)
    assert (row["vault"], row["circulating"], row["pool"], row["unclaimed"]) == (1000, 990, 10, 0)

    payment = transact(one, CAROL, (Output(BTM, 300, BOB.lock),))
    await one.service.submit(encode(payment))
    await until(lambda: balance(other, BOB) == 300)
    shown = await other.rpc("getrawtransaction", payment.id.hex(), True)
    assert shown["confirmations"] >= 1 and shown["vout"][0]["units"] == 300

    quote = await other.rpc("getpegoutquote", 200)
    assert quote["open"] and quote["minimum"]["units"] == 10 and quote["wait"] == "batch"
    for wrong in ((5,), (200, "NONE"), (200, "BTM", "nowhere"), ("1e3",)):
        with pytest.raises((RemoteError, Invalid)):
            await other.rpc("getpegoutquote", *wrong)
    with pytest.raises(RemoteError, match=r"amount .* BTM, minimum .* BTM") as few:
        await other.rpc("getpegoutquote", 5)
    assert (few.value.rule, few.value.data["facts"]["minimum"]) == ("BurnBelowMinimum", 10)
    burn = encode_action(burn_action(200, BTM, BOB.lock, CAROL.lock.root))
    tx = transact(other, CAROL, (), (burn,), destroyed=200)
    assert await other.rpc("sendrawtransaction", encode(tx).hex()) == tx.id.hex()
    id = pegout_id(net.genesis.id, tx.id, 0)
    net.grow(6)  # the bucket fills
    await until(lambda: state_of(net, id) == {"batched"})
    status = await other.rpc("getpegoutstatus", tx.id.hex())
    assert (status["id"], status["state"], status["seq"]) == (id.hex(), "batched", 0)
    assert status["wait"] in ("burial", "signatures") and status["signing"] is None
    assert status["paid_in_about_seconds"] > 0
    for missing in (("00" * 32,), (tx.id.hex(), 1)):
        with pytest.raises(RemoteError, match="No such peg-out"):
            await other.rpc("getpegoutstatus", *missing)
    (seq,) = (await one.rpc("getsidechaininfo"))["open_batches"]
    with one.store.snapshot() as snapshot:
        batch = batch_of(SystemState(one.store.base(snapshot).state), seq)
    assert batch is not None
    proof = one.service._read("record", [batch.leaf, batch.height])
    assert proof and one.store.leaves_at(batch.height) == batch.leaf + 1
    net.main.chain.send(net.main.chain.order(batch.record.outputs, batch.record.tier))
    await holds(net)
    net.grow(1)
    waits = [(await node.rpc("getpegoutstatus", id.hex()))["wait"] for node in net.nodes.values()]
    assert set(waits) <= {"headers", "signatures", "burial"}
    net.grow(K - 1)
    await until(lambda: state_of(net, id) == {"settled"})
    assert (await one.rpc("getpegoutstatus", id.hex()))["wait"] == "nothing"
    row = await holds(net)
    payout = batch.record.outputs[0].amount
    assert quote["payout"]["units"] == payout
    assert (row["vault"], row["owed"]) == (1000 - payout, 0)


def state_of(net: Network, id: bytes) -> set[str]:
    found = set()
    for node in net.nodes.values():
        with node.store.snapshot() as snapshot:
            state = SystemState(node.store.base(snapshot).state)
            request = request_at(state, id)
            found.add("" if request is None else pegout_state(state, request))
    return found


def test_what_a_deposit_waits_for_and_who_may_claim(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, nodes=4) as net:
            node = net.nodes[0]
            with pytest.raises(RemoteError):
                await node.rpc("getpeginstatus", "00" * 32)
            net.grow(1)
            paid = deposit(net, 400, CAROL)
            tip = net.main.chain.tip.id
            await until(lambda: node.store.header.relay_tip == tip)
            status = await node.rpc("getpeginstatus", paid.id.hex())
            assert (status["state"], status["blocks_left"]) == ("waiting", K)
            assert status["about_seconds"] == K * net.genesis.main.spacing
            with pytest.raises(Exception, match="Fewer headers"):
                await node.rpc("claimpegin", paid.id.hex())

    trio.run(main)


def test_retired_coins_are_surplus(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await pegged(net, 1000)
            node = net.nodes[1]
            await node.service.submit(
                encode(transact(node, CAROL, (Output(BTM, 90, RetireLock(b"")),)))
            )
            await until(lambda: {balance(one, CAROL) for one in net.nodes.values()} == {899})
            row = await holds(net)
            assert (row["surplus"], row["circulating"]) == (90, 899)

    trio.run(main)


def test_addresses_to_deposit_at(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, nodes=1) as net:
            node, genesis = net.nodes[0], net.genesis
            home = encode_address(Address(genesis.hrp, POLICY, CAROL.lock.root))
            given = await node.rpc("getpeginaddress", home)
            address = decode_address(given["mainchain_address"], genesis.main.hrp)
            lock = DepositLock(address.payload[:32], address.payload[32:])
            assert lock == DepositLock(genesis.vault, note_for(genesis.id, CAROL.lock.root))
            foreign = encode_address(Address(genesis.main.hrp, POLICY, CAROL.lock.root))
            for wrong in (foreign, "nonsense", encode_address(Address(genesis.hrp, 0, bytes(32)))):
                with pytest.raises(RemoteError):
                    await node.rpc("getpeginaddress", wrong)

    trio.run(main)


def test_a_reorganised_deposit_is_orphaned_and_proved_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            paid, chain = await pegged(net, 1000), net.main.chain
            node = net.nodes[2]
            await until(lambda: chain.tip.id == node.store.header.relay_tip)
            depth = chain.height - chain.where[paid.id][0] + 1
            chain.reorganise(depth, more=2)
            net.main.moved.notify()
            await until(lambda: "ORPHANED" in stops(node))
            row = (await reserves(node))["assets"]["BTM"]
            assert (row["deficit"], row["difference"]) == (1000, 0)
            chain.send(paid)
            net.grow(K)
            await until(lambda: proved_again(node, paid))
            row = (await reserves(node))["assets"]["BTM"]
            assert (row["deficit"], row["circulating"], row["difference"]) == (0, 990, 0)

    trio.run(main)


def stops(node: Node) -> list[str]:
    found: list[str] = node.methods._methods["getsidechaininfo"].function()["stops"]
    return found


def proved_again(node: Node, paid: Transaction) -> bool:
    events = (node.store.events_at(height) for height in range(node.store.height + 1))
    return any(name == "reproved" for block in events for name, _ in block)


def test_a_reorganisation_below_the_window_is_proved_by_every_node(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            chain, checkpoint = net.main.chain, net.genesis.checkpoint
            await until(lambda: net.nodes[0].reader.status()["relay_height"] == chain.height)
            chain.reorganise(chain.height - checkpoint.header.height + 2)
            net.main.moved.notify()
            for node in net.nodes.values():
                await until(lambda node=node: stops_of(SystemState(node.store.state)))
                assert (await node.rpc("getsidechaininfo"))["stops"] == ["DETACHED"]

    trio.run(main)


def test_a_deposit_that_nobody_can_claim_is_shown_and_proved(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await pegged(net, 1000)
            node, chain = net.nodes[0], net.main.chain
            paid = chain.send(chain.deposit(ALICE, 70, BTM, b"\x07" * 64))
            net.grow(K)
            place, tip = (paid.id.hex(), 0), chain.tip.id
            await until(lambda: all(n.store.header.relay_tip == tip for n in net.nodes.values()))
            assert (await node.rpc("getpeginstatus", *place))["state"] == "unclaimable"
            body = bytes.fromhex(await node.rpc("getstrayproof", *place))
            tx = transact(node, CAROL, (), (Action(STRAY, body),))
            await node.rpc("sendrawtransaction", encode(tx).hex())
            states = [n.store for n in net.nodes.values()]
            found = Outpoint(paid.id, 0)
            await until(lambda: all(stray_at(SystemState(s.state), found) for s in states))
            assert (await node.rpc("getpeginstatus", *place))["state"] == "stray"
            assert (await holds(net))["surplus"] == 70
            with pytest.raises(RemoteError, match="no deposit"):
                await node.rpc("getstrayproof", paid.id.hex(), 1)

    trio.run(main)
