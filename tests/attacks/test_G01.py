"""G01: a gateway speaks for validators of other groups, or for all.

Rule: `AggregateOutside`. Invariant: nobody is counted whose vote did not come through its group.
"""

from __future__ import annotations

import pytest

from bystack.sidechain.consensus.statements import PREPARE
from tests.sidechain.consensus.grouped import hear, summed, voting


@pytest.mark.parametrize("claimed", ["145", "0123456", "36", "2"])
def test_bits_outside_the_senders_group_are_refused(claimed: str) -> None:
    node = voting(0)
    said = hear(node, 1, summed(node, "PREPARE", claimed))
    assert said == ["Penalise 1 AggregateOutside"]
    assert node.machine._m.tally(PREPARE, 0).voters == {0}


def test_a_member_sums_up_nobody() -> None:
    node = voting(0)
    assert hear(node, 3, summed(node, "PREPARE", "36")) == ["Penalise 3 AggregateOutside"]
    assert node.machine._m.tally(PREPARE, 0).voters == {0}
