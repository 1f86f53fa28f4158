"""Hosts over real loopback TLS; nothing here sleeps, each step waits for what it asks about."""

import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest
import trio

from bystack.p2p.addresses import parse
from bystack.p2p.connection import Connection, Limits, goodbye
from bystack.p2p.faults import BREACH_POINTS, SLOW_POINTS
from bystack.p2p.frames import frame
from bystack.p2p.handshake import Channel, Role
from bystack.p2p.host import Class, Connected, Host, HostConfig, Lost, Message
from bystack.p2p.identity import Identity
from bystack.p2p.messages import Kind
from bystack.p2p.peers import PeerBook
from bystack.p2p.transport import make_certificate, secure_client, secure_server
from bystack.primitives.errors import Misuse
from tests.p2p.people import ALICE, BOB, CERTIFICATE, CHAIN, MAGIC, MALLORY, local

CAPS = {16: 1000, 17: 1 << 20}
CAROL = Identity.from_seed(b"c" * 32)


def config(**changes: object) -> HostConfig:
    return HostConfig(**{"chain": CHAIN, "magic": MAGIC, "caps": CAPS, **changes})  # type: ignore[arg-type]


@asynccontextmanager
async def running(host: Host) -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        yield await nursery.start(host.run)
        nursery.cancel_scope.cancel()


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        with trio.fail_after(180):
            await main()

    trio.run(limited)


@asynccontextmanager
async def pair(**changes: object) -> AsyncIterator[tuple[Host, Host]]:
    """Alice, and Bob who dialled her."""
    alice = Host(ALICE, config())
    async with running(alice) as address:
        bob = Host(BOB, config(peers=(address,), **changes))
        async with running(bob):
            assert isinstance(await alice.events.receive(), Connected)
            assert isinstance(await bob.events.receive(), Connected)
            yield alice, bob


async def until(true: Callable[[], bool]) -> None:
    """Let the others run until something holds; the test's deadline bounds it."""
    while not true():
        await trio.lowlevel.checkpoint()


def test_two_hosts_meet_and_talk() -> None:
    async def main() -> None:
        alice, bob = Host(ALICE, config()), Host(BOB, config())
        async with running(alice) as address, running(bob) as own:
            assert address.startswith("127.0.0.1:") and own != address
            bob.connect(f"{ALICE.node_id.hex()}@{address}")
            met = await alice.events.receive()
            assert isinstance(met, Connected) and (met.peer, met.inbound) == (BOB.node_id, True)
            assert await bob.events.receive() == Connected(ALICE.node_id, address, False)
            assert bob.send(ALICE.node_id, 16, b"hello", Class.SYNC)
            assert await alice.events.receive() == Message(BOB.node_id, 16, b"hello")
            assert alice.broadcast(17, b"block", Class.BLOCK) == 1
            assert await bob.events.receive() == Message(ALICE.node_id, 17, b"block")
            await until(lambda: bob.peers()[0].rtt is not None)
            [info] = bob.peers()
            assert (info.node_id, info.address, info.inbound) == (ALICE.node_id, address, False)
            assert info.score == 0 and info.bytes_in > 0 and info.bytes_out > 0

    run(main)


def test_sending_to_nobody_and_too_much() -> None:
    async def main() -> None:
        async with pair() as (alice, bob):
            assert not alice.send(MALLORY.node_id, 16, b"", Class.SYNC)
            assert alice.broadcast(16, b"", Class.SYNC, skip=BOB.node_id) == 0
            for kind, size in ((16, 1001), (18, 0), (2, 0)):
                with pytest.raises(Misuse):
                    bob.send(ALICE.node_id, kind, bytes(size), Class.SYNC)

    run(main)


def test_ten_thousand_messages_arrive_in_order() -> None:
    async def main() -> None:
        async with pair() as (alice, bob), trio.open_nursery() as nursery:

            async def feed() -> None:
                for i in range(10_000):
                    while not bob.send(ALICE.node_id, 16, b"%d" % i, Class.CONSENSUS):
                        await trio.lowlevel.checkpoint()

            nursery.start_soon(feed)
            for i in range(10_000):
                assert await alice.events.receive() == Message(BOB.node_id, 16, b"%d" % i)

    run(main)


def test_a_flood_of_sync_is_dropped_and_consensus_still_passes() -> None:
    async def main() -> None:
        async with pair() as (alice, bob):
            megabyte = bytes(1 << 20)
            sent = [bob.send(ALICE.node_id, 17, megabyte, Class.SYNC) for _ in range(100)]
            assert sent.count(True) < 20
            assert bob.send(ALICE.node_id, 16, b"vote", Class.CONSENSUS)
            got = [await alice.events.receive() for _ in range(sent.count(True) + 1)]
            assert got[0] == Message(BOB.node_id, 16, b"vote")
            assert bob.statistics().dropped == {Class.SYNC: sent.count(False)}
            assert bob.peers()[0].dropped == sent.count(False)

    run(main)


