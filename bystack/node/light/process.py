"""A light node's main-chain process: headers, peers, readers of what is watched, the socket."""

from __future__ import annotations

import time
from random import SystemRandom

import structlog
import trio

from bystack import __version__
from bystack.node.engines import engines_of
from bystack.node.ipc import serve
from bystack.node.light.driver import LightDriver
from bystack.node.light.fetching import Fetcher
from bystack.node.light.reading import LightReader
from bystack.node.light.rpc import LightChainMethods, LightMethods
from bystack.node.light.scanning import Scanner
from bystack.node.light.service import LightService
from bystack.node.light.store import LightStore
from bystack.node.mainchain.rpc_peers import PeerMethods
from bystack.node.mainchain.wire import host_config
from bystack.node.networks import params_of
from bystack.node.peering import keep_book, node_identity, stored_book
from bystack.node.processes.role_main import RoleContext
from bystack.p2p.host import Host
from bystack.p2p.identity import Identity

log = structlog.get_logger("mainchain")


async def run_light(context: RoleContext) -> None:
    """Run a light main chain until cancelled."""
    config, folder = context.config.mainchain, context.data
    params = params_of(context.network)
    identity, book = node_identity(f"{folder}/node.key"), stored_book(f"{folder}/peers")
    store = LightStore.open(f"{folder}/light", params, engines_of(params))
    try:
        host = Host(identity, host_config(params, config.listen, config.peers), book)
        driver = LightDriver(store, host, time.time)
        scanner = Scanner(driver, Fetcher(driver, SystemRandom()), config.filter_peers)
        await live(context, scanner, identity)
    finally:
        store.close()


def rpc_methods(
    scanner: Scanner, reader: LightReader, identity: Identity, listening: str
) -> LightMethods:
    """Every RPC method of a light node."""
    methods, host = LightMethods(), scanner.driver.host
    LightChainMethods(scanner, reader).register(methods)
    PeerMethods(host, identity.node_id, listening, __version__).register(methods)
    return methods


async def live(context: RoleContext, scanner: Scanner, identity: Identity) -> None:
    """The tasks of the process, and its announcement once all of them run."""
    driver = scanner.driver
    async with trio.open_nursery() as nursery:
        listening = await nursery.start(driver.host.run)
        await nursery.start(driver.run)
        reader = LightReader(driver)
        methods = rpc_methods(scanner, reader, identity, listening)
        service = LightService(scanner, reader, methods)
        await nursery.start(serve, context.socket, service.handle, service.streams)
        nursery.start_soon(keep_book, driver.host.book, f"{context.data}/peers")
        height = driver.machine.tip.header.height
        log.info("light main chain runs", height=height, listening=listening)
        node = identity.node_id.hex()
        context.announce(listen=listening, node_id=node, height=height, mode="light")
