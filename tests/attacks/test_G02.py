"""G02: votes are sent again in other sums, so that they count twice.

Rule: `AggregateOverlap`. Invariant: every certificate's weight is that of distinct voters.
"""

from __future__ import annotations

from bystack.sidechain.consensus.statements import PREPARE
from tests.sidechain.consensus.grouped import hear, summed, voting


def test_overlapping_sums_make_no_quorum() -> None:
    node = voting(0)
    assert hear(node, 2, summed(node, "PREPARE", "25")) == []
    assert hear(node, 2, summed(node, "PREPARE", "5")) == ["Penalise 2 AggregateOverlap"]
    node.play("vote PREPARE A from=5 at=110")  # the same vote once more, round its gateway
    hear(node, 1, summed(node, "PREPARE", "1"))
    tally = node.machine._m.tally(PREPARE, 0)
    assert tally.voters == {0, 1, 2, 5} and not tally.certificates
    node.play("vote PREPARE A from=3")
    (made,) = tally.certificates
    assert made.bitmap == bytes([0b101111])


def test_who_overlaps_is_heard_no_more_in_that_round() -> None:
    node = voting(0)
    hear(node, 2, summed(node, "PREPARE", "2"))
    hear(node, 2, summed(node, "PREPARE", "5"))
    hear(node, 2, summed(node, "PREPARE", "2", claimed="25"))  # contains both: it replaces them
    assert hear(node, 2, summed(node, "PREPARE", "5")) == ["Penalise 2 AggregateOverlap"]
    assert hear(node, 2, summed(node, "PREPARE", "25")) == []
