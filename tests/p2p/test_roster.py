from random import Random

import pytest

from bystack.p2p.addresses import Address, parse, parse_target
from bystack.p2p.connection import FrameLate
from bystack.p2p.faults import BREACH_POINTS, SLOW_POINTS, StreamBroken, TlsFailed, points
from bystack.p2p.frames import UnknownKind
from bystack.p2p.handshake import Role, WrongChain
from bystack.p2p.identity import NodeId
from bystack.p2p.peers import PeerBook
from bystack.p2p.queues import Class
from bystack.p2p.reports import HostConfig
from bystack.p2p.roster import MAX_INBOUND_PER_HOST, MAX_MET, Roster, Session
from bystack.primitives.errors import Misuse
from tests.p2p.people import CHAIN, MAGIC

NOW = 1_700_000_000
LOW, HIGH = NodeId(b"\x01" * 32), NodeId(b"\x02" * 32)


class Line:
    bytes_in = bytes_out = 0

    def __init__(self, room: bool = True) -> None:
        self.room = room

    def post(self, cls: Class, frame: bytes) -> bool:
        return self.room

    def close(self, reason: str) -> None:
        raise AssertionError("nobody closes here")


def roster(node: NodeId = LOW, **changes: object) -> Roster:
    config = HostConfig(CHAIN, MAGIC, **changes)  # type: ignore[arg-type]
    return Roster(node, config, PeerBook())


def session(role: Role, address: str = "8.8.8.8:1", began: float = 0.0) -> Session:
    return Session(Line(), role, parse(address), began, 0.0)


@pytest.mark.parametrize("first_by_low", [True, False])
def test_both_ends_keep_the_same_of_two_crossing_connections(first_by_low: bool) -> None:
    """The connection dialled by the smaller id stays, in whatever order the two come up."""
    at_low, at_high = roster(LOW), roster(HIGH)
    roles = {True: (Role.DIALER, Role.LISTENER), False: (Role.LISTENER, Role.DIALER)}
    old, new = roles[first_by_low], roles[not first_by_low]
    low = at_low.prefers(session(new[0]), session(old[0]), HIGH)
    high = at_high.prefers(session(new[1]), session(old[1]), LOW)
    assert low == high == (not first_by_low)


def test_a_connection_of_some_age_is_not_given_up() -> None:
    """Else an old, working connection would fall to each learnt address that leads to its peer."""
    old, new = session(Role.LISTENER), session(Role.DIALER, began=11.0)
    assert not roster(LOW).prefers(new, old, HIGH)


def test_who_dials_again_has_lost_the_first() -> None:
    old, new = session(Role.LISTENER), session(Role.LISTENER, began=1000.0)
    assert roster(LOW).prefers(new, old, HIGH) and roster(HIGH).prefers(new, old, LOW)


def test_inbound_is_limited_in_all_and_per_host() -> None:
    state = roster(max_inbound=20)
    stranger = Address("8.8.8.8", 5)
    state.inbound["8.8.8.8"] = MAX_INBOUND_PER_HOST - 1
    assert state.refusal(stranger, NOW, 0.0) is None
    state.inbound["8.8.8.8"] += 1
    assert state.refusal(stranger, NOW, 0.0) == "FullForHost"
    state.inbound["127.0.0.1"] = 12
    assert state.refusal(Address("127.0.0.1", 5), NOW, 0.0) == "Full"
    state.book.ban("7.7.7.7", NOW + 1)
    assert state.refusal(Address("7.7.7.7", 5), NOW, 0.0) == "Banned"


def test_a_host_that_comes_too_often() -> None:
    state = roster()
    refusals = [state.refusal(Address("8.8.8.8", 5), NOW, 0.0) for _ in range(41)]
    assert refusals == [None] * 40 + ["TooOften"]
    assert state.refusal(Address("127.0.0.1", 5), NOW, 0.0) is None


def test_candidates_spread_and_leave_out_what_we_have() -> None:
    state = roster(peers=("8.3.0.1:1",), max_outbound=2)
    state.listening = "8.4.0.1:1"
    for i in range(1, 8):
        state.book.learn(f"8.{i}.0.1:1", "9.9.9.9")
    state.everyone.add(session(Role.DIALER, "8.1.0.9:1"))
    inbound = session(Role.LISTENER, "8.2.0.1:50000")
    inbound.advertised = "8.2.0.1:1"
    state.everyone.add(inbound)
    state.nodes["8.5.0.1:1"] = HIGH
    state.sessions[HIGH] = inbound
    found = {state.candidate(NOW, Random(i)) for i in range(50)}
    assert found == {"8.6.0.1:1", "8.7.0.1:1"}
    state.everyone.add(session(Role.DIALER, "8.6.0.1:1"))
    assert state.candidate(NOW, Random(1)) is None  # both slots taken


def test_faults_are_charged_to_host_and_node() -> None:
    state = roster()
    peer = session(Role.LISTENER)
    state.blame(peer.blamed, TlsFailed(), NOW)
    peer.peer = HIGH
    state.blame(peer.blamed, UnknownKind(), NOW)
    state.blame(peer.blamed, WrongChain(), NOW)
    assert state.book.score(HIGH.hex(), NOW) == BREACH_POINTS
    assert state.book.score("8.8.8.8", NOW) == 2 * BREACH_POINTS
    assert state.refused == {"TlsFailed": 1, "UnknownKind": 1, "WrongChain": 1}
    for _ in range(3):
        state.blame(peer.blamed, UnknownKind(), NOW)
    assert state.book.banned(NOW, "8.8.8.8")


def test_whom_we_dialled_bears_nothing_before_its_key_is_proved() -> None:
    dialled = session(Role.DIALER)
    assert dialled.blamed == () and "8.8.8.8" in dialled.names
    dialled.peer = HIGH
    assert dialled.blamed == ("8.8.8.8", HIGH.hex())


def test_what_faults_cost() -> None:
    assert points(WrongChain()) == 0 < points(FrameLate()) == SLOW_POINTS < points(UnknownKind())
    assert points(StreamBroken()) == 0, "whom we kept waiting hangs up"


def test_drops_are_counted() -> None:
    state, peer = roster(), session(Role.DIALER)
    peer.link = Line(room=False)
    assert not state.post(peer, b"x", Class.SYNC)
    assert state.dropped[Class.SYNC] == peer.dropped == state.info(peer, NOW).dropped == 1


def test_kept_addresses_of_a_peer_are_dropped_however_known() -> None:
    state = roster(peers=(f"{HIGH.hex()}@8.1.0.1:1", "8.2.0.1:1", "8.3.0.1:1"))
    state.nodes["8.2.0.1:1"] = HIGH
    state.dismiss(HIGH)
    assert set(state.kept) == {"8.3.0.1:1"}
    assert state.connected(parse_target("8.2.0.1:1")) is None
    state.sessions[HIGH] = session(Role.DIALER)
    assert state.connected(parse_target("8.2.0.1:1")) is state.sessions[HIGH]


def test_configurations_that_are_our_own_mistake() -> None:
    for chain, magic, caps in ((b"", MAGIC, {}), (CHAIN, b"", {}), (CHAIN, MAGIC, {15: 1})):
        with pytest.raises(Misuse):
            HostConfig(chain, magic, caps=caps)


def test_who_answered_where_is_remembered_within_bounds() -> None:
    state = roster()
    for port in range(MAX_MET + 10):
        state.met(Address("8.8.8.8", port), HIGH)
    assert len(state.nodes) == MAX_MET
    assert "8.8.8.8:9" not in state.nodes and "8.8.8.8:10" in state.nodes
