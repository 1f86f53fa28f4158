"""Load and what becomes of it: counted once all nodes told, never more on the way than allowed."""

from __future__ import annotations

from itertools import count
from typing import Any, cast

import pytest
import trio
import trio.testing

from bystack.client.bench import loading
from bystack.client.bench.loading import CHUNK, LANES, Load, Unanswered, Watch
from bystack.client.bench.transfers import Signed
from bystack.node.ipc import Client


class Played:
    """A node that takes all but every `refuses`-th transfer."""

    def __init__(self) -> None:
        self.taken = 0

    async def call(self, method: str, many: list[bytes]) -> list[Any]:
        await trio.lowlevel.checkpoint()
        self.taken += len(many)
        return []

    async def tips(self, *tips: tuple[int, int]) -> Any:
        for height, transactions in tips:
            yield [height, b"", 1_000 * height, transactions]


def transfers() -> Any:
    return (Signed(number.to_bytes(32, "big"), b"") for number in count())


def follow(watch: Watch, *tips: tuple[int, int]) -> None:
    class Told(Played):
        def stream(self, name: str) -> Any:
            return self.tips(*tips)

    trio.run(watch.follow, cast(Client, Told()))


def test_a_block_is_final_once_the_last_node_told() -> None:
    watch = Watch(2)
    follow(watch, (1, 10), (2, 5))
    assert watch.final == 0 and not watch.blocks()
    follow(watch, (1, 10))
    assert watch.final == 10
    [block] = watch.blocks()
    assert (block.height, block.transactions, block.proposed) == (1, 10, 1_000)
    assert block.final == max(watch.arrivals[1]) and not watch.blocks(until=block.final - 1)


def test_no_more_are_on_their_way_than_allowed() -> None:
    async def main() -> None:
        watch, nodes = Watch(1), [Played(), Played()]
        load, lines = Load([cast(Client, node) for node in nodes], watch), transfers()
        with trio.testing.assert_checkpoints():
            await load.saturate(lines, 5, 3 * CHUNK)
        assert load.outstanding == sum(node.taken for node in nodes)
        assert 3 * CHUNK < load.outstanding <= (4 + LANES) * CHUNK
        # Later ones spend what these make: none was taken that nobody got.
        assert int.from_bytes(next(lines).id, "big") == load.outstanding

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_pace_is_kept_and_nodes_take_turns() -> None:
    async def main() -> None:
        nodes = [Played(), Played()]
        load = Load([cast(Client, node) for node in nodes], Watch(1))
        begun = trio.current_time()
        await load.pace(transfers(), 2, 5 * CHUNK)
        assert 1.5 < trio.current_time() - begun < 2.5
        assert [node.taken for node in nodes] == [5 * CHUNK, 5 * CHUNK]

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_what_nodes_let_stand_here_counts_as_sent_when_it_was_due() -> None:
    class Slow(Played):
        async def call(self, method: str, many: list[bytes]) -> list[Any]:
            await trio.sleep(10)
            return []

    async def main() -> None:
        load = Load([cast(Client, Slow())], Watch(1))
        await load.pace(transfers(), 2 * LANES, CHUNK)
        sent = list(load.sent.values())
        assert len(sent) == 2 * LANES * CHUNK
        assert round(sent[-1] - sent[0]) == 1_000 * (2 * LANES - 1)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_what_never_becomes_final_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        load = Load([cast(Client, Played())], Watch(1))
        await load.pace(transfers(), 1, CHUNK)
        with pytest.raises(Unanswered, match=f"{CHUNK} transfers"):
            await load.drain()

    monkeypatch.setattr(loading, "PATIENCE", 3.0)
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
