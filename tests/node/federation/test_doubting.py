"""A member pauses once, with its reason, when its own full node contradicts the relay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing
from msgspec.structs import replace

from bystack.federation.module.pauses import EVERYTHING, PAUSED, Paused
from bystack.federation.module.records import (
    DEFAULT_RULES,
    PAUSE_BLOCKS,
    PAUSE_REST,
    RULES,
    Rules,
    entry_key,
)
from bystack.node.federation.doubting import PATIENCE, TICK_SECONDS, Doubting
from bystack.node.ipc import RemoteError, Unavailable
from bystack.sidechain.relay import height_key

DEPTH = 6
OWN = b"\x07" * 32


def id_of(branch: str, height: int) -> bytes:
    return f"{branch}{height}".encode().ljust(32, b"-")


class Nodes:
    """Both lines, and the pauses sent: the relay holds `relayed`, the own node knows `verdicts`."""

    def __init__(self, height: int = 40) -> None:
        self.relayed = {at: id_of("a", at) for at in range(10, height + 1)}
        self.own = height
        self.verdicts = {id: "best" for id in self.relayed.values()}
        self.until = 0
        self.sent: list[tuple[str, str]] = []
        self.refusal: Exception | None = None
        self.rules: Rules | None = DEFAULT_RULES
        self.taken = True
        """Whether the chain takes what is sent."""
        self.last: Paused | None = None
        lines = SimpleNamespace(
            side=self._line(self._side), main=self._line(self._main), state=self._state
        )
        self.doubting = Doubting(lines, self, OWN, DEPTH)  # type: ignore[arg-type]

    @staticmethod
    def _line(answer: Callable[..., Any]) -> Any:
        async def call(method: str, *params: Any) -> Any:
            return answer(method, *params)

        return SimpleNamespace(call=call)

    def _side(self, method: str, *params: Any) -> Any:
        tip = max(self.relayed)
        if method == "status":
            return {"relay_height": tip, "relay_tip": self.relayed[tip]}
        if method == "state":
            return next((i for at, i in self.relayed.items() if height_key(at) == params[0]), None)
        assert (method, params) == ("module", ("federation", "getpauses", []))
        return dict.fromkeys(("claims", "burns", "batches"), self.until)

    async def _state(self, kind: Any, key: bytes) -> Any:
        if kind is Paused:
            assert key == entry_key(PAUSED, OWN)
            return self.last
        assert (kind, key) == (Rules, entry_key(RULES))
        return self.rules

    def _main(self, method: str, *params: Any) -> Any:
        if method == "status":
            return {"height": self.own}
        assert method == "verdict"
        return self.verdicts.get(params[0], "unknown")

    async def pause(self, what: str, reason: str = "") -> str:
        if self.refusal:
            raise self.refusal
        self.sent.append((what, reason))
        if self.taken:
            self.last = Paused(EVERYTHING, max(self.relayed), reason)
            self.until = max(self.relayed) + PAUSE_BLOCKS
        return ""

    def fork(self, depth: int, verdict: str, height: int | None = None) -> None:
        """The relay's last `depth` headers are of another branch, held so by the own node."""
        tip = max(self.relayed) if height is None else height
        for at in range(tip - depth + 1, tip + 1):
            self.relayed[at] = id_of("b", at)
            self.verdicts[id_of("b", at)] = verdict

    async def tick(self, count: int = 1) -> None:
        for _ in range(count):
            await self.doubting.tick()


def run(play: Callable[[], Awaitable[None]]) -> None:
    trio.run(play)


def test_an_invalid_header_pauses_at_once_and_once_in_a_while() -> None:
    async def play() -> None:
        nodes = Nodes()
        await nodes.tick()
        nodes.fork(2, "invalid")
        await nodes.tick(3)
        ((what, reason),) = nodes.sent
        assert what == "all" and reason.startswith("relayed header " + id_of("b", 40).hex())
        assert len(reason) <= 200
        # Not while it lasts, nor after it ended, until this member may pause again.
        for height, sent in (
            (40 + PAUSE_BLOCKS, 1),
            (40 + PAUSE_REST - 1, 1),
            (40 + PAUSE_REST, 2),
        ):
            nodes.relayed = {at: id_of("b", at) for at in range(height - 50, height + 1)}
            nodes.verdicts[id_of("b", height)] = "invalid"
            await nodes.tick(PATIENCE + 1)
            assert len(nodes.sent) == sent

    run(play)


