"""A sidechain's process: store, peers, consensus, pool, relay, the private socket."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Final

import structlog
import trio

from bystack.mainchain.params import chain_id
from bystack.node.announce import socket_of
from bystack.node.config.tables import Sidechain
from bystack.node.genesis_files import GenesisFileError, read_genesis
from bystack.node.ipc import Reconnecting, connect, serve
from bystack.node.mainchain.wire import GOSSIP
from bystack.node.networks import params_of
from bystack.node.peering import keep_book, node_identity, stored_book
from bystack.node.processes.role_main import RoleContext, run_role
from bystack.node.rpc import Methods
from bystack.node.sidechain.admission import SideRules
from bystack.node.sidechain.executing.application import Application
from bystack.node.sidechain.indexing import address_methods, make_index
from bystack.node.sidechain.insisting import insist
from bystack.node.sidechain.mainline import MainLine
from bystack.node.sidechain.measuring import far_behind
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.pooling import TOPIC, Pooling
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.relaying import Relaying
from bystack.node.sidechain.rpc.chain import ChainMethods
from bystack.node.sidechain.rpc.epochs import EpochMethods
from bystack.node.sidechain.rpc.modules import ModuleMethods
from bystack.node.sidechain.rpc.parameters import ParameterMethods
from bystack.node.sidechain.rpc.peers import SidePeerMethods
from bystack.node.sidechain.rpc.pegouts import PegoutMethods
from bystack.node.sidechain.rpc.pegs import PegMethods
from bystack.node.sidechain.rpc.proofs import ProofMethods
from bystack.node.sidechain.rpc.reads import ReadMethods
from bystack.node.sidechain.rpc.reserves import ReserveMethods
from bystack.node.sidechain.rpc.service import Service
from bystack.node.sidechain.rpc.staking import StakeMethods
from bystack.node.sidechain.rpc.validators import ValidatorMethods
from bystack.node.sidechain.snapshots.arriving import settle
from bystack.node.sidechain.snapshots.state_sync import Policy, StateSync
from bystack.node.sidechain.store import SideStore
from bystack.node.sidechain.voting.driver import Driver
from bystack.node.sidechain.voting.engines import ConsensusError, engine_of, verifier_of
from bystack.node.sidechain.voting.shorthand import SHORT_CAPS
from bystack.node.sidechain.voting.signing import SignerLine, validator_socket
from bystack.node.verifying.inline import InlineVerifier
from bystack.p2p.gossip import payload_cap
from bystack.p2p.host import Host, HostConfig
from bystack.p2p.identity import Identity
from bystack.p2p.meeting import WHEREABOUTS, Meeting
from bystack.p2p.peers import PeerBook
from bystack.p2p.whereabouts import MAX_MESSAGE
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.engine import EngineUnfit
from bystack.sidechain.messages import CAPS
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import Genesis
from bystack.sidechain.snapshots.messages import CAPS as AID_CAPS

MAX_INBOUND: Final = 512
MEMBER_SECONDS: Final = 2.0
"""Every validator may be connected to us, and there may be 400."""

log = structlog.get_logger("sidechain")


class SidechainUnknown(OSError):
    """The configuration names no such sidechain, or its genesis is for another network."""


def table_of(context: RoleContext) -> Sidechain:
    """The configuration of this sidechain; raises `SidechainUnknown`."""
    for table in context.config.sidechain:
        if table.name == context.name:
            return table
    raise SidechainUnknown(f"bystack.toml: there is no sidechain {context.name}; add its table")


def genesis_of(context: RoleContext, table: Sidechain) -> Genesis:
    """The sidechain's genesis.

    Raises `SidechainUnknown` for one of another main chain or of an engine that is not here.
    """
    try:
        genesis = read_genesis(table.genesis)
    except GenesisFileError as error:
        raise SidechainUnknown(str(error)) from None
    if chain_id(genesis.main) != chain_id(params_of(context.network)):
        text = f"{table.genesis}: a sidechain of {genesis.main.name}, not of {context.network}"
        raise SidechainUnknown(f"{text}; choose another network or another genesis")
    try:
        engine_of(genesis)
    except (ConsensusError, EngineUnfit) as error:
        raise SidechainUnknown(f"{table.genesis}: {error}") from None
    return genesis


def installed_modules(genesis: Genesis, table: Sidechain) -> Modules:
    """The sidechain's modules; raises `SidechainUnknown` where one is not here, or does not fit."""
    try:
        return modules_of(genesis)
    except Invalid as error:
        raise SidechainUnknown(f"{table.genesis}: {error}") from None


def wall_ms() -> int:
    """Milliseconds since 1970, which block times count."""
    return time.time_ns() // 1_000_000


