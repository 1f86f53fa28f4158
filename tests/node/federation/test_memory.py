"""A member's memory of the main chain: a restart reads what is new, damage costs one reading."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing

from bystack.federation.trail import MAX_FOLLOWED, Followed, Trail
from bystack.mainchain.params import chain_id
from bystack.node.federation import memory as module
from bystack.node.federation.events import Event, MainConnected, MainDisconnected, MainRestarted
from bystack.node.federation.following import follow_main
from bystack.node.federation.links import Links
from bystack.node.federation.memory import Memory
from bystack.primitives.codec import encode
from bystack.sidechain.relayed import ChainPlace
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY
from tests.sidechain.mainside import VaultChain, vault_chain


def trail(sponsor: bytes = ALICE.secret) -> Trail:
    return Trail(chain_id(EASY), sponsor, EASY.maturity)


class Items:
    """The stream: what the main chain's process tells one who knows these blocks, then an end."""

    def __init__(self, main: Main, locator: list[list[Any]]) -> None:
        self.told = main.told(locator)

    async def __aenter__(self) -> Items:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    def __aiter__(self) -> Items:
        return self

    async def __anext__(self) -> list[Any]:
        if not self.told:
            await trio.sleep_forever()
        return self.told.pop(0)


class Main:
    """A main chain's process: `strange` blocks it never saw."""

    def __init__(self, chain: VaultChain) -> None:
        self.chain = chain
        self.strange: set[bytes] = set()
        self.gone: list[tuple[int, bytes]] = []

    async def wait_connected(self) -> None:
        await trio.lowlevel.checkpoint()

    def stream(self, method: str, locator: list[list[Any]]) -> Items:
        assert method == "blocks"
        return Items(self, locator)

    def told(self, locator: list[list[Any]]) -> list[list[Any]]:
        line = [(block.header.height, block.id) for block in self.chain.line]
        known = [(height, id) for height, id in locator]
        items: list[list[Any]] = []
        at = 0
        for place in known:
            if place in line or place in self.gone:
                at = place[0]
                break
            items.append(["disconnect", *place])
        while at and (at, dict(self.gone).get(at)) in self.gone:
            items.append(["disconnect", at, dict(self.gone)[at]])
            at -= 1
        for block in self.chain.line[at:]:
            items.append(["connect", block.header.height, block.id, encode(block)])
        return [*items, ["tip", *line[-1]]]

    def reorganise(self, depth: int, *, seen: bool) -> None:
        """`seen`: this process had the branch that left."""
        left = [(b.header.height, b.id) for b in self.chain.line[-depth:]]
        self.chain.reorganise(depth)
        self.gone = left if seen else []


def followed(main: Main, known: tuple[ChainPlace, ...]) -> list[Event]:
    """What the inbox gets until the stream has no more."""
    out, events = trio.open_memory_channel[Event](10_000)

    async def run() -> None:
        links = cast(Links, SimpleNamespace(main=main))
        with trio.move_on_after(60) as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(follow_main, links, out, known)
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
        assert not scope.cancelled_caught

    trio.run(run)
    got: list[Event] = []
    while events.statistics().current_buffer_used:
        got.append(events.receive_nowait())
    return got


def take(one: Trail, events: list[Event]) -> None:
    """As the member's task does."""
    for event in events:
        match event:
            case MainConnected(height, id, block):
                one.connect(height, id, block)
            case MainDisconnected(height, id):
                one.disconnect(height, id)
            case MainRestarted():
                one.restart()


def fresh(main: Main) -> Trail:
    one = trail()
    take(one, followed(main, ()))
    return one


def memory(path: Path, limit: int = MAX_FOLLOWED) -> Memory[Followed]:
    return Memory(str(path), Followed, limit)


def written(path: Path, one: Trail, limit: int = MAX_FOLLOWED) -> None:
    one.moved = module.EVERY_BLOCKS
    trio.run(memory(path, limit).tick, one)


def test_a_restart_reads_what_is_new(tmp_path: Path) -> None:
    main = Main(vault_chain())
    one = fresh(main)
    written(tmp_path / "followed", one)
    main.chain.grow(3)
    again = trail()
    memory(tmp_path / "followed").resume(again)
    assert again.kept == one.kept
    events = followed(main, again.known)
    assert [type(event) for event in events] == [MainConnected] * 3
    take(again, events)
    assert again.kept == fresh(main).kept


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("depth", [2, 30, 250])
def test_a_branch_that_left_meanwhile(tmp_path: Path, depth: int, seen: bool) -> None:
    """Undone block by block as far as it is remembered; below that all is read again."""
    chain = vault_chain()
    chain.grow(260)
    main = Main(chain)
    one = fresh(main)
    main.reorganise(depth, seen=seen)
    events = followed(main, one.known)
    restarts = sum(isinstance(event, MainRestarted) for event in events)
    # What this process never saw is known from its start only.
    assert restarts == (depth > len(one.known) or depth == 250)
    take(one, events)
    assert one.kept == fresh(main).kept


SPOILT = (
    lambda data: data[:-1],
    lambda data: b"",
    lambda data: data[:31],
    lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
)


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_damaged_file_is_passed_over(tmp_path: Path, spoil: Any) -> None:
    path = tmp_path / "followed"
    written(path, fresh(Main(vault_chain())))
    path.write_bytes(spoil(path.read_bytes()))
    again = trail()
    memory(path).resume(again)
    assert again.kept == trail().kept


def test_anothers_file_is_passed_over_and_a_missing_one(tmp_path: Path) -> None:
    path = tmp_path / "followed"
    memory(path).resume(trail())
    written(path, fresh(Main(vault_chain())))
    other = trail(BOB.secret)
    memory(path).resume(other)
    assert other.known == ()


def test_it_is_written_after_many_blocks_or_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY_TICKS", 3)
    path = tmp_path / "followed"
    one, file = fresh(Main(vault_chain())), memory(path)
    for _ in range(2):
        trio.run(file.tick, one)
    assert not path.exists() and one.moved
    trio.run(file.tick, one)
    assert path.exists() and not one.moved
    path.unlink()
    for _ in range(4):
        trio.run(file.tick, one)
    assert not path.exists(), "nothing moved"


def test_a_file_beyond_all_bounds_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "followed"
    written(path, fresh(Main(vault_chain())))
    again = trail()
    memory(path, 100).resume(again)
    assert again.known == ()
    path.unlink()
    written(path, fresh(Main(vault_chain())), 100)
    assert not path.exists(), "nor written"
