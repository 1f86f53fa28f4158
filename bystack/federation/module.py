"""The federation's module on its sidechain: members, pauses; refunds and parameters by quorum.

It may refuse claims, burns and batches for a while, ask for a waiting peg-out to be refunded, and
say the sidechain's parameters from the next epoch on; it never mints (federation.md, section 5).
Blocks are main-chain blocks as relayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from bystack.ledger.effects import Check, Effects, SchnorrCheck
from bystack.ledger.transactions import Approval
from bystack.primitives.codec import U8, U16, U63, Bytes32, Bytes64, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged
from bystack.sidechain.modules.base import (
    ActionContext,
    ActionUnknown,
    BlockContext,
    Outcome,
    PrefixedState,
    Quiet,
)
from bystack.sidechain.parameters import Parameters

PAUSE, RESUME, REFUND, GOVERN = 1, 2, 3, 4
CLAIMS, BURNS, BATCHES = 1, 2, 4
PAUSE_BLOCKS = 720
PAUSE_REST = 8064
MAX_CONFIG = 500_000
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


class PausedTooOften(Invalid):
    """A member pauses once in 8064 blocks."""


class FederationPaused(Invalid):
    """The federation has paused this."""


class ApprovalMissing(Invalid):
    """The action carries no members' approval, or one of another shape."""


class FederationInvalid(Invalid):
    """The federation's genesis has a threshold nobody or everybody meets, or a member twice."""


class PauseEmpty(Invalid):
    """The pause names nothing, or something unknown, to be paused."""


class ModuleMember(Wire):
    """A member as the sidechain knows it: name, weight, the Schnorr key of its governance."""

    name: Annotated[str, Meta(min_length=1, max_length=32)]
    weight: U16
    key: Bytes32


class FederationConfig(Wire):
    """The module's genesis: the charter's hash, the threshold of weight, the members."""

    charter: Bytes32
    threshold: U16
    members: Annotated[tuple[ModuleMember, ...], Meta(min_length=1, max_length=64)]


class Pause(Wire):
    """Pause `what` (a sum of CLAIMS, BURNS, BATCHES) for 720 blocks; by any one member."""

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
    """One member's signature over an action."""

    member: U16
    signature: Bytes64


Approvals = Annotated[tuple[MemberApproval, ...], Meta(min_length=1, max_length=64)]


def action_digest(chain: bytes, kind: int, body: bytes) -> bytes:
    """What members sign. The body begins with the module's next nonce, so it serves once."""
    return _digest(chain, fixed(kind), body)


