"""What the federation's module keeps: who sits, the key epochs, the change in flight, the numbers.

All of it is sidechain state, so signers and strangers read it by state proofs: `entry_key` names
where each entry lies. Blocks and heights are main-chain blocks as relayed.
"""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple, TypeVar

from msgspec import Meta

from bystack.federation.members import (
    MAX_MEMBERS,
    Member,
    Roster,
    Seat,
    Threshold,
    check_roster,
    seat,
)
from bystack.federation.session import Polynomial
from bystack.primitives.codec import (
    U8,
    U16,
    U32,
    U63,
    Bytes32,
    Bytes48,
    Wire,
    decode,
    encode,
)
from bystack.primitives.errors import Invalid, Misuse
from bystack.sidechain.modules.base import PrefixedState
from bystack.sidechain.state import state_key

NAME: Final = "federation"
"""The module's name in a genesis."""

SIGNER_VERSION: Final = 1
"""The version of the signer in this program: votes, approvals and statements carry it (K20)."""

PAUSE_BLOCKS: Final = 720
PAUSE_REST: Final = 8064
MAX_BLOCKS: Final = 1_000_000
"""About nineteen years of main-chain blocks: no number of the federation's is longer."""

MAX_ENTRY: Final = 500_000

STANDING: Final = b"standing"
STANDING_NEXT: Final = b"standing/next"
KEY: Final = b"key"
KEY_NEXT: Final = b"key/next"
CHANGE: Final = b"change"
TERMS: Final = b"terms"
RULES: Final = b"rules"
EPOCHS: Final = b"epochs"

W = TypeVar("W")


class FederationInvalid(Invalid):
    """The federation's genesis has members, a threshold, a key or numbers that cannot be."""


class RulesInvalid(Invalid):
    """A number of the federation's is out of its range."""


class GovernanceKeyInvalid(Invalid):
    """Two members share a governance key, or one has none."""


class Seated(Wire):
    """A seat: the roster's member, and the Schnorr key of its governance."""

    member: Member
    governance: Bytes32


class Standing(Wire):
    """Who votes and signs, in seat order; `charter` names the federation by its hash."""

    charter: Bytes32
    threshold: Threshold
    seats: Annotated[tuple[Seated, ...], Meta(min_length=1, max_length=MAX_MEMBERS)]

    @property
    def roster(self) -> Roster:
        """The members as a key generation knows them."""
        return Roster(self.threshold, tuple(one.member for one in self.seats))

    @property
    def total(self) -> int:
        """The weight of all members."""
        return sum(one.member.weight for one in self.seats)

    def position(self, identity: bytes) -> int | None:
        """The seat of the member with this identity; None if nobody here has it."""
        for position, one in enumerate(self.seats):
            if one.member.identity == identity:
                return position
        return None


class KeyEpoch(Wire):
    """A certified group key: `session` made it, `since` is the relayed height it counts from."""

    epoch: U32
    kind: U8
    session: Bytes32
    key: Bytes48
    polynomial: Polynomial
    roster: Roster
    since: U63


class Change(Wire):
    """A decided change in flight: the ceremony of `kind` (`session.Kind`) that makes `epoch`.

    Signers take part for exactly this `standing`; it ends when its certificate is shown, or at
    the relayed height `expires`.
    """

    number: U63
    kind: U8
    epoch: U32
    standing: Standing
    since: U63
    expires: U63


class TermsDecision(Wire):
    """Which terms members may `announce` and `adopt` for: their hash, and their charter's."""

    number: U63
    charter: Bytes32
    terms: Bytes32
    since: U63


class Work(Wire):
    """Points for a member's work: what the peg fees are shared by, times its weight."""

    statement: U16
    header: U16
    settlement: U16
    proposal: U16
    vote: U16


