"""A block begun on a parent that is not final is a block like others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output, Transaction
from bystack.node.mainchain.signals import Signal
from bystack.node.sidechain.executing.application import StaleParent
from bystack.node.sidechain.executing.beginning import Beginning
from bystack.node.sidechain.executing.pace import Pace
from bystack.node.sidechain.executing.upgrading import Upgrade
from bystack.node.sidechain.executing.workshop import Workshop, _beside
from bystack.node.sidechain.mainline import MainLine
from bystack.node.sidechain.pooling import Pooling
from bystack.primitives.codec import encode
from bystack.sidechain.assembly import Built
from bystack.sidechain.blocks import Body, decode_body
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


class Asked(Signal):
    """Tells that somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = trio.Event()

    async def wait(self) -> None:
        """As a signal."""
        self.asked.set()
        await super().wait()


class Waiting:
    """A pool as a beginning sees it."""

    def __init__(self, *txs: Transaction) -> None:
        self.txs, self.waiting = list(txs), Asked()
        self.told: list[object] = []

    def standing(self, most: int) -> tuple[Transaction, ...]:
        return tuple(self.txs[:most])

    async def tell(self, event: object) -> None:
        self.told.append(event)


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


def workshop(stage: Stage, pool: Waiting) -> Workshop:
    """Its main chain brings nothing new."""

    async def nothing(*_: object) -> None:
        return None

    main = SimpleNamespace(relay=nothing, carrier=b"")
    upgrade = SimpleNamespace(outdated=False)
    return Workshop(
        stage.application, cast(Pooling, cast(object, pool)), cast(MainLine, main),
        cast(Upgrade, upgrade),
    )  # fmt: skip


def proposed(
    story: Story, pool: Waiting, most: int = 1, after: Callable[[], None] = lambda: None
) -> Body:
    """What is proposed after the parent where a block may hold `most` transactions; another node
    finds it valid. `after`: what comes to pass once it was begun."""
    stage, parent = story.stage, story.parent
    stage.application.pace = cast(Pace, SimpleNamespace(most=most, begin=_pass, end=_pass))

    async def begin(shop: Workshop) -> None:
        await shop.begin(parent.header)
        pool.waiting.asked.set()  # full: it waits for nothing more

    async def main() -> Body:
        shop = workshop(stage, pool)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(begin, shop)
            # It reads coins in threads: only then it has all that waits.
            await pool.waiting.asked.wait()
            final = Decide(parent.header, encode(parent.body), certificate(parent))
            await stage.application.finish(final)
            after()
            wish = BuildBlock(
                parent.header.height + 1, 0, stage.world.now, parent.header, final.certificate, 1
            )
            built = await shop.build(wish)
        assert built is not None
        await stage.fresh().execute(built.header, built.body)
        return decode_body(built.body)

    return trio.run(main)


def _pass(*_: object) -> None:
    return None


def test_what_is_no_payment_keeps_its_place_before_payments_of_less(stage: Stage) -> None:
    """A claim or a burn goes first by what it pays: payments, which are begun with, displace none,
    however many wait."""
    story = Story(stage)
    found = proposed(story, Waiting(story.burn, story.onward))
    assert found.transactions == (story.burn,)


def test_what_replaced_a_payment_of_the_beginning_waits_and_is_not_put_out(stage: Stage) -> None:
    story = Story(stage)
    ahead = stage.world.copy()
    ahead.block(story.first)
    dearer = ahead.transact(ALICE, (Output(BTM, 50, BOB.lock),), fee=9)
    ahead.block(dearer)
    child = ahead.transact(BOB, fee=2)
    pool = Waiting(story.onward)

    def replaced() -> None:
        pool.txs[:] = [dearer, child]

    found = proposed(story, pool, 3, replaced)
    assert found.transactions == (story.onward,) and not pool.told
    assert _beside([dearer, child], [story.onward]) == []
    assert _beside([story.burn, story.onward], []) == [story.burn, story.onward]


def test_whoever_still_reads_coins_when_the_block_is_made_is_late(stage: Stage) -> None:
    """Reading in a thread is not broken off: it comes back while the block is being built."""
    story = Story(stage)
    begun = stage.application.begin(story.parent.header)
    trio.run(stage.application.extend, begun, [story.onward])
    final = Decide(story.parent.header, encode(story.parent.body), certificate(story.parent))
    trio.run(stage.application.finish, final)
    header = story.parent.header
    wish = BuildBlock(header.height + 1, 0, stage.world.now, header, final.certificate, 1)
    late = stage.world.copy()
    late.block(story.first)
    gold = late.transact(CAROL, fee=3)

    async def main() -> Built:
        async with trio.open_nursery() as nursery:
            fetch = stage.application.store.coins.fetch

            async def slow(*args: Any) -> Any:
                """Another offer comes while the block's coins are read, and after."""
                found = await fetch(*args)
                nursery.start_soon(_late)
                return found

            async def _late() -> None:
                begun.prelude.offer(gold, lambda *_: True)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(stage.application.store.coins, "fetch", slow)
                return await stage.application.build(wish, [story.forged], begun.prelude)

    built = trio.run(main)
    assert built.body.transactions == (story.onward,)
    stage.execute(built)


def test_a_full_block_is_not_overfilled(stage: Stage) -> None:
    story = Story(stage)
    begun = stage.application.begin(story.parent.header)
    begun.prelude.room = story.onward.size - 1
    trio.run(stage.application.extend, begun, [story.onward])
    assert not begun.prelude.taken
