"""Sidechain nodes joined by wires in one program: real stores, engines, keys and main chain.

Only what crosses a process border is played: frames go straight to the other driver's inbox, the
signer is its own class called directly, the main chain is a world's, read in place.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import trio

from bystack.node.ipc import Reconnecting, RemoteError, Unavailable
from bystack.node.ipc.errors import from_invalid
from bystack.node.mainchain.signals import Signal
from bystack.node.roles.sidechain import rpc_methods
from bystack.node.rpc import Methods
from bystack.node.sidechain.admission import SideRules
from bystack.node.sidechain.executing.application import Application
from bystack.node.sidechain.mainline import MainLine
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.pooling import Pooling
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.relaying import Relaying
from bystack.node.sidechain.rpc.service import Service
from bystack.node.sidechain.snapshots.arriving import settle
from bystack.node.sidechain.snapshots.state_sync import Policy, StateSync
from bystack.node.sidechain.store import SideStore
from bystack.node.sidechain.voting.driver import Driver
from bystack.node.sidechain.voting.engines import verifier_of
from bystack.node.sidechain.voting.signing import SignerLine
from bystack.node.signer.votes import Voter
from bystack.node.store.journal import Journal
from bystack.node.verifying.verifier import Verifier
from bystack.p2p.host import Host
from bystack.p2p.identity import Identity
from bystack.p2p.meeting import Meeting
from bystack.primitives import bls
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.validators import Validator
from bystack.sidechain.params import Consensus, Genesis
from tests.mainchain.builders import LATE
from tests.node.mainchain.network import Wired
from tests.sidechain.mainside import VaultChain, vault_chain
from tests.sidechain.world import genesis_for

SECONDS = 180.0
SECRETS = [bls.key_gen(bytes([number]) * 32) for number in range(1, 5)]
FAST = Consensus("bbft", "fixed", 20, 60, 400, 1, 0, 1200, 40, 1)

_began = time.monotonic()


def now_ms() -> int:
    """A clock as late as the test chain's headers need."""
    return LATE * 1000 + int((time.monotonic() - _began) * 1000)


def node_id(number: int) -> bytes:
    return bytes([number + 1]) * 32


def genesis_of(main: VaultChain, **fields: Any) -> Genesis:
    """Four validators with real keys over a main chain's vault."""
    voters = tuple(
        Validator(bls.sk_to_pk(secret), bls.pop_prove(secret), 1, node_id(number))
        for number, secret in enumerate(SECRETS)
    )
    return genesis_for(main, **{"validators": voters, "consensus": FAST, **fields})


