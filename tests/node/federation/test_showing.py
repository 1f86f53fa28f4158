"""A member shows its signer the state's entries that it wants, and shows them again in time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing

from bystack.federation.knowledge import FRESHNESS, Knowledge
from bystack.node.federation.links import Links
from bystack.node.federation.showing import AGAIN_AFTER, Showing
from bystack.node.ipc import RemoteError
from bystack.primitives.codec import decode, encode
from bystack.sidechain.proofs import MAX_STATE_PROOF, StateProof
from tests.federation.proved import proved
from tests.federation.test_knowledge import KEY, NONE, NUMBER, STATE, fresh, genesis


class Signer:
    """Wants two entries, and learns what is proved."""

    def __init__(self) -> None:
        self.known: Knowledge = fresh(FRESHNESS)
        self.shown = 0

    async def call(self, method: str, *params: Any) -> Any:
        match method, params:
            case "wanted", ():
                return [self.known.newest, [[k, self.known.height_of(k)] for k in (KEY, NONE)]]
            case "entry", (bytes() as data,):
                self.shown += 1
                return self.known.learn(decode(StateProof, data, MAX_STATE_PROOF))
            case "epoch", ():
                return 0
        raise AssertionError(method)


class Side:
    """A sidechain's process whose tip rises."""

    height = 5

    async def call(self, method: str, *params: Any) -> Any:
        match method, params:
            case "status", ():
                return {"height": self.height}
            case "proved_entry", (bytes() as key,):
                return encode(proved(genesis(), self.height, key, STATE))
        raise RemoteError(-1, "down")


def test_entries_are_shown_once_and_again_before_they_are_old() -> None:
    signer, side = Signer(), Side()
    showing = Showing(cast(Links, SimpleNamespace(signer=signer, side=side)))

    async def play() -> None:
        await showing.step()
        assert signer.known.known(NUMBER, KEY) == 7 and signer.known.known(NUMBER, NONE) is None
        await showing.step()
        side.height += AGAIN_AFTER - 1
        await showing.step()
        assert signer.shown == 2, "what is fresh is not shown again"
        side.height += 2
        await showing.step()
        assert signer.shown == 4 and signer.known.height_of(KEY) == side.height

    trio.run(play)
    assert 2 * AGAIN_AFTER < FRESHNESS


class Deep(Side):
    """A chain whose proofs wait for a block on top, which comes when all were asked for."""

    def __init__(self) -> None:
        self.asked, self.block = 0, trio.Event()

    async def call(self, method: str, *params: Any) -> Any:
        if method == "proved_entry":
            self.asked += 1
            if self.asked == 2:
                self.block.set()
            await self.block.wait()
        return await super().call(method, *params)


def test_what_waits_for_blocks_waits_together() -> None:
    signer = Signer()
    showing = Showing(cast(Links, SimpleNamespace(signer=signer, side=Deep())))

    async def play() -> None:
        with trio.fail_after(60):
            await showing.show([NONE])

    trio.run(play, clock=trio.testing.MockClock(autojump_threshold=0))
    assert signer.shown == 2


class Unsure(Side):
    """A sidechain's process that cannot prove one of them yet."""

    async def call(self, method: str, *params: Any) -> Any:
        if (method, *params) == ("proved_entry", KEY):
            raise RemoteError(-5, "not yet")
        return await super().call(method, *params)


def test_what_can_be_proved_is_shown_before_it_is_told_what_cannot() -> None:
    """And told by itself, as those who ask again expect it: not in a group of errors."""
    signer, side = Signer(), Unsure()
    with pytest.raises(RemoteError, match="not yet"):
        trio.run(Showing(cast(Links, SimpleNamespace(signer=signer, side=side))).step)
    assert signer.shown == 1 and signer.known.height_of(NONE) == side.height


def test_before_an_order_everything_is_shown_as_of_its_block() -> None:
    """What the chain decided meanwhile binds the very next order."""
    signer, side = Signer(), Side()
    showing = Showing(cast(Links, SimpleNamespace(signer=signer, side=side)))

    async def play() -> None:
        await showing.step()
        side.height += 2
        await showing.before(5)
        assert signer.shown == 2
        await showing.before(side.height)
        assert signer.shown == 4 and signer.known.height_of(KEY) == side.height
        await showing.before(side.height + 9)
        assert signer.shown == 4, "there is nothing newer"

    trio.run(play)


def test_what_cannot_be_shown_now_is_left_to_the_signer_to_miss() -> None:
    links = SimpleNamespace(signer=Signer(), side=Side())
    links.signer.known = fresh(0)
    links.signer.known.learn(proved(genesis(), 50, b"later", STATE))
    trio.run(Showing(cast(Links, links)).before, 5)
    assert links.signer.known.height_of(KEY) == -1


def test_before_the_first_block_there_is_nothing_to_show() -> None:
    signer, side = Signer(), Side()
    side.height = 0
    trio.run(Showing(cast(Links, SimpleNamespace(signer=signer, side=side))).step)
    assert signer.shown == 0


def test_a_refusal_is_told() -> None:
    signer, side = Signer(), Side()
    signer.known = fresh(0)
    signer.known.learn(proved(genesis(), 50, b"later", STATE))
    with pytest.raises(Exception, match="EntryStale"):
        trio.run(Showing(cast(Links, SimpleNamespace(signer=signer, side=side))).step)
