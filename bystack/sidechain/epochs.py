"""Who validates when: the record of each epoch, the set frozen for the next, the turn between.

The records lie in the system state, so that evidence of an earlier epoch is judged by the set that
signed then, and any node can prove a set to a light client (bbft.md, sections 1 and 9).
"""

from __future__ import annotations

from bystack.primitives.codec import U63, Bytes32, Wire, decode
from bystack.primitives.errors import Invalid, Misuse
from bystack.sidechain import parameters, peg_numbers
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.consensus.validators import (
    Validator,
    ValidatorSet,
    check_set,
    indexes_of,
)
from bystack.sidechain.convictions import unconvicted
from bystack.sidechain.modules.base import BlockContext, Modules
from bystack.sidechain.parameters import EVIDENCE_EPOCHS as EVIDENCE_EPOCHS
from bystack.sidechain.params import CONSTANT, FIXED, Genesis
from bystack.sidechain.state import SystemState, state_key

MAX_CERTIFICATE = 65_536

NOW = state_key("epoch")
NEXT = state_key("epoch/next")


class EpochRecord(Wire):
    """An epoch: its heights `first` to `last`, what rotates its leaders, who votes in it."""

    epoch: U63
    first: U63
    last: U63
    seed: Bytes32
    validators: ValidatorSet


def record_key(epoch: int) -> bytes:
    """Where the record of an epoch lies."""
    return state_key("epochs", epoch)


def record_of(state: SystemState, epoch: int) -> EpochRecord | None:
    """The record of an epoch; None when it has not begun or is too old for evidence."""
    return state.read(EpochRecord, record_key(epoch))


def current(state: SystemState) -> EpochRecord:
    """The record of the epoch the state is in."""
    found = record_of(state, state.number(NOW))
    if found is None:
        raise Misuse("a state without an epoch: it did not begin by `start`")
    return found


def upcoming(state: SystemState) -> ValidatorSet | None:
    """The next epoch's set, once it is frozen."""
    return state.read(ValidatorSet, NEXT)


def next_hash(state: SystemState) -> bytes:
    """What a header names as `next_validators_hash`: its own set until the next is frozen."""
    return (upcoming(state) or current(state).validators).hash


def begin(state: SystemState, genesis: Genesis) -> None:
    """Epoch 0: the genesis' validators, leaders from the first on."""
    last = genesis.consensus.epoch - 1
    record = EpochRecord(0, 0, last, bytes(32), genesis.validator_set)
    state.write(record_key(0), record)
    state.write(NOW, 0)


def turn(state: SystemState, parent: Header) -> None:
    """At a block's start: the epoch whose last block `parent` is gives way to the next."""
    before = current(state)
    if parent.height != before.last:
        return
    chosen = upcoming(state)
    if chosen is None:
        raise Misuse(f"epoch {before.epoch} ends and nobody was settled on for the next")
    parameters.turn(state)
    peg_numbers.turn(state)
    first, length = before.last + 1, parameters.in_force(state).epoch
    seed = parent.parent_certificate
    record = EpochRecord(before.epoch + 1, first, first + length - 1, seed, chosen)
    state.write(record_key(record.epoch), record)
    state.write(NOW, record.epoch)
    state.put(NEXT, None)
    if record.epoch > EVIDENCE_EPOCHS:
        state.put(record_key(record.epoch - EVIDENCE_EPOCHS - 1), None)


def freeze(state: SystemState, genesis: Genesis, modules: Modules, block: BlockContext) -> None:
    """At a block's end, `freeze` blocks before the epoch's: settle who votes in the next one."""
    record = current(state)
    if block.height != record.last - parameters.in_force(state).freeze:
        return
    elected = _elected(state, genesis, modules, block)
    state.write(NEXT, succeeding(elected or _staying(state, record), record.epoch))


def _elected(
    state: SystemState, genesis: Genesis, modules: Modules, block: BlockContext
) -> tuple[Validator, ...]:
    """Whom the genesis' module elects; nobody where the validators are fixed."""
    election, before = genesis.consensus.election, current(state)
    if election == CONSTANT:
        return before.validators.validators
    if election == FIXED:
        return ()
    trial = state.fork()
    # A module that fails, or elects a set that could not vote safely, elects nobody.
    try:
        chosen = modules.elect(trial, block, election, before.validators)
        chosen = unconvicted(state, chosen)
        if chosen:
            check_set(succeeding(chosen, before.epoch), BlsScheme())
    except Invalid:
        return ()
    state.merge(trial)
    return chosen


def _staying(state: SystemState, record: EpochRecord) -> tuple[Validator, ...]:
    """The validators there are, without the convicted; with them if nobody else is left."""
    members = record.validators.validators
    return unconvicted(state, members) or members


def succeeding(validators: tuple[Validator, ...], epoch: int) -> ValidatorSet:
    """The set of the epoch after `epoch`."""
    return ValidatorSet(epoch + 1, validators)


def signers_of(state: SystemState, parent: Header, certificate: bytes) -> tuple[bytes, ...]:
    """The keys of those who signed the parent's commit certificate, in the order of their set.

    Raises the codec's errors, `BitmapLength`, `BitmapBits`; the genesis' certificate has none.
    """
    record = record_of(state, parent.epoch)
    if not certificate or not parent.height or record is None:
        return ()
    bitmap = decode(Certificate, certificate, MAX_CERTIFICATE).bitmap
    validators = record.validators
    return tuple(validators.keys_of(indexes_of(bitmap, len(validators))))
