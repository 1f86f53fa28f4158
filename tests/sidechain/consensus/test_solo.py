"""One key: what it signs once it signs again the same, and nothing else."""

from __future__ import annotations

from bystack.sidechain.consensus import events
from bystack.sidechain.consensus.engine import Birth
from bystack.sidechain.consensus.events import Timer, TimerKind
from bystack.sidechain.consensus.messages import BlockData, Sealed
from bystack.sidechain.consensus.seals import seal_of, seal_request
from bystack.sidechain.consensus.solo import Solo
from tests.sidechain.consensus.conformance.world import CHAIN, START, era_of, genesis, make_block
from tests.simulation.schemes import hash_keyring

KEYS = hash_keyring(1)
KEY = KEYS.validators.validators[0].key
HEADER, SEAL = genesis(KEYS)
WISH = events.BuildBlock(1, 0, START + 500, HEADER, SEAL, 0)


def solo(key: bytes = KEY, kept: tuple[BlockData, ...] = ()) -> Solo:
    made = Solo(
        Birth(era_of(KEYS, 1), key, CHAIN, KEYS.scheme, (HEADER, SEAL), None, kept, START, 500)
    )
    made.handle(events.ClockMoved(START), 0)
    return made


def kinds(outputs: list[events.Output]) -> list[type]:
    return [type(one) for one in outputs]


def sealed(body: bytes) -> Sealed:
    header, data = make_block(KEYS, WISH, body)
    digest = seal_request(header, 0, CHAIN, b"").digest
    return Sealed(header, data, seal_of(header, 0, 1, KEYS.sign(0, digest)))


def test_a_block_is_kept_before_it_is_signed_and_sealed_before_it_is_final() -> None:
    machine = solo()
    machine.begin(0)
    machine.handle(events.WorkAvailable(), 0)
    (wish,) = machine.handle(events.TimerFired(Timer(TimerKind.PROPOSE, 1, 0)), 500)
    assert isinstance(wish, events.BuildBlock)
    outputs = machine.handle(events.Built(*make_block(KEYS, wish, b"body")), 501)
    assert kinds(outputs) == [events.Keep, events.Sign]
    (_, asked) = outputs
    assert isinstance(asked, events.Sign)
    signed = events.Signed(asked.position, KEYS.sign(0, asked.digest), asked.digest)
    assert kinds(machine.handle(signed, 502)) == [events.Broadcast, events.Decide]


def test_after_an_end_the_kept_block_is_signed_and_no_other() -> None:
    header, body = make_block(KEYS, WISH, b"kept")
    machine = solo(kept=(BlockData(header, body, (SEAL,)),))
    assert events.Execute in kinds(machine.begin(0))
    machine.handle(events.WorkAvailable(), 0)
    assert machine.handle(events.TimerFired(Timer(TimerKind.PROPOSE, 1, 0)), 500) == []
    (asked,) = machine.handle(events.Executed(header.id, True), 501)
    assert isinstance(asked, events.Sign) and asked.payload == header.id


def test_a_follower_signs_nothing_and_takes_the_block_once_executed() -> None:
    machine = solo(key=b"")
    assert events.BuildBlock not in kinds(machine.begin(0))
    block = sealed(b"body")
    assert kinds(machine.handle(events.Received(b"n" * 32, block), 1)) == [events.Execute]
    (decided,) = machine.handle(events.Executed(block.header.id, True), 2)
    assert isinstance(decided, events.Decide) and decided.certificate == block.certificate
    machine.handle(events.Finalized(1, era_of(KEYS, 2)), 3)
    assert machine.height == 2


def test_another_block_of_the_last_height_is_evidence() -> None:
    machine = solo(key=b"")
    machine.begin(0)
    first = sealed(b"first")
    machine.handle(events.Received(b"n" * 32, first), 1)
    machine.handle(events.Executed(first.header.id, True), 2)
    machine.handle(events.Finalized(1, era_of(KEYS, 2)), 3)
    outputs = machine.handle(events.Received(b"m" * 32, sealed(b"second")), 4)
    assert kinds(outputs) == [events.ReportEvidence]
    assert machine.handle(events.Received(b"m" * 32, sealed(b"second")), 5) == []


def test_a_forged_seal_costs_its_sender() -> None:
    machine = solo(key=b"")
    machine.begin(0)
    block = sealed(b"body")
    forged = Sealed(block.header, block.body, seal_of(block.header, 0, 1, b"\x01" * 96))
    outputs = machine.handle(events.Received(b"n" * 32, forged), 1)
    assert kinds(outputs) == [events.Penalise]
