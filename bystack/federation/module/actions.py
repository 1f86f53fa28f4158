"""What members send to the federation's module, and who approved it.

Every action is signed over its kind, its body, the sidechain and the signer's version; the body
carries a number that serves once. A quorum may sign one action together: the fast path.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from bystack.federation.module.records import (
    SIGNER_VERSION,
    Standing,
    number_at,
    put_number,
)
from bystack.ledger.effects import Check, SchnorrCheck
from bystack.ledger.transactions import Approval
from bystack.primitives.codec import U8, U16, U32, U63, Bytes32, Bytes64, Wire, decode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged
from bystack.sidechain.modules.base import ActionContext, ActionUnknown, PrefixedState
from bystack.sidechain.parameters import Parameters

PAUSE, RESUME, REFUND, GOVERN = 1, 2, 3, 4
MAX_BODY = 10_000

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


class MemberApproval(Wire):
    """One member's signature over an action, and the version of the signer that made it."""

    member: U16
    version: U32
    signature: Bytes64


Approvals = Annotated[tuple[MemberApproval, ...], Meta(min_length=1, max_length=64)]

MemberAction = Pause | Resume | RefundRequests | Govern

KINDS: Final[Mapping[int, type[MemberAction]]] = MappingProxyType(
    {PAUSE: Pause, RESUME: Resume, REFUND: RefundRequests, GOVERN: Govern}
)


class Signers(NamedTuple):
    """The seats that approve an action, in their order, and their signatures to be verified."""

    seats: tuple[int, ...]
    checks: tuple[Check, ...]


def action_digest(chain: bytes, kind: int, body: bytes, version: int = SIGNER_VERSION) -> bytes:
    """What a member signs: sidechain, kind and body of the action, the signer's version."""
    return _digest(chain, fixed(kind), fixed(version), body)


def decode_action(kind: int, body: bytes) -> MemberAction:
    """The member action of a kind; raises `ActionUnknown` and the codec's errors."""
    if kind not in KINDS:
        raise ActionUnknown(module="federation", kind=kind)
    return decode(KINDS[kind], body, MAX_BODY)


def kind_of(action: MemberAction) -> int:
    """The kind an action goes by."""
    return next(kind for kind, type_ in KINDS.items() if type(action) is type_)


def signers_of(standing: Standing, context: ActionContext, kind: int) -> Signers:
    """Who approves; raises `ApprovalMissing`, `MemberUnknown`, `MemberTwice`, codec errors."""
    witness = context.witness
    if not isinstance(witness, Approval) or witness.signatures:
        raise ApprovalMissing(position=context.position)
    approvals = decode(Approvals, witness.revealed, MAX_BODY)
    seats: list[int] = []
    checks: list[Check] = []
    for one in approvals:
        if one.member >= len(standing.seats):
            raise MemberUnknown(member=one.member)
        if one.member in seats:
            raise MemberTwice(member=one.member)
        seats.append(one.member)
        digest = action_digest(context.block.chain, kind, context.action.body, one.version)
        checks.append(SchnorrCheck(standing.seats[one.member].governance, digest, one.signature))
    return Signers(tuple(seats), tuple(checks))


def weight_of(standing: Standing, seats: tuple[int, ...]) -> int:
    """The weight of these seats together."""
    return sum(standing.seats[seat].member.weight for seat in seats)


def check_quorum(standing: Standing, seats: tuple[int, ...]) -> None:
    """Raise `QuorumMissing` unless these seats weigh the threshold."""
    weight = weight_of(standing, seats)
    if weight < standing.threshold:
        raise QuorumMissing(weight=weight, threshold=standing.threshold)


def next_nonce(state: PrefixedState) -> int:
    """The nonce that the next action of a quorum, or the next pause, must carry."""
    return number_at(state, b"nonce")


def use_nonce(state: PrefixedState, nonce: int) -> None:
    """The action counts once; raises `NonceWrong`."""
    expected = next_nonce(state)
    if nonce != expected:
        raise NonceWrong(expected=expected, given=nonce)
    put_number(state, expected + 1, b"nonce")
