"""A member asks other main-chain nodes over their real peer network, and hands on what they say."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.messages import (
    Announce,
    GetHeaders,
    Headers,
    decode_message,
    encode_message,
)
from bystack.mainchain.params import REGTEST
from bystack.node.federation import upstreams
from bystack.node.federation.links import Links
from bystack.node.federation.upstreams import Hearing, names_of
from bystack.node.mainchain.wire import GOSSIP, host_config
from bystack.p2p.addresses import BadAddress
from bystack.p2p.host import Class, Host, Message
from bystack.p2p.identity import Identity
from bystack.primitives.codec import encode
from tests.mainchain.builders import headers_after

IDS = [bytes([n]) * 32 for n in range(1, 9)]
HEADERS = headers_after(genesis_entry(REGTEST), 3, REGTEST)


class Signer:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.own, self.heard = 0, dict[str, list[bytes]]()
        self.told = trio.Event()

    async def call(self, method: str, *params: Any) -> Any:
        match method, params:
            case "locator", ():
                return IDS
            case "headers", ([],):
                self.own += 1
            case "upstream", (str() as source, list() as headers):
                self.heard[source] = headers
                self.told.set()
        return [0, bytes(32), -1]


class Main:
    """The own node: it has better headers or none."""

    def __init__(self, better: Iterable[Header] = ()) -> None:
        self.better = [encode(one) for one in better]

    async def call(self, method: str, known: list[bytes], most: int) -> list[bytes]:
        assert (method, known) == ("headers", IDS)
        return self.better[:most]


def peer(number: int) -> tuple[Host, Identity]:
    identity = Identity.from_seed(bytes([number]) * 32)
    return Host(identity, host_config(REGTEST, "127.0.0.1:0", ())), identity


async def answer(host: Host, asked: list[GetHeaders]) -> None:
    async for event in host.events:
        match event:
            case Message(peer, got, payload):
                request = decode_message(got, payload)
                assert isinstance(request, GetHeaders)
                asked.append(request)
                # As any node it tells its peers what is new as well: a transaction, a block.
                host.send(peer, GOSSIP, b"\x00", Class.BLOCK)
                host.send(peer, *encode_message(Announce(HEADERS[-1])), Class.BLOCK)
                host.send(peer, *encode_message(Headers(tuple(HEADERS))), Class.SYNC)
            case _:
                continue


@pytest.mark.parametrize("named", [True, False])
def test_a_named_node_is_asked_and_its_headers_handed_on(
    named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstreams, "ASK_SECONDS", 0.05)
    signer, asked = Signer(), list[GetHeaders]()
    links = cast(Links, SimpleNamespace(signer=signer, main=Main()))

    async def play() -> str:
        host, identity = peer(1)
        async with trio.open_nursery() as nursery:
            address = await nursery.start(host.run)
            name = f"{identity.node_id.hex()}@{address}" if named else address
            nursery.start_soon(answer, host, asked)
            nursery.start_soon(Hearing(links, REGTEST, (name,)).run)
            with trio.fail_after(180):
                for _ in range(2):  # and is listened to after that
                    await signer.told.wait()
                    signer.told = trio.Event()
            nursery.cancel_scope.cancel()
        return name

    name = trio.run(play)
    assert signer.heard == {name: [encode(one) for one in HEADERS]}
    assert asked[0].locator == tuple(IDS[upstreams.BEHIND :]), "from below the tip: it always tells"
    assert signer.own > 0


def test_the_own_node_agrees_while_it_has_nothing_better() -> None:
    for better, agrees in (((), 1), (HEADERS, 0)):
        signer = Signer()
        links = cast(Links, SimpleNamespace(signer=signer, main=Main(better)))
        trio.run(Hearing(links, REGTEST, ()).ask)
        assert signer.own == agrees


def test_peers_go_by_the_words_of_the_configuration() -> None:
    node = "ab" * 32
    texts = (f"{node}@10.0.0.1:99", "host.example:7")
    assert dict(names_of(texts)) == {node: texts[0], "host.example:7": texts[1]}
    with pytest.raises(BadAddress):
        names_of(("nowhere",))