def test_an_application_that_does_not_read_bounds_what_is_held() -> None:
    """Alice reads nothing: the flood stays with Bob, whose own queue is bounded."""

    async def main() -> None:
        async with pair() as (alice, bob):
            tracemalloc.start()
            taken = 0
            for _ in range(3000):
                taken += bob.send(ALICE.node_id, 17, bytes(1 << 16), Class.SYNC)
                await trio.lowlevel.checkpoint()
            held = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            assert held < 40 << 20
            assert alice.events.statistics().current_buffer_used == 16
            for _ in range(taken):
                assert isinstance(await alice.events.receive(), Message)

    run(main)


@pytest.mark.parametrize(
    ("who", "changes", "reason"),
    [
        (BOB, {"chain": b"x" * 32}, "WrongChain"),
        (BOB, {"magic": b"main"}, "WrongNetwork"),
        (ALICE, {}, "SelfConnection"),
        (BOB, {"allow": frozenset({MALLORY.node_id})}, "NotAllowed"),
    ],
)
def test_strangers_are_refused_without_a_point(
    who: Identity, changes: dict[str, object], reason: str
) -> None:
    async def main() -> None:
        alice = Host(ALICE, config())
        async with running(alice) as address:
            other = Host(who, config(peers=(address,), **changes))
            async with running(other):
                await until(lambda: reason in other.statistics().refused)
        assert alice.peers() == ()
        assert alice.book.score("127.0.0.1", 0) == 0

    run(main)


def test_only_the_node_expected_at_an_address() -> None:
    async def main() -> None:
        alice = Host(ALICE, config())
        async with running(alice) as address:
            bob = Host(BOB, config(peers=(f"{MALLORY.node_id.hex()}@{address}",)))
            async with running(bob):
                await until(lambda: "UnexpectedPeer" in bob.statistics().refused)

    run(main)


def test_the_allow_list_admits_those_on_it() -> None:
    async def main() -> None:
        alice = Host(ALICE, config(allow=frozenset({BOB.node_id})))
        async with running(alice) as address:
            async with running(Host(CAROL, config(peers=(address,)))):
                await until(lambda: "NotAllowed" in alice.statistics().refused)
            async with running(Host(BOB, config(peers=(address,)))):
                event = await alice.events.receive()
                assert isinstance(event, Connected) and event.peer == BOB.node_id

    run(main)


def test_a_man_in_the_middle_is_refused_by_both() -> None:
    """Mallory ends TLS with Bob under a certificate of her own and relays every byte to Alice."""

    async def main() -> None:
        alice, shown = Host(ALICE, config()), make_certificate()
        async with running(alice) as address, trio.open_nursery() as nursery:
            relayed = [0, 0]

            async def relay(source: trio.abc.Stream, sink: trio.abc.Stream, way: int) -> None:
                try:
                    async for data in source:
                        relayed[way] += len(data)
                        await sink.send_all(data)
                except trio.BrokenResourceError:
                    pass
                finally:
                    await trio.aclose_forcefully(sink)

            async def attack(stream: trio.SocketStream) -> None:
                victim = await secure_server(stream, shown)
                target = parse(address)
                upstream = await trio.open_tcp_stream(target.host, target.port)
                server = await secure_client(upstream)
                async with trio.open_nursery() as both:
                    both.start_soon(relay, victim.stream, server.stream, 0)
                    both.start_soon(relay, server.stream, victim.stream, 1)

            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, attack, listeners)
            port = listeners[0].socket.getsockname()[1]
            bob = Host(BOB, config(peers=(f"{ALICE.node_id.hex()}@127.0.0.1:{port}",)))
            async with running(bob):
                await until(lambda: "BadProof" in bob.statistics().refused)
            await until(lambda: "BadProof" in alice.statistics().refused or min(relayed) == 0)
            assert min(relayed) > 0
            assert alice.peers() == bob.peers() == ()
            nursery.cancel_scope.cancel()

    run(main)


async def tcp(address: str) -> trio.SocketStream:
    target = parse(address)
    return await trio.open_tcp_stream(target.host, target.port)


async def drained(stream: trio.abc.ReceiveStream) -> bytes:
    got = b""
    try:
        async for data in stream:
            got += data
    except trio.BrokenResourceError:
        pass
    return got


