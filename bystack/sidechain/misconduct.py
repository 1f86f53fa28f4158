"""Evidence against validators, taken by the chain: it pauses the pegs and convicts for ever.

Evidence of any epoch whose record is kept is judged by that epoch's validators (bbft.md, section 7;
federation.md, 3.3 and 5). Modules hear of each validator convicted, once: stake is cut there.

Each accepted evidence brings something new, or it is refused: a validator not convicted before, or
an offence of a whole quorum at a place not told before. So one thief cannot stop the pegs again
and again with further contradictions, once the federation knows it and has resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from bystack.primitives.codec import Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged
from bystack.sidechain import custody
from bystack.sidechain.consensus.evidence import (
    BY_QUORUM,
    AnyEvidence,
    EvidenceIndex,
    guilty,
    parts,
    verify_evidence,
)
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.convictions import convicted_key, is_convicted
from bystack.sidechain.engines import slots_once
from bystack.sidechain.epochs import EVIDENCE_EPOCHS, current, record_of
from bystack.sidechain.modules.base import Payment
from bystack.sidechain.params import Genesis
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState, state_key
from bystack.sidechain.stops import Stop, stop

_digest = tagged("sidechain/misconduct")


class EvidenceOutdated(Invalid):
    """The evidence is of an epoch that is too long past, or has not begun."""


class EvidenceKnown(Invalid):
    """The evidence convicts nobody who is not convicted already."""


class Accuse(Wire):
    """Proof that validators broke the rules of consensus."""

    evidence: AnyEvidence


def convicted(state: SystemState, validators: ValidatorSet) -> tuple[int, ...]:
    """The indexes of the validators convicted so far, ascending."""
    members = enumerate(validators.validators)
    return tuple(index for index, one in members if is_convicted(state, one.key))


def accuse(stage: Stage, action: Accuse) -> tuple[Payment, ...]:
    """Record whom the evidence convicts and stop the pegs until a quorum lifts it.

    What modules pay for it, out of what they hold. Raises `EvidenceOutdated`, `EvidenceIndex`,
    `EvidenceKnown` and what `verify_evidence` raises.
    """
    evidence = action.evidence
    charge = _charge(stage.state, stage.genesis, evidence)
    accused, keys = charge.verify(), charge.keys
    for entry in (*map(convicted_key, keys), *charge.places):
        stage.state.put(entry, _digest(encode(evidence)))
    stop(stage, Stop.EQUIVOCATION)
    told = {"kind": type(evidence).__name__, "guilty": list(accused)}
    stage.tell("misconduct", **told, epoch=charge.epoch, keys=[one.hex() for one in keys])
    return tuple(payment for key in keys for payment in _convict(stage, key))


def work_of(state: SystemState, genesis: Genesis, evidence: AnyEvidence) -> Callable[[], object]:
    """The signatures that accusing with this evidence takes, to be verified beside the chain's
    task (which then finds them verified). Raises as `accuse` what is refused without them."""
    return _charge(state, genesis, evidence).verify


def is_news(state: SystemState, genesis: Genesis, evidence: AnyEvidence) -> bool:
    """Whether verified evidence convicts somebody, or tells of a place, that the chain has not."""
    try:
        _charge(state, genesis, evidence)
    except Invalid:
        return False
    return True


class Charge(NamedTuple):
    """What evidence brings that is new, if its signatures hold (`verify`)."""

    epoch: int
    keys: list[bytes]
    places: list[bytes]
    verify: Callable[[], tuple[int, ...]]


def _charge(state: SystemState, genesis: Genesis, evidence: AnyEvidence) -> Charge:
    """Raises what `accuse` does before any signature is looked at."""
    validators, slots = _judges(state, evidence), slots_once(genesis)
    accused = guilty(evidence, validators, slots=slots)
    if accused[-1] >= len(validators):
        raise EvidenceIndex(index=accused[-1])
    keys = [one for one in validators.keys_of(accused) if not is_convicted(state, one)]
    places = _places(state, evidence)
    if not keys and not places:
        raise EvidenceKnown(kind=type(evidence).__name__, accused=str(accused))
    given = (evidence, validators, genesis.id, BlsScheme())
    return Charge(validators.epoch, keys, places, partial(verify_evidence, *given, slots=slots))


def _judges(state: SystemState, evidence: AnyEvidence) -> ValidatorSet:
    """The validators of the evidence's epoch, as the chain recorded them."""
    epoch = parts(evidence)[0].epoch
    record = record_of(state, epoch)
    if record is None:
        raise EvidenceOutdated(epoch=epoch, current=current(state).epoch, kept=EVIDENCE_EPOCHS)
    return record.validators


def _places(state: SystemState, evidence: AnyEvidence) -> list[bytes]:
    """The place of a quorum's offence, unless told; no rearranged evidence has another."""
    if not isinstance(evidence, BY_QUORUM):
        return []
    first = parts(evidence)[0]
    place = state_key("misconduct", first.height, first.view)
    return [] if state.get(place) is not None else [place]


def _convict(stage: Stage, key: bytes) -> Iterator[Payment]:
    for name, ask in stage.modules.convictions(stage.block, key):
        yield from custody.settle(stage, name, ask)
