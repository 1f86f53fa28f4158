"""The guard's process: lines to its own node's chains and signer, one watchman, no peers."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from typing import Any

import structlog
import trio

from bystack.federation.guarding.alarms import ActKind
from bystack.federation.guarding.excerpts import MAX_EXCERPTS, KeptExcerpts
from bystack.federation.guarding.machine import Rules
from bystack.node import federation_files, genesis_files
from bystack.node.config.tables import Guard
from bystack.node.federation.agreeing import agree
from bystack.node.federation.memory import Memory
from bystack.node.federation_files import FederationFileError
from bystack.node.guard.book import KIND, Book
from bystack.node.guard.following import Event, follow_main, follow_side, tick
from bystack.node.guard.links import GuardLinks
from bystack.node.guard.methods import GuardMethods
from bystack.node.guard.setting import Setting
from bystack.node.guard.watchman import Watchman, shown_alarm
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError, serve
from bystack.node.networks import params_of
from bystack.node.processes.role_main import RoleContext, run_role
from bystack.node.rpc import IN_WARMUP, Methods
from bystack.node.signer import keys
from bystack.node.store.journal import Journal

log = structlog.get_logger("guard")

INBOX = 256
WAIT_SECONDS = 1.0


def _table(context: RoleContext) -> Guard:
    return next(table for table in context.config.guard if table.name == context.name)


def _sponsor(context: RoleContext, *, cheap: bool) -> bytes:
    """The sponsor's secret; made on first use, it holds fees only."""
    path = f"{context.data}/sponsor.key"
    if not os.path.exists(path):
        keys.save(path, keys.NAMED, secrets.token_bytes(32), cheap=cheap)
    return keys.load(path, keys.NAMED, cheap=cheap)


def _setting(context: RoleContext, table: Guard) -> Setting:
    """Raises `FederationFileError` for another charter than the vault's."""
    params = params_of(context.config.network)
    genesis = genesis_files.read_genesis(genesis_files.genesis_path(table.name))
    charter = federation_files.read_charter(table.charter)
    if genesis.terms.note != charter.hash:
        text = f"{table.charter} is not the charter of this sidechain's vault"
        raise FederationFileError(f"{text}; get the file that its founders published")
    rules = Rules(frozenset(ActKind[one.upper()] for one in table.act), table.low_balance)
    sponsor = _sponsor(context, cheap=params.name == "regtest")
    return Setting(table.name, params, genesis, rules, table.hook, sponsor)


def _journal(context: RoleContext, magic: bytes) -> Journal:
    return Journal.open(f"{context.data}/book", kind=KIND, magic=magic)


async def _founded(context: RoleContext) -> None:
    """Wait for the sidechain's genesis: before it there is no vault to guard."""
    path = genesis_files.genesis_path(context.name)
    if not os.path.exists(path):  # noqa: ASYNC240 (a file that appears)
        log.info("waiting for the sidechain's genesis", file=path)
    while not os.path.exists(path):  # noqa: ASYNC110, ASYNC240
        await trio.sleep(WAIT_SECONDS)


async def main(context: RoleContext) -> None:
    """Guard until told to stop."""
    table = _table(context)
    methods, watchmen = Methods("guard"), list[Watchman]()

    async def answer(method: str, params: list[Any]) -> Any:
        match method, watchmen:
            case "rpc", []:  # no "no such method", after which nobody asks again
                raise RemoteError(IN_WARMUP, f"the guard of {context.name} starts: ask again")
            case "rpc", _:
                return await methods.answer(params)
            case "metrics", [watchman]:
                return watchman.metrics()
            case _:
                raise RemoteError(METHOD_UNKNOWN, f"there is no {method} here")

    async def alarms(method: str, params: list[Any]) -> AsyncIterator[Any]:
        for watchman in watchmen:
            async for record in watchman.follow():
                yield shown_alarm(record)

    async with trio.open_nursery() as nursery:
        await nursery.start(serve, context.socket, answer, {"alarms": alarms})
        context.announce()
        await _founded(context)
        setting, links = _setting(context, table), GuardLinks(context.name)
        book = Book(_journal(context, setting.params.magic))
        memory = Memory(f"{context.data}/followed", KeptExcerpts, MAX_EXCERPTS)
        watchman = Watchman(setting, links, book, memory)
        await watchman.resume()
        inbox, events = trio.open_memory_channel[Event](INBOX)
        GuardMethods(watchman, inbox).register(methods)
        watchmen.append(watchman)
        await links.run(nursery)
        nursery.start_soon(agree, links)
        nursery.start_soon(follow_main, links, inbox, watchman.known)
        nursery.start_soon(follow_side, links, inbox)
        nursery.start_soon(tick, inbox)
        nursery.start_soon(watchman.hook.run)
        await watchman.run(events)


if __name__ == "__main__":
    run_role("guard", main)
