"""G03: a bad signature inside a sum spoils the quorum of everybody else.

Rule: `VoteSignature`, found by bisection. Invariant: the good votes are certified at once, the bad
sum's sender is blamed, is verified alone from then on, and is named as a gateway that fails.
"""

from __future__ import annotations

import pytest

from bystack.sidechain.consensus.certificates import verify_certificate
from bystack.sidechain.consensus.statements import PREPARE
from tests.sidechain.consensus.grouped import hear, summed, voting
from tests.simulation.harness import CHAIN


@pytest.mark.parametrize("order", ["12", "21"])
def test_a_bad_sum_is_weeded_out(order: str) -> None:
    node = voting(0)
    parts = {"1": summed(node, "PREPARE", "14"), "2": summed(node, "PREPARE", "3", claimed="25")}
    said = [*node.play("vote PREPARE A from=3 at=110"), *node.play("vote PREPARE A from=6")]
    for sender in order:
        said += hear(node, int(sender), parts[sender])
    machine = node.machine._m
    tally = machine.tally(PREPARE, 0)
    (made,) = tally.certificates
    verify_certificate(made, node.ring.validators, CHAIN, node.ring.scheme)
    assert made.bitmap == bytes([0b1011011])
    blamed = "Penalise 2 VoteSignature"
    assert blamed in said if order == "21" else machine.suspects == set()


def test_the_liar_is_verified_alone_from_then_on() -> None:
    node = voting(0)
    for line in ("vote PREPARE A from=3 at=110", "vote PREPARE A from=6"):
        node.play(line)
    hear(node, 2, summed(node, "PREPARE", "3", claimed="25"))
    hear(node, 1, summed(node, "PREPARE", "14"))
    assert node.machine._m.suspects == {2}
    bad = summed(node, "COMMIT", "3", claimed="25")
    assert hear(node, 2, bad) == ["Penalise 2 VoteSignature"]
    assert (2, 4) in node.machine._m.at.gone_round
