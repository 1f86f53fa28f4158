"""What members decide: each kind of decision, as proposals carry it and a quorum may enact it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta

from bystack.federation.members import MAX_MEMBERS, Name, Threshold, Weight
from bystack.federation.messages import Receipt
from bystack.federation.module.records import Rules
from bystack.federation.statements import Statement
from bystack.ledger.terms import Terms
from bystack.primitives.codec import (
    U8,
    U16,
    U32,
    U63,
    Bit,
    Bytes32,
    Bytes64,
    Wire,
    encode,
)
from bystack.primitives.hashes import fixed, tagged
from bystack.sidechain.parameters import Parameters
from bystack.sidechain.peg_numbers import PegNumbers
from bystack.sidechain.records import Return

MAX_REASON: Final = 200
MAX_REGION: Final = 4_000
MAX_ALLOWANCES: Final = 64

Text = Annotated[bytes, Meta(max_length=MAX_REASON)]
"""UTF-8, for people to read."""

_proposal_id = tagged("federation/proposal")


class Add(Wire, tag=1):
    """A new member. `fresh`: by a new key, not by dealing the old key's shares anew."""

    name: Name
    identity: Bytes32
    node: Bytes32
    weight: Weight
    recipient: Bytes32
    governance: Bytes32
    threshold: Threshold
    fresh: Bit


class Remove(Wire, tag=2):
    """A member leaves."""

    identity: Bytes32
    threshold: Threshold
    fresh: Bit


class Reweigh(Wire, tag=3):
    """A member's weight becomes another."""

    identity: Bytes32
    weight: Weight
    threshold: Threshold
    fresh: Bit


class Refresh(Wire, tag=4):
    """New shares of the same key for the same members."""


class NewKey(Wire, tag=5):
    """A new key for the same members."""


class Stated(Wire):
    """A statement about the reserves as a member's action carried it."""

    statement: Statement
    version: U32
    signature: Bytes64


class TwoStatements(Wire, tag=1):
    """Two statements of one member that contradict each other."""

    first: Stated
    second: Stated


class TwoWords(Wire, tag=2):
    """Two different messages of one round (`turn`) of a key generation, signed by one member.

    `sender`: its seat in that session.
    """

    session: Bytes32
    sender: U16
    turn: U8
    first: Receipt
    second: Receipt


Evidence = TwoStatements | TwoWords


class Cause(Wire, tag=6):
    """A member is removed for cause: it does not vote on it, and its weight does not count.

    With evidence the majority of the others is enough, without it the threshold.
    """

    identity: Bytes32
    threshold: Threshold
    fresh: Bit
    reason: Text
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=1)]


class SetParameters(Wire, tag=7):
    """The sidechain's parameters from the next epoch on."""

    parameters: Parameters


class SetPegs(Wire, tag=8):
    """The pegs' numbers: what falls at once, what rises when the epoch turns, at most twofold."""

    numbers: PegNumbers


class SetTerms(Wire, tag=9):
    """The vault's terms that members may announce and adopt, and the charter they come from."""

    charter: Bytes32
    terms: Terms


class Halt(Wire, tag=10):
    """Pause `what` (a sum of switches) for so many blocks."""

    what: U8
    blocks: U32
    reason: Text


class Lift(Wire, tag=11):
    """Lift every pause, and the automatic stops whose condition is gone."""


class Refund(Wire, tag=12):
    """Refund peg-outs that wait in the queue."""

    ids: Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=100)]


class ReturnDeposits(Wire, tag=13):
    """Pay deposits that nobody can claim back on the main chain."""

    returns: Annotated[tuple[Return, ...], Meta(min_length=1, max_length=100)]


class Freeze(Wire, tag=14):
    """No burn to this destination (an encoded lock): by which rule, and where that is written."""

    destination: Annotated[bytes, Meta(min_length=1, max_length=200)]
    rule: Text
    reference: Text


class Unfreeze(Wire, tag=15):
    """A destination may be burned to again."""

    destination: Annotated[bytes, Meta(min_length=1, max_length=200)]
    reference: Text


class SetRules(Wire, tag=16):
    """The federation's own numbers."""

    rules: Rules


class Allowance(Wire):
    """What one member's signer may sign for of an asset within so many blocks."""

    asset: Bytes32
    amount: U63
    window: U32


class SetAllowances(Wire, tag=17):
    """A member's allowances: what falls at once, what rises when the epoch turns, twofold."""

    identity: Bytes32
    allowances: Annotated[tuple[Allowance, ...], Meta(max_length=MAX_ALLOWANCES)]


class Abandon(Wire, tag=18):
    """End the change in flight, or give up a certified key that the vault did not adopt."""


class SetRegion(Wire, tag=19):
    """The regional rules this federation follows, for everyone to read."""

    text: Annotated[bytes, Meta(max_length=MAX_REGION)]


Decision = (
    Add
    | Remove
    | Reweigh
    | Refresh
    | NewKey
    | Cause
    | SetParameters
    | SetPegs
    | SetTerms
    | Halt
    | Lift
    | Refund
    | ReturnDeposits
    | Freeze
    | Unfreeze
    | SetRules
    | SetAllowances
    | Abandon
    | SetRegion
)

NAMES: Final[Mapping[type[Wire], str]] = MappingProxyType({
    Add: "add",
    Remove: "remove",
    Reweigh: "reweigh",
    Refresh: "refresh",
    NewKey: "newkey",
    Cause: "cause",
    SetParameters: "parameters",
    SetPegs: "pegs",
    SetTerms: "terms",
    Halt: "pause",
    Lift: "resume",
    Refund: "refund",
    ReturnDeposits: "return",
    Freeze: "freeze",
    Unfreeze: "unfreeze",
    SetRules: "rules",
    SetAllowances: "allowances",
    Abandon: "abandon",
    SetRegion: "region",
})  # fmt: skip
"""What each kind is called in RPC, commands and events."""


class Ballot(Wire):
    """A member's vote, by its identity; `version`: of the signer that made it."""

    identity: Bytes32
    yes: Bit
    version: U32


class Proposal(Wire):
    """A decision asked for, and how it stands (`state`: one of this file's states).

    `closed`: the relayed height at which it was executed, rejected or expired; 0 while open.
    """

    number: U63
    proposer: Bytes32
    decision: Decision
    note: Text
    since: U63
    expires: U63
    state: U8
    closed: U63
    ballots: Annotated[tuple[Ballot, ...], Meta(max_length=4 * MAX_MEMBERS)]

    @property
    def id(self) -> bytes:
        """What votes name: the number and the decision."""
        return proposal_id(self.number, self.decision)

    @property
    def kind(self) -> str:
        """What kind of decision it asks for."""
        return NAMES[type(self.decision)]


OPEN, EXECUTED, REJECTED, EXPIRED = 0, 1, 2, 3
STATES: Final = ("open", "executed", "rejected", "expired")


def proposal_id(number: int, decision: Decision) -> bytes:
    """32 bytes that stand for one decision under one number."""
    return _proposal_id(fixed(number), encode(decision))