HOSTILE = {
    "GiantLength": b"\xff\xff\xff\xff" * 1000,
    "Garbage": Random(1).randbytes(5000),
    "FirstFrameOfAnotherKind": frame(200, bytes(500)),
    "NotMessagePack": b"\x00\x00\x00\x10" + b"A" * 16,
    "EmptyFrame": bytes(100),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_inside_tls_are_refused_with_a_reason_and_scored(name: str) -> None:
    async def main() -> None:
        alice = Host(ALICE, config(), wall=lambda: 1000.0)
        async with running(alice) as address:
            secured = await secure_client(await tcp(address))
            await secured.stream.send_all(HOSTILE[name])
            said = await drained(secured.stream)
            await until(lambda: alice.statistics().refused != {})
            [reason] = alice.statistics().refused
            assert reason.encode() in said, "the reason is told"
            assert alice.book.score("127.0.0.1", 1000) == BREACH_POINTS
            await meets_bob(alice, address)

    run(main)


async def meets_bob(alice: Host, address: str) -> None:
    """The host is alive."""
    async with running(Host(BOB, config(peers=(address,)))):
        event = await alice.events.receive()
        assert isinstance(event, Connected) and event.peer == BOB.node_id


def test_bytes_that_are_no_tls_are_scored() -> None:
    async def main() -> None:
        alice = Host(ALICE, config(), wall=lambda: 1000.0)
        async with running(alice) as address:
            stream = await tcp(address)
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await drained(stream)
            await until(lambda: alice.statistics().refused == {"TlsFailed": 1})
            assert alice.book.score("127.0.0.1", 1000) == BREACH_POINTS
            await meets_bob(alice, address)

    run(main)


@pytest.mark.parametrize("inside_tls", [True, False])
def test_half_a_handshake_is_late(inside_tls: bool) -> None:
    async def main() -> None:
        alice = Host(ALICE, config(), wall=lambda: 1000.0, limits=Limits(handshake=0.2))
        async with running(alice) as address:
            stream: trio.abc.Stream = await tcp(address)
            if inside_tls:
                stream = (await secure_client(stream)).stream
            half = Connection(local(BOB), Channel(Role.DIALER, CERTIFICATE), 0.0).data_to_send()[0]
            await stream.send_all(half[:20] if inside_tls else b"\x16\x03\x01\x02")
            await drained(stream)
            await until(lambda: alice.statistics().refused == {"HandshakeLate": 1})
            assert alice.book.score("127.0.0.1", 1000) == SLOW_POINTS
            await meets_bob(alice, address)

    run(main)


def test_a_crowd_of_half_handshakes_is_turned_away_and_leaves() -> None:
    async def main() -> None:
        alice = Host(ALICE, config(max_inbound=8), limits=Limits(handshake=0.5))
        async with running(alice) as address:
            crowd = [await tcp(address) for _ in range(20)]
            await until(lambda: alice.statistics().refused.get("Full") == 12)
            for stream in crowd:
                await drained(stream)
            await until(lambda: alice.statistics().refused.get("HandshakeLate") == 8)
            await meets_bob(alice, address)

    run(main)


@asynccontextmanager
async def bare_peer(who: Identity, address: str) -> AsyncIterator[trio.abc.Stream]:
    """An authenticated peer that then says what the test wants."""
    secured = await secure_client(await tcp(address))
    connection = Connection(local(who), Channel(Role.DIALER, secured.certificate), 0.0)
    while not connection.proved:
        for data in connection.data_to_send():
            await secured.stream.send_all(data)
        connection.receive_data(bytes(await secured.stream.receive_some()), 0.0)
        while connection.next_event(0.0) is not None:
            pass
    yield secured.stream
    await trio.aclose_forcefully(secured.stream)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (frame(18, b""), "UnknownKind"),
        (frame(16, bytes(1001)), "FrameTooLong"),
        (b"\xff\xff\xff\xff", "FrameTooLong"),
        (frame(Kind.PONG, b"\x91\x07"), "OutOfTurn"),
        (frame(Kind.PING, b"\x91\xc0"), "Malformed"),
        (frame(Kind.ADDRESSES, b"\x91\x90"), "OutOfTurn"),
    ],
)
def test_breaches_of_a_proved_peer_are_charged_to_it(data: bytes, reason: str) -> None:
    async def main() -> None:
        alice = Host(ALICE, config(), wall=lambda: 1000.0)
        async with running(alice) as address, bare_peer(MALLORY, address) as stream:
            assert isinstance(await alice.events.receive(), Connected)
            await stream.send_all(data)
            assert reason.encode() in await drained(stream)
            assert await alice.events.receive() == Lost(MALLORY.node_id, reason)
            assert alice.statistics().refused == {reason: 1}
            assert alice.book.score(MALLORY.node_id.hex(), 1000) == BREACH_POINTS

    run(main)


