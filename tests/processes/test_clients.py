"""Shared network: clients no one here wrote, every method's document, subscriptions.

`bitcoinrpc` from PyPI is made for Bitcoin Core and used as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bitcoinrpc
import httpx
import pytest
import trio

from bystack.client.devnet import processes
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import wait_for
from bystack.node.catalogue import catalogue
from bystack.node.ipc import INTERNAL
from tests.node.rpc.fuzzing import Fuzzer
from tests.node.web.reader import Reader, connected
from tests.processes.network import SECONDS
from tests.processes.pages import Part, reading
from tests.processes.pages import Reader as Typist

pytestmark = pytest.mark.processes

PAGE = Part("docs/rpc-clients.md")
TRADE, WALLET = "trade", "clients"
EACH, SEED = 4, 6
NAMES_MODULE = {"resolvename", "getnames"}
"""What the module of `examples/modules` can be asked."""
WAITS = frozenset({"getblocktemplate"})
PARTS = {
    "/": ("main", "wallet"),
    f"/sidechain/{TRADE}": ("sidechain", "wallet"),
    f"/federation/{TRADE}": ("federation",),
}


def door(network: Devnet, number: int = 1) -> tuple[str, tuple[str, str]]:
    """A node's URL, and what the cookie says."""
    node = network.layout.nodes[number]
    user, secret = (Path(node.home) / ".cookie").read_text().split(":", 1)
    return str(processes.facts_of(node)["url"]), (user, secret)


