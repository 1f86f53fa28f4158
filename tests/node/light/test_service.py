"""A light main chain answers the calls that a sidechain's and a wallet's process make, as a full
one would; what it cannot answer it refuses with the setting that would."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.ledger.coins import Coin
from bystack.mainchain.blocks import decode_header
from bystack.mainchain.departures import Departure, verify_departure
from bystack.mainchain.evidence import check_evidence, decode_evidence
from bystack.mainchain.issues import Issue, issued_asset, registration_of
from bystack.mainchain.messages import Status, encode_message
from bystack.mainchain.proofs import (
    HistoryProof,
    TransactionProof,
    check_transaction_proof,
    verify_history_proof,
)
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError
from bystack.node.light import rpc as light_rpc
from bystack.p2p.host import Class
from bystack.primitives.codec import decode, encode
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY
from tests.node.light.network import Light, light_among
from tests.node.mainchain.branches import GOLD, branches
from tests.node.mainchain.network import Node, Wired, until
from tests.node.mainchain.test_service import service as full_service

KNOWN = branches()
LEFT, RIGHT = (*KNOWN.trunk, *KNOWN.left), (*KNOWN.trunk, *KNOWN.right)
PAYMENT = KNOWN.right[0].transactions[1]
BIG = 1_000_000

Check = Callable[[Light, list[Node]], Awaitable[None]]


def among(path: Path, check: Check, blocks: Any = RIGHT) -> None:
    async def main() -> None:
        async with light_among(path) as (light, nodes):
            for node in nodes:
                await node.take(*blocks)
            await light.at(blocks[-1].id)
            height = blocks[-1].header.height
            await until(lambda: len(light.driver.machine.serving(height)) == len(nodes))
            await check(light, nodes)

    trio.run(main)


def test_headers_entries_and_histories_are_a_full_nodes(tmp_path: Path) -> None:
    async def check(light: Light, nodes: list[Node]) -> None:
        full = full_service(nodes[0]).handle
        for method, params in (
            ("headers", [[RIGHT[2].id], 3]),
            ("headers", [[b"\x01" * 32], 2_000]),
            ("header_at", [5]),
            ("entry_at", [4]),
            ("entry_at", [99]),
            ("history", [2, 7]),
        ):
            assert await light.service.handle(method, params) == await full(method, params)
        proof = decode(HistoryProof, await light.service.handle("history", [3, 8]), BIG)
        assert verify_history_proof(RIGHT[7].header, proof, 3) == RIGHT[2].header
        for old, newer in ((5, 5), (1, 99)):
            with pytest.raises(RemoteError):
                await light.service.handle("history", [old, newer])

    among(tmp_path, check)


def test_a_departure_is_proved_from_headers_alone(tmp_path: Path) -> None:
    async def check(light: Light, nodes: list[Node]) -> None:
        for node in nodes:
            await node.take(*KNOWN.right)
        await light.at(RIGHT[-1].id)
        tree = light.driver.machine.tree
        entry = tree.entry(LEFT[-1].id)
        assert entry is not None
        data = await light.service.handle("departure", [entry.id, entry.work])
        departure = decode(Departure, data, BIG)
        assert verify_departure(entry.header, departure, EASY, None) == tree.best()
        assert await light.service.handle("departure", [RIGHT[-1].id, bytes(32)]) is None

    among(tmp_path, check, LEFT)


def test_an_inclusion_is_fetched_checked_and_none_where_there_is_none(tmp_path: Path) -> None:
    async def check(light: Light, nodes: list[Node]) -> None:
        data = await light.service.handle("inclusion", [PAYMENT.id])
        proof = decode(TransactionProof, data, BIG)
        assert check_transaction_proof(KNOWN.right[0].header, proof) == PAYMENT
        assert await light.service.handle("inclusion", [b"\x05" * 32]) is None
        await light.matched(BOB.lock.root)
        for node in nodes:
            light.host.part(node.host)
        await until(lambda: not light.driver.machine.full())
        assert await light.service.handle("inclusion", [PAYMENT.id]) == data  # it was watched

    among(tmp_path, check)


def test_an_assets_record_comes_with_the_definition_its_id_binds(tmp_path: Path) -> None:
    asset = issued_asset(Issue(ALICE.lock.root, GOLD, 1))

    async def check(light: Light, nodes: list[Node]) -> None:
        data = await light.service.handle("asset", [asset])
        assert registration_of(decode(Coin, data, BIG)).definition == GOLD
        assert await light.service.handle("asset", [b"\x09" * 32]) is None

    among(tmp_path, check, LEFT)


def test_the_status_says_light_and_a_submit_gives_the_id(tmp_path: Path) -> None:
    async def check(light: Light, nodes: list[Node]) -> None:
        await until(lambda: not light.driver.syncing and not nodes[0].driver.syncing)
        status = await light.service.handle("status", [])
        full = await full_service(nodes[0]).handle("status", [])
        full.pop("blocks_from", None)  # which a light node's peers tell
        assert status == {**full, "mode": "light"}
        assert await light.service.handle("submit", [encode(PAYMENT)]) == PAYMENT.id
        metrics = await light.service.handle("metrics", [])
        assert metrics["full_peers"] == 2 and metrics["height"] == RIGHT[-1].header.height

    among(tmp_path, check)


@pytest.mark.parametrize("method", ["block", "coins", "vault", "verdict", "mine"])
def test_calls_that_need_blocks_are_refused_by_name(tmp_path: Path, method: str) -> None:
    async def check(light: Light, nodes: list[Node]) -> None:
        with pytest.raises(RemoteError, match=r'mode = "full"') as refused:
            await light.service.handle(method, [b"\x01" * 32])
        assert refused.value.rule == "NeedsFullNode"

    among(tmp_path, check)


def test_streams_say_what_they_need(tmp_path: Path) -> None:
    async def check(light: Light, nodes: list[Node]) -> None:
        for params in ([[]], [[], [b"short"]], [[], "x"]):
            with pytest.raises(RemoteError) as refused:
                await anext(aiter(light.service.blocks("blocks", params)))
            assert refused.value.code == METHOD_UNKNOWN
        item = await anext(aiter(light.service.blocks("blocks", [[], [BOB.lock.root]])))
        assert item[:3] == ["connect", 1, RIGHT[0].id]
        with pytest.raises(RemoteError, match="full"):
            await anext(aiter(light.service.pool("pool", [])))
        with pytest.raises(RemoteError) as refused:
            await light.service.handle("nonsense", [])
        assert refused.value.code == METHOD_UNKNOWN

    among(tmp_path, check)


def test_rpc_of_a_light_node(tmp_path: Path) -> None:
    async def check(light: Light, nodes: list[Node]) -> None:
        ask = light.methods.call
        info = await ask("getblockchaininfo")
        assert info["mode"] == "light" and info["warnings"] == ""
        assert (info["blocks"], info["bestblockhash"]) == (8, RIGHT[-1].id.hex())
        assert await ask("getblockcount") == 8
        assert await ask("getbestblockhash") == await ask("getblockhash", [8])
        header = await ask("getblockheader", [RIGHT[3].id.hex()])
        assert header["nextblockhash"] == RIGHT[4].id.hex() and header["confirmations"] == 5
        raw = await ask("getblockheader", [RIGHT[3].id.hex(), False])
        assert decode_header(bytes.fromhex(raw)) == RIGHT[3].header
        with pytest.raises(RemoteError, match="watched or sent"):
            await ask("getrawtransaction", [PAYMENT.id.hex()])
        await light.matched(BOB.lock.root)
        found = await ask("getrawtransaction", [PAYMENT.id.hex(), True])
        assert found["blockhash"] == KNOWN.right[0].id.hex() and found["confirmations"] == 4
        proof = await ask("gettxoutproof", [[PAYMENT.id.hex()]])
        assert await ask("verifytxoutproof", [proof]) == [PAYMENT.id.hex()]
        assert await ask("sendrawtransaction", [encode(PAYMENT).hex()]) == PAYMENT.id.hex()
        fee = await ask("estimatesmartfee", [2])
        assert (float(fee["feerate"]), fee["peers"]) == (0.00001, 2)

    among(tmp_path, check)


def test_evidence_and_assets_are_a_full_nodes(tmp_path: Path) -> None:
    asset = issued_asset(Issue(ALICE.lock.root, GOLD, 1))
    issue = KNOWN.left[0].transactions[1]

    async def check(light: Light, nodes: list[Node]) -> None:
        full, ask = full_service(nodes[0]).handle, light.methods.call
        for trusted in (KNOWN.left[0].id, LEFT[-1].id):
            params = [issue.id.hex(), trusted.hex()]
            evidence = await ask("getevidence", params)
            assert evidence == await full("rpc", ["getevidence", params])
            proved = check_evidence(decode_evidence(bytes.fromhex(evidence)), trusted)
            assert proved.transaction == issue
        shown = await ask("getassetinfo", [asset.hex()])
        assert shown == await full("rpc", ["getassetinfo", [asset.hex()]])
        for name in ("getevidence", "getassetinfo"):
            with pytest.raises(RemoteError) as refused:
                await ask(name, ["07" * 32])
            assert refused.value.code == -5

    among(tmp_path, check, LEFT)


@pytest.mark.parametrize(
    ("said", "rate"),
    [
        ((3_000_000, 5_000_000, 9_000_000), 5_000_000),
        ((3_000_000, 9_000_000), 3_000_000),
        ((10**15, 10**15, 10**15), 100_000_000),
        ((0, 1, 7), 1_000_000),
    ],
)
def test_a_fee_rate_is_the_middle_of_what_peers_say_within_bounds(
    tmp_path: Path, said: tuple[int, ...], rate: int
) -> None:
    async def main() -> None:
        async with light_among(tmp_path, fulls=len(said)) as (light, nodes):
            for node, one in zip(nodes, said, strict=True):
                serving = node.driver._light
                assert serving is not None
                serving._rate = lambda _, one=one: one
            await until(lambda: len(light.driver.machine.full()) == len(nodes))
            assert await light.scanner.fetcher.rate(6) == (rate, len(said))
            for node in nodes:
                light.host.part(node.host)
            await until(lambda: not light.driver.machine.full())
            assert await light.scanner.fetcher.rate(6) == (1_000_000, 0)
            assert nodes[0].driver.rate_within(6) == 1_000_000

    trio.run(main)


def test_it_says_which_peers_it_lacks(tmp_path: Path) -> None:
    """Pruned peers do not count for blocks that they no longer have."""

    async def check(light: Light, nodes: list[Node]) -> None:
        async def warning() -> str:
            return str((await light.methods.call("getblockchaininfo"))["warnings"])

        assert await warning() == ""
        assert (await light.methods.call("getblockchaininfo"))["verificationprogress"] == 1
        known = light.driver.machine._peers
        for peer in known:
            known[peer].blocks_from = 5
        async with trio.open_nursery() as nursery:
            nursery.start_soon(light.matched, BOB.lock.root)
            await until(lambda: light.scanner.waits == 1)
            assert "connect 2 more full peers that keep blocks from height 1 on" in await warning()
            for peer in known:
                known[peer].blocks_from = 0
        assert await warning() == ""
        for node in nodes:
            light.host.part(node.host)
        await until(lambda: not light.driver.machine.full())
        assert (await warning()).endswith("connect 2 more full peers")

    among(tmp_path, check)


def test_progress_is_what_peers_tell_of_and_nothing_before_they_do(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path, fulls=0) as (light, _):

            async def progress() -> float:
                return float(
                    (await light.methods.call("getblockchaininfo"))["verificationprogress"]
                )

            assert await progress() == 0
            far = Wired(7)
            light.host.join(far)
            claim = Status(9, b"\x07" * 32, (16 * 2).to_bytes(32, "big"), 0)
            far.send(light.host.id, *encode_message(claim), Class.SYNC)
            await until(lambda: light.driver.syncing)
            assert 0 < await progress() < 1

    trio.run(main)


def test_without_peers_nothing_is_said_to_be_missing(tmp_path: Path) -> None:
    """That nobody has a transaction takes somebody to say it."""

    async def check(light: Light, nodes: list[Node]) -> None:
        unknown = "01" * 32
        with pytest.raises(RemoteError, match="not yet in block"):
            await light.methods.call("gettxoutproof", [[unknown]])
        for node in nodes:
            light.host.part(node.host)
        await until(lambda: not light.driver.machine.full())
        for name, params in (
            ("gettxoutproof", [[unknown]]),
            ("getevidence", [unknown]),
            ("getassetinfo", [unknown]),
        ):
            with pytest.raises(RemoteError, match="no full peer answered") as refused:
                await light.methods.call(name, params)
            assert (refused.value.code, refused.value.rule) == (-28, "NoPeer")
        for name in ("inclusion", "asset"):
            with pytest.raises(RemoteError, match="no full peer answered"):
                await light.service.handle(name, [bytes(32)])

    among(tmp_path, check)


def test_rpc_that_needs_blocks_says_which_setting_brings_them(tmp_path: Path) -> None:
    async def check(light: Light, nodes: list[Node]) -> None:
        for name in light_rpc.FULL_ONLY:
            with pytest.raises(RemoteError, match=r'mode = "full"') as refused:
                await light.methods.call(name, [1, 2, 3])
            assert refused.value.rule == "NeedsFullNode"
        with pytest.raises(RemoteError) as refused:
            await light.methods.call("nonsense")
        assert refused.value.code == METHOD_UNKNOWN
        assert not light_rpc.FULL_ONLY & set(light.methods.names)

    among(tmp_path, check)
