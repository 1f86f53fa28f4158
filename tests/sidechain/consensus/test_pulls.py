"""What waits for the next height, and how much of it."""

from __future__ import annotations

from dataclasses import replace as replace_config

import pytest
from msgspec.structs import replace

from bystack.sidechain.consensus.messages import Propose
from bystack.sidechain.consensus.pulls import MAX_FOREIGN
from tests.sidechain.consensus.grouped import hear, voting
from tests.transcripts.bbft.play import Player


def of_height_2() -> Propose:
    """The proposal after block A, which 2 leads."""
    others = Player(6, 7, 3)
    (header, _), final = others.block("A"), others.certificate(2, "A", 0, "01234")
    others.chain.append((header, final))
    return others.proposal("B", 0)


@pytest.mark.parametrize(("me", "sender", "kept"), [(6, 0, 1), (6, 2, 1), (6, 1, 0), (3, 5, 0)])
def test_the_next_proposal_waits_if_the_leader_or_our_gateway_sent_it(
    me: int, sender: int, kept: int
) -> None:
    node = voting(me)
    hear(node, sender, of_height_2())
    assert sum(key[1] == "Propose" for key in node.machine._m.later) == kept


def test_a_member_that_is_late_goes_on_with_what_its_gateway_sent() -> None:
    node = voting(6)
    proposal = of_height_2()
    said = hear(node, 0, proposal)
    assert any(line.startswith("Decide A") for line in said)
    node.name("B", proposal.header, proposal.body)
    assert "Execute B" in node.play("finalized at=130")


def test_of_the_next_epoch_only_a_few_proposals_are_kept() -> None:
    """Nobody knows yet who may propose there, and a block may have megabytes."""
    node, proposal = voting(6), of_height_2()
    machine = node.machine._m
    machine.era = replace_config(machine.era, last=1)
    header = replace(proposal.header, epoch=1)
    for sender in range(6):
        for view in range(4):
            hear(node, sender, replace(proposal, header=header, view=view))
    assert sum(key[1] == "Propose" for key in machine.later) == MAX_FOREIGN
    hear(node, 0, replace(proposal, header=header, body=b"again"))
    assert machine.later[node.ring.validators.validators[0].node, "Propose", 0, 0]
