"""The machine of an authority: whose turn, on what, never less than before."""

from __future__ import annotations

from bystack.primitives.hashes import fixed
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus import events
from bystack.sidechain.consensus.authority.council import MAX_SEALS
from bystack.sidechain.consensus.authority.machine import TURN, Authority, kept_blocks
from bystack.sidechain.consensus.engine import Birth
from bystack.sidechain.consensus.evidence import TwoSeals, verify_evidence
from bystack.sidechain.consensus.messages import BlockData, Sealed, Status
from bystack.sidechain.consensus.positions import JournalRecord, Position
from bystack.sidechain.consensus.seals import seal_of, seal_request
from tests.sidechain.consensus.conformance.world import (
    CHAIN,
    CONFIG,
    START,
    era_of,
    genesis,
    make_block,
)
from tests.simulation.schemes import hash_keyring

KEYS = hash_keyring(4)
MEMBERS = KEYS.validators.validators
SLOT = CONFIG.interval


def birth(me: int, record: JournalRecord | None = None, kept: tuple[BlockData, ...] = ()) -> Birth:
    start = genesis(KEYS)
    era = era_of(KEYS, 1)
    return Birth(era, MEMBERS[me].key, CHAIN, KEYS.scheme, start, record, kept, START, SLOT)


def begun(me: int, record: JournalRecord | None = None) -> Authority:
    """An authority on the genesis that hears all the others, at the genesis' time."""
    machine = Authority(birth(me, record))
    machine.handle(events.ClockMoved(START), 0)
    machine.begin(0)
    return heard(machine, 0)


def heard(machine: Authority, now: int) -> Authority:
    for member in MEMBERS:
        machine.handle(events.Received(member.node, Status(genesis(KEYS)[1])), now)
    machine.handle(events.WorkAvailable(), now)
    return machine


def turn(machine: Authority, slot: int) -> list[events.BuildBlock]:
    """What is to be built when the timer fires in a slot."""
    made = machine.handle(events.TimerFired(TURN), slot * SLOT + 1)
    return [one for one in made if isinstance(one, events.BuildBlock)]


def sealed(parent: Header, seal: object, slot: int, body: bytes = b"body") -> Sealed:
    """A block of whoever's slot it is."""
    wish = events.BuildBlock(
        parent.height + 1, slot, START + slot * SLOT, parent, seal, slot % 4  # type: ignore[arg-type]
    )  # fmt: skip
    header, data = make_block(KEYS, wish, body)
    digest = seal_request(header, slot, CHAIN, b"").digest
    return Sealed(header, data, seal_of(header, slot, 4, KEYS.sign(slot % 4, digest)))


def record_of(slot: int, source: int) -> JournalRecord:
    return JournalRecord(Position(3, slot, 2), b"d" * 32, b"s" * 96, fixed(source + 1))


def test_it_builds_in_its_own_slot_only_once() -> None:
    machine = begun(2)
    assert not turn(machine, 5)
    (wish,) = turn(machine, 6)
    assert (wish.view, wish.time, wish.proposer) == (6, START + 6 * SLOT, 2)
    header, body = make_block(KEYS, wish, b"mine")
    outputs = machine.handle(events.Built(header, body), 6 * SLOT + 3)
    assert [type(one) for one in outputs] == [events.Keep, events.Sign]
    assert not turn(machine, 6)


def test_a_slot_sealed_in_a_former_life_is_not_used_again() -> None:
    assert not turn(begun(2, record_of(6, -1)), 6)
    assert turn(begun(2, record_of(5, -1)), 6)


def test_it_never_seals_with_a_lower_source_than_before() -> None:
    assert not turn(begun(2, record_of(7, 1)), 10)
    # On the genesis, in round 2, the last justified round is the genesis' own.
    assert turn(begun(2, record_of(7, 0)), 10)


