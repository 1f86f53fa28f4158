"""What signers sign of a vault's other operations: terms that were decided, and nothing else.

Terms come into force by announce and adopt, or by replace together with recovery. A signer signs
for terms only if the federation decided exactly them – by vote (`TermsDecision`) or by a new key
whose certificate the sidechain holds (`key/next`) – and if it compiles them itself from a charter
whose hash the decision names. Freeze, veto and cancel are the guards' alone; complete and
consolidate ask for no signature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from bystack.federation.charter import Charter
from bystack.federation.charter_compiling import compile
from bystack.federation.module.records import KeyEpoch, TermsDecision
from bystack.federation.roster_file import RosterFile, assets_of, keys_of
from bystack.federation.terms_changes import check_terms_change
from bystack.federation.warrants import Warrant
from bystack.ledger.policies import Policy
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.terms import keys_of as keys_in
from bystack.ledger.vault_approvals import Demand, demands
from bystack.ledger.vault_operations import (
    Adopt,
    Announce,
    Operation,
    Recover,
    Replace,
    counter_of,
)
from bystack.ledger.vault_state import AnchorState
from bystack.primitives.errors import Invalid

ANNOUNCE, ADOPT, REPLACE, RECOVER = 4, 5, 6, 7
AHEAD: Final = 8
"""How far beyond the proved seq or turn: what was decided later must not be overtaken by what was
signed for some far seq."""

TermsOperation = Announce | Adopt | Replace | Recover
_KINDS: dict[type[TermsOperation], int] = {
    Announce: ANNOUNCE,
    Adopt: ADOPT,
    Replace: REPLACE,
    Recover: RECOVER,
}


class TermsUndecided(Invalid):
    """The federation has not decided these terms, as far as this signer was shown."""


class CharterForeign(Invalid):
    """The charter shown is neither the decided one nor that of the terms in force."""


class TermsDiffer(Invalid):
    """The operation's terms are not those that charter, roster and key compile to here."""


class CounterFar(Invalid):
    """The operation is for a seq or turn that is past, or further ahead than signers sign."""


class NotSigners(Invalid):
    """Members' signers do not sign operations of this kind on request."""


class VaultUnproved(Invalid):
    """This signer was not shown the vault's creation yet."""


class Signing(NamedTuple):
    """One digest to sign: the journal's line, and which keys it is for."""

    warrant: Warrant
    keys: frozenset[bytes]


@dataclass(frozen=True)
class Decided:
    """What the sidechain decided, as proved to this signer, and the files it compiles with.

    `key` is the epoch in force, `following` a certified key that the vault does not carry yet.
    """

    charter: Charter
    roster: RosterFile
    key: bytes
    following: KeyEpoch | None
    decision: TermsDecision | None

    def terms(self, present: Terms) -> Terms:
        """The terms decided, compiled here. Raises `TermsUndecided`, `CharterForeign`, as compile.

        They loosen the present ones within bounds, or `TermsChangeInvalid` is raised.
        """
        for terms in self._candidates(present):
            check_terms_change(present, terms)
            return terms
        raise TermsUndecided(charter=self.charter.hash)

    def _candidates(self, present: Terms) -> Iterator[Terms]:
        decided = self.decision
        named = {present.note} if decided is None else {present.note, decided.charter}
        if self.charter.hash not in named:
            raise CharterForeign(shown=self.charter.hash, decided=sorted(named))
        if self.following is not None and self.charter.hash == present.note:
            yield self._compiled(self.following.key)
        if decided is not None and self.charter.hash == decided.charter:
            keys = (self.key, *((self.following.key,) if self.following else ()))
            yield from (t for t in map(self._compiled, keys) if terms_hash(t) == decided.terms)

    def _compiled(self, group: bytes) -> Terms:
        keys = keys_of(self.roster) | dict.fromkeys(self.charter.group_keys, group)
        return compile(self.charter, keys, assets_of(self.roster))


class VaultSeen(NamedTuple):
    """The vault as this signer has proved it: main chain, id, terms in force, anchor's state."""

    main: bytes
    vault: bytes
    terms: Terms
    state: AnchorState


def terms_signings(seen: VaultSeen, operation: Operation, decided: Decided) -> tuple[Signing, ...]:
    """What to sign for an operation about terms: its own digest, and acceptances of new policies.

    Raises `NotSigners` for any other operation, `CounterFar`, `TermsDiffer` and as `Decided.terms`.
    """
    if not isinstance(operation, Announce | Adopt | Replace | Recover):
        raise NotSigners(operation=type(operation).__name__.lower())
    _check_counter(seen.state, operation)
    terms = decided.terms(seen.terms)
    asked = operation.terms if isinstance(operation, Announce) else terms_hash(operation.terms)
    if asked != terms_hash(terms):
        raise TermsDiffer(asked=asked, compiled=terms_hash(terms))
    wanted = demands(seen.main, seen.vault, operation, seen.terms)
    kind, counter = _KINDS[type(operation)], counter_of(operation)
    return _signings(kind, counter, _signed(wanted, operation))


def _check_counter(state: AnchorState, operation: TermsOperation) -> None:
    match operation:
        case Announce(seq):
            counter, least, present = seq, state.seq, state.seq
        case Replace(turn) | Recover(turn):
            counter, least, present = turn, state.since, state.turn
        case Adopt():
            return
    if not least <= counter <= present + AHEAD:
        raise CounterFar(asked=counter, least=least, present=present, ahead=AHEAD)


def _signed(wanted: tuple[Demand, ...], operation: TermsOperation) -> tuple[Demand, ...]:
    """Recovery and guards sign for themselves: of a replacement the second group is govern's."""
    match operation:
        case Replace():
            return (wanted[1], *wanted[3:])
        case Recover():
            return wanted[1:]
        case _:
            return wanted


def _signings(kind: int, counter: int, wanted: tuple[Demand, ...]) -> tuple[Signing, ...]:
    policies: dict[bytes, list[Policy]] = {}
    for demand in wanted:
        policies.setdefault(demand.digest, []).append(demand.policy)
    return tuple(
        Signing(Warrant(kind, counter, digest, ()), frozenset(k for p in held for k in keys_in(p)))
        for digest, held in policies.items()
    )
