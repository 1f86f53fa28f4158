"""COMMITs that leave or arrive when their height is final."""

from __future__ import annotations

from msgspec.structs import replace

from bystack.sidechain.consensus.events import Penalise, Received
from bystack.sidechain.consensus.statements import COMMIT, NO_HASH, NO_SIGNATURE, Vote
from tests.simulation.harness import CHAIN
from tests.simulation.schemes import node_id
from tests.transcripts.bbft.play import Player


def decided_at_view_1(signed_late: str) -> tuple[Player, list[str]]:
    """The leader of view 1, whose signer was slow with a COMMIT; what its signature caused."""
    node = Player(2)
    for line in (
        "begin at=0",
        "propose A from=1 at=105",
        "executed A valid",
        "signed",
        "certificate PREPARE A signers=013 from=1",
    ):
        node.play(line)
    slow = node.asked.pop()
    for line in (
        "closed view=0 signers=013 best=A0 from=0 at=420",
        "signed",
        "signed",
        "certificate PREPARE A view=1 signers=013 from=0",
    ):
        node.play(line)
    if signed_late == "view 1":
        slow = node.asked.pop()
    node.play("certificate COMMIT A view=1 signers=013 from=0")
    node.play("finalized at=430")
    return node, [node.show(one) for one in node.handle(node.signature(slow))]


def test_a_commit_that_was_signed_late_still_counts() -> None:
    node, _ = decided_at_view_1("view 1")
    (late,) = node.machine._m.late
    assert len(late.tallies[COMMIT].vote_of(2)) == 1


def test_a_commit_of_another_view_spoils_no_sum() -> None:
    """It is no vote for what was decided; in our sum it would be a bad signature, and ours."""
    node, said = decided_at_view_1("view 0")
    (late,) = node.machine._m.late
    assert said == [] and late.tallies[COMMIT].vote_of(2) == ()
    assert not node.machine._m.suspects


def test_anothers_commit_of_another_view_is_not_summed_up() -> None:
    """It would be blamed on its sender as a bad signature, which it is not."""
    node, _ = decided_at_view_1("view 1")
    (late,) = node.machine._m.late
    for view in (0, 1):
        header = node.block("A")[0]
        bare = Vote(COMMIT, 0, 1, view, header.id, NO_HASH, 0, NO_SIGNATURE)
        vote = replace(bare, signature=node.ring.sign(0, bare.digest(CHAIN)))
        node.handle(Received(node_id(0), vote))
        assert len(late.tallies[COMMIT].vote_of(0)) == view


def test_nobody_speaks_late_for_another() -> None:
    node, _ = decided_at_view_1("view 1")
    (late,) = node.machine._m.late
    bare = Vote(COMMIT, 0, 1, 1, node.block("A")[0].id, NO_HASH, 0, NO_SIGNATURE)
    vote = replace(bare, signature=node.ring.sign(0, bare.digest(CHAIN)))
    node.handle(Received(node_id(3), vote))
    assert late.tallies[COMMIT].vote_of(0) == ()
    node.handle(Received(node_id(0), vote))
    assert late.tallies[COMMIT].vote_of(0) == (vote,)


def test_a_fuller_certificate_is_verified_before_our_block_names_it() -> None:
    """Else whoever led the last height could have everybody refuse our block."""
    node, _ = decided_at_view_1("view 1")
    machine = node.machine._m
    before = machine.parent_certificate
    assert machine.leads(0) and machine.parent.height == 1
    full = node.certificate(COMMIT, "A", 1, "0123")
    forged = replace(full, signature=b"f" * 96)
    outputs = node.handle(Received(node_id(0), forged))
    assert outputs == [Penalise(node_id(0), "CertificateSignature")]
    assert machine.parent_certificate is before != full
    assert node.handle(Received(node_id(0), full)) == []
    assert machine.parent_certificate == full
