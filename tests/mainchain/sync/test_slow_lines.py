"""A line so slow that what comes over it comes too late: the node gets on nevertheless."""

from __future__ import annotations

from bystack.mainchain.events import (
    Joined,
    KeepBlock,
    Made,
    Penalise,
    Received,
    Switch,
    Switched,
    Tick,
)
from bystack.mainchain.messages import Announce, BlockMessage
from bystack.mainchain.sync.peers import REST
from bystack.mainchain.sync.window import PATIENCE
from tests.ledger.people import BOB
from tests.mainchain.builders import LATE, Chain
from tests.mainchain.sync.test_machine import machine

A, NOW = b"A", LATE


def test_a_block_that_comes_too_late_is_kept_if_it_leads_further_and_only_then() -> None:
    """The only peer has a slow line: each block takes longer than we are patient."""
    for beaten in (False, True):
        sync, chain = machine()
        block = chain.mine()
        sync.handle(Joined(A), NOW)
        sync.handle(Received(A, Announce(block.header)), NOW)
        out = [one for s in range(PATIENCE + 1) for one in sync.handle(Tick(), NOW + s)]
        assert Penalise(A, 20, "stalled") in out
        if beaten:
            other = Chain()
            sync.handle(Made(other.mine(miner=BOB)), NOW + PATIENCE)
            sync.handle(Switched(), NOW + PATIENCE)
        late = sync.handle(Received(A, BlockMessage((block,))), NOW + PATIENCE + 2)
        assert late == ([] if beaten else [KeepBlock(block)])
        for second in range(2 * REST):
            late += sync.handle(Tick(), NOW + PATIENCE + 2 + second)
        assert beaten or Switch((), (block.id,)) in late