class FederationModule(Quiet):
    """Members, pauses, refunds, parameters; the module named `federation`."""

    name = "federation"
    # Members' actions are rare and approved, and a federation in trouble may have no coins.
    free = frozenset((PAUSE, RESUME, REFUND, GOVERN))
    queries: tuple[str, ...] = ("listmembers", "getpauses")

    def start(self, state: PrefixedState, config: bytes) -> None:
        """Keep the configuration as the module's state; raises `FederationInvalid`."""
        _check_config(decode(FederationConfig, config, MAX_CONFIG))
        state.put(config, b"config")

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        """Pause, resume, refund or govern, if the members who must have approved."""
        config = config_of(state)
        members, checks = _approvals(config, context, kind)
        action = decode_action(kind, context.action.body)
        _use_nonce(state, action.nonce)
        match action:
            case Pause():
                _pause(state, context.block, members[0], action)
                return Outcome(Effects(checks=checks))
            case Resume():
                _check_quorum(config, members)
                _resume(state)
                return Outcome(Effects(checks=checks), resume=True)
            case RefundRequests(_, ids):
                _check_quorum(config, members)
                return Outcome(Effects(checks=checks), refunds=ids)
            case Govern(_, parameters):
                _check_quorum(config, members)
                return Outcome(Effects(checks=checks), parameters=(parameters,))

    def may_claim(self, state: PrefixedState, block: BlockContext, asset: bytes) -> None:
        """Refused while claims are paused."""
        if paused(state, CLAIMS, block.relay_height):
            raise FederationPaused(what="claims", until=_until(state, CLAIMS))

    def may_burn(
        self, state: PrefixedState, block: BlockContext, destination: bytes, asset: bytes
    ) -> None:
        """Refused while burns are paused."""
        if paused(state, BURNS, block.relay_height):
            raise FederationPaused(what="burns", until=_until(state, BURNS))

    def may_batch(self, state: PrefixedState, block: BlockContext) -> bool:
        """False while batches are paused."""
        return not paused(state, BATCHES, block.relay_height)

    def query(
        self, state: PrefixedState, name: str, params: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        """`listmembers` and `getpauses`."""
        config = config_of(state)
        if name == "listmembers":
            rows = [
                {"name": m.name, "weight": m.weight, "key": m.key.hex()} for m in config.members
            ]
            nonce = next_nonce(state)
            return {"threshold": config.threshold, "members": rows, "nonce": nonce}
        if name == "getpauses":
            kinds = (("claims", CLAIMS), ("burns", BURNS), ("batches", BATCHES))
            return {label: _until(state, what) for label, what in kinds}
        return None


def config_of(state: PrefixedState) -> FederationConfig:
    """The module's configuration."""
    return decode(FederationConfig, state.get(b"config") or b"", MAX_CONFIG)


def _check_config(config: FederationConfig) -> None:
    total = sum(member.weight for member in config.members)
    # A quorum is a majority, so that no two disjoint ones exist; 0 would be anybody (P04).
    if not config.threshold <= total < 2 * config.threshold:
        raise FederationInvalid(threshold=config.threshold, weight=total)
    if len({member.key for member in config.members}) < len(config.members):
        raise FederationInvalid(reason="two members share a key")
    if any(not member.weight or member.key == bytes(32) for member in config.members):
        raise FederationInvalid(reason="a member without weight or key")


def _approvals(
    config: FederationConfig, context: ActionContext, kind: int
) -> tuple[tuple[int, ...], tuple[Check, ...]]:
    """The members who approve, and their signatures still to be verified."""
    witness = context.witness
    if not isinstance(witness, Approval) or witness.signatures:
        raise ApprovalMissing(position=context.position)
    digest = action_digest(context.block.chain, kind, context.action.body)
    approvals = decode(Approvals, witness.revealed, MAX_BODY)
    members: list[int] = []
    checks: list[Check] = []
    for approval in approvals:
        if approval.member >= len(config.members):
            raise MemberUnknown(member=approval.member)
        if approval.member in members:
            raise MemberTwice(member=approval.member)
        members.append(approval.member)
        key = config.members[approval.member].key
        checks.append(SchnorrCheck(key, digest, approval.signature))
    return tuple(members), tuple(checks)


MemberAction = Pause | Resume | RefundRequests | Govern


def decode_action(kind: int, body: bytes) -> MemberAction:
    """The member action of a kind; raises `ActionUnknown` and the codec's errors."""
    types: dict[int, type[MemberAction]] = {
        PAUSE: Pause,
        RESUME: Resume,
        REFUND: RefundRequests,
        GOVERN: Govern,
    }
    if kind not in types:
        raise ActionUnknown(module=FederationModule.name, kind=kind)
    return decode(types[kind], body, MAX_BODY)


def next_nonce(state: PrefixedState) -> int:
    """The nonce that the next member action must carry."""
    data = state.get(b"nonce")
    return decode(U63, data, 16) if data else 0


def _use_nonce(state: PrefixedState, nonce: int) -> None:
    expected = next_nonce(state)
    if nonce != expected:
        raise NonceWrong(expected=expected, given=nonce)
    state.put(encode(expected + 1), b"nonce")


def _check_quorum(config: FederationConfig, members: tuple[int, ...]) -> None:
    weight = sum(config.members[member].weight for member in members)
    if weight < config.threshold:
        raise QuorumMissing(weight=weight, threshold=config.threshold)


def _until(state: PrefixedState, what: int) -> int:
    data = state.get(b"until", what)
    return decode(U63, data, 16) if data else 0


def paused(state: PrefixedState, what: int, height: int) -> bool:
    """True while `what` is paused at this main-chain height."""
    return height < _until(state, what)


def _pause(state: PrefixedState, block: BlockContext, member: int, pause: Pause) -> None:
    """Overlapping pauses do not add: the end is the later of the two."""
    if not 0 < pause.what <= CLAIMS | BURNS | BATCHES:
        raise PauseEmpty(what=pause.what)
    last = state.get(b"paused", member)
    height = block.relay_height
    if last is not None and height < decode(U63, last, 16) + PAUSE_REST:
        raise PausedTooOften(member=member, height=height)
    state.put(encode(height), b"paused", member)
    for what in (CLAIMS, BURNS, BATCHES):
        if pause.what & what:
            state.put(encode(max(_until(state, what), height + PAUSE_BLOCKS)), b"until", what)


def _resume(state: PrefixedState) -> None:
    for what in (CLAIMS, BURNS, BATCHES):
        state.put(None, b"until", what)
