"""Evidence against validators, taken by the chain: it pauses the pegs (federation.md, 3.3 and 5).

Each accepted evidence brings something new, or it is refused: a validator not convicted before, or
an offence of a whole quorum at a place not told before. So one thief cannot stop the pegs again
and again with further contradictions, once the federation knows it and has resumed.
"""

from __future__ import annotations

from bystack.primitives.codec import Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged
from bystack.sidechain.consensus.evidence import (
    AnyEvidence,
    ForbiddenBlock,
    TwoCertificates,
    guilty,
    parts,
    verify_evidence,
)
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState, state_key
from bystack.sidechain.stops import Stop, stop

# A forgotten commit is one thief's doing, at as many places as it likes: it counts by validator.
BY_QUORUM = (TwoCertificates, ForbiddenBlock)

_digest = tagged("sidechain/misconduct")


class EvidenceKnown(Invalid):
    """The evidence convicts nobody who is not convicted already."""


class Accuse(Wire):
    """Proof that validators broke the rules of consensus."""

    evidence: AnyEvidence


def convicted_key(index: int) -> bytes:
    """Where the state keeps the hash of the evidence that first convicted a validator."""
    return state_key("convicted", index)


def convicted(state: SystemState, validators: ValidatorSet) -> tuple[int, ...]:
    """The indexes of the validators convicted so far, ascending."""
    return tuple(i for i in range(len(validators)) if state.get(convicted_key(i)) is not None)


def accuse(stage: Stage, action: Accuse) -> None:
    """Record whom the evidence convicts and stop the pegs until a quorum lifts it.

    Raises `EvidenceKnown` and what `verify_evidence` raises.
    """
    evidence, validators = action.evidence, stage.genesis.validator_set
    accused = guilty(evidence, validators)
    new = [key for key in _keys(evidence, accused) if stage.state.get(key) is None]
    if not new:
        raise EvidenceKnown(kind=type(evidence).__name__, accused=str(accused))
    verify_evidence(evidence, validators, stage.genesis.id, BlsScheme())
    for key in new:
        stage.state.put(key, _digest(encode(evidence)))
    stop(stage, Stop.EQUIVOCATION)
    stage.tell("misconduct", kind=type(evidence).__name__, guilty=list(accused))


def _keys(evidence: AnyEvidence, accused: tuple[int, ...]) -> list[bytes]:
    """What is new if it is not in the state yet; no rearranged evidence has other keys."""
    keys = [convicted_key(index) for index in accused]
    if isinstance(evidence, BY_QUORUM):
        first = parts(evidence)[0]
        keys.append(state_key("misconduct", first.height, first.view))
    return keys
