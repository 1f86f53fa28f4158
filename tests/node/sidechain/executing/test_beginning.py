"""A block begun on a parent that is not final is a block like others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output, Transaction
from bystack.node.mainchain.signals import Signal
from bystack.node.sidechain.executing.application import StaleParent
from bystack.node.sidechain.executing.beginning import Beginning
from bystack.node.sidechain.pooling import Pooling
from bystack.primitives.codec import encode
from bystack.sidechain.assembly import Built
from bystack.sidechain.consensus.events import BuildBlock, Decide
from tests.ledger.people import ALICE, BOB, CAROL
from tests.node.sidechain.executing.test_application import Stage, certificate


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.store.close()


class Story:
    """A parent that pays Alice, not final; and payments of hers and others that wait."""

    def __init__(self, stage: Stage) -> None:
        self.stage, world = stage, stage.world
        first = world.transact(CAROL, (Output(BTM, 100, ALICE.lock),))
        self.parent = stage.build(first)
        ahead = world.copy()
        ahead.block(first)
        self.onward = ahead.transact(ALICE, (Output(BTM, 50, BOB.lock),))
        self.burn = ahead.burn_tx(300)
        self.forged = replace(self.onward, witnesses=self.burn.witnesses)
        self.first = first

    def built(self, *late: Transaction) -> Built:
        """The parent becomes final, and the block begun on it is wished."""
        stage, parent = self.stage, self.parent
        begun = stage.application.begin(parent.header)
        waiting = [self.forged, self.first, self.onward, self.burn]
        trio.run(stage.application.extend, begun, waiting)
        assert list(begun.prelude.taken.values()) == [self.onward]
        assert begun.behind == {self.first.id}
        final = Decide(parent.header, encode(parent.body), certificate(parent))
        trio.run(stage.application.finish, final)
        wish = BuildBlock(
            parent.header.height + 1, 0, stage.world.now, parent.header, final.certificate, 1
        )
        return trio.run(stage.application.build, wish, late, begun.prelude)


def test_what_was_begun_and_what_came_since_are_one_valid_block(stage: Stage) -> None:
    story = Story(stage)
    built = story.built(story.burn)
    assert built.body.transactions == (story.onward, story.burn) and not built.refused
    stage.execute(built)
    header = built.header
    after = Decide(header, encode(built.body), certificate(built))
    trio.run(stage.application.finish, after)
    assert stage.store.header == header


def test_it_is_the_block_that_would_have_been_built_at_once(stage: Stage) -> None:
    story = Story(stage)
    begun = story.built()
    header = stage.store.header
    wish = BuildBlock(header.height + 1, 0, stage.world.now, header, stage.store.certificate, 1)
    assert trio.run(stage.fresh().build, wish, [story.onward]).header == begun.header


def test_nothing_begins_on_a_block_that_was_not_executed(stage: Stage) -> None:
    parent = stage.build()
    with pytest.raises(StaleParent):
        stage.fresh().begin(parent.header)


class Waiting:
    """A pool as a beginning sees it."""

    def __init__(self, *txs: Transaction) -> None:
        self.txs, self.waiting = list(txs), Signal()

    def standing(self, most: int) -> tuple[Transaction, ...]:
        return tuple(self.txs[:most])


def beginning(stage: Stage, pool: Waiting) -> Beginning:
    return Beginning(stage.application, cast(Pooling, cast(object, pool)))


def test_it_goes_on_with_what_comes_until_it_is_taken(stage: Stage) -> None:
    story = Story(stage)
    pool = Waiting(story.first)

    async def main() -> None:
        begin = beginning(stage, pool)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(begin.run, story.parent.header, 10)
            await trio.testing.wait_all_tasks_blocked()
            pool.txs.append(story.onward)
            pool.waiting.notify()
            with trio.fail_after(60):
                while not (begin._begun and begin._begun.prelude.taken):  # noqa: ASYNC110
                    await trio.sleep(0.01)
            nursery.start_soon(begin.run, story.parent.header, 10)  # told twice
            await trio.testing.wait_all_tasks_blocked()
            begun = begin.take(story.parent.header.id)
            assert begun is not None and list(begun.prelude.taken) == [story.onward.id]
        assert begin.take(story.parent.header.id) is None

    trio.run(main)


def test_what_was_begun_on_another_parent_is_thrown_away(stage: Stage) -> None:
    story = Story(stage)

    async def main() -> None:
        begin = beginning(stage, Waiting())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(begin.run, story.parent.header, 10)
            await trio.testing.wait_all_tasks_blocked()
            assert begin.take(bytes(32)) is None
        assert begin.take(story.parent.header.id) is None
        stale = replace(story.parent.header, parent=bytes(32))
        await begin.run(stale, 10)

    trio.run(main)


def test_a_full_block_is_not_overfilled(stage: Stage) -> None:
    story = Story(stage)
    begun = stage.application.begin(story.parent.header)
    begun.prelude.room = story.onward.size - 1
    trio.run(stage.application.extend, begun, [story.onward])
    assert not begun.prelude.taken
