"""What evidence does to validators: of any kept epoch, once, for ever; stake and seat are lost."""

from __future__ import annotations

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Transaction
from bystack.sidechain import custody, epochs
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.consensus.evidence import EvidenceSignature, TwoVotes
from bystack.sidechain.convictions import is_convicted, unconvicted
from bystack.sidechain.epochs import EVIDENCE_EPOCHS
from bystack.sidechain.misconduct import Accuse, EvidenceKnown, EvidenceOutdated
from bystack.sidechain.modules.stake.candidacy import Tombstoned
from bystack.sidechain.stops import Stop
from tests.sidechain.elections import FOUNDERS, RUNNERS, Elected, elected, made
from tests.sidechain.modules.stake.table import Runner

A, B, C = (bytes([n]) * 32 for n in (1, 2, 3))


def accusing(
    world: Elected, one: Runner, epoch: int, blocks: tuple[bytes, bytes] = (A, B)
) -> Transaction:
    """Two COMMITs of one validator, in the epoch whose set has it."""
    record = epochs.record_of(world.view, epoch)
    index = 0 if record is None else [v.key for v in record.validators.validators].index(one.key)
    votes = [world.vote_of(one, block, epoch, index) for block in blocks]
    return system_transaction(Accuse(TwoVotes(*votes)))


def now(world: Elected) -> int:
    return epochs.current(world.view).epoch


def with_two_sets() -> Elected:
    """Epoch n: founders; from n + 1 on runners 4 to 8."""
    world = elected()
    world.turn()
    world.block(*(world.registering(one, 500) for one in RUNNERS[3:8]))
    world.turn()
    return world


def test_evidence_of_an_earlier_epoch_is_judged_by_its_own_set() -> None:
    world = with_two_sets()
    past = now(world) - 1
    world.block(accusing(world, FOUNDERS[0], past))
    assert is_convicted(world.view, FOUNDERS[0].key)
    name, facts = next(one for one in world.side.events if one[0] == "misconduct")
    assert (name, facts["epoch"], facts["keys"]) == ("misconduct", past, [FOUNDERS[0].key.hex()])
    # The same index names another in the set of today.
    record = epochs.record_of(world.view, past)
    assert record is not None
    at = [one.key for one in record.validators.validators].index(FOUNDERS[0].key)
    assert not is_convicted(world.view, world.validators.validators[at].key)


def test_a_vote_of_one_epoch_is_no_vote_of_another() -> None:
    world = with_two_sets()
    old = now(world) - 1
    index = [one.key for one in world.validators.validators].index(RUNNERS[4].key)
    votes = [world.vote_of(FOUNDERS[0], block, old + 1, index) for block in (A, B)]
    with pytest.raises(EvidenceSignature):
        world.block(system_transaction(Accuse(TwoVotes(*votes))))


def test_evidence_ages() -> None:
    world = with_two_sets()
    past = now(world) - 1
    late = accusing(world, FOUNDERS[0], past)
    again = accusing(world, FOUNDERS[1], past)
    for _ in range(EVIDENCE_EPOCHS - 1):
        world.turn()
    assert now(world) == past + EVIDENCE_EPOCHS
    world.block(again)
    world.turn()
    with pytest.raises(EvidenceOutdated):
        world.block(late)
    with pytest.raises(EvidenceOutdated):
        world.block(accusing(world, FOUNDERS[0], now(world) + 1))


def test_a_validator_is_convicted_once_whatever_the_epoch() -> None:
    world = with_two_sets()
    one = RUNNERS[3]  # a founder that is elected too
    world.block(accusing(world, one, now(world) - 1))
    for epoch in (now(world) - 1, now(world)):
        with pytest.raises(EvidenceKnown):
            world.block(accusing(world, one, epoch, (A, C)))
    assert world.stops == Stop.EQUIVOCATION


def test_the_convicted_lose_stake_and_seat_and_name() -> None:
    world = with_two_sets()
    one = RUNNERS[6]
    held = custody.held(world.view, "stake", BTM)
    shared = custody.unshared(world.view, world.genesis)[BTM]
    world.block(accusing(world, one, now(world)))
    assert custody.held(world.view, "stake", BTM) == held - 50
    assert custody.unshared(world.view, world.genesis)[BTM] == shared + 50
    assert world.sums().circulating == world.supply(BTM) + held - 50
    assert ("stake.slashed", {"key": one.key.hex(), "amount": 50}) in world.side.events
    with pytest.raises(Tombstoned):
        world.block(world.registering(one))
    world.turn()
    assert one.key not in world.keys and len(world.keys) == 4


def test_convicted_after_the_freeze_it_sits_one_epoch_more() -> None:
    world = with_two_sets()
    world.to_end()
    one = RUNNERS[6]
    world.idle()
    world.idle(world.left - 1)
    world.block(accusing(world, one, now(world)))
    world.idle()
    assert one.key in world.keys
    world.turn()
    assert one.key not in world.keys


@pytest.mark.parametrize("election", ["fixed", "constant"])
def test_the_convicted_leave_a_fixed_set_and_never_the_last(election: str) -> None:
    world = made(election)
    world.block(accusing(world, FOUNDERS[1], now(world)))
    world.turn()
    rest = [one.key for one in FOUNDERS if one is not FOUNDERS[1]]
    stays = election == "constant"
    assert world.keys == ([one.key for one in FOUNDERS] if stays else rest)
    for one in (FOUNDERS[0], FOUNDERS[2], FOUNDERS[3]):
        world.block(accusing(world, one, now(world)))
    before = world.keys
    world.turn()
    assert world.keys == before, "a chain without validators would be none"


def test_a_kept_set_loses_the_convicted() -> None:
    """Nobody can be elected: the founders go on, but one."""
    world = elected()
    world.block(accusing(world, FOUNDERS[3], now(world)))
    world.turn()
    assert world.keys == [one.key for one in FOUNDERS[:3]]
    assert unconvicted(world.view, world.genesis.validators) == world.validators.validators
