"""Nodes that know each other by node id only come to be connected."""

from __future__ import annotations

from bystack.p2p.host import Class
from bystack.p2p.identity import Identity
from bystack.p2p.meeting import WHEREABOUTS, Meeting
from bystack.primitives.codec import encode
from tests.p2p.people import ALICE, BOB, CHAIN, MALLORY

PLACES = {ALICE.node_id: "9.9.9.9:1", BOB.node_id: "9.9.9.9:2", MALLORY.node_id: "9.9.9.9:3"}


class Net:
    """Hosts joined in a line; what is queued arrives when `deliver` is called."""

    def __init__(self) -> None:
        self.ends: dict[bytes, End] = {}
        self.queue: list[tuple[bytes, bytes, bytes]] = []

    def deliver(self) -> None:
        while self.queue:
            source, target, payload = self.queue.pop(0)
            self.ends[target].meeting.hear(source, payload)


class End:
    def __init__(self, net: Net, who: Identity) -> None:
        self.net, self.id, self.near = net, who.node_id, list[bytes]()
        self.kept: list[str] = []
        self.penalties: list[str] = []
        self.place = PLACES[who.node_id]
        self.clock = 1_000
        self.meeting = Meeting(self, who, CHAIN, lambda: self.place, lambda: self.clock)
        net.ends[self.id] = self

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        assert kind == WHEREABOUTS
        self.net.queue.append((self.id, peer, payload))
        return True

    def broadcast(self, kind: int, payload: bytes, cls: Class, *, skip: bytes | None = None) -> int:
        return sum(self.send(peer, kind, payload, cls) for peer in self.near if peer != skip)

    def penalise(self, peer: bytes, points: int, reason: str) -> None:
        self.penalties.append(reason)

    def connect(self, address: str) -> None:
        self.kept.append(address)

    def let_go(self, address: str) -> None:
        self.kept.remove(address)


def line() -> tuple[Net, End, End, End]:
    """Alice - Mallory (who only follows) - Bob."""
    net = Net()
    alice, mallory, bob = (End(net, who) for who in (ALICE, MALLORY, BOB))
    for one, two in ((alice, mallory), (mallory, bob)):
        one.near.append(two.id)
        two.near.append(one.id)
    return net, alice, mallory, bob


def target(who: Identity, place: str) -> str:
    return f"{who.node_id.hex()}@{place}"


def test_the_elected_meet_through_one_who_follows() -> None:
    net, alice, mallory, bob = line()
    for end in (alice, mallory, bob):
        end.meeting.turn({ALICE.node_id, BOB.node_id})
    net.deliver()
    assert alice.kept == [target(BOB, PLACES[BOB.node_id])]
    assert bob.kept == [target(ALICE, PLACES[ALICE.node_id])]
    assert mallory.kept == []


def test_one_who_comes_later_is_told_what_is_known() -> None:
    net, alice, mallory, bob = line()
    for end in (alice, mallory):
        end.meeting.turn({ALICE.node_id, BOB.node_id})
    net.deliver()
    bob.meeting.turn({ALICE.node_id, BOB.node_id})
    mallory.meeting.join(bob.id)
    net.deliver()
    assert bob.kept == [target(ALICE, PLACES[ALICE.node_id])]
    assert alice.kept == [target(BOB, PLACES[BOB.node_id])]


def test_one_who_moves_is_followed_and_one_not_elected_again_is_let_go() -> None:
    net, alice, mallory, bob = line()
    both = {ALICE.node_id, BOB.node_id}
    for end in (alice, mallory, bob):
        end.meeting.turn(both)
    net.deliver()
    bob.place, bob.clock = "9.9.9.9:22", 2_000
    bob.meeting.turn(both)
    net.deliver()
    assert alice.kept == [target(BOB, "9.9.9.9:22")]
    alice.meeting.turn({ALICE.node_id})
    assert alice.kept == []


def test_a_lie_costs_its_sender() -> None:
    _, alice, mallory, _ = line()
    alice.meeting.turn({ALICE.node_id, BOB.node_id})
    alice.meeting.hear(mallory.id, b"\xff")
    alice.meeting.hear(mallory.id, encode(((BOB.public, b"1.1.1.1:1", 5, bytes(64)),)))
    assert alice.penalties == ["Malformed", "WhereaboutsSignature"]
    assert alice.kept == []


def test_one_who_cannot_be_reached_says_nothing() -> None:
    net, alice, *_ = line()
    alice.place = ""
    alice.meeting.turn({ALICE.node_id})
    assert net.queue == []