def test_alone_it_rests() -> None:
    machine = Authority(birth(2))
    machine.handle(events.ClockMoved(START), 0)
    machine.begin(0)
    machine.handle(events.WorkAvailable(), 0)
    assert not turn(machine, 6)
    heard(machine, 6 * SLOT)
    assert turn(machine, 10)
    assert not turn(machine, 10_002)  # long after it last heard them


def test_a_block_of_another_time_slot_parent_or_maker_costs_its_sender() -> None:
    machine = begun(0)
    header, seal = genesis(KEYS)
    good = sealed(header, seal, 5)
    other = sealed(header, seal, 6)
    stranger = b"n" * 32
    late = Sealed(good.header, good.body, other.certificate)
    values = {name: getattr(good.header, name) for name in Header.__struct_fields__}
    shifted = Header(**{**values, "time": good.header.time + 1})
    digest = seal_request(shifted, 5, CHAIN, b"").digest
    wrong_time = Sealed(shifted, good.body, seal_of(shifted, 5, 4, KEYS.sign(1, digest)))
    forged = Sealed(good.header, good.body, seal_of(good.header, 5, 4, b"\x01" * 96))
    for bad in (late, wrong_time, forged):
        outputs = machine.handle(events.Received(stranger, bad), 8 * SLOT)
        assert [type(one) for one in outputs] == [events.Penalise], bad
        assert len(machine.tree) == 1
    outputs = machine.handle(events.Received(stranger, good), 8 * SLOT)
    assert [type(one) for one in outputs] == [events.Execute]


def test_a_body_that_is_not_the_blocks_does_not_keep_the_block_out() -> None:
    """A seal is of the header: anybody can pass a block on with bytes of their own."""
    machine, (header, seal), now = begun(0), genesis(KEYS), 8 * SLOT
    good = sealed(header, seal, 5)
    spoiled = Sealed(good.header, b"spoiled", good.certificate)
    for told in (events.Execute(good.header, b"spoiled"), None):
        outputs = machine.handle(events.Received(b"n" * 32, spoiled), now)
        assert outputs == ([] if told is None else [told])  # it is looked at once
        if told is not None:
            outputs = machine.handle(events.Executed(good.header.id, False, "no"), now)
            assert [type(one) for one in outputs] == [events.Penalise]
    hint = machine.handle(events.Received(MEMBERS[1].node, good.certificate), now)
    assert [one.message for one in hint if isinstance(one, events.Send)]
    outputs = machine.handle(events.Received(MEMBERS[1].node, good), now)
    assert outputs == [events.Execute(good.header, good.body)]


def test_a_block_of_the_future_waits_for_nobody_and_costs_nothing() -> None:
    machine = begun(0)
    header, seal = genesis(KEYS)
    early = sealed(header, seal, 105)
    assert machine.handle(events.Received(MEMBERS[1].node, early), 8 * SLOT) == []
    assert len(machine.tree) == 1 and not machine.orphans


def test_two_seals_of_one_place_are_evidence_once() -> None:
    machine = begun(0)
    header, seal = genesis(KEYS)
    found = []
    for body in (b"one", b"two", b"two", b"three"):
        block = sealed(header, seal, 5, body)
        outputs = machine.handle(events.Received(MEMBERS[1].node, block), 8 * SLOT)
        found += [one for one in outputs if isinstance(one, events.ReportEvidence)]
    assert len(found) >= 1
    assert {one.evidence.first.index for one in found} == {1}  # type: ignore[union-attr]
    assert len(machine.tree) == 3  # the root and two of the slot, no more


def convicting(outputs: list[events.Output]) -> list[TwoSeals]:
    """What the outputs report, verified as any node does."""
    found = [one.evidence for one in outputs if isinstance(one, events.ReportEvidence)]
    for one in found:
        assert verify_evidence(one, KEYS.validators, CHAIN, KEYS.scheme, slots=True) == (1,)
    return [one for one in found if isinstance(one, TwoSeals)]


