"""Which terms members may announce and adopt for their vault: decided here, signed elsewhere.

The chain compares with the terms its mirror proves: what may leave at most doubles with one
change. Signers announce and adopt nothing that no decision names (federation.md, section 5).
"""

from __future__ import annotations

import msgspec

from bystack.federation.module.decisions import SetTerms
from bystack.federation.module.records import (
    STANDING,
    TERMS,
    TermsDecision,
    get_entry,
    put_entry,
    standing_of,
)
from bystack.federation.terms_changes import check_terms_change
from bystack.ledger.terms import check_terms, decode_terms, terms_hash
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import BlockContext, PrefixedState


class TermsForeign(Invalid):
    """The terms do not carry the hash of the charter they are said to come from."""


class TermsUnknown(Invalid):
    """The vault's terms are not proved to this chain yet, so nothing can follow them."""


def decide_terms(
    state: PrefixedState, block: BlockContext, number: int, decision: SetTerms
) -> None:
    """Allow these terms, instead of any others decided before.

    Raises `TermsForeign`, `TermsUnknown`, `TermsInvalid`, `PolicyInvalid`, `TermsChangeInvalid`.
    """
    check_terms(decision.terms)
    if decision.terms.note != decision.charter:
        raise TermsForeign(charter=decision.charter, note=decision.terms.note)
    if not block.terms:
        raise TermsUnknown()
    check_terms_change(decode_terms(block.terms), decision.terms)
    chosen = terms_hash(decision.terms)
    row = TermsDecision(number, decision.charter, chosen, block.relay_height)
    put_entry(state, row, TERMS)


def terms_decided(state: PrefixedState) -> TermsDecision | None:
    """The terms decided last, if any."""
    return get_entry(state, TermsDecision, TERMS)


def follow_terms(state: PrefixedState, terms: bytes) -> None:
    """Once the vault has the decided terms (as bytes), their charter names the federation."""
    decided, standing = terms_decided(state), standing_of(state)
    if decided is None or not terms or standing.charter == decided.charter:
        return
    if terms_hash(decode_terms(terms)) == decided.terms:
        put_entry(state, msgspec.structs.replace(standing, charter=decided.charter), STANDING)
