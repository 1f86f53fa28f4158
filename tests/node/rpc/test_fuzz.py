"""No request makes a fault of the node: whatever is asked, the answer is a result or says why not.

The processes' own methods over real stores, under the web's own forwarding; only sockets are left
out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from bystack.federation.module.application import FederationModule
from bystack.node.ipc import INTERNAL
from bystack.node.mainchain.miner import Miner
from bystack.node.mainchain.reading import Reader
from bystack.node.mainchain.rpc_mining import MiningMethods
from bystack.node.mainchain.rpc_peers import PeerMethods
from bystack.node.mainchain.templates import Templates
from bystack.node.mainchain.wire import host_config
from bystack.node.rpc import DISCOVER, Methods, Request
from bystack.node.web.conversing import Conversation, written
from bystack.node.web.forward import Forwarder, Limits
from bystack.p2p.host import Host
from bystack.p2p.identity import Identity
from bystack.primitives.codec import encode
from bystack.sidechain.params import ModuleConfig
from tests.mainchain.builders import EASY
from tests.node.mainchain.test_service import service
from tests.node.rpc.fuzzing import Fuzzer
from tests.node.rpc.held import hold
from tests.node.sidechain.network import running as sides
from tests.node.wallet.test_rpc import BOB_HERE, PHRASE, World, world
from tests.sidechain.federations import CONFIG

EACH = 6
SEED = 6
SLOW = frozenset({"generatetoaddress", "rescanblockchain"})
"""Asked with care elsewhere: ten thousand blocks are made, if somebody asks for them, and a rescan
waits for a sidechain's blocks, which are played here."""


class Process:
    """A client of methods that are in this process."""

    def __init__(self, methods: Methods) -> None:
        self._methods = methods

    async def call(self, method: str, *params: Any, timeout: float = 0) -> Any:
        return await self._methods.answer(list(params))


class Node:
    """The processes by label."""

    def __init__(self, **methods: Methods) -> None:
        self._clients = {name.replace("_", "-"): Process(made) for name, made in methods.items()}
        every = [one for made in methods.values() for one in made.all]
        self.results = {one.name: one.result for one in every if one.name != DISCOVER}

    def client(self, label: str) -> Process | None:
        return self._clients.get(label)

    def paths(self) -> tuple[str, ...]:
        return ("", "/sidechain/trade")


async def fuzz(node: Node, path: str, known: Sequence[Any], seed: int) -> Counter[int]:
    """Ask everything that is answered on a path; how often each code came (0: a result)."""
    forwarder = Forwarder(node, lambda: Limits(32, 60.0))
    fuzzer = Fuzzer(await forwarder.document(path, "admin"), seed, known)
    talk, codes = Conversation(forwarder, path, "admin"), Counter[int]()
    for name, params in fuzzer.requests(EACH, SLOW):
        said = await talk.batch([Request(name, params, 1, 2)])
        data, status = written(said, batch=False)
        answer = msgspec.json.decode(data)
        code = answer.get("error", {}).get("code", 0)
        if not code and name in node.results:
            hold(answer["result"], node.results[name])
        assert status in (200, 503) and code != INTERNAL, (path, name, params, answer)
        codes[code] += 1
    return codes


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_main_chain_and_wallet(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here, trio.open_nursery() as nursery:
            known = await lived(here)
            node = Node(mainchain=main_methods(here, nursery), wallet=here.methods)
            # Wallets are made in between: then only the path still says which one is meant.
            await here.rpc("createwallet", "other")
            codes = await fuzz(node, "/wallet/default", known, SEED)
            assert codes[0] > 120 and len(codes) > 8, codes
            assert codes[-19] == 0, codes
            nursery.cancel_scope.cancel()

    trio.run(main)


def main_methods(here: World, nursery: trio.Nursery) -> Methods:
    """Every method of the main chain, its miner switched on by nobody."""
    driver, methods = here.node.driver, service(here.node)._methods
    templates = Templates(driver, pause=0.01)
    nursery.start_soon(templates.follow)
    miner = Miner(driver, templates, trio.sleep_forever)  # type: ignore[arg-type]
    MiningMethods(driver, Reader(driver), templates, miner, waiters=0).register(methods)
    host = Host(Identity.from_seed(bytes(32)), host_config(EASY, "127.0.0.1:0", ()))
    PeerMethods(host, bytes(32), "127.0.0.1:1", "0").register(methods)
    return methods


async def lived(here: World) -> list[Any]:
    """A wallet that was paid and pays; what a client then knows."""
    await here.rpc("createwallet", "default", "", PHRASE)
    address = await here.rpc("getnewaddress")
    await here.mine(5, address)
    await here.rpc("getbalance")
    txid = await here.rpc("sendtoaddress", BOB_HERE, "1")
    draft = await here.rpc("walletcreatefundedpst", [{"address": BOB_HERE, "amount": 1}])
    ask = service(here.node).handle
    block = await ask("rpc", ["getbestblockhash", [], "read", "main"])
    raw = await ask("rpc", ["getrawtransaction", [txid], "read", "main"])
    await here.mine(1, address)
    proof = await ask("rpc", ["gettxoutproof", [[txid]], "read", "main"])
    return [address, BOB_HERE, txid, block, raw, proof, draft["pst"], [txid], 1, 3, "default"]


def test_sidechain_with_its_modules(tmp_path: Path) -> None:
    async def main() -> None:
        modules = (
            ModuleConfig("transfer", b""),
            ModuleConfig(FederationModule.name, encode(CONFIG)),
        )
        async with sides(tmp_path, modules=modules) as net:
            await net.reach(2)
            one = net.nodes[0]
            header = one.store.header_at(1)
            assert header is not None
            known = [
                header.id.hex(),
                net.main.chain.tip.id.hex(),
                0,
                1,
                2,
                one.store.header.id.hex(),
            ]
            deposits = [tx.id.hex() for tx in net.main.chain.line[-1].transactions]
            host = Host(Identity.from_seed(bytes(32)), host_config(EASY, "127.0.0.1:0", ()))
            PeerMethods(host, bytes(32), "127.0.0.1:1", "0").register(one.methods)
            node = Node(sidechain_trade=one.methods)
            codes = await fuzz(node, "/sidechain/trade", [*known, *deposits], SEED)
            assert codes[0] > 50 and len(codes) > 5, codes

    trio.run(main)