def test_two_seals_of_one_slot_at_different_heights_are_evidence() -> None:
    """On the root, and on a block that others have made: no height is the same, the slot is."""
    machine, node = begun(0), MEMBERS[1].node
    header, seal = genesis(KEYS)
    low, below = sealed(header, seal, 5, b"low"), sealed(header, seal, 4)
    high = sealed(below.header, below.certificate, 5, b"high")
    for block in (low, below):
        assert not convicting(machine.handle(events.Received(node, block), 8 * SLOT))
    (found,) = convicting(machine.handle(events.Received(node, high), 8 * SLOT))
    assert {found.first.height, found.second.height} == {1, 2}
    assert not convicting(machine.handle(events.Received(node, high), 8 * SLOT))


def test_a_second_seal_is_seen_while_its_parent_is_missing_and_after_the_first_is_final() -> None:
    header, seal = genesis(KEYS)
    low, below = sealed(header, seal, 5, b"low"), sealed(header, seal, 4)
    high, node = sealed(below.header, below.certificate, 5, b"high"), MEMBERS[1].node
    machine = begun(0)
    machine.handle(events.Received(node, high), 8 * SLOT)
    assert len(convicting(machine.handle(events.Received(node, low), 8 * SLOT))) == 1
    machine = begun(0)
    for one in (below, high):
        machine.handle(events.Received(node, one), 8 * SLOT)
    machine.handle(events.Synced(high.header, high.certificate, era_of(KEYS, 3)), 8 * SLOT)
    assert machine.height == 3
    assert len(convicting(machine.handle(events.Received(node, low), 9 * SLOT))) == 1


def test_of_seals_the_latest_slots_are_remembered() -> None:
    """Whoever seals old slots without end pushes out nothing but his own."""
    machine, (header, seal) = begun(0), genesis(KEYS)
    for slot in range(10, 10 + MAX_SEALS):
        machine.first_seal(sealed(header, seal, slot).certificate)
    machine.first_seal(sealed(header, seal, 5).certificate)
    assert len(machine.seals) == MAX_SEALS and min(machine.seals) == 10


def test_a_third_block_of_a_slot_is_taken_once_somebody_built_on_it() -> None:
    machine = begun(0)
    header, seal = genesis(KEYS)
    first, second, third = (sealed(header, seal, 5, body) for body in (b"one", b"two", b"three"))
    for block in (first, second, third):
        machine.handle(events.Received(MEMBERS[1].node, block), 8 * SLOT)
    assert machine.tree.get(third.header.id) is None
    above = sealed(third.header, third.certificate, 6)
    machine.handle(events.Received(MEMBERS[2].node, above), 8 * SLOT)
    machine.handle(events.Received(MEMBERS[2].node, third), 8 * SLOT)
    assert machine.tree.get(above.header.id) is not None


def test_an_orphan_is_asked_for_and_fits_when_its_parent_comes() -> None:
    machine = begun(0)
    header, seal = genesis(KEYS)
    low = sealed(header, seal, 5)
    high = sealed(low.header, low.certificate, 6)
    outputs = machine.handle(events.Received(MEMBERS[2].node, high), 8 * SLOT)
    assert [type(one) for one in outputs] == [events.Send]
    assert len(machine.tree) == 1
    machine.handle(events.Received(MEMBERS[2].node, low), 8 * SLOT)
    assert len(machine.tree) == 3 and not machine.orphans


def test_kept_blocks_come_back_with_their_seals() -> None:
    header, seal = genesis(KEYS)
    low = sealed(header, seal, 5)
    high = sealed(low.header, low.certificate, 6)
    kept = (
        BlockData(high.header, high.body, (low.certificate,)),
        BlockData(low.header, low.body, (seal,)),
    )
    asked = seal_request(high.header, 6, CHAIN, b"")
    record = JournalRecord(asked.position, asked.digest, high.certificate.signature, fixed(0))
    assert kept_blocks(birth(2, record, kept)) == [low, high]
    assert kept_blocks(birth(2, None, kept)) == [low]
