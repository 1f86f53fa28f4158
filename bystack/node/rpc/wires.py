"""The types of the ledger's own values as results show them (see `rpc.plain`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bystack.ledger import terms, transactions, vault_state
from bystack.node.rpc.plain import plain

if TYPE_CHECKING:
    AnchorState = dict[str, Any]
    Lock = dict[str, Any]
    Terms = dict[str, Any]
    Witness = dict[str, Any]
else:
    AnchorState = plain(vault_state.AnchorState)
    Lock = plain(transactions.Lock, "Lock")
    Terms = plain(terms.Terms)
    Witness = plain(transactions.Witness, "Witness")
