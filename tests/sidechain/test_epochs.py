"""Epochs: who validates when, what headers say of it, what the state keeps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bystack.primitives.errors import Invalid
from bystack.sidechain import epochs, parameters
from bystack.sidechain.blocks import Body
from bystack.sidechain.consensus.validators import Validator, ValidatorSet
from bystack.sidechain.convictions import convicted_key
from bystack.sidechain.epochs import EVIDENCE_EPOCHS
from bystack.sidechain.modules.base import (
    BlockContext,
    Modules,
    PrefixedState,
    Quiet,
    read_only,
)
from bystack.sidechain.modules.containment import Contained
from bystack.sidechain.modules.stake.records import LEAST_UNBONDING
from bystack.sidechain.params import Consensus, ModuleConfig
from bystack.sidechain.state import SystemState
from bystack.sidechain.transition import HeaderWrong, apply_block
from tests.sidechain.elections import FOUNDERS, RUNNERS, Elected, elected, made
from tests.sidechain.mainside import vault_chain
from tests.sidechain.modules.stake.table import Runner
from tests.sidechain.world import World, genesis_for


def keys(*runners: Runner) -> list[bytes]:
    return sorted(one.key for one in runners)


def test_five_epochs_of_sixty_blocks() -> None:
    """Every header names its set and, from the freeze on, the next; each epoch has another set."""
    world = made(epoch=60, freeze=10)
    world.block(*(world.registering(one, 100 + at) for at, one in enumerate(RUNNERS[:5])))
    sets: dict[int, set[bytes]] = {}
    following: dict[int, list[bytes]] = {}
    first = len(world.side.blocks)
    while epochs.current(world.view).epoch < 5:
        if world.left == 20:
            number = epochs.current(world.view).epoch
            world.block(world.registering(RUNNERS[5 + number], 200)) if number < 3 else world.idle()
        world.idle()
    for built in world.side.blocks[first:]:
        header = built.header
        assert header.epoch == header.height // 60
        sets.setdefault(header.epoch, set()).add(header.validators_hash)
        following.setdefault(header.epoch, []).append(header.next_validators_hash)
    assert all(len(found) == 1 for found in sets.values())
    for number in range(5):
        (own,), told = sets[number], following[number]
        (coming,) = sets[number + 1]
        assert told[-11:] == [coming] * 11 and set(told[:-11]) <= {own}
    assert len({*map(tuple, sets.values())}) == 6


def test_the_set_changes_exactly_at_the_boundary() -> None:
    world = elected()
    world.turn()
    world.block(*(world.registering(one) for one in RUNNERS[3:8]))
    before = world.validators
    world.to_end()
    assert world.validators == before and world.side.header.validators_hash == before.hash
    coming = world.coming
    assert [one.key for one in coming.validators] == keys(*RUNNERS[3:8])
    world.idle()
    assert world.validators == coming and world.side.header.validators_hash == coming.hash
    assert coming.epoch == before.epoch + 1 == world.side.header.epoch


def test_the_last_block_is_certified_by_its_own_set() -> None:
    """The first block of an epoch carries a certificate of the set before."""
    world = elected()
    world.turn()
    world.block(*(world.registering(one) for one in RUNNERS[3:8]))
    world.absent = frozenset(keys(*RUNNERS[4:8]))
    world.to_end()
    world.absent = frozenset()
    world.idle()
    tally = world.book.tally
    assert tally is not None and tally.epoch == world.side.header.epoch and tally.blocks == 0


def test_who_comes_after_the_freeze_waits_an_epoch() -> None:
    world = elected()
    world.turn()
    world.block(*(world.registering(one) for one in RUNNERS[:4]))
    world.idle(world.left - 3)  # the freeze is made at the end of this block
    world.block(world.registering(RUNNERS[7], 900))
    world.turn()
    assert world.keys == keys(*RUNNERS[:4])
    world.turn()
    assert world.keys == keys(*RUNNERS[:4], RUNNERS[7])


def test_with_too_few_candidates_the_set_stays() -> None:
    world = elected()
    world.block(*(world.registering(one) for one in RUNNERS[5:8]))
    for _ in range(2):
        before = world.keys
        world.turn()
        assert world.keys == before == [one.key for one in FOUNDERS]


CHANGED: list[tuple[str, Callable[[Elected], object]]] = [
    ("epoch", lambda world: world.side.header.epoch),
    ("validators_hash", lambda world: world.side.header.validators_hash),
    ("next_validators_hash", lambda world: world.side.header.validators_hash),
]


@pytest.mark.parametrize(("field", "value"), CHANGED)
def test_a_header_that_goes_on_with_the_old_epoch_is_refused(
    field: str, value: Callable[[Elected], object]
) -> None:
    world = elected()
    world.turn()
    world.block(*(world.registering(one) for one in RUNNERS[3:8]))
    world.to_end()
    refuses(world, field, value(world))


def test_a_header_that_hides_the_next_set_is_refused() -> None:
    world = elected()
    world.turn()
    world.idle(world.left - 4)
    refuses(world, "next_validators_hash", world.side.header.next_validators_hash)


def refuses(world: Elected, field: str, value: object) -> None:
    """The next block is valid; with this field it is not."""
    built = world.side.build((), world.now, *world.parent())
    assert getattr(built.header, field) != value
    wrong = replace(built.header, **{field: value})
    side = world.side
    with pytest.raises(HeaderWrong) as refused:
        apply_block(side.genesis, side.modules, side.base, wrong, built.body)
    assert refused.value.facts["field"] == field
    apply_block(side.genesis, side.modules, side.base, built.header, built.body)


def test_a_proposer_outside_the_set_is_refused() -> None:
    world = elected()
    built = world.side.build((), world.now, *world.parent())
    wrong = replace(built.header, proposer=4)
    side = world.side
    with pytest.raises(HeaderWrong):
        apply_block(side.genesis, side.modules, side.base, wrong, built.body)


def test_a_certificate_with_signers_outside_the_set_is_refused() -> None:
    world = elected()
    built = world.side.build((), world.now, *world.parent())
    side, certificate = world.side, built.body.certificate
    cut = certificate.replace(b"\xc4\x01\x0f", b"\xc4\x01\x1f")
    assert cut != certificate
    with pytest.raises(Invalid):
        apply_block(side.genesis, side.modules, side.base, built.header, Body(cut, ()))


def test_records_are_kept_for_the_age_of_evidence() -> None:
    world = elected()
    now = epochs.current(world.view).epoch
    while now < EVIDENCE_EPOCHS + 2:
        world.turn()
        now += 1
    kept = [number for number in range(now + 1) if epochs.record_of(world.view, number)]
    assert kept == list(range(now - EVIDENCE_EPOCHS, now + 1))
    for number in kept:
        record = epochs.record_of(world.view, number)
        assert record is not None and (record.first, record.last) == (12 * number, 12 * number + 11)
        assert record.validators.epoch == number


def test_the_least_unbonding_outlasts_the_evidence_that_stake_answers_for() -> None:
    """Taken back in an epoch it may stand behind the next one's validators."""
    world = elected()
    taken = epochs.current(world.view).epoch
    while epochs.record_of(world.view, taken + 1) is None:
        world.turn()
    while epochs.record_of(world.view, taken + 1) is not None:
        world.turn()
    outdated = epochs.current(world.view).epoch
    assert outdated == taken + LEAST_UNBONDING, "due as soon as nothing can be proved, not before"


