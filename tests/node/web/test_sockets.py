"""`/ws`: who may subscribe, replay and then live, and how those who do not read are let go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.web import subscribing
from tests.node.web.reader import Closed, Rejected, connected
from tests.node.web.test_web import FakeNode, FakeProcess, Web, run

READ, ADMIN = "e" * 64, "c" * 64
SEEN = 5
WIDE = "x" * 40_000


class Items:
    """A stream; `held` tells how many of them are open."""

    def __init__(self, process: Told, items: AsyncIterator[Any]) -> None:
        self._process, self._items = process, items

    async def __aenter__(self) -> AsyncIterator[Any]:
        self._process.held += 1
        return self._items

    async def __aexit__(self, *error: object) -> None:
        self._process.held -= 1


class Told(FakeProcess):
    """A chain of `SEEN` blocks; more come when `grow` is set."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.grow, self.held, self.wide = trio.Event(), 0, ""
        self.most = SEEN

    def stream(self, method: str, *params: Any) -> Items:
        assert method == "events"
        return Items(self, self._items(*params))

    async def _items(self, topic: str, height: int | None) -> AsyncIterator[Any]:
        if height == 99:
            raise RemoteError(-8, "block 99 is not there yet")
        for at in range(SEEN if height is None else height, self.most):
            yield {"event": "block", "height": at, "hash": self.wide}
            await trio.lowlevel.checkpoint()
        yield {"event": "tip", "height": self.most - 1}
        await self.grow.wait()
        yield {"event": "block", "height": self.most}
        raise Unavailable("the process ends")


def node() -> FakeNode:
    made = FakeNode()
    for label in ("mainchain", "sidechain-trade"):
        made.processes[label] = Told(label)
    return made


def told(made: FakeNode, label: str) -> Told:
    process = made.processes[label]
    assert isinstance(process, Told)
    return process


def test_replay_from_a_height_then_live_then_the_end() -> None:
    made = node()

    async def body(web: Web) -> None:
        async with connected(web.address, READ) as reader:
            assert await reader.ask("subscribe", topic="blocks", chain="trade", height=3) == 1
            seen = [await reader.told() for _ in range(3)]
            assert [one.get("height") for one in seen] == [3, 4, 4]
            assert seen[0]["subscription"] == 1 and seen[0]["method"] == "event"
            assert (seen[0]["chain"], seen[0]["topic"]) == ("trade", "blocks")
            assert seen[2]["event"] == "tip"
            told(made, "sidechain-trade").grow.set()
            assert (await reader.told())["height"] == SEEN
            end = await reader.told()
            assert (end["method"], end["reason"]) == ("ended", "the process ends")
            assert end["height"] == SEEN

    run(body, made)


def test_several_subscriptions_and_one_given_up() -> None:
    made = node()

    async def body(web: Web) -> None:
        async with connected(web.address, READ) as reader:
            assert await reader.ask("subscribe", topic="blocks") == 1
            assert await reader.ask("subscribe", topic="pegs", chain="trade") == 2
            assert await reader.ask("unsubscribe", subscription=1) is True
            assert await reader.ask("unsubscribe", subscription=1) is False
            while told(made, "mainchain").held:
                await trio.lowlevel.checkpoint()
            assert told(made, "sidechain-trade").held == 1
        while told(made, "sidechain-trade").held:
            await trio.lowlevel.checkpoint()

    run(body, made)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("subscribe", {"topic": "gossip"}, -32602),
        ("subscribe", {"topic": "blocks", "height": -1}, -32602),
        ("subscribe", {"topic": "blocks", "chain": "NO"}, -32602),
        ("subscribe", {"topic": "blocks", "chain": "games"}, -8),
        ("subscribe", {"topic": "blocks", "else": 1}, -32602),
        ("unsubscribe", {}, -32602),
        ("getblockcount", {}, -32601),
    ],
)
def test_what_is_asked_wrongly_is_refused(method: str, params: Any, code: int) -> None:
    async def body(web: Web) -> None:
        async with connected(web.address, READ) as reader:
            assert (await reader.ask(method, **params))["code"] == code
            for text in ("", "[", "[1]", "3", "\x00"):
                await reader.send(text)
                assert "error" in await reader.message()
            assert await reader.ask("subscribe", topic="blocks") == 1

    run(body, node())


