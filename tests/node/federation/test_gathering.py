"""Members of whom each knows one other come to be connected to all: a ceremony needs every one."""

from __future__ import annotations

import pytest
import trio
from msgspec.structs import replace

from bystack.federation.members import Member, Roster
from bystack.node.federation.events import Event, PeerMessage
from bystack.node.federation.gathering import MEMBER_CAPS, Gathering, reachable
from bystack.node.federation.member import CEREMONY
from bystack.node.federation.sitting import Sitting
from bystack.p2p.host import Class, Host, HostConfig
from bystack.p2p.identity import Identity
from bystack.p2p.meeting import Meeting
from tests.federation.stage import session
from tests.p2p.people import CHAIN, MAGIC

PEOPLE = [Identity.from_seed(bytes([n]) * 32) for n in range(1, 5)]


def seated(roster: Roster) -> Roster:
    """The roster's members on the nodes of these people."""
    pairs = zip(roster.members, PEOPLE, strict=True)
    members: tuple[Member, ...] = tuple(replace(one, node=who.node_id) for one, who in pairs)
    return replace(roster, members=members)


class Node:
    """A member's host and how it hears it."""

    def __init__(self, who: Identity, roster: Roster, peers: tuple[str, ...]) -> None:
        self.id = who.node_id
        allow = frozenset(one.node for one in roster.members)
        self.host = Host(who, HostConfig(CHAIN, MAGIC, peers=peers, allow=allow, caps=MEMBER_CAPS))
        sitting = Sitting(who.public, roster)
        meeting = Meeting(self.host, who, CHAIN, self._place, lambda: 5)
        self.gathering = Gathering(self.host, meeting, sitting)
        self.inbox, self.events = trio.open_memory_channel[Event](1_000)

    def _place(self) -> str:
        return reachable("", self.host.listening)

    async def run(self, nursery: trio.Nursery) -> str:
        place: str = await nursery.start(self.host.run)
        nursery.start_soon(self.gathering.run, self.inbox)
        return place


async def again(host: Host) -> None:
    """Say it again, as ceremonies do: two that dial each other at once drop a connection."""
    while True:
        host.broadcast(CEREMONY, b"deal", Class.CONSENSUS)
        await trio.sleep(0.05)


@pytest.mark.parametrize("shape", ["star", "line"])
def test_members_on_any_connected_graph_hear_each_other(shape: str) -> None:
    roster = seated(session((1, 1, 1, 1), 3).roster)

    async def play() -> None:
        with trio.fail_after(180):
            async with trio.open_nursery() as nursery:
                nodes: list[Node] = []
                places: list[str] = []
                for who in PEOPLE:
                    known = places[:1] if shape == "star" else places[-1:]
                    nodes.append(Node(who, roster, tuple(known)))
                    places.append(await nodes[-1].run(nursery))
                nursery.start_soon(again, nodes[1].host)
                for at in (0, 2, 3):
                    heard = await nodes[at].events.receive()
                    assert heard == PeerMessage(nodes[1].id, CEREMONY, b"deal")
                nursery.cancel_scope.cancel()

    trio.run(play)


@pytest.mark.parametrize(
    ("advertised", "listening", "said"),
    [
        ("", "192.0.2.7:7101", "192.0.2.7:7101"),
        ("alice.example:7101", "0.0.0.0:7101", "alice.example:7101"),
        ("", "0.0.0.0:7101", ""),
        ("", "", ""),
    ],
)
def test_what_a_member_says_names_one_machine(advertised: str, listening: str, said: str) -> None:
    assert reachable(advertised, listening) == said
