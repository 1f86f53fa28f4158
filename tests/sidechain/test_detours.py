"""Demotions as blocks carry them: executing a block checks what its header shows."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.primitives.errors import Invalid
from bystack.sidechain import detours, epochs
from bystack.sidechain.assembly import Built, Proposal, assemble
from bystack.sidechain.consensus.demotions import DEMOTED_BLOCKS, demoted_of
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import Consensus
from bystack.sidechain.transition import apply_block
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import CERTIFICATE, Side, genesis_for, validators, verified

SIZE, GATEWAYS = 7, 3


def chain(epoch: int = 1_200) -> Side:
    """Seven validators, of whom 0, 1 and 2 are the first epoch's gateways."""
    consensus = Consensus("bbft", "fixed", 500, 5000, 1500, 1, GATEWAYS, epoch, 2, 1)
    genesis = genesis_for(vault_chain(), consensus=consensus, validators=validators(SIZE))
    return Side.begin(genesis, Modules([]))


def built(side: Side, wish: int = -1) -> Built:
    proposal = Proposal(0, side.header.time + 500, CERTIFICATE, bytes(32), wish)
    return assemble(side.genesis, side.modules, side.base, proposal, [], verified)


def grow(side: Side, wish: int = -1) -> frozenset[int]:
    """The next block; whom its header demotes."""
    block = built(side, wish)
    side.validate(block)
    side.commit(block)
    return demoted_of(block.header.demotions, SIZE)


def test_a_wish_is_in_the_header_and_lasts_a_hundred_blocks() -> None:
    side = chain()
    assert grow(side) == frozenset()
    assert grow(side, 2) == {2}
    assert grow(side, 0) == {0, 2}
    assert grow(side, 1) == {0, 2}  # never the last one
    for _ in range(DEMOTED_BLOCKS - 3):
        assert grow(side) == {0, 2}
    assert [grow(side) for _ in range(3)] == [{0, 2} - {2}, frozenset(), frozenset()]
    assert side.view.get(detours.DEMOTIONS) is None  # nothing is left behind


def test_members_are_not_demoted() -> None:
    assert grow(chain(), 5) == frozenset()


@pytest.mark.parametrize(
    ("shows", "rule"),
    [
        (b"", "DemotionsForgotten"),
        (b"\x07", "DemotionsMany"),
        (b"\x14", "DemotionStranger"),
        (b"\x84", "DemotionsMalformed"),
        (b"\x04\x00", "DemotionsMalformed"),
    ],
)
def test_a_header_that_shows_what_it_may_not_is_refused(shows: bytes, rule: str) -> None:
    side = chain()
    grow(side, 2)
    block = built(side)
    header = replace(block.header, demotions=shows)
    before = dict(side.state)
    with pytest.raises(Invalid) as refused:
        apply_block(side.genesis, side.modules, side.base, header, block.body)
    assert refused.value.rule == rule and dict(side.state) == before


def test_what_a_header_shows_is_in_the_state_root() -> None:
    side = chain()
    quiet, demoting = built(side), built(side, 1)
    assert quiet.header.state_root != demoting.header.state_root


def test_an_epoch_begins_without_demotions() -> None:
    side = chain(epoch=10)
    while side.header.height < 8:
        shown = grow(side, 2)
    assert shown == {2} and epochs.current(side.view).epoch == 0
    assert grow(side) == {2}
    assert grow(side) == frozenset() and epochs.current(side.view).epoch == 1
