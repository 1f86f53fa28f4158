"""F4: a gateway is named when it carried nothing, not when it was slow or somebody else failed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.sidechain.consensus import carriers
from bystack.sidechain.consensus.demotions import DEMOTED_BLOCKS
from bystack.sidechain.consensus.validators import bitmap_of
from tests.sidechain.consensus.grouped import voting
from tests.transcripts.bbft.play import Player

GATEWAY = 2


def served_by_the_leader() -> Player:
    """Validator 5, whose gateway 2 gave it the proposal of height 1 and nothing else."""
    node = voting(5, above=GATEWAY)
    for line in (
        "timer RETRY at=200",
        "certificate PREPARE A signers=01346 from=1 at=210",
        "signed",
        "timer RETRY at=400",
        "certificate COMMIT A signers=01346 from=1 at=410",
        "finalized at=411",
    ):
        node.play(line)
    return node


def test_who_says_its_commit_again_shows_what_it_is_based_on() -> None:
    """Else a gateway that spoils sums keeps the others', and their groups, from committing."""
    node = voting(5, above=GATEWAY)
    node.play("timer RETRY at=200")
    node.play("certificate PREPARE A signers=01346 from=1 at=210")
    node.play("signed")
    again = [said for said in node.play("timer RETRY at=400") if said.startswith("Send")]
    shown, said = "Certificate PREPARE A h1 v0 of 01346", "Vote COMMIT A h1 v0"
    assert again == [f"Send {index} {what}" for index in (1, 0) for what in (shown, said)]


def judged(node: Player) -> dict[int, int]:
    machine = node.machine._m
    (late,) = machine.late
    carriers.judge(machine, late)
    return machine.shunned


def test_who_withheld_is_named_in_our_next_block() -> None:
    node = served_by_the_leader()
    assert judged(node) == {GATEWAY: 1}
    assert carriers.to_demote(node.machine._m) == GATEWAY


@pytest.mark.parametrize("kinds", [("PREPARE",), ("COMMIT",)])
def test_both_certificates_are_waited_for(kinds: tuple[str, ...]) -> None:
    node = served_by_the_leader()
    for kind in kinds:
        node.play(f"certificate {kind} A signers=01346 from={GATEWAY} at=420")
    assert judged(node) == {GATEWAY: 1}


def test_who_was_slow_is_not_named() -> None:
    node = served_by_the_leader()
    for kind in ("PREPARE", "COMMIT"):
        node.play(f"certificate {kind} A signers=01346 from={GATEWAY} at=420")
    assert judged(node) == {}
    assert carriers.to_demote(node.machine._m) == -1


def test_who_carries_everything_again_is_forgiven() -> None:
    node = served_by_the_leader()
    for kind in ("PREPARE", "COMMIT"):
        node.play(f"certificate {kind} A signers=01346 from={GATEWAY} at=420")
    node.machine._m.shunned = {GATEWAY: 0, 0: 0}
    assert judged(node) == {0: 0}, "of the other nothing was heard"


def test_where_the_view_failed_nobody_is_named() -> None:
    node = served_by_the_leader()
    machine = node.machine._m
    (late,) = machine.late
    late.certificate = replace(late.certificate, view=1)
    carriers.judge(machine, late)
    assert machine.shunned == {}


def proposed_twice() -> Player:
    """The leader: gateway 2 was silent, so 5, which it serves, got the proposal again (F2)."""
    node = Player(1, 7, 3)
    for line in (
        "begin at=0",
        "timer PROPOSE at=100",
        "built A",
        "signed",
        "signed",
        "vote PREPARE A from=4 at=110",
        "sum PREPARE A from=0 signers=03",
        "timer RETRY at=180",
        "vote PREPARE A from=5 at=190",
        "signed",
        "vote COMMIT A from=4 at=200",
        "vote COMMIT A from=5",
        "sum COMMIT A from=0 signers=03",
        "finalized at=211",
    ):
        node.play(line)
    return node


def test_a_leader_that_had_to_propose_again_names_the_silent_gateway() -> None:
    assert judged(proposed_twice()) == {GATEWAY: 1}


def test_a_sum_that_comes_a_height_later_clears_its_gateway() -> None:
    node = proposed_twice()
    node.play(f"sum PREPARE A from={GATEWAY} signers=25 at=220")
    assert judged(node) == {}


def test_it_is_forgotten_after_a_hundred_blocks() -> None:
    node = served_by_the_leader()
    judged(node)
    node.machine._m.shunned[GATEWAY] = node.machine._m.parent.height - DEMOTED_BLOCKS
    assert carriers.to_demote(node.machine._m) == -1


def test_whom_another_epoch_knew_by_an_index_is_not_named() -> None:
    node = served_by_the_leader()
    (late,) = node.machine._m.late
    late.certificate = replace(late.certificate, epoch=7)
    assert judged(node) == {}


def test_paths_go_round_those_whom_the_parents_header_shows() -> None:
    machine = voting(0).machine._m
    machine.parent = replace(machine.parent, demotions=bitmap_of([GATEWAY], 7))
    assert machine.paths(0).gateways == (0, 1)
    machine.parent = replace(machine.parent, epoch=7)  # of other validators
    assert machine.paths(0).gateways == (0, 1, 2)
