"""The rule of the vote journal: a key signs each (height, view, step) once and never goes back.

The signer process applies `judge` to the last durable record and a request, writes the new
record, syncs, and only then releases the signature (bbft.md, section 8). The digest is computed
here from the request's fields; nobody hands one in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import U63, Bytes32, Bytes96, Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.statements import Step, View, signing_digest

MAX_HIGH_QC = 65_536

_payload_length = {Step.PROPOSE: 64, Step.PREPARE: 64, Step.COMMIT: 32, Step.TIMEOUT: 8}


class SignedBefore(Invalid):
    """This position is already signed with other content (equivocation)."""


class GoingBack(Invalid):
    """The position lies before the last one signed."""


class PayloadMalformed(Invalid):
    """The payload does not have the shape of its step."""


class Position(Wire, order=True):
    """Where in the protocol a signature belongs; ordered by (height, view, step)."""

    height: U63
    view: View
    step: Annotated[int, Meta(ge=int(Step.PROPOSE), le=int(Step.TIMEOUT))]


class JournalRecord(Wire):
    """One line of the journal.

    `high_qc` is what the machine must find again after a restart (its encoded `Memory`: the best
    prepare certificate and the timeout certificate of its view); the signer does not look inside.
    """

    position: Position
    digest: Bytes32
    signature: Bytes96
    high_qc: Annotated[bytes, Meta(max_length=MAX_HIGH_QC)]


class SignRequest(Wire):
    """What a machine asks the signer for."""

    position: Position
    epoch: U63
    payload: Annotated[bytes, Meta(max_length=64)]
    high_qc: Annotated[bytes, Meta(max_length=MAX_HIGH_QC)]

    def digest(self, chain_id: bytes) -> bytes:
        """What will be signed; raises `PayloadMalformed`."""
        step = Step(self.position.step)
        if len(self.payload) != _payload_length[step]:
            raise PayloadMalformed(step=step.name, length=len(self.payload))
        place = self.position
        return signing_digest(step, chain_id, self.epoch, place.height, place.view, self.payload)


@dataclass(frozen=True)
class Reuse:
    """Signed before with the same bytes: release the stored signature again."""

    signature: bytes


@dataclass(frozen=True)
class SignNew:
    """Not signed yet: sign `digest`, make the record durable, release."""

    position: Position
    digest: bytes
    high_qc: bytes

    def record(self, signature: bytes) -> JournalRecord:
        """The line to make durable before `signature` leaves."""
        return JournalRecord(self.position, self.digest, signature, self.high_qc)


def by_place(position: Position) -> tuple[int, ...]:
    """The order of engines that decide one height after the other."""
    return position.height, position.view, position.step


def judge(
    last: JournalRecord | None,
    request: SignRequest,
    chain_id: bytes,
    order: Callable[[Position], tuple[int, ...]] = by_place,
) -> Reuse | SignNew:
    """Whether a request may be signed, given the last record; `order` is the engine's verifier's.

    Raises `SignedBefore` for other bytes at the same position, `GoingBack` for an earlier one.
    """
    digest = request.digest(chain_id)
    if last is None or order(request.position) > order(last.position):
        return SignNew(request.position, digest, request.high_qc)
    if order(request.position) < order(last.position):
        raise GoingBack(last=last.position, asked=request.position)
    if digest != last.digest:
        raise SignedBefore(position=request.position)
    return Reuse(last.signature)
