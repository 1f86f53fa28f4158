import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair

from bystack.p2p.connection import Connection, FrameLate, Limits
from bystack.p2p.events import ConnectionEvent, Established, Received
from bystack.p2p.faults import SendLate, StreamBroken, TlsFailed
from bystack.p2p.frames import UnknownKind, frame
from bystack.p2p.handshake import Channel, Role
from bystack.p2p.queues import Class
from bystack.p2p.transport import (
    MESSAGE_RATE,
    Ending,
    Link,
    SecureStream,
    make_certificate,
    secure_client,
    secure_server,
)
from tests.p2p.people import ALICE, BOB, CERTIFICATE, local

IMPATIENT_BOB = replace(local(BOB), limits=Limits(frame=10.0))
Pair = Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]]


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run on a clock that jumps to the next deadline whenever all wait: no test sleeps."""
    trio.run(main, clock=MockClock(autojump_threshold=0))


async def encrypted() -> tuple[SecureStream, SecureStream]:
    near, far = memory_stream_pair()
    ends: dict[str, SecureStream] = {}

    async def serve() -> None:
        ends["server"] = await secure_server(far, make_certificate())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        ends["client"] = await secure_client(near)
    return ends["client"], ends["server"]


def test_both_ends_know_the_same_certificate() -> None:
    async def main() -> None:
        client, server = await encrypted()
        assert client.certificate == server.certificate
        assert len(client.certificate) == 32
        await client.stream.send_all(b"hello")
        assert await server.stream.receive_some() == b"hello"
        other, _ = await encrypted()
        assert other.certificate != client.certificate

    run(main)


def test_tls_1_3_or_nothing() -> None:
    async def main() -> None:
        near, far = memory_stream_pair()
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.maximum_version = ssl.TLSVersion.TLSv1_2

        async def dial() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await trio.SSLStream(near, old).do_handshake()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(dial)
            with pytest.raises(TlsFailed):
                await secure_server(far, make_certificate())
            await far.aclose()

    run(main)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", bytes(100), b"\xff" * 100])
def test_garbage_is_no_tls(data: bytes) -> None:
    async def main() -> None:
        near, far = memory_stream_pair()
        await near.send_all(data)
        with pytest.raises(TlsFailed):
            await secure_server(far, make_certificate())

    run(main)


def test_who_leaves_in_the_handshake_is_no_breach() -> None:
    async def main() -> None:
        near, far = memory_stream_pair()
        await near.send_all(b"\x16\x03\x01")
        await near.aclose()
        with pytest.raises(StreamBroken):
            await secure_server(far, make_certificate())

    run(main)


class Ends:
    """Two links over memory, what Bob got, and how each ended; a deaf Bob takes one and stops."""

    def __init__(self, pair: Pair) -> None:
        near, far = pair()
        now = trio.current_time()
        self.deaf = False
        self.hear = trio.Event()
        self._news = trio.Event()
        self.alice = Link(
            SecureStream(near, CERTIFICATE),
            Connection(local(ALICE), Channel(Role.DIALER, CERTIFICATE), now),
        )
        self.bob = Link(
            SecureStream(far, CERTIFICATE),
            Connection(IMPATIENT_BOB, Channel(Role.LISTENER, CERTIFICATE), now),
        )
        self.got: list[ConnectionEvent] = []
        self.open = trio.Event()
        self.endings: dict[str, Ending] = {}

    async def run_alice(self) -> None:
        self.endings["alice"] = await self.alice.run(self.note)

    async def run_bob(self) -> None:
        self.endings["bob"] = await self.bob.run(self.keep)

    async def note(self, event: ConnectionEvent) -> None:
        if isinstance(event, Established):
            self.open.set()

    async def keep(self, event: ConnectionEvent) -> None:
        self.got.append(event)
        self._news.set()
        if self.deaf:
            await self.hear.wait()

    async def more(self) -> None:
        self._news = trio.Event()
        await self._news.wait()


def talk(script: Callable[[Ends], Awaitable[None]], pair: Pair = memory_stream_pair) -> Ends:
    """Open both links, run the script, wait for both to end."""
    held: list[Ends] = []

    async def main() -> None:
        ends = Ends(pair)
        held.append(ends)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ends.run_alice)
            nursery.start_soon(ends.run_bob)
            await ends.open.wait()
            await trio.testing.wait_all_tasks_blocked()  # open for Bob, too
            await script(ends)

    run(main)
    return held[0]


def test_messages_in_order_then_goodbye() -> None:
    async def script(ends: Ends) -> None:
        for i in range(100):
            assert ends.alice.post(Class.BLOCK, frame(16, bytes([i])))
        await trio.testing.wait_all_tasks_blocked()
        ends.alice.close("Disconnected")

    ends = talk(script)
    assert ends.got[1:101] == [Received(16, bytes([i])) for i in range(100)]
    assert ends.endings["alice"] == Ending("Disconnected", proved=True)


def test_a_breach_ends_the_link_with_its_name_at_both_ends() -> None:
    async def script(ends: Ends) -> None:
        ends.alice.post(Class.SYNC, frame(99, b""))

    ends = talk(script)
    assert ends.endings["bob"].reason == "UnknownKind"
    assert isinstance(ends.endings["bob"].error, UnknownKind)


def test_a_closing_link_takes_nothing_more() -> None:
    async def script(ends: Ends) -> None:
        ends.alice.close("first")
        ends.alice.close("second")
        assert not ends.alice.post(Class.SYNC, frame(16, b""))

    assert talk(script).endings["alice"].reason == "first"


def test_idle_links_stay_open_by_pings() -> None:
    async def script(ends: Ends) -> None:
        await trio.sleep(3600)
        assert not ends.endings
        assert ends.alice.bytes_in > 100 * 9
        ends.alice.end("Closed")

    talk(script)


def test_a_peer_that_stops_in_the_middle_of_a_frame() -> None:
    async def script(ends: Ends) -> None:
        ends.alice.post(Class.SYNC, frame(17, bytes(1000))[:500])

    assert isinstance(talk(script).endings["bob"].error, FrameLate)


def test_a_peer_that_talks_and_never_reads_is_given_up() -> None:
    async def script(ends: Ends) -> None:
        ends.deaf = True
        while "alice" not in ends.endings:
            ends.alice.post(Class.SYNC, frame(16, b"x"))
            ends.bob.post(Class.SYNC, frame(16, b"still here"))
            await trio.sleep(10)
        ends.bob.end("Closed")

    ends = talk(script, lockstep_stream_pair)
    assert isinstance(ends.endings["alice"].error, SendLate)


def test_while_the_application_is_busy_the_peer_is_not_read_nor_blamed() -> None:
    """Back-pressure: the messages stay with the sender, and its deadlines wait."""

    async def script(ends: Ends) -> None:
        ends.deaf = True
        for i in range(50):
            ends.alice.post(Class.SYNC, frame(16, bytes([i])))
        await trio.sleep(15)
        assert len(ends.got) == 2
        ends.deaf = False
        ends.hear.set()
        await trio.testing.wait_all_tasks_blocked()
        assert ends.got[1:] == [Received(16, bytes([i])) for i in range(50)]
        ends.alice.end("Closed")

    talk(script)


def test_a_frame_begun_before_we_were_busy_is_not_late() -> None:
    async def script(ends: Ends) -> None:
        ends.deaf, whole = True, frame(17, bytes(1000))
        ends.alice.post(Class.SYNC, frame(16, b"x") + whole[:500])
        await trio.sleep(15)  # longer than a frame may take, too short for Alice to ping
        ends.deaf = False
        ends.hear.set()
        await trio.sleep(1)
        ends.alice.post(Class.SYNC, whole[500:])
        await trio.sleep(1)
        assert ends.got[1:] == [Received(16, b"x"), Received(17, bytes(1000))]
        ends.alice.end("Closed")

    talk(script)


def test_a_flood_is_read_at_the_rate_of_the_bucket() -> None:
    async def script(ends: Ends) -> None:
        began, left, flood = trio.current_time(), 30_000, frame(16, b"x")
        while left:
            while left and ends.alice.post(Class.SYNC, flood):
                left -= 1
            await ends.more()
        while len(ends.got) <= 30_000:
            await ends.more()
        least = (30_000 - MESSAGE_RATE.burst) / MESSAGE_RATE.per_second
        assert trio.current_time() - began > least - 0.5
        ends.alice.end("Closed")

    talk(script)