class Rules(Wire):
    """The federation's numbers, in main-chain blocks where nothing else is said.

    `lifetime`: how long a proposal may be voted on. `change`: how long a change may be in flight.
    `pause`: how long one member's pause lasts, at most once in `rest`. `statement`: members state
    the reserves once in so many. `share`: peg fees are shared every so many epochs of the
    sidechain. `version`: least signer that counts.
    """

    lifetime: U32
    change: U32
    pause: U32
    rest: U32
    statement: U32
    share: U32
    version: U32
    work: Work


DEFAULT_RULES: Final = Rules(
    lifetime=2016,
    change=2016,
    pause=PAUSE_BLOCKS,
    rest=PAUSE_REST,
    statement=144,
    share=1,
    version=1,
    work=Work(statement=100, header=1, settlement=20, proposal=10, vote=10),
)


class FederationConfig(Wire):
    """The module's genesis: the main chain's id, who sits, the first key, the numbers."""

    main: Bytes32
    standing: Standing
    key: KeyEpoch
    rules: Rules


class Newcomer(NamedTuple):
    """Who takes a seat, before share indices are dealt out."""

    seat: Seat
    governance: bytes


def entry_key(*parts: bytes | int) -> bytes:
    """The full key in the system state of one of this module's entries, for state proofs."""
    return state_key(f"module/{NAME}", *parts)


def seated(charter: bytes, threshold: int, newcomers: tuple[Newcomer, ...]) -> Standing:
    """A standing whose seats get the next free share indices, from 1; raises as `check_standing`.

    Every change deals shares of a new polynomial, so indices need not last from one to the next.
    """
    roster = seat(threshold, [one.seat for one in newcomers])
    pairs = zip(roster.members, newcomers, strict=True)
    standing = Standing(
        charter, threshold, tuple(Seated(member, one.governance) for member, one in pairs)
    )
    check_standing(standing)
    return standing


def check_standing(standing: Standing) -> None:
    """Raise `InvalidRoster`, or `GovernanceKeyInvalid`: one signature never counts for two."""
    check_roster(standing.roster)
    keys = [one.governance for one in standing.seats]
    for key in keys:
        if key == bytes(32) or keys.count(key) > 1:
            raise GovernanceKeyInvalid(key=key)


def check_rules(rules: Rules) -> None:
    """Raise `RulesInvalid` for numbers under which nothing could be decided or stated."""
    for name in ("lifetime", "change", "pause", "statement", "share", "version"):
        if getattr(rules, name) == 0:
            raise RulesInvalid(field=name, given=0, least=1)
    if rules.rest < 2 * rules.pause:
        raise RulesInvalid(field="rest", given=rules.rest, least=2 * rules.pause)
    for name in ("lifetime", "change", "rest"):
        if getattr(rules, name) > MAX_BLOCKS:
            raise RulesInvalid(field=name, given=getattr(rules, name), most=MAX_BLOCKS)


def put_entry(state: PrefixedState, value: Wire | None, *parts: bytes | int) -> None:
    """Write or delete an entry."""
    state.put(None if value is None else encode(value), *parts)


def get_entry(state: PrefixedState, kind: type[W], *parts: bytes | int) -> W | None:
    """The entry at these parts, or None."""
    data = state.get(*parts)
    return None if data is None else decode(kind, data, MAX_ENTRY)


def _there(state: PrefixedState, kind: type[W], part: bytes) -> W:
    found = get_entry(state, kind, part)
    if found is None:
        raise Misuse("a state without the federation's module: it did not begin by `start`")
    return found


def standing_of(state: PrefixedState) -> Standing:
    """Who sits now."""
    return _there(state, Standing, STANDING)


def key_of(state: PrefixedState) -> KeyEpoch:
    """The key epoch in force."""
    return _there(state, KeyEpoch, KEY)


def rules_of(state: PrefixedState) -> Rules:
    """The numbers in force."""
    return _there(state, Rules, RULES)


def number_at(state: PrefixedState, *parts: bytes | int) -> int:
    """The number at these parts, 0 when there is none."""
    data = state.get(*parts)
    return decode(U63, data, 16) if data else 0


def put_number(state: PrefixedState, number: int, *parts: bytes | int) -> None:
    """Write a number."""
    state.put(encode(number), *parts)
