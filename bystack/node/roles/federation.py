"""The member's process: its own peer network among members, lines to its node, its inbox."""

from __future__ import annotations

import os
import secrets
import time

import structlog
import trio

from bystack.federation.roster_file import roster_of
from bystack.federation.trail import MAX_FOLLOWED, Followed, Trail
from bystack.node import federation_files
from bystack.node.config.tables import Federation
from bystack.node.federation.agreeing import agree
from bystack.node.federation.asking import Requests
from bystack.node.federation.doubting import Doubting
from bystack.node.federation.events import Event
from bystack.node.federation.following import TICK_SECONDS, follow_main, follow_side, tick
from bystack.node.federation.gathering import MEMBER_CAPS, Gathering, reachable
from bystack.node.federation.governing import Governing
from bystack.node.federation.links import Links
from bystack.node.federation.measuring import figures
from bystack.node.federation.member import Member
from bystack.node.federation.memory import Memory
from bystack.node.federation.methods import methods_of
from bystack.node.federation.setting import Setting
from bystack.node.federation.showing import Showing
from bystack.node.federation.stating import Stating
from bystack.node.federation.upstreams import Hearing
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError, serve
from bystack.node.networks import params_of
from bystack.node.processes.role_main import RoleContext, run_role
from bystack.node.signer import keys
from bystack.p2p.host import Host, HostConfig
from bystack.p2p.identity import Identity
from bystack.p2p.meeting import Meeting

log = structlog.get_logger("federation")

INBOX = 256


def _table(context: RoleContext) -> Federation:
    return next(table for table in context.config.federation if table.name == context.name)


def _sponsor(context: RoleContext, *, cheap: bool) -> bytes:
    """The sponsor's secret; made on first use, it holds fees only."""
    path = f"{context.data}/sponsor.key"
    if not os.path.exists(path):
        keys.save(path, keys.NAMED, secrets.token_bytes(32), cheap=cheap)
    return keys.load(path, keys.NAMED, cheap=cheap)


def _setting(context: RoleContext, table: Federation, identity: Identity) -> Setting:
    params = params_of(context.config.network)
    file = federation_files.read_roster(federation_files.roster_path(context.name))
    roster = roster_of(file)
    return Setting(
        name=context.name,
        params=params,
        charter=federation_files.read_charter(table.charter),
        file=file,
        roster=roster,
        seat=roster.position(identity.public),
        sponsor=_sponsor(context, cheap=params.name == "regtest"),
    )


async def _speak(links: Links, inbox: trio.MemorySendChannel[Event], setting: Setting) -> None:
    """Doubt the relay and state the reserves, once this node has the sidechain."""
    while (genesis := setting.genesis()) is None:  # noqa: ASYNC110 (a file that appears)
        await trio.sleep(TICK_SECONDS)
    governing = Governing(links, Requests(inbox), setting.identity)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Doubting(links, governing, setting.identity, genesis.depth).run)
        nursery.start_soon(Stating(links, governing, setting.identity).run)


def _host(table: Federation, setting: Setting, identity: Identity) -> Host:
    config = HostConfig(
        chain=setting.charter.hash,
        magic=setting.params.magic,
        listen=table.listen,
        peers=table.peers,
        allow=frozenset(member.node for member in setting.roster.members),
        caps=MEMBER_CAPS,
    )
    return Host(identity, config)


def _meeting(table: Federation, setting: Setting, host: Host, identity: Identity) -> Meeting:
    def place() -> str:
        return reachable(table.advertise, host.listening)

    def wall_ms() -> int:
        return time.time_ns() // 1_000_000

    return Meeting(host, identity, setting.charter.hash, place, wall_ms)


async def main(context: RoleContext) -> None:
    """Be a member until told to stop."""
    table = _table(context)
    cheap = params_of(context.config.network).name == "regtest"
    identity = Identity.from_seed(keys.load(table.member_key, keys.MEMBER, cheap=cheap))
    setting = _setting(context, table, identity)
    links, host = Links(context.name), _host(table, setting, identity)
    meeting = _meeting(table, setting, host, identity)
    inbox, events = trio.open_memory_channel[Event](INBOX)
    trail = Trail(setting.main, setting.sponsor, setting.params.maturity)
    memory = Memory(f"{context.data}/followed", Followed, MAX_FOLLOWED)
    memory.resume(trail)
    member = Member(setting, links, host, trail, memory)
    methods = methods_of(links, Requests(inbox), setting.identity)

    async def answer(method: str, params: list[object]) -> object:
        match method:
            case "rpc":
                return await methods.answer(params)
            case "metrics":
                return (await figures(member)).told()
            case _:
                raise RemoteError(METHOD_UNKNOWN, f"there is no {method} here")

    async with trio.open_nursery() as nursery:
        await links.run(nursery)
        address = await nursery.start(host.run)
        await nursery.start(serve, context.socket, answer)
        context.announce(listen=address, node=identity.node_id.hex())
        nursery.start_soon(follow_main, links, inbox, trail.known)
        nursery.start_soon(follow_side, links, inbox)
        nursery.start_soon(tick, inbox)
        nursery.start_soon(agree, links)
        nursery.start_soon(_speak, links, inbox, setting)
        nursery.start_soon(Gathering(host, meeting, member.sitting).run, inbox)
        nursery.start_soon(Showing(links).run)
        if table.upstreams > 1:
            nursery.start_soon(Hearing(links, setting.params, table.upstream_peers).run)
        await member.run(events)


if __name__ == "__main__":
    run_role("federation", main)
