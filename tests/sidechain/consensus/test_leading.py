"""When we lead: the hint that the next block may be begun."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bystack.sidechain.consensus.bbft import Bbft
from bystack.sidechain.consensus.events import Era, Executed, Output, Prepare, Received
from bystack.sidechain.consensus.pace import LEAST_FALLBACK
from bystack.sidechain.consensus.statements import PREPARE
from tests.sidechain.consensus.test_bbft import ERA, key_of
from tests.simulation.harness import CHAIN, genesis
from tests.simulation.schemes import node_id
from tests.transcripts.bbft.play import CONFIG, RING, Player

PLAYER = Player(2)
PROPOSAL = PLAYER.proposal("A", 0)
CERTIFICATE = PLAYER.certificate(PREPARE, "A", 0, "013")
NEXT = 2
"""Who leads the height after the proposal's."""


def node(me: int, era: Era = ERA) -> Bbft:
    made = Bbft(era, key_of(me), CHAIN, RING.scheme, genesis(RING))
    made.begin(0)
    made.handle(Received(node_id(1), PROPOSAL), 100)
    return made


def executed(machine: Bbft, valid: bool = True) -> list[Output]:
    return machine.handle(Executed(PROPOSAL.header.id, valid), 110)


def certified(machine: Bbft) -> list[Output]:
    return machine.handle(Received(node_id(1), CERTIFICATE), 120)


def hints(outputs: list[Output]) -> list[Prepare]:
    return [one for one in outputs if isinstance(one, Prepare)]


def test_who_leads_next_may_begin_once_the_block_is_executed_and_certified() -> None:
    hint = [Prepare(PROPOSAL.header)]
    machine = node(NEXT)
    assert not hints(executed(machine)) and hints(certified(machine)) == hint
    machine = node(NEXT)
    assert not hints(certified(machine)) and hints(executed(machine)) == hint


@pytest.mark.parametrize("me", [0, 3])
def test_nobody_else_is_told_to_begin(me: int) -> None:
    machine = node(me)
    assert not hints([*executed(machine), *certified(machine)])


def test_nothing_is_begun_on_a_block_that_is_wrong_or_the_last_of_its_epoch() -> None:
    machine = node(NEXT)
    assert not hints([*certified(machine), *executed(machine, valid=False)])
    machine = node(NEXT, replace(ERA, last=1))
    assert not hints([*executed(machine), *certified(machine)])


def test_where_nobody_speaks_the_block_is_not_sent_again_before_the_longest_wait() -> None:
    """Executing may take long, and the whole block is large (F2 in a star)."""
    leader = Player(1)
    leader.machine._m.pace.took(10)
    for line in ("begin at=0", "timer PROPOSE at=100", "built A", "signed"):
        leader.play(line)
    fast, longest = 100 + LEAST_FALLBACK, 100 + CONFIG.fallback
    assert leader.machine._m.at.retry_at == fast < longest
    leader.play("signed")
    assert not [said for said in leader.play(f"timer RETRY at={fast}") if "Propose" in said]
    again = leader.play(f"timer RETRY at={longest + LEAST_FALLBACK}")
    assert [said for said in again if "Propose" in said] == [
        f"Send {index} Propose A h1 v0" for index in (0, 2, 3)
    ]