def test_a_height_not_reached_ends_the_subscription() -> None:
    async def body(web: Web) -> None:
        async with connected(web.address, READ) as reader:
            assert await reader.ask("subscribe", topic="blocks", height=99) == 1
            assert (await reader.told())["reason"].startswith("block 99 is not there yet")

    run(body, node())


def test_subscriptions_of_one_connection_are_bounded() -> None:
    async def body(web: Web) -> None:
        async with connected(web.address, READ) as reader:
            for number in range(subscribing.MOST):
                assert await reader.ask("subscribe", topic="blocks") == number + 1
            assert (await reader.ask("subscribe", topic="blocks"))["code"] == -8

    run(body, node())


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"secret": ""}, 401),
        ({"secret": "x"}, 401),
        ({"protocols": ["bystack", "token.x"]}, 401),
        ({"secret": READ, "Origin": "http://evil.example"}, 403),
    ],
)
def test_who_may_not_connect(given: dict[str, Any], status: int) -> None:
    async def body(web: Web) -> None:
        with pytest.raises(Rejected) as caught:
            async with connected(web.address, **given):
                pass
        assert caught.value.args[0] == status

    run(body, node())


def test_a_browser_brings_its_token_as_a_subprotocol() -> None:
    async def body(web: Web) -> None:
        protocols, origin = ["bystack", f"token.{READ}"], f"http://{web.address}"
        async with connected(web.address, protocols=protocols, Origin=origin) as reader:
            assert reader.protocol == "bystack", "the secret is not told back"
            assert await reader.ask("subscribe", topic="blocks") == 1

    run(body, node())


def test_subscribers_are_bounded_and_a_place_is_free_again() -> None:
    async def body(web: Web) -> None:
        async with connected(web.address, READ):
            with pytest.raises(Rejected) as caught:
                async with connected(web.address, READ):
                    pass
            assert caught.value.args[0] == 503
        while True:
            try:
                async with connected(web.address, READ) as reader:
                    assert await reader.ask("subscribe", topic="blocks") == 1
                    return
            except Rejected:
                await trio.lowlevel.checkpoint()

    run(body, node(), subscribers=1)


def test_too_many_requests_and_bytes_end_the_connection() -> None:
    async def body(web: Web) -> None:
        async with connected(web.address, READ) as reader:
            with pytest.raises(Closed) as caught:
                for _ in range(10):
                    await reader.ask("unsubscribe", subscription=1)
            assert caught.value.args[0] == 1008 and "rate" in caught.value.args[1]

    run(body, node(), rate=1)


def test_a_slow_reader_is_told_where_to_come_back_and_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscribing, "PATIENCE", 0.2)
    monkeypatch.setattr(subscribing, "QUEUE", 4)
    made = node()
    slow = told(made, "sidechain-trade")
    slow.wide, slow.most = WIDE, 2_000

    async def body(web: Web) -> None:
        async with connected(web.address, READ) as reader, connected(web.address, READ) as other:
            assert await reader.ask("subscribe", topic="blocks", chain="trade", height=0) == 1
            while not slow.held:
                await trio.lowlevel.checkpoint()
            while slow.held:  # until the server has let go of the stream; we read nothing
                await trio.lowlevel.checkpoint()
            heights = list[int]()
            with pytest.raises(Closed) as caught:
                while True:
                    heights.append((await reader.told())["height"])
            code, reason = caught.value.args
            assert code == 1013
            assert heights == list(range(len(heights))), "nothing was skipped"
            assert reason == f"too slow; come back from: trade/blocks {heights[-1]}"
            assert await other.ask("subscribe", topic="blocks", chain="main") == 1

    run(body, made)
