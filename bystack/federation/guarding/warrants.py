"""What a guard's signer signs: freeze, cancel, veto, and a replacement that recovery signed first.

Nothing here moves value out of a vault. Turn, announcement and pending coin come from headers and
proofs this signer verified itself, at no depth: a guard must act in the next block, and a signature
for a branch that is left is worth nothing on another.
"""

from __future__ import annotations

from collections.abc import Mapping

from bystack.federation.watch import Watch
from bystack.ledger.checks import verify_checks
from bystack.ledger.fulfilment import items_for
from bystack.ledger.satisfaction import Context, satisfies
from bystack.ledger.terms import check_terms, keys_of
from bystack.ledger.transactions import Outpoint, PendingLock
from bystack.ledger.vault_operations import (
    CANCEL,
    FREEZE,
    REPLACE,
    VETO,
    Cancel,
    Freeze,
    Replace,
    Veto,
    counter_of,
    operation_digest,
)
from bystack.ledger.vault_state import AnchorState
from bystack.mainchain.params import chain_id
from bystack.primitives.codec import U8, U63, Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.inclusion import Inclusion, verify_included


class GuardForeign(Invalid):
    """This key is no guard of the vault under the terms in force."""


class VaultUnseen(Invalid):
    """This signer was not shown the vault's creation yet."""


class TurnPast(Invalid):
    """The turn is not the vault's present one, as this signer has verified it."""


class FrozenAlready(Invalid):
    """The vault is frozen already, or may not be frozen again so soon."""


class NothingAnnounced(Invalid):
    """The vault has no such announcement, as this signer has verified it."""


class NothingPending(Invalid):
    """The proved output is no pending coin of this vault."""


class RecoveryAbsent(Invalid):
    """A guard signs a replacement only after recovery has."""


class GuardWarrant(Wire):
    """A line of the guard signer's journal: which operation, for which turn, over which digest."""

    operation: U8
    turn: U63
    digest: Bytes32


class GuardWarrants:
    """The judge of what one guard key may sign. `depth` of `watch` is 0."""

    def __init__(self, watch: Watch, key: bytes) -> None:
        self._watch, self._key = watch, key

    def freeze(self, turn: int) -> GuardWarrant:
        """Stop orders; raises `FrozenAlready`, `TurnPast`, `VaultUnseen`, `GuardForeign`."""
        state, height = self._at(turn), self._watch.tip.header.height
        # The block that could hold it is the next one.
        if height + 1 < state.freeze_from:
            raise FrozenAlready(until=state.frozen_until, earliest=state.freeze_from)
        return self._warrant(FREEZE, Freeze(turn))

    def cancel(self, turn: int, terms: bytes) -> GuardWarrant:
        """Withdraw an announcement; raises `NothingAnnounced` and as `freeze`."""
        state = self._at(turn)
        if all(one.terms != terms for one in state.announced):
            raise NothingAnnounced(terms=terms)
        return self._warrant(CANCEL, Cancel(turn, terms))

    def veto(self, order: Inclusion, index: int) -> GuardWarrant:
        """Return a pending coin, output `index` of a proved order; raises `NothingPending`."""
        included = verify_included(self._watch.view, order, 0)
        outputs = included.transaction.body.outputs
        lock = outputs[index].lock if index < len(outputs) else None
        if not isinstance(lock, PendingLock) or lock.vault != self._watch.genesis.vault:
            raise NothingPending(transaction=included.transaction.id, index=index)
        point = Outpoint(included.transaction.id, index)
        return self._warrant(VETO, Veto(point))

    def replace(self, operation: Replace, recovery: Mapping[bytes, bytes]) -> GuardWarrant:
        """New terms at once, with `recovery`'s signatures by key; raises `RecoveryAbsent`.

        Also `TermsInvalid`, `SignaturesInsufficient`, and as `freeze`.
        """
        state = self._present()
        if not state.since <= operation.turn <= state.turn:
            raise TurnPast(asked=operation.turn, present=state.turn, since=state.since)
        check_terms(operation.terms)
        warrant, policy = self._warrant(REPLACE, operation), self._watch.terms.recover.policy
        given = items_for(policy, recovery)
        context = Context(0, 0, warrant.digest)
        if not verify_checks(satisfies(policy, given, context)):
            raise RecoveryAbsent(digest=warrant.digest)
        return warrant

    def _at(self, turn: int) -> AnchorState:
        state = self._present()
        if turn != state.turn:
            raise TurnPast(asked=turn, present=state.turn)
        return state

    def _present(self) -> AnchorState:
        state = self._watch.vault
        if state is None:
            raise VaultUnseen(vault=self._watch.genesis.vault)
        if self._key not in keys_of(self._watch.terms.guard.policy):
            raise GuardForeign(key=self._key)
        return state

    def _warrant(self, kind: int, operation: Freeze | Cancel | Veto | Replace) -> GuardWarrant:
        genesis, counter = self._watch.genesis, counter_of(operation)
        digest = operation_digest(chain_id(genesis.main), genesis.vault, counter, operation)
        return GuardWarrant(kind, counter, digest)