def test_the_seed_is_the_certificate_the_last_header_names() -> None:
    world = elected()
    world.to_end()
    last = world.side.header
    world.idle()
    assert epochs.current(world.view).seed == last.parent_certificate


class Elector(Quiet):
    """Elects what it is told to."""

    name = "elector"
    chosen: tuple[Validator, ...] = ()
    fails = False

    def elect(
        self, state: PrefixedState, block: BlockContext, current: ValidatorSet
    ) -> tuple[Validator, ...]:
        state.put(b"asked", b"asked")
        if self.fails:
            raise Invalid()
        return self.chosen


def by_elector(elector: Elector) -> World:
    main = vault_chain()
    members = tuple(Validator(one.key, one.proof, 1, one.node) for one in FOUNDERS)
    consensus = Consensus("bbft", "elector", 500, 5000, 1500, 1, 0, 5, 2, 1)
    modules = (ModuleConfig("elector", b""),)
    genesis = genesis_for(main, consensus=consensus, validators=members, modules=modules)
    return World(main, genesis, Modules([elector]))


def test_a_module_that_elects_an_unsafe_set_or_fails_elects_nobody() -> None:
    one, two = (Validator(r.key, r.proof, 1, r.node) for r in RUNNERS[:2])
    cases = [
        (one, one),
        (one, replace(two, node=one.node)),
        (one, replace(two, weight=0)),
        (one, replace(two, proof=one.proof)),
        (),
    ]
    elector = Elector()
    for chosen in cases:
        elector.chosen = chosen
        world = by_elector(elector)
        world.idle(6)
        assert epochs.current(world.view).validators.validators == world.genesis.validators
        asked = read_only(world.side.state, "elector").get(b"asked")
        assert (asked is None) == bool(chosen), "nobody is an answer; an unsafe set is a failure"
    elector.chosen, elector.fails = (one, two), True
    world = by_elector(elector)
    world.idle(6)
    assert epochs.current(world.view).validators.validators == world.genesis.validators
    elector.fails = False
    world = by_elector(elector)
    world.idle(6)
    assert epochs.current(world.view).validators.validators == (one, two)


