"""Sums of votes as gateways and leaders take them."""

from __future__ import annotations

from msgspec.structs import replace

from bystack.sidechain.consensus.statements import PREPARE, Aggregate
from tests.sidechain.consensus.grouped import hear, summed, voting


def remembered(node: object) -> int:
    """How many sums of votes the machine compares others with."""
    known = node.machine._m.watch.heights[1]  # type: ignore[attr-defined]
    return sum(isinstance(one, Aggregate) for one in known.sums)


def test_what_a_tally_refuses_is_not_remembered() -> None:
    """Else a gateway could fill the memory of every height with sums that count nowhere."""
    node = voting(0)
    hear(node, 2, summed(node, "PREPARE", "2"))
    for count in range(1, 50):
        said = hear(node, 2, replace(summed(node, "PREPARE", "2"), signature=bytes([count]) * 96))
        assert said == (["Penalise 2 AggregateOverlap"] if count == 1 else [])
    assert remembered(node) == 1


def test_top_ups_are_remembered() -> None:
    node = voting(0)
    hear(node, 2, summed(node, "PREPARE", "2"))
    hear(node, 2, summed(node, "PREPARE", "25"))
    assert remembered(node) == 2


def test_a_member_hands_its_vote_to_its_own_gateway_alone_even_as_a_sum() -> None:
    """Sums come from gateways, and from heads of smaller groups to their gateway."""
    own, other = voting(0), voting(1)
    hear(own, 3, summed(own, "PREPARE", "3"))
    hear(other, 3, summed(other, "PREPARE", "3"))
    assert own.machine._m.tally(PREPARE, 0).voters == {0, 3}
    assert other.machine._m.tally(PREPARE, 0).voters == {1}
