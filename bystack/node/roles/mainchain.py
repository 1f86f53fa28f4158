"""The main chain's process: store, peers, the task that owns the chain, the private socket."""

from __future__ import annotations

import time
from functools import partial

import structlog
import trio

from bystack import __version__
from bystack.ledger.transactions import PolicyLock
from bystack.node.announce import socket_of
from bystack.node.engines import engines_of
from bystack.node.ipc import RemoteError, Unavailable, connect, serve
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.indexing import address_methods, make_index
from bystack.node.mainchain.measuring import far_behind
from bystack.node.mainchain.miner import Miner
from bystack.node.mainchain.poolkeeping import PoolKeeper, settings_of
from bystack.node.mainchain.reading import Reader
from bystack.node.mainchain.rpc_assets import AssetMethods
from bystack.node.mainchain.rpc_chain import ChainMethods
from bystack.node.mainchain.rpc_mempool import MempoolMethods
from bystack.node.mainchain.rpc_mining import MAX_WAITING, MiningMethods
from bystack.node.mainchain.rpc_network import NetworkMethods, reward_lock
from bystack.node.mainchain.rpc_transactions import TransactionMethods
from bystack.node.mainchain.service import Service
from bystack.node.mainchain.templates import Templates
from bystack.node.mainchain.wire import host_config
from bystack.node.networks import params_of
from bystack.node.peering import keep_book, node_identity, stored_book
from bystack.node.processes.role_main import RoleContext, run_role
from bystack.node.rpc import Methods
from bystack.node.store.chainstore import ChainStore
from bystack.p2p.host import Host
from bystack.p2p.identity import Identity
from bystack.primitives.codec import prepare

ASK_SECONDS = 1.0

log = structlog.get_logger("mainchain")


async def reward(context: RoleContext) -> PolicyLock:
    """Where mined coins go: the configured address, or one of the wallet that was never paid."""
    params = params_of(context.network)
    address = context.config.mining.address
    while not address:
        try:
            async with connect(socket_of("wallet")) as wallet:
                call = partial(wallet.call, "rpc", "getrawchangeaddress", [], "wallet")
                address = str(await call("main", "*"))
        except (Unavailable, RemoteError) as error:
            log.info("mining waits for an address", reason=str(error))
            await trio.sleep(ASK_SECONDS)
    return reward_lock(address, params)


def rpc_methods(
    driver: Driver, reader: Reader, identity: Identity, listening: str, indexed: bool = False
) -> Methods:
    """Every RPC method of the main chain but those about its pool and mining."""
    methods = Methods()
    ChainMethods(driver, reader).register(methods)
    TransactionMethods(driver, reader).register(methods)
    AssetMethods(driver, reader).register(methods)
    address_methods(driver, indexed).register(methods)
    own = NetworkMethods(driver, identity.node_id, listening, __version__)
    own.register(methods)
    return methods


async def main(context: RoleContext) -> None:
    """Run the main chain until cancelled."""
    config = context.config.mainchain
    if config.mode == "light":
        from bystack.node.light.process import run_light

        prepare()
        return await run_light(context)
    params, folder = params_of(context.network), context.data
    identity, book = node_identity(f"{folder}/node.key"), stored_book(f"{folder}/peers")
    store = ChainStore.open(f"{folder}/chain", params, config.cache_mb, engines_of(params))
    try:
        host = Host(identity, host_config(params, config.listen, config.peers), book)
        limits = context.config.mempool
        settings = settings_of(limits)
        if config.index_addresses:
            await make_index(store)
        driver = Driver(
            store,
            host,
            time.time,
            prune=config.prune,
            mempool=settings,
            index_addresses=config.index_addresses,
        )
        keeper = PoolKeeper(driver, folder, persist=limits.persist)
        try:
            await live(context, driver, identity, keeper)
        finally:
            keeper.save_now()
    finally:
        store.close()


async def live(
    context: RoleContext, driver: Driver, identity: Identity, keeper: PoolKeeper
) -> None:
    """The tasks of the process, and its announcement once all of them run."""
    async with trio.open_nursery() as nursery:
        listening = await nursery.start(driver.host.run)
        await nursery.start(driver.run)
        context.doubts.append(lambda: far_behind(driver))
        reader = Reader(driver)
        indexed = context.config.mainchain.index_addresses
        methods = rpc_methods(driver, reader, identity, listening, indexed)
        MempoolMethods(driver, keeper).register(methods)
        templates = Templates(driver)
        miner = Miner(driver, templates, lambda: reward(context))
        _mining(context, driver, reader, templates, miner).register(methods)
        service = Service(driver, reader, methods, miner)
        await nursery.start(serve, context.socket, service.handle, service.streams)
        nursery.start_soon(keeper.run)
        nursery.start_soon(keep_book, driver.host.book, f"{context.data}/peers")
        tip = driver.machine.tip
        log.info("main chain runs", height=tip.header.height, listening=listening)
        context.announce(listen=listening, node_id=identity.node_id.hex(), height=tip.header.height)
        miner.turn(context.config.mining.threads)
        nursery.start_soon(templates.follow)
        nursery.start_soon(miner.run)


def _mining(
    context: RoleContext, driver: Driver, reader: Reader, templates: Templates, miner: Miner
) -> MiningMethods:
    # Those who wait for better work leave half of the places to everybody else.
    waiters = min(MAX_WAITING, context.config.rpc.concurrency // 2)
    threads = context.config.mining.threads
    return MiningMethods(driver, reader, templates, miner, threads=threads, waiters=waiters)


if __name__ == "__main__":
    run_role("mainchain", main)
