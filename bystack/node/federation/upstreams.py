"""Hearing the main chain's headers from other nodes than the own, for the signer to compare.

It dials the nodes the operator named, asks them as any peer does, and hands on what they say. The
signer verifies the headers and counts who agrees; here is decided nothing (P02, P03).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import structlog
import trio

from bystack.mainchain.messages import CAPS, GetHeaders, Headers, decode_message, encode_message
from bystack.mainchain.params import Params
from bystack.node.federation.links import Links
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.mainchain.wire import host_config
from bystack.p2p.addresses import parse_target
from bystack.p2p.host import Class, Connected, Host, Lost, Message
from bystack.p2p.identity import Identity
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

log = structlog.get_logger("federation")

ASK_SECONDS: Final = 5.0
BEHIND: Final = 4
"""Which id of the signer's locator is asked from: about 16 blocks below its tip, so that an answer
always tells which chain the node follows."""


class Hearing:
    """The named main-chain nodes, and the own one, asked for headers again and again."""

    def __init__(self, links: Links, params: Params, peers: tuple[str, ...]) -> None:
        self._links = links
        # Nodes tell their peers more than headers: what is not asked for is heard and passed over.
        config = replace(host_config(params, "", peers), max_outbound=len(peers))
        self._host = Host(Identity.from_seed(secrets.token_bytes(32)), config)
        self._names = names_of(peers)
        self._here: dict[bytes, str] = {}

    async def run(self) -> None:
        """Ask and hear until cancelled."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._host.run)
            nursery.start_soon(self._hear)
            while True:
                await trio.sleep(ASK_SECONDS)
                try:
                    await self.ask()
                except (Unavailable, RemoteError, Invalid) as error:
                    log.debug("upstreams not asked", reason=str(error))

    async def ask(self) -> None:
        """Ask everyone who is there; the own node's silence is its agreement."""
        known = await self._links.signer.call("locator")
        if not await self._links.main.call("headers", known, 1):
            await self._links.signer.call("headers", [])
        asked = GetHeaders(tuple(known[min(BEHIND, len(known) - 1) :])[:64])
        for peer in self._here:
            self._host.send(peer, *encode_message(asked), Class.SYNC)

    async def _hear(self) -> None:
        async for event in self._host.events:
            match event:
                case Connected(peer, address):
                    self._here[peer] = self._names.get(peer.hex(), self._names.get(address, ""))
                case Lost(peer):
                    self._here.pop(peer, None)
                case Message(peer, kind, payload) if kind in CAPS and self._here.get(peer):
                    await self._take(self._here[peer], peer, kind, payload)
                case _:
                    continue

    async def _take(self, name: str, peer: bytes, kind: int, payload: bytes) -> None:
        try:
            match decode_message(kind, payload):
                case Headers(headers):
                    given = [encode(header) for header in headers]
                    await self._links.signer.call("upstream", name, given)
                case _:
                    return
        except Invalid as error:
            self._host.penalise(peer, 20, error.rule)
        except (Unavailable, RemoteError) as error:
            log.info("upstream's headers not taken", upstream=name, reason=str(error))


def names_of(peers: tuple[str, ...]) -> Mapping[str, str]:
    """The configuration's text of a peer, by its node id in hex, or its address where it has none.

    Raises `BadAddress`.
    """
    targets = {peer: parse_target(peer) for peer in peers}
    return {
        target.node.hex() if target.node else str(target.address): peer
        for peer, target in targets.items()
    }