def test_five_breaches_ban_a_node_and_the_ban_outlives_a_restart() -> None:
    async def main() -> None:
        alice = Host(ALICE, config())
        async with running(alice) as address:
            for _ in range(5):
                async with bare_peer(MALLORY, address) as stream:
                    await stream.send_all(frame(99, b""))
                    await drained(stream)
        stored = alice.book.encode()
        again = Host(ALICE, config(), PeerBook.restore(stored))
        async with running(again) as address, bare_peer(MALLORY, address) as stream:
            assert goodbye("Banned") in await drained(stream)
            await meets_bob(again, address)

    run(main)


def test_a_hundred_points_from_the_application_disconnect_and_ban() -> None:
    async def main() -> None:
        async with pair() as (alice, bob):
            alice.penalise(BOB.node_id, 99, "BadBlock")
            assert alice.peers()[0].score == 99
            alice.penalise(BOB.node_id, 1, "BadBlock")
            assert await alice.events.receive() == Lost(BOB.node_id, "Banned")
            assert await bob.events.receive() == Lost(ALICE.node_id, "Banned")
            assert alice.peers() == ()

    run(main)


@pytest.mark.parametrize("by", ["node", "host"])
def test_a_ban_by_hand_and_its_lifting(by: str) -> None:
    async def main() -> None:
        async with pair() as (alice, bob):
            target: bytes | str = BOB.node_id if by == "node" else "127.0.0.1"
            alice.ban(target, 3600)
            assert await alice.events.receive() == Lost(BOB.node_id, "Banned")
            assert isinstance(await bob.events.receive(), Lost)
            alice.unban(target)
            assert isinstance(await alice.events.receive(), Connected)

    run(main)


def test_a_lost_peer_is_dialled_again() -> None:
    async def main() -> None:
        alice, bob = Host(ALICE, config()), Host(BOB, config())
        async with running(bob):
            async with running(alice) as address:
                bob.connect(address)
                assert isinstance(await bob.events.receive(), Connected)
            lost = await bob.events.receive()
            assert isinstance(lost, Lost) and lost.peer == ALICE.node_id
            async with running(Host(ALICE, config(listen=address))):
                assert await bob.events.receive() == Connected(ALICE.node_id, address, False)

    run(main)


def test_disconnect_is_for_good_until_connect() -> None:
    async def main() -> None:
        async with pair() as (alice, bob):
            address = bob.peers()[0].address
            bob.disconnect(ALICE.node_id)
            assert await bob.events.receive() == Lost(ALICE.node_id, "Disconnected")
            assert await alice.events.receive() == Lost(BOB.node_id, "Disconnected")
            bob.connect(address)
            assert isinstance(await alice.events.receive(), Connected)

    run(main)


def test_two_that_dial_each_other_end_with_one_connection() -> None:
    async def main() -> None:
        alice, bob = Host(ALICE, config()), Host(BOB, config())
        async with running(alice) as at_alice, running(bob) as at_bob:
            alice.connect(at_bob)
            bob.connect(at_alice)

            def settled() -> bool:
                both = alice.peers() + bob.peers()
                return len(both) == 2 and both[0].inbound != both[1].inbound

            async with trio.open_nursery() as nursery:

                async def keep_sending() -> None:  # what goes into the closing one is lost
                    while True:
                        bob.send(ALICE.node_id, 16, b"x", Class.SYNC)
                        await trio.sleep(0.01)

                nursery.start_soon(keep_sending)
                while not isinstance(event := await alice.events.receive(), Message):
                    assert event.peer == BOB.node_id
                assert event.payload == b"x"
                nursery.cancel_scope.cancel()
            await until(settled)

    run(main)


def test_addresses_spread_and_are_dialled() -> None:
    """Carol knows only Alice, and comes to know Bob from her."""

    async def main() -> None:
        alice, bob, carol = (Host(who, config()) for who in (ALICE, BOB, CAROL))
        async with running(alice) as at_alice, running(bob) as at_bob, running(carol):
            alice.connect(at_bob)
            assert isinstance(await alice.events.receive(), Connected)
            alice.book.learn(at_bob, "127.0.0.1")
            alice.book.answered(at_bob, 1)
            carol.connect(at_alice)
            met = {(await carol.events.receive()).peer for _ in range(2)}
            assert met == {ALICE.node_id, BOB.node_id}

    run(main)


def test_a_host_may_only_dial() -> None:
    async def main() -> None:
        alice = Host(ALICE, config())
        async with running(alice) as address:
            bob = Host(BOB, config(listen="", peers=(address,)))
            async with running(bob) as nothing:
                assert nothing == ""
                assert isinstance(await bob.events.receive(), Connected)

    run(main)


def test_events_end_with_the_host() -> None:
    async def main() -> None:
        alice = Host(ALICE, config())
        async with running(alice):
            pass
        with pytest.raises(trio.EndOfChannel):
            await alice.events.receive()

    run(main)
