"""What other processes may ask of the main chain: streams from anywhere, answers, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint
from bystack.mainchain.blocks import decode_block, decode_header
from bystack.mainchain.chain import Entry
from bystack.mainchain.departures import Departure, verify_departure
from bystack.mainchain.issues import issued_asset, registration_of
from bystack.mainchain.params import genesis
from bystack.mainchain.proofs import (
    HistoryProof,
    TransactionProof,
    check_transaction_proof,
    verify_history_proof,
)
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError
from bystack.node.mainchain.following import follow
from bystack.node.mainchain.forms import address_of
from bystack.node.mainchain.poolkeeping import PoolKeeper
from bystack.node.mainchain.reading import Reader
from bystack.node.mainchain.rpc_assets import AssetMethods
from bystack.node.mainchain.rpc_chain import ChainMethods
from bystack.node.mainchain.rpc_mempool import MempoolMethods
from bystack.node.mainchain.rpc_network import NetworkMethods
from bystack.node.mainchain.rpc_transactions import TransactionMethods
from bystack.node.mainchain.service import Service
from bystack.node.rpc import Methods
from bystack.primitives.codec import decode, encode
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY
from tests.node.mainchain.branches import GOLD, branches, chain_to, replayed
from tests.node.mainchain.network import Node, running

HOME = address_of(ALICE.lock, EASY.hrp)

KNOWN = branches()
FIRST = genesis(EASY)
LEFT, RIGHT = (*KNOWN.trunk, *KNOWN.left), (*KNOWN.trunk, *KNOWN.right)


def service(node: Node) -> Service:
    reader, methods = Reader(node.driver), Methods()
    ChainMethods(node.driver, reader).register(methods)
    TransactionMethods(node.driver, reader).register(methods)
    AssetMethods(node.driver, reader).register(methods)
    MempoolMethods(node.driver, PoolKeeper(node.driver, "", persist=False)).register(methods)
    NetworkMethods(node.driver, node.host.id, "127.0.0.1:1", "0").register(methods)
    return Service(node.driver, reader, methods)


class Model:
    """A subscriber: the chain it knows, and a check that every item fits."""

    def __init__(self, blocks: list[tuple[int, bytes]]) -> None:
        self.chain = blocks

    def take(self, item: list[Any]) -> bool:
        """Apply an item; whether it says that there is no more."""
        match item:
            case ["disconnect", height, id]:
                assert self.chain.pop() == (height, id)
            case ["connect", height, id, data]:
                block = decode_block(data)
                assert (block.id, block.header.height) == (id, height)
                assert block.header.previous == (self.chain[-1][1] if self.chain else FIRST.id)
                self.chain.append((height, id))
            case ["tip", height, id]:
                assert (self.chain or [(0, FIRST.id)])[-1] == (height, id)
                return True
        return False


def known(goal: bytes) -> list[tuple[int, bytes]]:
    return [(block.header.height, block.id) for block in chain_to(goal)]


def test_the_verdict_on_a_header(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT, *KNOWN.right)

            async def verdict(id: bytes) -> str:
                return str(await service(node).handle("verdict", [id]))

            assert {await verdict(block.id) for block in (FIRST, *RIGHT)} == {"best"}
            assert {await verdict(block.id) for block in KNOWN.left} == {"side"}
            assert await verdict(b"\x07" * 32) == "unknown"
            node.driver.machine.tree.invalidate(KNOWN.left[1].id)
            found = [await verdict(block.id) for block in KNOWN.left]
            assert found == ["side", "invalid", "invalid"]

    trio.run(main)


def test_a_departure_from_below_a_header_is_proved_from_what_is_stored(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT, *KNOWN.right)
            tree, (left, right) = node.driver.machine.tree, (LEFT[-1], RIGHT[-1])
            entry, best = tree.entry(left.id), tree.best()
            assert entry is not None and best.id == right.id
            ask = service(node).handle
            data = await ask("departure", [left.id, entry.work])
            departure = decode(Departure, data, 1_000_000)
            assert verify_departure(left.header, departure, EASY, None) == best
            assert await ask("departure", [left.id, best.work]) is None
            assert await ask("departure", [right.id, bytes(32)]) is None
            assert await ask("departure", [b"\x07" * 32, bytes(32)]) is None

    trio.run(main)


GOALS = [block.id for block in KNOWN.all]


@given(starts=st.lists(st.sampled_from(GOALS), min_size=1, max_size=4), sparse=st.booleans())
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_subscriber_ends_at_the_tip_from_wherever_it_stands(
    tmp_path: Path, starts: list[bytes], sparse: bool
) -> None:
    path = tmp_path / str(len(list(tmp_path.iterdir())))

    async def main() -> None:
        async with running(path) as (node,):
            await node.take(*LEFT, *KNOWN.right)
            for start in starts:
                model = Model(known(start))
                locator = model.chain[::-1]
                async for item in follow(node.driver, locator[:1] if sparse else locator):
                    if model.take(item):
                        break
                assert model.chain == known(RIGHT[-1].id)

    trio.run(main)


def test_a_stream_goes_on_live_through_a_reorganisation(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            model, seen = Model([]), list[str]()
            await node.take(*LEFT[:2])
            stream = follow(node.driver, [])
            while not model.take(await anext(stream)):
                continue
            async with trio.open_nursery() as nursery:

                async def hear() -> None:
                    async for item in stream:
                        model.take(item)
                        seen.append(item[0])
                        if model.chain == known(RIGHT[-1].id) and item[0] == "tip":
                            return

                nursery.start_soon(hear)
                await node.take(*LEFT[2:])
                await node.take(*KNOWN.right)
            assert seen.count("disconnect") <= len(KNOWN.left)
            assert model.chain == known(RIGHT[-1].id)

    trio.run(main)


def test_blocks_of_a_branch_nobody_here_saw_are_disconnected_as_named(tmp_path: Path) -> None:
    strange = [(7, b"\x07" * 32), (6, b"\x06" * 32)]

    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT)
            model = Model([*known(LEFT[4].id), *reversed(strange)])
            async for item in follow(node.driver, model.chain[::-1]):
                if model.take(item):
                    break
            assert model.chain == known(LEFT[-1].id)

    trio.run(main)


def test_answers(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT)
            ask = service(node).handle
            tip = LEFT[-1]
            status = await ask("status", [])
            assert (status["height"], status["tip"], status["syncing"]) == (7, tip.id, False)
            assert decode_block(await ask("block", [tip.id])) == tip
            assert decode_block(await ask("block_at", [3])) == LEFT[2]
            assert decode_header(await ask("header_at", [3])) == LEFT[2].header
            assert decode(Entry, await ask("entry_at", [3]), 9_999).header == LEFT[2].header
            assert [await ask(one, [99]) for one in ("block_at", "header_at", "entry_at")] == [
                None
            ] * 3
            headers = await ask("headers", [[b"?" * 32, LEFT[1].id], 3])
            assert [decode_header(one) for one in headers] == [b.header for b in LEFT[2:5]]
            tx = KNOWN.left[1].transactions[1]
            proof = decode(TransactionProof, await ask("inclusion", [tx.id]), 99_999)
            assert check_transaction_proof(KNOWN.left[1].header, proof) == tx
            assert await ask("inclusion", [bytes(32)]) is None
            history = decode(HistoryProof, await ask("history", [2, 6]), 99_999)
            assert verify_history_proof(LEFT[5].header, history, 2) == LEFT[1].header
            model = replayed(LEFT)
            place, coin = model.owned(BOB)[0]
            coins = await ask("coins", [[encode(place), encode(Outpoint(bytes(32), 0))]])
            assert coins == [encode(coin), None]
            await _assets(ask)

    trio.run(main)


async def _assets(ask: Callable[..., Any]) -> None:
    from bystack.mainchain.issues import Issue

    asset = issued_asset(Issue(ALICE.lock.root, GOLD, 1))
    registration = registration_of(decode(Coin, await ask("asset", [asset]), 9_999))
    assert (registration.definition, registration.issued) == (GOLD, 2_000)
    info = await ask("rpc", ["getassetinfo", [asset.hex()]])
    assert (info["symbol"], info["issued_value"]) == ("GOLD", 20.0)
    assert await ask("vaults", []) == []
    assert await ask("vault", [bytes(32)]) == []


WRONG = [
    ("status", [1]),
    ("submit", []),
    ("submit", ["text"]),
    ("mine", [0, bytes(32)]),
    ("mine", [1, bytes(31)]),
    ("headers", [[], "x"]),
    ("block", [7]),
    ("coins", [None]),
    ("nothing", []),
]


@pytest.mark.parametrize(("method", "params"), WRONG)
def test_calls_that_are_none_are_refused_by_name(
    tmp_path: Path, method: str, params: list[Any]
) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            with pytest.raises(RemoteError) as refused:
                await service(node).handle(method, params)
            assert refused.value.code == METHOD_UNKNOWN

    trio.run(main)


RPC_WRONG = [
    ("getblockhash", [99], -8),
    ("getblockhash", [-1], -3),
    ("getblockheader", ["00" * 32], -5),
    ("getblock", ["zz"], -3),
    ("getrawtransaction", ["00" * 32], -5),
    ("getrawtransaction", ["00" * 32, 1, LEFT[0].id.hex()], -5),
    ("decoderawtransaction", ["ff"], -22),
    ("sendrawtransaction", ["90"], -22),
    ("testmempoolaccept", [[]], -8),
    ("gettxoutproof", [["00" * 32]], -5),
    ("verifytxoutproof", ["00"], -22),
    ("estimatesmartfee", [0], -8),
    ("generatetoaddress", [1, "bm1nonsense"], -5),
    ("generateblock", [HOME, ["00" * 32]], -8),
    ("generateblock", ["bm1nonsense", []], -5),
    ("addnode", ["nowhere", "add"], -8),
    ("addnode", ["127.0.0.1:1", "sideways"], -3),
    ("getassetinfo", ["00" * 32], -5),
    ("getvault", ["00" * 32], -5),
]


@pytest.mark.parametrize(("method", "params", "code"), RPC_WRONG)
def test_rpc_refusals_carry_bitcoin_cores_codes(
    tmp_path: Path, method: str, params: list[Any], code: int
) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT)
            with pytest.raises(RemoteError) as refused:
                await service(node).handle("rpc", [method, params, "admin", "main"])
            assert refused.value.code == code

    trio.run(main)


def test_a_block_to_order_holds_what_it_is_told_and_leaves_the_pool(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT)

            async def rpc(method: str, *params: Any) -> Any:
                return await service(node).handle("rpc", [method, list(params), "admin", "main"])

            first = replayed(LEFT).pay(ALICE, BOB, 5_000, 20_000)
            second = replayed(LEFT).pay(ALICE, BOB, 6_000, 30_000)
            await rpc("sendrawtransaction", encode(first).hex())
            await rpc("generateblock", HOME, [])
            assert await rpc("getrawmempool") == [first.id.hex()]
            with pytest.raises(RemoteError) as refused:
                await rpc("generateblock", HOME, [first.id.hex(), encode(second).hex()])
            assert (refused.value.code, refused.value.data["rule"]) == (-25, "CoinMissing")
            made = await rpc("generateblock", HOME, [first.id.hex()])
            block = await rpc("getblock", made["hash"], 1)
            assert block["tx"][1:] == [first.id.hex()] and await rpc("getrawmempool") == []
            assert await rpc("getbestblockhash") == made["hash"]

    trio.run(main)


def test_rpc_about_the_pool_and_the_chain_agree_with_the_model(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT)

            async def rpc(method: str, *params: Any) -> Any:
                return await service(node).handle("rpc", [method, list(params), "admin", "main"])

            model = replayed(LEFT)
            tx = model.pay(ALICE, BOB, 5_000, 20_000)
            raw = encode(tx).hex()
            [judged] = await rpc("testmempoolaccept", [raw])
            assert (judged["allowed"], judged["fees"]["base"]) == (True, 0.0002)
            with pytest.raises(RemoteError, match="maxfeerate") as refused:
                await rpc("sendrawtransaction", raw, judged["fees"]["effective-feerate"] / 2)
            assert refused.value.code == -25 and await rpc("getrawmempool") == []
            assert await rpc("sendrawtransaction", raw, 0) == tx.id.hex()
            assert await rpc("sendrawtransaction", raw) == tx.id.hex()
            assert await rpc("getrawmempool") == [tx.id.hex()]
            assert (await rpc("getmempoolinfo"))["size"] == 1
            assert await rpc("getrawtransaction", tx.id.hex()) == raw
            place = tx.body.inputs[0]
            spent = (place.transaction.hex(), place.index)
            assert await rpc("gettxout", *spent) is None
            assert (await rpc("gettxout", *spent, False))["units"] == 41_250_000_000
            fresh = await rpc("gettxout", tx.id.hex(), 0)
            assert (fresh["units"], fresh["confirmations"]) == (5_000, 0)
            for height, block in enumerate((FIRST, *LEFT)):
                assert await rpc("getblockhash", height) == block.id.hex()
                whole = await rpc("getblock", block.id.hex(), 2)
                assert whole["confirmations"] == 8 - height
                assert [one["hex"] for one in whole["tx"]] == [
                    encode(one).hex() for one in block.transactions
                ]
            assert (await rpc("getblockchaininfo"))["bestblockhash"] == LEFT[-1].id.hex()
            proof = await rpc("gettxoutproof", [KNOWN.left[1].transactions[1].id.hex()])
            await node.take(*KNOWN.right)
            with pytest.raises(RemoteError):
                await rpc("verifytxoutproof", proof)
            assert (await rpc("getblockheader", LEFT[-1].id.hex()))["confirmations"] == -1

    trio.run(main)


class Searcher:
    """A miner that found two blocks."""

    threads, rate, found = 3, 12.5, 2


def test_figures_of_a_chain_that_was_reorganised(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT)
            before = await service(node).handle("metrics", [])
            assert before["reorganisations_total"] == before["mining_threads"] == 0
            await node.take(*KNOWN.right)
            told = await Service(node.driver, Reader(node.driver), Methods(), Searcher()).handle(
                "metrics", []
            )
            tip = RIGHT[-1].header
            assert (told["height"], told["tip_timestamp_seconds"]) == (tip.height, tip.time)
            assert told["reorganisations_total"] == 1
            assert told["deepest_reorganisation_blocks"] == len(KNOWN.left)
            mining = ("mining_threads", "mining_hashes_per_second", "mining_blocks_total")
            assert [told[name] for name in mining] == [3, 12.5, 2]
            assert told["difficulty"] >= 1 and told["peers_refused_total"] == {}

    trio.run(main)
