"""Events of a light node: its blocks as a full node tells them, and nothing it does not know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bystack.node.ipc import RemoteError
from bystack.node.mainchain import telling as full
from bystack.node.mainchain.reading import Reader
from bystack.node.rpc.topics import Followed
from tests.node.light.network import Light
from tests.node.light.test_service import KNOWN, LEFT, RIGHT, among
from tests.node.mainchain.network import Node

Json = dict[str, Any]


async def upto(events: AsyncIterator[Json], tip: bytes) -> list[Json]:
    """The events to the one that says this is the tip."""
    found = []
    async for event in events:
        found.append(event)
        if event["event"] == "tip" and event["hash"] == tip.hex():
            return found
    raise AssertionError("a stream has no end")


def events(light: Light, topic: str, height: int | None) -> AsyncIterator[Json]:
    return light.service.streams["events"]("events", [topic, height])


def test_blocks_are_told_as_a_full_node_tells_them(tmp_path: Path) -> None:
    async def check(light: Light, nodes: list[Node]) -> None:
        for height in (1, 4, None):
            asked = Followed("blocks", height)
            driver = nodes[0].driver
            theirs = await upto(full.tell(driver, Reader(driver), asked), RIGHT[-1].id)
            assert await upto(events(light, "blocks", height), RIGHT[-1].id) == theirs
        with pytest.raises(RemoteError, match="block 99 is not there yet"):
            await anext(events(light, "blocks", 99))

    among(tmp_path, check)


def test_blocks_that_leave_are_told_newest_first_then_the_new_ones(tmp_path: Path) -> None:
    async def check(light: Light, nodes: list[Node]) -> None:
        stream = events(light, "blocks", 1)
        await upto(stream, LEFT[-1].id)
        for node in nodes:
            await node.take(*KNOWN.right)
        told = await upto(stream, RIGHT[-1].id)
        gone = [one["hash"] for one in told if one["event"] == "disconnected"]
        came = [one["hash"] for one in told if one["event"] == "block"]
        assert gone == [block.id.hex() for block in reversed(KNOWN.left)]
        assert came == [block.id.hex() for block in KNOWN.right]

    among(tmp_path, check, LEFT)


@pytest.mark.parametrize("topic", ["transactions", "pegs", "mempool"])
def test_what_it_does_not_have_is_refused_with_what_to_do(tmp_path: Path, topic: str) -> None:
    async def check(light: Light, nodes: list[Node]) -> None:
        with pytest.raises(RemoteError, match=r'set .mainchain. mode = "full"') as refused:
            await anext(events(light, topic, None))
        assert refused.value.rule == "NeedsFullNode"

    among(tmp_path, check)