def test_the_first_requests_of_the_page(network: Devnet, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(network.layout.nodes[1].home)
    monkeypatch.chdir(home)
    with reading(Typist({"http://127.0.0.1:9736/": door(network)[0]}, home), PAGE) as page:
        assert "getblock" in page.type("bystack rpc help").split()
        assert page.type("bystack rpc help getblock").startswith("getblock ")
        assert int(page.type("bystack rpc getblockcount")) > 0
        assert httpx.Response(200, text=page.type("curl")).json()["result"] > 0


def test_a_wallets_day_with_a_client_made_for_bitcoin_core(network: Devnet) -> None:
    home = network[0].getnewaddress()
    try:
        asyncio.run(day(network, home))
    finally:
        network[1].unloadwallet(WALLET)


async def day(network: Devnet, home: str) -> None:
    url, auth = door(network)
    wallet = f"{url}wallet/{WALLET}"
    async with bitcoinrpc.BitcoinRPC.from_config(wallet, auth, timeout=SECONDS) as rpc:
        await reads(rpc)
        await refusals(rpc)
        made = await rpc.acall("createwallet", [WALLET])
        assert made["name"] == WALLET
        address = await rpc.acall("getnewaddress", ["salary", "bech32"])
        assert await code(rpc, "getnewaddress", ["salary", "p2sh-segwit"]) == -5
        assert await rpc.acall("getaddressesbylabel", ["salary"]) == {
            address: {"purpose": "receive"}
        }
        assert (await rpc.acall("getaddressinfo", [address]))["ismine"] is True
        assert await rpc.acall("getbalance", []) == 0
        assert await code(rpc, "sendtoaddress", [home, 1]) == -6
        paid = network[0].sendtoaddress(address, 20)
        await mined(network, rpc, paid)
        assert await rpc.acall("getbalance", ["*", 1]) == 20
        (coin,) = await rpc.acall("listunspent", [1, 9_999_999, [address]])
        assert (coin["txid"], coin["address"], coin["amount"]) == (paid, address, 20)
        (row,) = await rpc.acall("listtransactions", ["salary", 10, 0])
        assert (row["category"], row["label"], row["amount"]) == ("receive", "salary", 20)
        await pays(network, rpc, home)
        await drafts(network, rpc, home)


async def reads(rpc: bitcoinrpc.BitcoinRPC) -> None:
    """What such a client has methods of its own for."""
    info = await rpc.getblockchaininfo()
    height = await rpc.getblockcount()
    assert info["chain"] == "regtest" and height >= info["blocks"] >= 1
    id = await rpc.getblockhash(1)
    block = await rpc.getblock(id, 2)
    assert block["height"] == (await rpc.getblockheader(id))["height"] == 1
    assert block["tx"][0]["txid"] == (await rpc.getblock(id, 1))["tx"][0]
    assert len(await rpc.getbestblockhash()) == 64
    assert await rpc.getconnectioncount() == (await rpc.getnetworkinfo())["connections"] > 0
    assert (await rpc.getmempoolinfo())["loaded"] is True
    assert (await rpc.getmininginfo())["blocks"] >= height
    assert await rpc.getnetworkhashps() >= 0


async def refusals(rpc: bitcoinrpc.BitcoinRPC) -> None:
    """Bitcoin Core's codes."""
    assert await code(rpc, "getblockhash", [10**9]) == -8
    assert await code(rpc, "getblock", ["00" * 32]) == -5
    assert await code(rpc, "getblock", ["zz"]) == -3
    assert await code(rpc, "getblock", []) == -32602
    assert await code(rpc, "getnewspaper", []) == -32601
    assert await code(rpc, "sendrawtransaction", ["00"]) == -22
    assert await code(rpc, "getbalance", []) == -18


async def code(rpc: bitcoinrpc.BitcoinRPC, method: str, params: list[Any]) -> int:
    with pytest.raises(bitcoinrpc.RPCError) as caught:
        await rpc.acall(method, params)
    return int(caught.value.error["code"])


async def mined(network: Devnet, rpc: bitcoinrpc.BitcoinRPC, txid: str) -> None:
    """Mine, and wait until the wallet has seen the transaction confirmed."""
    wait_for("the payment waits at the miner", lambda: txid in network[0].getrawmempool())
    network.mine(1)
    for _ in range(10 * SECONDS):
        try:
            found = await rpc.acall("gettransaction", [txid])
        except bitcoinrpc.RPCError:
            found = {"confirmations": 0}
        if found["confirmations"] > 0:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{txid} was never confirmed")


async def pays(network: Devnet, rpc: bitcoinrpc.BitcoinRPC, home: str) -> None:
    assert await code(rpc, "sendtoaddress", ["nowhere", 1]) == -5
    sent = await rpc.acall("sendtoaddress", [home, 1, "rent", "the landlord", True])
    entry = await rpc.acall("getmempoolentry", [sent])
    raw = await rpc.getrawtransaction(sent, True)
    assert raw["txid"] == sent and entry["fees"]["base"] > 0
    assert sent in await rpc.acall("getrawmempool", [])
    await mined(network, rpc, sent)
    proof = await rpc.acall("gettxoutproof", [[sent]])
    assert await rpc.acall("verifytxoutproof", [proof]) == [sent]
    assert await rpc.acall("getbalance", ["*", 0, False]) == 19
    (last,) = await rpc.acall("listtransactions", ["*", 1, 0, True])
    assert (last["txid"], last["comment"], last["to"]) == (sent, "rent", "the landlord")
    await mined(network, rpc, await rpc.acall("sendmany", ["", {home: 0.5}, 1, "wages"]))
    assert 18.4 < await rpc.acall("getbalance", []) < 18.5


async def drafts(network: Devnet, rpc: bitcoinrpc.BitcoinRPC, home: str) -> None:
    made = await rpc.acall("walletcreatefundedpst", [[{"address": home, "amount": 2}]])
    signed = await rpc.acall("walletprocesspst", [made["pst"]])
    assert signed["complete"] is True
    final = await rpc.acall("finalizepst", [signed["pst"]])
    (verdict,) = await rpc.acall("testmempoolaccept", [[final["hex"]]])
    assert verdict["allowed"] is True
    await mined(network, rpc, await rpc.acall("sendrawtransaction", [final["hex"]]))


def looks(method: dict[str, Any]) -> bool:
    """A method that changes nothing, also of the wallet's."""
    name, fresh = str(method["name"]), ("getnew", "getrawchange")
    wallets = name.startswith(("get", "list")) and not name.startswith(fresh)
    return method["x-scope"] == "read" or (method["x-scope"] == "wallet" and wallets)


@pytest.mark.parametrize("path", PARTS)
def test_what_a_node_tells_of_itself_is_the_reference_and_no_read_breaks_it(
    network: Devnet, path: str
) -> None:
    url, auth = door(network)
    with httpx.Client(base_url=url, auth=auth, timeout=SECONDS) as http:
        document = http.get(f"{path.rstrip('/')}/openrpc.json").json()
        # Another wallet may be loaded: without a name these methods would say no more than that.
        named = f"/wallet/default{path}" if "wallet" in PARTS[path] else path
        told, parts = {one["name"] for one in document["methods"]}, catalogue()
        expected = {name for part in PARTS[path] for name in parts[part].names}
        assert told - expected <= NAMES_MODULE
        readable = [one for one in document["methods"] if looks(one)]
        fuzzer = Fuzzer({**document, "methods": readable}, SEED, [1, 2])
        calls = [
            {"jsonrpc": "2.0", "id": number, "method": name, "params": params}
            for number, (name, params) in enumerate(fuzzer.requests(EACH, WAITS))
        ]
        answers = [one for start in range(0, len(calls), 100) for one in
                   http.post(named, json=calls[start : start + 100]).json()]  # fmt: skip
        if named != path:
            about = {"jsonrpc": "2.0", "id": 0, "method": "getwalletinfo"}
            assert http.post(named, json=about).json()["result"]["walletname"] == "default"
    faults = [
        (calls[at], one)
        for at, one in enumerate(answers)
        if one.get("error", {}).get("code") == INTERNAL
    ]
    assert faults == [] and len(answers) == len(calls)
    assert sum("result" in one for one in answers) > len(readable) / 3


def test_subscribers_are_told_of_the_past_and_then_of_what_happens(network: Devnet) -> None:
    url, (_, secret) = door(network)
    address = url.removeprefix("http://").rstrip("/")

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with connected(address, secret) as reader:
                # What is told while an answer is waited for is lost: that of interest comes last.
                await reader.ask("subscribe", topic="blocks", chain=TRADE, height=1)
                await reader.ask("subscribe", topic="blocks", height=1)
                seen = await until(reader, lambda one: one["event"] == "tip")
                heights = [one["height"] for one in seen if one["chain"] == "main"]
                assert heights[:-1] == list(range(1, len(heights)))
                now = heights[-1]
                await trio.to_thread.run_sync(network.mine, 1)
                await until(reader, lambda one: one.get("height", 0) > now)

    async def until(reader: Reader, holds: Callable[[Any], bool]) -> list[Any]:
        """What is told until it holds of the main chain, and of the sidechain there was some."""
        told, held = list[Any](), False
        while not held or {row["chain"] for row in told} != {"main", TRADE}:
            one = await reader.told()
            told.append(one)
            held = held or (one["chain"] == "main" and holds(one))
        return [row for row in told if row["method"] == "event"]

    trio.run(main)
