"""Evidence for people: a transaction proved under one header, to be checked with nothing else.

Who checks brings the id of a header he trusts, from his own node or from anybody he believes; the
evidence brings everything else, and one byte changed in it is refused. So it can be shown for ever
that so much of an asset was retired, and with which data.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

from bystack.ledger.transactions import Output, RetireLock, Transaction
from bystack.mainchain.blocks import Header
from bystack.mainchain.proofs import (
    MAX_PROOF,
    DeepProof,
    HistoryProof,
    TransactionProof,
    check_deep_proof,
    check_transaction_proof,
)
from bystack.primitives.codec import Wire, decode
from bystack.primitives.errors import Invalid

MAX_EVIDENCE = MAX_PROOF + 1_000


class HeaderNotTrusted(Invalid):
    """The evidence stands under another header than the one that is trusted."""


class Evidence(Wire):
    """A header, and a transaction in its block, or with `history` in a block far below it."""

    header: Header
    history: Annotated[tuple[HistoryProof, ...], Meta(max_length=1)]
    transaction: TransactionProof


class Proved(NamedTuple):
    """What evidence shows: the transaction, and the header of its block."""

    header: Header
    transaction: Transaction

    @property
    def retired(self) -> tuple[Output, ...]:
        """The outputs that destroyed something."""
        outputs = self.transaction.body.outputs
        return tuple(output for output in outputs if isinstance(output.lock, RetireLock))


def decode_evidence(data: bytes) -> Evidence:
    """Evidence from its bytes; raises `TooLong`, `Malformed`, `NotCanonical`."""
    return decode(Evidence, data, MAX_EVIDENCE)


def check_evidence(evidence: Evidence, trusted: bytes) -> Proved:
    """What the evidence shows to somebody who trusts the header with id `trusted`.

    Raises `HeaderNotTrusted`, and the errors of `check_transaction_proof` and `check_deep_proof`.
    """
    if evidence.header.id != trusted:
        raise HeaderNotTrusted(trusted=trusted, given=evidence.header.id)
    if not evidence.history:
        tx = check_transaction_proof(evidence.header, evidence.transaction)
        return Proved(evidence.header, tx)
    deep = DeepProof(evidence.history[0], evidence.transaction)
    return Proved(*check_deep_proof(evidence.header, deep))
