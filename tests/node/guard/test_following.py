"""A guard follows the main chain as a member does, and hears when the tip is reached."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
import trio
import trio.testing

from bystack.node.federation.events import MainConnected, MainDisconnected, MainRestarted
from bystack.node.guard.following import Event, MainReached, follow_main
from bystack.node.guard.links import GuardLinks
from bystack.sidechain.relayed import ChainPlace
from tests.node.federation.test_memory import Main
from tests.sidechain.mainside import vault_chain


def followed(main: Main, known: tuple[ChainPlace, ...]) -> list[Event]:
    """What the inbox gets until the stream has no more."""
    out, events = trio.open_memory_channel[Event](10_000)

    async def run() -> None:
        links = cast(GuardLinks, SimpleNamespace(main=main))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow_main, links, out, known)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    trio.run(run)
    got: list[Event] = []
    while events.statistics().current_buffer_used:
        got.append(events.receive_nowait())
    return got


def test_after_a_start_below_the_vault_up_to_the_tip() -> None:
    main = Main(vault_chain())
    below = main.chain.line[3]
    events = followed(main, (ChainPlace(below.header.height, below.id),))
    heights = [event.height for event in events if isinstance(event, MainConnected)]
    assert heights == list(range(below.header.height + 1, main.chain.height + 1))
    assert isinstance(events[-1], MainReached)


@pytest.mark.parametrize("depth", [3, 30, 250])
@pytest.mark.parametrize("seen", [True, False])
def test_a_branch_that_left_is_undone_whole_or_all_begins_anew(depth: int, seen: bool) -> None:
    """No block is left out between: the guard's vault would never be right again."""
    chain = vault_chain()
    chain.grow(260)
    main = Main(chain)
    line = [ChainPlace(block.header.height, block.id) for block in chain.line]
    main.reorganise(depth, seen=seen)
    events = followed(main, tuple(line[-200:]))
    standing = [(place.height, place.id) for place in line]
    for event in events:
        match event:
            case MainDisconnected(height, id):
                assert standing.pop() == (height, id)
            case MainConnected(height, id):
                assert height == len(standing) + 1, "nothing left out"
                standing.append((height, id))
            case MainRestarted():
                standing.clear()
    assert standing == [(block.header.height, block.id) for block in main.chain.line]
    assert isinstance(events[-1], MainReached)
    assert any(isinstance(event, MainRestarted) for event in events) == (depth == 250)