class Line:
    """A client of a process that is played; `up` False: nobody answers."""

    def __init__(self) -> None:
        self.up = True

    async def run(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()

    async def wait_connected(self) -> None:
        await until(lambda: self.up)

    async def call(self, method: str, *params: Any, timeout: float = 0) -> Any:
        await trio.lowlevel.checkpoint()
        if not self.up:
            raise Unavailable("down")
        try:
            return await self.answer(method, list(params))
        except Invalid as error:
            raise from_invalid(error) from None

    async def answer(self, method: str, params: list[Any]) -> Any:
        raise NotImplementedError


class PlayedSigner(Line):
    def __init__(self, voter: Voter) -> None:
        super().__init__()
        self._voter = voter

    async def answer(self, method: str, params: list[Any]) -> Any:
        return await self._voter.handle(method, params)


class PlayedMain(Line):
    """The main chain's process over a world's chain; call `moved.notify` after changing it."""

    def __init__(self, chain: VaultChain) -> None:
        super().__init__()
        self.chain = chain
        self.moved = Signal()

    async def answer(self, method: str, params: list[Any]) -> Any:
        match method, params:
            case "headers", [locator, most]:
                return self._headers(locator, most)
            case "inclusion", [id] if id in self.chain.where:
                return encode(self.chain.inclusion(id).proof)
            case "inclusion", _:
                return None
            case "history", [old, newer]:
                id = self.chain.line[old - 1].transactions[0].id
                return encode(self.chain.inclusion(id, newer).history[0])
            case "status", []:
                return {"work": self.chain.tip.work, "height": self.chain.height}
            case "departure", [oldest, work]:
                departure = self.chain.departure(oldest, work)
                return None if departure is None else encode(departure)
            case _:
                raise RemoteError(-32601, method)

    def _headers(self, locator: list[bytes], most: int) -> list[bytes]:
        places = {entry.id: at for at, entry in enumerate(self.chain.entries)}
        start = next((places[id] for id in locator if id in places), 0)
        return [encode(e.header) for e in self.chain.entries[start + 1 : start + 1 + most]]

    @asynccontextmanager
    async def stream(self, method: str, locator: list[Any]) -> AsyncIterator[AsyncIterator[Any]]:
        yield self._blocks([(height, id) for height, id in locator])

    async def _blocks(self, known: list[tuple[int, bytes]]) -> AsyncIterator[Any]:
        at = known[-1][0]
        line: list[bytes] = [entry.id for entry in self.chain.entries[: at + 1]]
        while True:
            ids = [entry.id for entry in self.chain.entries]
            while line != ids[: len(line)]:
                yield ["disconnect", len(line) - 1, line.pop()]
            for height in range(len(line), len(ids)):
                yield ["connect", height, ids[height], encode(self.chain.line[height - 1])]
                line.append(ids[height])
            yield ["tip", len(line) - 1, line[-1]]
            await self.moved.wait()


def nowhere(host: Host) -> Meeting:
    """Wires need no addresses."""
    identity = Identity.from_seed(bytes(32))
    return Meeting(host, identity, bytes(32), lambda: "", now_ms)


class Node:
    """One node's sidechain: everything of the role but its sockets."""

    def __init__(
        self,
        folder: Path,
        number: int,
        genesis: Genesis,
        main: PlayedMain,
        policy: Policy | None = None,
    ) -> None:
        self.number, self.host = number, Wired(number + 1)
        self.main, modules = main, modules_of(genesis)
        settle(str(folder), genesis.id)
        self.store = SideStore.open(str(folder / "chain"), genesis, modules)
        self.signer: PlayedSigner | None = None
        self.closed = False
        line = None
        if number < len(SECRETS):
            journal = Journal.open(str(folder / "votes"), kind="votes", magic=genesis.main.magic)
            self.signer = PlayedSigner(Voter(SECRETS[number], genesis, journal))
            line = SignerLine(cast(Reconnecting, self.signer), self.store)
            self.journal = journal
        host, verifier = cast(Host, self.host), Verifier(1)
        rules = SideRules(self.store, modules, now_ms)
        self.pooling = Pooling(self.store, rules, host, verifier)
        main_line = MainLine(cast(Reconnecting, main), genesis)
        self.application = Application(self.store, modules, verifier)
        self.state_sync = StateSync(
            str(folder), self.store, host, verifier_of(genesis), policy or Policy()
        )
        self.driver = Driver(
            self.application,
            self.pooling,
            host,
            main_line,
            now_ms,
            nowhere(host),
            self.state_sync,
            line,
        )
        self.relaying = Relaying(self.store, self.pooling, main_line, self.driver.changed)
        self.reader = Reader(self.driver, modules)
        name, id = genesis.name, node_id(number)
        self.methods: Methods = rpc_methods(self.driver, self.reader, self.relaying, name, id)
        self.service = Service(self.driver, self.reader, self.methods, self.relaying)

    async def run(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled; the scope is the status."""
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.pooling.run)
                await nursery.start(self.driver.run)
                nursery.start_soon(self.relaying.run)
                task_status.started(nursery.cancel_scope)
        finally:
            self.closed = True
            self.store.close()
            if self.signer is not None:
                self.journal.close()

    async def rpc(self, method: str, *params: Any) -> Any:
        return await self.methods.call(method, list(params))


class Network:
    """Nodes in folders of their own, fully meshed; each may be stopped and started again."""

    def __init__(self, folder: Path, genesis: Genesis, main: PlayedMain) -> None:
        self.genesis, self.main = genesis, main
        self._folder = folder
        self._nursery: trio.Nursery | None = None
        self._scopes: dict[int, trio.CancelScope] = {}
        self.nodes: dict[int, Node] = {}

    def folder(self, number: int) -> Path:
        path = self._folder / f"node{number}"
        path.mkdir(exist_ok=True)
        return path

    async def start(self, number: int, policy: Policy | None = None) -> Node:
        node = Node(self.folder(number), number, self.genesis, self.main, policy)
        assert self._nursery is not None
        self._scopes[number] = await self._nursery.start(node.run)
        for other in self.nodes.values():
            node.host.join(other.host)
        self.nodes[number] = node
        return node

    async def stop(self, number: int) -> None:
        node = self.nodes.pop(number)
        for other in self.nodes.values():
            node.host.part(other.host)
        self._scopes[number].cancel()
        await until(lambda: node.closed)

    async def reach(self, height: int) -> None:
        await until(lambda: all(node.store.height >= height for node in self.nodes.values()))

    def grow(self, blocks: int) -> None:
        self.main.chain.grow(blocks)
        self.main.moved.notify()


@asynccontextmanager
async def running(folder: Path, nodes: int = 4, **fields: Any) -> AsyncIterator[Network]:
    """A network over a fresh main chain with a vault."""
    chain = vault_chain()
    net = Network(folder, genesis_of(chain, **fields), PlayedMain(chain))
    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            net._nursery = nursery
            for number in range(nodes):
                await net.start(number)
            yield net
            nursery.cancel_scope.cancel()


async def until(condition: Callable[[], Any]) -> None:
    """Return once a condition holds; the deadline is `running`'s."""
    while not condition():  # noqa: ASYNC110 (many kinds of conditions, one deadline)
        await trio.sleep(0.002)
