"""G08: a gateway changes the proposal it passes on, or makes one up.

Rules: `ProposalSignature`, `ProposalRelayed`. Invariant: only what the leader signed is executed,
whoever carried it.
"""

from __future__ import annotations

from msgspec.structs import replace

from tests.sidechain.consensus.grouped import hear
from tests.transcripts.bbft.play import Player


def member() -> Player:
    node = Player(5, 7, 3)
    node.play("begin at=0")
    return node


def test_an_altered_header_is_not_the_leaders() -> None:
    node = member()
    good = node.proposal("A", 0)
    changed = replace(good, header=replace(good.header, state_root=b"x" * 32))
    assert hear(node, 2, changed) == ["Penalise 2 ProposalSignature"]
    assert hear(node, 2, good) == ["Execute A"]


def test_a_false_body_costs_its_carrier_and_the_right_one_is_taken_from_another() -> None:
    node = member()
    good = node.proposal("A", 0)
    assert hear(node, 2, replace(good, body=b"false")) == ["Execute A"]
    assert node.play("executed A root at=110") == ["Penalise 2 BlockInvalid: root"]
    assert hear(node, 1, good) == ["Execute A"]  # the leader's own, by F2 or asked for


def test_from_others_than_leader_and_gateway_proposals_are_refused() -> None:
    node = member()
    assert hear(node, 0, node.proposal("A", 0)) == ["Penalise 0 ProposalRelayed"]
