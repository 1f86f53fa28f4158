"""What a sidechain answers: calls and streams of its socket, RPC methods, evidence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.federation.module.application import FederationModule
from bystack.ledger.transactions import Outpoint, decode_transaction
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError
from bystack.primitives import bls
from bystack.primitives.codec import decode, encode
from bystack.primitives.merkle import ProofIndex
from bystack.primitives.multiset import multiset_digest
from bystack.primitives.trie import TrieProof, verify_presence
from bystack.sidechain.blocks import decode_body, decode_header
from bystack.sidechain.consensus.evidence import EvidenceUnfounded, TwoVotes
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.statements import PREPARE, Certificate, Vote
from bystack.sidechain.consensus.verifier import verify_final
from bystack.sidechain.misconduct import convicted
from bystack.sidechain.params import ModuleConfig
from bystack.sidechain.records import MIRROR
from bystack.sidechain.state import SystemState, state_root
from bystack.sidechain.stops import stops_of
from tests.ledger.people import CAROL
from tests.node.sidechain.network import SECRETS, Network, Node, running, until
from tests.node.sidechain.test_pegs import coins, deposit, pegged, transact
from tests.sidechain.federations import CONFIG
from tests.sidechain.world import K

MODULES = (ModuleConfig("transfer", b""), ModuleConfig("federation", encode(CONFIG)))


async def call(node: Node, method: str, *params: Any) -> Any:
    return await node.service.handle(method, list(params))


def test_calls(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, modules=MODULES) as net:
            await pegged(net, 1000)
            node = net.nodes[0]
            await calls(net, node)

    trio.run(main)


async def calls(net: Network, node: Node) -> None:
    status = await call(node, "status")
    keys = "height id chain time relay_height relay_tip validator peers first warnings approved"
    assert set(status) == set(keys.split())
    assert (status["chain"], status["validator"], status["peers"]) == (net.genesis.id, 0, 3)
    await final_blocks(net, node)

    place, coin = coins(node, CAROL)[0]
    assert await call(node, "coins", [encode(place), encode(Outpoint(bytes(32), 9))]) == [
        encode(coin),
        None,
    ]
    tx = transact(node, CAROL, fee=2)
    assert await call(node, "submit", encode(tx)) == tx.id
    assert await call(node, "submit", encode(tx)) in (tx.id,)

    value = await call(node, "state", MIRROR)
    proved = await call(node, "prove_state", MIRROR)
    assert proved["value"] == value
    root = proved["system_root"]
    verify_presence(root, MIRROR, value, decode(TrieProof, proved["proof"], 100_000))
    header = node.store.header_at(proved["height"])
    assert header is not None
    assert header.state_root == state_root(root, proved["coin_digest"])
    assert len(multiset_digest(node.store.tip.multiset)) == 32

    listed = await call(node, "module", FederationModule.name, "listmembers", [])
    assert [row["name"] for row in listed["members"]] == ["m0", "m1", "m2"]
    assert (
        await node.rpc("listmembers")
        == listed
        == await node.rpc("query", "federation", "listmembers")
    )
    assert set((await node.rpc("getpauses")).values()) == {0}
    for wrong in (
        ["nothing"],
        ["module", "transfer", "x", []],
        ["state", "text"],
        ["record", 0, -1],
    ):
        with pytest.raises(Exception):  # noqa: B017 (each its own; none ends the process)
            await call(node, *wrong)
    with pytest.raises(RemoteError) as refused:
        await call(node, "mine")
    assert refused.value.code == METHOD_UNKNOWN


async def final_blocks(net: Network, node: Node) -> None:
    """What `block_at` gives is final by itself."""
    validators, genesis = net.genesis.validator_set, net.genesis
    for height in range(1, node.store.height):
        header, certificate, body = await call(node, "block_at", height)
        read = decode_header(header)
        proof = decode(Certificate, certificate, 10_000)
        verify_final(read, proof, validators, genesis.id, BlsScheme())
        assert read.transaction_count == len(decode_body(body).transactions)
    assert await call(node, "block_at", 10**9) is None


def test_the_stream_of_blocks(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            node, seen = net.nodes[1], list[Any]()
            await net.reach(3)
            async for item in node.service.blocks("blocks", [2]):
                seen.append(item)
                if item[1] == 3:
                    deposit(net, 500, CAROL)
                    net.grow(K)
                if any(name == "claimed" for name, _ in item[5]):
                    break
            heights = [item[1] for item in seen]
            assert heights == list(range(2, 2 + len(seen)))
            name, facts = next(event for event in seen[-1][5] if event[0] == "claimed")
            assert (name, facts["amount"], facts["fee"]) == ("claimed", 500, 5)
            with pytest.raises(RemoteError):
                await anext(aiter(node.service.blocks("blocks", ["x"])))

    trio.run(main)


def test_the_stream_of_the_pool(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await pegged(net, 1000)
            node, stream = net.nodes[1], net.nodes[1].service.pool("pool", [])
            tx = transact(node, CAROL)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call, node, "submit", encode(tx))
                items = aiter(stream)
                mine = [item async for item in _of(items, tx.id, 2)]
            assert mine[0][0] == "add" and decode_transaction(mine[0][2]) == tx
            assert mine[1] == ["remove", tx.id]

    trio.run(main)


async def _of(items: AsyncIterator[Any], id: bytes, count: int) -> AsyncIterator[Any]:
    """The first `count` items about one transaction."""
    async for lot in items:
        for item in lot:
            if item[1] == id:
                yield item
                count -= 1
        if count <= 0:
            return


def test_rpc_about_blocks_and_validators(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await pegged(net, 1000)
            await net.reach(net.nodes[0].store.height)
            await reads(net.nodes[0])

    trio.run(main)


async def reads(node: Node) -> None:
    rpc = node.rpc
    height = await rpc("getblockcount")
    id = await rpc("getblockhash", height)
    header = await rpc("getblockheader", id)
    assert (header["height"], header["hash"]) == (height, id)
    assert header["previousblockhash"] == await rpc("getblockhash", height - 1)
    assert decode_header(bytes.fromhex(await rpc("getblockheader", id, False))).id.hex() == id
    whole = [await rpc("getblock", await rpc("getblockhash", at), 2) for at in range(height + 1)]
    (claim,) = [tx for block in whole for tx in block["tx"] if tx["vout"]]
    assert claim["vout"][0]["units"] == 990 and claim["vout"][0]["address"].startswith("tr1")
    assert (await rpc("getrawtransaction", claim["txid"])) == claim["hex"]
    assert (await rpc("decoderawtransaction", claim["hex"]))["txid"] == claim["txid"]
    coin = await rpc("gettxout", claim["txid"], 0)
    assert coin["units"] == 990 and coin["confirmations"] >= 1
    assert await rpc("gettxout", claim["txid"], 7) is None
    assert await rpc("getbestblockhash")
    assert (await rpc("getmempoolinfo"))["loaded"] and isinstance(await rpc("getrawmempool"), list)
    validators = await rpc("getvalidators")
    assert [one["connected"] for one in validators] == [True] * 4
    assert [one["self"] for one in validators] == [True, False, False, False]
    epoch = await rpc("getepoch")
    assert (epoch["epoch"], epoch["quorum"], epoch["election"]) == (0, 3, "fixed")
    info = await rpc("getsidechaininfo")
    assert info["depth"] == K and info["stops"] == [] and info["blocks"] >= height
    assert len((await rpc("getcommit", height))["signers"]) >= 3
    assert (await rpc("getvaultterms"))["terms"]["tiers"]
    assert (await rpc("getproof", "epoch", "0"))["hex"]
    for method, wrong in (
        ("getblockhash", 10**9),
        ("getblockheader", "00" * 32),
        ("getrawtransaction", "00" * 32),
        ("getcommit", 10**9),
        ("getpegoutstatus", "00" * 32),
        ("sendrawtransaction", "00"),
    ):
        with pytest.raises(RemoteError):
            await rpc(method, wrong)


def test_evidence_is_verified_kept_and_spread(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            evidence = two_votes(net, b"b" * 32)
            given = await net.nodes[0].rpc("submitevidence", encode(evidence).hex())
            assert given == {"kind": "TwoVotes", "guilty": [2]}
            for node in net.nodes.values():
                await until(lambda node=node: list(node.store.evidence()))
                (known,) = await node.rpc("listevidence")
                assert known["guilty"] == [2]
                await until(lambda node=node: stops_of(SystemState(node.store.state)))
                assert (await node.rpc("getsidechaininfo"))["stops"] == ["EQUIVOCATION"]
            # Evidence against another waits behind the first, and is taken after it.
            others = [two_votes(net, b"b" * 32, index) for index in (1, 3)]
            for other in others:
                await net.nodes[0].rpc("submitevidence", encode(other).hex())
            validators, state = net.genesis.validator_set, net.nodes[1].store.state
            await until(lambda: convicted(SystemState(state), validators) == (1, 2, 3))
            # A guard hears of what lies here and the chain does not know.
            assert await call(net.nodes[1], "accusations") == 0
            await net.nodes[1].store.keep_evidence(two_votes(net, b"b" * 32, 0))
            assert await call(net.nodes[1], "accusations") == 1
            lawful = two_votes(net, b"a" * 32)
            with pytest.raises(EvidenceUnfounded):
                await net.nodes[0].rpc("submitevidence", encode(lawful).hex())

    trio.run(main)


def two_votes(net: Network, block: bytes, index: int = 2) -> TwoVotes:
    """Two PREPAREs of one validator in one view, the second for `block`."""
    votes = []
    for named in (b"a" * 32, block):
        bare = Vote(PREPARE, 0, 99, 0, named, bytes(32), index, bytes(96))
        signature = bls.sign(SECRETS[index], bare.digest(net.genesis.id))
        votes.append(Vote(PREPARE, 0, 99, 0, named, bytes(32), index, signature))
    return TwoVotes(*votes)


def test_records_that_are_not_there_have_no_proof(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await net.reach(2)
            with pytest.raises(RemoteError):
                await call(net.nodes[0], "record", 0, 10**6)
            with pytest.raises(ProofIndex):
                await call(net.nodes[0], "record", 0, 1)

    trio.run(main)