def host_of(table: Sidechain, genesis: Genesis, identity: Identity, book: PeerBook) -> Host:
    """The peer network of this sidechain."""
    caps = {
        **CAPS,
        **AID_CAPS,
        **SHORT_CAPS,
        WHEREABOUTS: MAX_MESSAGE,
        GOSSIP: payload_cap([TOPIC]),
    }
    magic = genesis.main.magic
    config = HostConfig(
        genesis.id, magic, table.listen, table.peers, caps=caps, max_inbound=MAX_INBOUND
    )
    return Host(identity, config, book)


async def new_address(name: str) -> str:
    """A new address of the wallet on this sidechain; raises `RemoteError`, `Unavailable`."""
    async with connect(socket_of("wallet")) as wallet:
        return str(await wallet.call("rpc", "getnewaddress", [], "wallet", name, "*"))


async def pending_of(name: str) -> list[dict[str, Any]]:
    """What this node's federation member has pending; raises `RemoteError`, `Unavailable`."""
    async with connect(socket_of("federation", name)) as member:
        found: list[dict[str, Any]] = await member.call(
            "rpc", "listpending", [], "read", name, "*", timeout=MEMBER_SECONDS
        )
        return found


def rpc_methods(
    driver: Driver, reader: Reader, relaying: Relaying, name: str, node_id: bytes
) -> Methods:
    """Every RPC method of a sidechain."""
    methods = Methods("sidechain")
    fresh = partial(new_address, name)
    PegMethods(driver, reader, driver.main, fresh).register(methods)
    PegoutMethods(driver, reader, relaying, partial(pending_of, name)).register(methods)
    ReserveMethods(driver, reader, relaying).register(methods)
    ChainMethods(driver, reader).register(methods)
    ReadMethods(driver, reader).register(methods)
    ProofMethods(driver, reader.prover).register(methods)
    ParameterMethods(driver, reader).register(methods)
    ValidatorMethods(driver, reader).register(methods)
    EpochMethods(driver, reader, node_id).register(methods)
    StakeMethods(reader, driver.genesis).register(methods)
    SidePeerMethods(driver, node_id).register(methods)
    ModuleMethods(reader, driver.genesis, reader.modules).register(methods)
    address_methods(driver.store).register(methods)
    return methods


async def main(context: RoleContext) -> None:
    """Run the sidechain until cancelled."""
    table, folder = table_of(context), context.data
    genesis = genesis_of(context, table)
    modules = installed_modules(genesis, table)
    while True:
        if settle(folder, genesis.id):
            log.info("a snapshot takes the chain's place")
        store = SideStore.open(f"{folder}/chain", genesis, modules)
        try:
            if table.index_addresses:
                await make_index(store)
                store.indexed = True
            await live(context, table, store, modules)
        finally:
            store.close()


async def live(context: RoleContext, table: Sidechain, store: SideStore, modules: Modules) -> None:
    """The tasks of the process, and its announcement once all of them run.

    Returns when a whole snapshot waits to take the store's place.
    """
    identity, book = (
        node_identity(f"{context.data}/node.key", f"keys/{table.name}.node.key"),
        stored_book(f"{context.data}/peers"),
    )
    host, verifier = host_of(table, store.genesis, identity, book), InlineVerifier()
    carrier = bytes.fromhex(table.recipient)
    main_line = MainLine(Reconnecting(socket_of("mainchain")), store.genesis, carrier)
    pooling = Pooling(store, SideRules(store, modules, wall_ms), host, verifier)
    signer = None
    if table.validator_key:
        signer = SignerLine(Reconnecting(validator_socket(table.name)), store)
    application = Application(store, modules, verifier)
    meeting = Meeting(
        host, identity, store.genesis.id, lambda: table.advertise or host.listening, wall_ms
    )
    policy = Policy(table.join == "snapshot", table.snapshots, table.snapshot_every)
    judge = verifier_of(store.genesis)
    state_sync = StateSync(context.data, store, host, judge, policy)
    driver = Driver(application, pooling, host, main_line, wall_ms, meeting, state_sync, signer)
    kept = f"{context.data}/relayed"
    relaying = Relaying(store, pooling, main_line, driver.changed, kept)
    async with trio.open_nursery() as nursery:
        listening = await nursery.start(host.run)
        await nursery.start(pooling.run)
        await nursery.start(driver.run)
        context.doubts[:] = [lambda: far_behind(driver)]
        nursery.start_soon(relaying.run)
        nursery.start_soon(insist, store, pooling, driver.changed)
        reader = Reader(driver, modules)
        methods = rpc_methods(driver, reader, relaying, table.name, identity.node_id)
        service = Service(driver, reader, methods, relaying)
        await nursery.start(serve, context.socket, service.handle, service.streams)
        nursery.start_soon(keep_book, book, f"{context.data}/peers")
        log.info("sidechain runs", height=store.height, listening=listening)
        node = identity.node_id.hex()
        context.announce(listen=listening, node_id=node, height=store.height)
        await state_sync.arrived.wait()
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    run_role("sidechain", main)
