"""When a host dials whom: no sockets, and a clock that jumps whenever all wait."""

import itertools
from collections.abc import Awaitable, Callable

import trio
from trio.testing import MockClock, memory_stream_pair

from bystack.p2p.addresses import Address
from bystack.p2p.host import Connected, Host, HostConfig, Lost
from bystack.p2p.identity import Identity
from bystack.p2p.peers import PeerBook
from tests.p2p.people import ALICE, BOB, CHAIN, MAGIC


class World:
    """Hosts reached by name over memory; every dial is noted with its time."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.dials: list[tuple[float, str]] = []
        self.nursery: trio.Nursery

    def host(self, who: Identity, *peers: str, book: PeerBook | None = None) -> Host:
        config = HostConfig(CHAIN, MAGIC, listen="", peers=peers, caps={16: 100})
        return Host(who, config, book, wall=lambda: 1e9 + trio.current_time(), dial=self.dial)

    async def dial(self, address: Address) -> trio.abc.Stream:
        self.dials.append((trio.current_time(), str(address)))
        host = self.hosts.get(str(address))
        if host is None:
            raise OSError("nobody there")
        near, far = memory_stream_pair()
        self.nursery.start_soon(host.serve, far, Address("10.0.0.9", 40_000))
        return near


def run(script: Callable[[World], Awaitable[None]]) -> World:
    world = World()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            world.nursery = nursery
            await script(world)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return world


def test_a_kept_address_is_tried_ever_more_rarely_but_always() -> None:
    async def script(world: World) -> None:
        await world.nursery.start(world.host(ALICE, "10.0.0.1:1").run)
        await trio.sleep(300)

    times = [at for at, _ in run(script).dials]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert times[0] == 0 and pauses[0] <= 0.5 and max(pauses) <= 10
    assert min(pauses[8:]) >= 5
    assert 30 <= len(times) <= 75


def test_a_connection_that_stands_is_not_dialled_again() -> None:
    async def script(world: World) -> None:
        bob = world.hosts["10.0.0.1:1"] = world.host(BOB)
        await world.nursery.start(bob.run)
        alice = world.host(ALICE, "10.0.0.1:1")
        await world.nursery.start(alice.run)
        assert await alice.events.receive() == Connected(BOB.node_id, "10.0.0.1:1", False)
        await trio.sleep(3600)
        assert len(world.dials) == 1 and len(alice.peers()) == 1
        bob.disconnect(ALICE.node_id)
        assert await alice.events.receive() == Lost(BOB.node_id, "Disconnected")
        assert isinstance(await alice.events.receive(), Connected)

    assert len(run(script).dials) == 2


def test_a_banned_address_is_not_dialled_until_the_ban_is_over() -> None:
    async def script(world: World) -> None:
        alice = world.host(ALICE, "10.0.0.1:1")
        alice.book.ban("10.0.0.1", int(1e9) + 1000)
        await world.nursery.start(alice.run)
        await trio.sleep(999)
        assert world.dials == []
        await trio.sleep(30)
        assert world.dials

    run(script)


def test_who_stands_still_for_an_hour_is_met_again() -> None:
    """A stopped process: its machine takes connections, nobody shakes hands; then it wakes up."""

    async def script(world: World) -> None:
        alice = world.hosts["10.0.0.9:1"] = world.host(ALICE, "10.0.0.1:1")
        bob = world.host(BOB)
        waiting: list[trio.abc.Stream] = []

        async def queued(stream: trio.abc.Stream, address: Address) -> None:
            waiting.append(stream)

        await world.nursery.start(bob.run)
        attend, bob.serve = bob.serve, queued  # type: ignore[method-assign]
        world.hosts["10.0.0.1:1"] = bob
        await world.nursery.start(alice.run)
        await trio.sleep(3600)
        assert len(waiting) > 100 and alice.statistics().refused.keys() == {"HandshakeLate"}
        bob.serve = attend  # type: ignore[method-assign]
        for stream in waiting:
            await attend(stream, Address("10.0.0.9", 40_000))
        with trio.fail_after(60):
            assert isinstance(await alice.events.receive(), Connected)
        now = int(1e9 + trio.current_time())
        assert not alice.book.banned(now, "10.0.0.1") and not bob.book.banned(now, "10.0.0.9")

    run(script)


def test_free_slots_go_to_known_addresses_one_per_neighbourhood() -> None:
    async def script(world: World) -> None:
        book = PeerBook()
        for address in ("8.1.0.1:1", "8.1.0.2:1", "8.2.0.1:1"):
            book.learn(address, "9.9.9.9")
        for i, address in enumerate(("8.1.0.1:1", "8.1.0.2:1", "8.2.0.1:1")):
            world.hosts[address] = world.host(Identity.from_seed(bytes([i]) * 32))
            await world.nursery.start(world.hosts[address].run)
        alice = world.host(ALICE, book=book)
        await world.nursery.start(alice.run)
        await trio.sleep(60)
        assert sorted(info.address[:3] for info in alice.peers()) == ["8.1", "8.2"]

    assert len(run(script).dials) == 2


def test_an_address_that_is_ourselves_is_given_up() -> None:
    async def script(world: World) -> None:
        alice = world.hosts["10.0.0.1:1"] = world.host(ALICE, "10.0.0.1:1")
        await world.nursery.start(alice.run)
        await trio.sleep(600)
        assert "SelfConnection" in alice.statistics().refused

    assert len(run(script).dials) == 1


def test_a_second_connection_the_other_way_is_a_duplicate_and_disturbs_nothing() -> None:
    async def script(world: World) -> None:
        alice = world.hosts["10.0.0.1:1"] = world.host(ALICE)
        bob = world.hosts["10.0.0.2:1"] = world.host(BOB)
        for host in (alice, bob):
            await world.nursery.start(host.run)
        alice.connect("10.0.0.2:1")
        await trio.sleep(60)
        bob.connect("10.0.0.1:1")
        await trio.sleep(600)
        for host, inbound in ((alice, False), (bob, True)):
            assert isinstance(host.events.receive_nowait(), Connected)
            assert host.events.statistics().current_buffer_used == 0
            assert [info.inbound for info in host.peers()] == [inbound]

    assert [address for _, address in run(script).dials] == ["10.0.0.2:1", "10.0.0.1:1"]


def test_of_two_made_at_once_that_of_the_smaller_node_id_stays() -> None:
    async def script(world: World) -> None:
        alice = world.hosts["10.0.0.1:1"] = world.host(ALICE, "10.0.0.2:1")
        bob = world.hosts["10.0.0.2:1"] = world.host(BOB, "10.0.0.1:1")
        for host in (alice, bob):
            await world.nursery.start(host.run)
        await trio.sleep(600)
        dialler, listener = sorted((alice, bob), key=lambda host: host is bob)
        if BOB.node_id < ALICE.node_id:
            dialler, listener = listener, dialler
        assert [info.inbound for info in dialler.peers()] == [False]
        assert [info.inbound for info in listener.peers()] == [True]
        for host in (alice, bob):  # Connected, or Connected Lost Connected: never two at once
            kinds = [type(host.events.receive_nowait()) for _ in range(len_of(host))]
            assert kinds in ([Connected], [Connected, Lost, Connected])

    assert len(run(script).dials) == 2


def len_of(host: Host) -> int:
    return host.events.statistics().current_buffer_used


def test_an_address_let_go_is_dialled_no_more_and_its_connection_stays() -> None:
    async def script(world: World) -> None:
        alice = world.host(ALICE)
        await world.nursery.start(alice.run)
        name = f"{BOB.node_id.hex()}@10.0.0.1:1"
        alice.connect(name)
        alice.connect(name)
        await trio.sleep(60)
        alice.let_go("10.0.0.1:1")  # other words
        before = len(world.dials)
        await trio.sleep(60)
        assert len(world.dials) > before
        alice.let_go(name)
        await trio.sleep(15)
        before = len(world.dials)
        await trio.sleep(600)
        assert len(world.dials) == before

        bob = world.hosts["10.0.0.1:1"] = world.host(BOB)
        await world.nursery.start(bob.run)
        alice.connect(name)
        assert isinstance(await alice.events.receive(), Connected)
        alice.let_go(name)
        await trio.sleep(600)
        assert len(alice.peers()) == 1

    run(script)
