"""Depth counts twice: headers and work, exactly; and old headers by history."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.mainchain.chain import Entry
from bystack.sidechain.inclusion import Inclusion, NotDeepEnough, WorkTooLow, verify_included
from bystack.sidechain.relay import HeaderNotRelayed, RelayView, start_relay
from bystack.sidechain.state import SystemState, state_key
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import K, Store, genesis_for, ready


class Worked:
    """A window whose entries have any work one likes: the chain's own headers, other sums."""

    def __init__(self, works: list[int]) -> None:
        main = vault_chain()
        main.grow(len(works))
        self.main = main
        height = main.height - len(works)
        self.state = SystemState(Store())
        start_relay(self.state, genesis_for(main, checkpoint=main.entries[height]))
        total = int.from_bytes(main.entries[height].work, "big")
        for number, work in enumerate(works, height + 1):
            total += work
            self._connect(main.entries[number], total)

    def _connect(self, entry: Entry, total: int) -> None:
        header = entry.header
        fake = Entry(header, total.to_bytes(32, "big"), entry.peaks, entry.times, entry.seed)
        self.state.write(state_key("relay/entry", header.id), fake)
        self.state.put(state_key("relay/height", header.height), header.id)
        self.state.put(state_key("relay/tip"), header.id)

    def verify(self, depth: int, at: int) -> None:
        """Prove the coinbase of the block `at` below the tip."""
        block = self.main.line[self.main.height - 1 - at]
        inclusion = self.main.inclusion(block.transactions[0].id)
        verify_included(RelayView(self.state), inclusion, depth)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=8, max_size=24), st.integers(1, 6), st.data())
def test_the_work_rule_is_exact(works: list[int], depth: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(works) - 2))
    window = Worked(works)
    # `at` blocks lie on top; before the block lie `before`, the checkpoint's own work not known.
    top, before = works[len(works) - at :] if at else [], works[: len(works) - at - 1]
    enough = sum(top) * len(before) >= depth * sum(before)
    if at < depth:
        with pytest.raises(NotDeepEnough):
            window.verify(depth, at)
    elif enough:
        window.verify(depth, at)
    else:
        with pytest.raises(WorkTooLow):
            window.verify(depth, at)


def test_history_before_the_checkpoint_needs_k_headers_of_window() -> None:
    world = ready()
    early = world.main.line[2].transactions[0].id
    under = world.relayed - K
    proof = world.main.inclusion(early, under)
    verify_included(RelayView(world.view), proof, K)
    deep = world.relayed - world.genesis.checkpoint.header.height + 1
    with pytest.raises(HeaderNotRelayed):
        verify_included(RelayView(world.view), proof, deep)


@pytest.mark.parametrize("height", [2**40, 2**62])
def test_a_height_above_the_tip_is_not_deep(height: int) -> None:
    world = ready()
    proof = world.main.inclusion(world.main.created).proof
    far = Inclusion(msgspec.structs.replace(proof, height=height), ())
    with pytest.raises(NotDeepEnough):
        verify_included(RelayView(world.view), far, K)