@pytest.mark.parametrize("rest", [2_000, None])
def test_how_long_it_rests_is_for_the_rules_to_say(rest: int | None) -> None:
    async def play() -> None:
        nodes = Nodes()
        nodes.rules = None if rest is None else replace(DEFAULT_RULES, rest=rest)
        nodes.fork(2, "invalid")
        await nodes.tick()
        again = 40 + (PAUSE_REST if rest is None else rest)
        for height, sent in ((again - 1, 1), (again, 2)):
            nodes.relayed = {at: id_of("b", at) for at in range(height - 50, height + 1)}
            nodes.verdicts[id_of("b", height)] = "invalid"
            await nodes.tick(PATIENCE + 1)
            assert len(nodes.sent) == sent

    run(play)


def test_what_descends_from_an_invalid_block_is_found_below() -> None:
    async def play() -> None:
        nodes = Nodes()
        nodes.fork(4, "unknown")
        nodes.verdicts[nodes.relayed[37]] = "invalid"
        await nodes.tick()
        ((_, reason),) = nodes.sent
        assert id_of("b", 37).hex() in reason

    run(play)


@pytest.mark.parametrize("verdict", ["side", "unknown"])
def test_a_relay_off_the_best_chain_for_long_pauses(verdict: str) -> None:
    async def play() -> None:
        nodes = Nodes()
        nodes.fork(DEPTH + 1, verdict)
        await nodes.tick(PATIENCE)
        assert nodes.sent == []
        await nodes.tick(3)
        ((what, reason),) = nodes.sent
        assert what == "all" and "off this node's best chain" in reason and len(reason) <= 200

    run(play)


def test_it_is_forgotten_when_the_chains_meet() -> None:
    async def play() -> None:
        nodes = Nodes()
        for _ in range(3):
            nodes.fork(DEPTH + 1, "side")
            await nodes.tick(PATIENCE)
            nodes.verdicts.update((id_of("b", at), "best") for at in range(41))
            await nodes.tick()
        assert nodes.sent == []

    run(play)


def test_no_doubt_within_k_nor_while_the_own_node_is_behind() -> None:
    async def play() -> None:
        shallow = Nodes()
        shallow.fork(DEPTH, "side")
        behind = Nodes()
        behind.fork(20, "unknown")
        behind.own = 20
        starting = Nodes()  # below everything that the relay keeps
        starting.verdicts, starting.own = {}, 3
        for nodes in (shallow, behind, starting):
            await nodes.tick(2 * PATIENCE)
            assert nodes.sent == []

    run(play)


def test_a_window_wholly_off_the_own_chain_pauses() -> None:
    """A reorganisation below the window: no relay action can follow it."""

    async def play() -> None:
        nodes = Nodes()
        nodes.fork(31, "side")
        nodes.own = 41
        await nodes.tick(PATIENCE + 1)
        assert len(nodes.sent) == 1

    run(play)


def test_a_refused_pause_is_tried_again_after_a_while_and_another_members_is_enough() -> None:
    async def play() -> None:
        nodes = Nodes()
        nodes.fork(2, "invalid")
        nodes.until = 41
        await nodes.tick(3)
        assert nodes.sent == []
        nodes.until, nodes.refusal = 0, RemoteError(-26, "NonceWrong")
        await nodes.tick()
        nodes.refusal = None
        await nodes.tick(PATIENCE - 1)
        assert nodes.sent == []
        await nodes.tick()
        assert len(nodes.sent) == 1

    run(play)


def test_a_pause_that_the_chain_never_took_is_sent_again() -> None:
    """Somebody's action came first with the same nonce: nobody rests for what never counted."""

    async def play() -> None:
        nodes = Nodes()
        nodes.fork(2, "invalid")
        nodes.taken = False
        await nodes.tick(PATIENCE)
        assert len(nodes.sent) == 1
        nodes.taken = True
        await nodes.tick(PATIENCE)
        assert len(nodes.sent) == 2 and nodes.last is not None
        nodes.until = 0  # it ended; who pauses began anew meanwhile, and still rests
        nodes.doubting = Doubting(nodes.doubting._links, nodes, OWN, DEPTH)
        await nodes.tick(PATIENCE)
        assert len(nodes.sent) == 2

    run(play)


def test_lines_that_are_down_are_asked_again() -> None:
    async def play() -> None:
        nodes = Nodes()
        nodes.fork(2, "invalid")
        refusals: list[Exception] = [Unavailable("down"), RemoteError(-28, "warming up")]
        answer = nodes.doubting._links.main.call

        async def call(method: str, *params: Any, timeout: float | None = None) -> Any:
            if refusals:
                raise refusals.pop()
            return await answer(method, *params)

        nodes.doubting._links.main.call = call  # type: ignore[method-assign]
        with trio.move_on_after(4 * TICK_SECONDS):
            await nodes.doubting.run()
        assert len(nodes.sent) == 1

    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(play, clock=clock)
