"""What members send to the federation's module, and who approved it.

Every action is signed over its kind, its body, the sidechain and the signer's version; the body
carries a number that serves once. A quorum may sign one action together: the fast path.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from bystack.federation.messages import KeyCertificate
from bystack.federation.module.decisions import Decision, Lift, Refund, SetParameters, Text
from bystack.federation.module.records import (
    SIGNER_VERSION,
    Standing,
    number_at,
    put_number,
)
from bystack.federation.statements import Statement
from bystack.ledger.effects import Check, SchnorrCheck
from bystack.ledger.transactions import Approval
from bystack.primitives.codec import U8, U16, U32, U63, Bit, Bytes32, Bytes64, Wire, decode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged
from bystack.sidechain.modules.base import ActionContext, ActionUnknown, PrefixedState
from bystack.sidechain.parameters import Parameters

PAUSE, RESUME, REFUND, GOVERN = 1, 2, 3, 4
PROPOSE, VOTE, CERTIFY, STATE, ENACT = 5, 6, 7, 8, 9
MAX_BODY = 100_000
MAX_APPROVALS = 10_000

_digest = tagged("federation/action")


class MemberUnknown(Invalid):
    """No member of the federation has this index."""


class MemberTwice(Invalid):
    """A member's approval is given twice."""


class QuorumMissing(Invalid):
    """The approving members weigh less than the threshold."""


class NonceWrong(Invalid):
    """The action does not carry the module's next nonce: it was used, or another came first."""


class ApprovalMissing(Invalid):
    """The action carries no members' approval, or one of another shape."""


class Pause(Wire):
    """Pause `what` (a sum of CLAIMS, BURNS, BATCHES, SIGNING) for a while; by any one member."""

    nonce: U63
    what: U8
    reason: Annotated[str, Meta(max_length=200)]


class Resume(Wire):
    """Lift every pause, and the automatic stops whose condition is gone; by a quorum."""

    nonce: U63


class RefundRequests(Wire):
    """Refund peg-outs that wait in the queue; by a quorum."""

    nonce: U63
    ids: Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=100)]


class Govern(Wire):
    """The sidechain's parameters from the next epoch on; by a quorum."""

    nonce: U63
    parameters: Parameters


class Propose(Wire):
    """Open a proposal under the next number. Who approves it, first its proposer, votes yes."""

    number: U63
    decision: Decision
    note: Text


class CastVote(Wire):
    """Vote on the proposal of this number and id; everyone who approves votes alike.

    `voter`: the first of them, by identity. Signatures are no part of a transaction's id: without
    it two members' votes would be one transaction, and the pool would keep one of them.
    """

    number: U63
    proposal: Bytes32
    yes: Bit
    voter: Bytes32


class Enact(Wire):
    """Decide at once; by a quorum."""

    nonce: U63
    decision: Decision


class Certify(Wire):
    """Show the certificate of the change in flight; by anybody, who approves nothing."""

    certificate: KeyCertificate


class MemberApproval(Wire):
    """One member's signature over an action, and the version of the signer that made it."""

    member: U16
    version: U32
    signature: Bytes64


Approvals = Annotated[tuple[MemberApproval, ...], Meta(min_length=1, max_length=64)]

QuorumAction = Resume | RefundRequests | Govern | Enact
MemberAction = Pause | QuorumAction | Propose | CastVote | Statement
"""What members approve; a `Certify` nobody need approve."""

KINDS: Final[Mapping[int, type[MemberAction]]] = MappingProxyType(
    {
        PAUSE: Pause,
        RESUME: Resume,
        REFUND: RefundRequests,
        GOVERN: Govern,
        PROPOSE: Propose,
        VOTE: CastVote,
        STATE: Statement,
        ENACT: Enact,
    }
)
NUMBERS: Final[Mapping[type[Wire], int]] = MappingProxyType(
    {**{kind: number for number, kind in KINDS.items()}, Certify: CERTIFY}
)


class Signers(NamedTuple):
    """The seats that approve an action, in their order, with the versions of their signers; and
    their signatures, to be verified."""

    seats: tuple[int, ...]
    versions: tuple[int, ...]
    checks: tuple[Check, ...]


def action_digest(chain: bytes, kind: int, body: bytes, version: int = SIGNER_VERSION) -> bytes:
    """What a member signs: sidechain, kind and body of the action, the signer's version."""
    return _digest(chain, fixed(kind), fixed(version), body)


def decode_action(kind: int, body: bytes) -> MemberAction:
    """The member action of a kind; raises `ActionUnknown` and the codec's errors."""
    if kind not in KINDS:
        raise ActionUnknown(module="federation", kind=kind)
    return decode(KINDS[kind], body, MAX_BODY)


def decode_certify(body: bytes) -> KeyCertificate:
    """The certificate that a `Certify` shows; raises the codec's errors."""
    return decode(Certify, body, MAX_BODY).certificate


def decided_by(action: QuorumAction) -> Decision:
    """The decision that a quorum's action makes at once."""
    match action:
        case Resume():
            return Lift()
        case RefundRequests(_, ids):
            return Refund(ids)
        case Govern(_, parameters):
            return SetParameters(parameters)
        case Enact(_, decision):
            return decision


def signers_of(standing: Standing, context: ActionContext, kind: int) -> Signers:
    """Who approves; raises `ApprovalMissing`, `MemberUnknown`, `MemberTwice`, codec errors."""
    witness = context.witness
    if not isinstance(witness, Approval) or witness.signatures:
        raise ApprovalMissing(position=context.position)
    approvals = decode(Approvals, witness.revealed, MAX_APPROVALS)
    seats: list[int] = []
    checks: list[Check] = []
    body = context.action.body
    for one in approvals:
        if one.member >= len(standing.seats):
            raise MemberUnknown(member=one.member)
        if one.member in seats:
            raise MemberTwice(member=one.member)
        seats.append(one.member)
        digest = action_digest(context.block.chain, kind, body, one.version)
        checks.append(SchnorrCheck(standing.seats[one.member].governance, digest, one.signature))
    return Signers(tuple(seats), tuple(one.version for one in approvals), tuple(checks))


def next_nonce(state: PrefixedState) -> int:
    """The nonce that the next action of a quorum, or the next pause, must carry."""
    return number_at(state, b"nonce")


def use_nonce(state: PrefixedState, nonce: int) -> None:
    """The action counts once; raises `NonceWrong`."""
    expected = next_nonce(state)
    if nonce != expected:
        raise NonceWrong(expected=expected, given=nonce)
    put_number(state, expected + 1, b"nonce")