_ONE = Validator(RUNNERS[0].key, RUNNERS[0].proof, 1, RUNNERS[0].node)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(_ONE, key="key"),
        replace(_ONE, key=_ONE.key[:-1]),
        replace(_ONE, weight=2**40),
        replace(_ONE, weight=-1),
        replace(_ONE, weight=2**70),
        replace(_ONE, weight=None),
        replace(_ONE, node="node"),
        replace(_ONE, proof=[]),
    ],
)
def test_a_package_that_elects_what_nobody_could_read_again_elects_nobody(wrong: Validator) -> None:
    """Written into the state such a set would end the chain: every later block reads it."""
    elector = Elector()
    elector.chosen = (wrong,)
    world = by_elector(elector)
    world.side.modules = Modules([Contained(elector, "elector")])
    world.idle(6)
    assert epochs.current(world.view).validators.validators == world.genesis.validators
    assert read_only(world.side.state, "elector").get(b"asked") is None, "half done"


def test_whoever_elects_them_the_convicted_are_not_elected() -> None:
    elector = Elector()
    elector.chosen = tuple(Validator(r.key, r.proof, 1, r.node) for r in RUNNERS[:3])
    world = by_elector(elector)
    world.side.state[convicted_key(RUNNERS[1].key)] = bytes(32)
    world.idle(6)
    elected = epochs.current(world.view).validators.validators
    assert [one.key for one in elected] == [RUNNERS[0].key, RUNNERS[2].key]


@pytest.mark.parametrize("election", ["fixed", "constant"])
def test_where_nobody_is_elected_epochs_advance_with_the_same_set(election: str) -> None:
    world = made(election)
    for _ in range(3):
        before = world.validators
        world.turn()
        assert world.validators.validators == before.validators
        assert world.validators.epoch == before.epoch + 1
        assert world.validators.hash != before.hash


def test_a_state_of_its_own_begins_with_epoch_zero() -> None:
    world = by_elector(Elector())
    state = SystemState(world.side.state)
    record = epochs.current(state)
    assert (record.epoch, record.first, record.last, record.seed) == (0, 0, 4, bytes(32))
    assert epochs.next_hash(state) == record.validators.hash


def test_what_was_decided_is_in_force_when_the_epoch_turns_and_no_block_before() -> None:
    world = by_elector(Elector())
    state = SystemState(world.side.state)
    before, last = parameters.in_force(state), epochs.current(state).last
    chosen = replace(before, interval=before.interval + 1, empty_interval=before.empty_interval + 1)
    parameters.decide(state, chosen)
    state.write(epochs.NEXT, epochs.current(state).validators)
    header = world.side.header
    for height in range(1, last):
        epochs.turn(state, replace(header, height=height))
        assert parameters.in_force(state) == before
    epochs.turn(state, replace(header, height=last))
    assert parameters.in_force(state) == chosen
