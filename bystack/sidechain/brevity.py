"""Proposals in short: a block whose transactions its voters hold travels as their short ids.

A short id is eight bytes of a hash of block id and witness id: nobody can know before the block
what collides in it, and other witnesses of one transaction are another id. What a voter lacks it
asks for by place. What it puts together is the proposal byte for byte, or it asks for the whole;
the engine never sees anything else. After BIP 152 (compact blocks).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from msgspec import Meta

from bystack.ledger.transactions import Transaction
from bystack.primitives.codec import U16, Bytes32, Bytes96, Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged
from bystack.sidechain.blocks import MAX_TRANSACTIONS, Body, Header
from bystack.sidechain.consensus.messages import Propose
from bystack.sidechain.consensus.statements import Certificate, TimeoutCertificate, View

SHORT: Final = 8
MAX_GIVEN: Final = 256
MAX_MISSING: Final = 10_000
"""Who lacks more asks for the whole."""

_short = tagged("sidechain/short-id")

Place = U16


class ShortIdCount(Invalid):
    """There is not one short id, or transaction given, for each transaction of the header."""


class GivenPlaces(Invalid):
    """The places of transactions given are not ascending places of the block."""


class MissingCount(Invalid):
    """Not the transactions that were asked for."""


class RootsDiffer(Invalid):
    """What was put together is not the block that the header names."""


class ShortProposal(Wire, dict=True):
    """A PROPOSE without its body: `certificate` is the body's, `ids` the short ids in order.

    `given`: places and transactions that no voter can have, as the proposer made them; their short
    ids are left out.
    """

    header: Header
    view: View
    parent_certificate: Certificate
    timeouts: Annotated[tuple[TimeoutCertificate, ...], Meta(max_length=1)]
    signature: Bytes96
    certificate: Annotated[bytes, Meta(max_length=65_536)]
    given: Annotated[tuple[tuple[Place, Transaction], ...], Meta(max_length=MAX_GIVEN)]
    ids: Annotated[bytes, Meta(max_length=SHORT * MAX_TRANSACTIONS)]


class GetTransactions(Wire):
    """Send me the transactions at these places of a block you proposed in short."""

    block: Bytes32
    places: Annotated[tuple[Place, ...], Meta(min_length=1, max_length=MAX_MISSING)]


class Transactions(Wire):
    """The transactions asked for, in the order of their places."""

    block: Bytes32
    transactions: Annotated[tuple[Transaction, ...], Meta(max_length=MAX_MISSING)]


def short_id(block: bytes, tx: Transaction) -> bytes:
    """The short id of a transaction in a block."""
    return _short(block, tx.witness_id)[:SHORT]


def shorten(proposal: Propose, body: Body) -> ShortProposal:
    """A proposal in short; `body` is what its body encodes."""
    block, given, ids = proposal.header.id, list[tuple[int, Transaction]](), list[bytes]()
    for place, tx in enumerate(body.transactions):
        if not tx.body.inputs and len(given) < MAX_GIVEN:
            given.append((place, tx))
        else:
            ids.append(short_id(block, tx))
    return ShortProposal(
        header=proposal.header,
        view=proposal.view,
        parent_certificate=proposal.parent_certificate,
        timeouts=proposal.timeouts,
        signature=proposal.signature,
        certificate=body.certificate,
        given=tuple(given),
        ids=b"".join(ids),
    )


class Draft:
    """A short proposal being filled in."""

    def __init__(self, short: ShortProposal) -> None:
        """Raises `ShortIdCount`, `GivenPlaces`."""
        self.short = short
        count, places = short.header.transaction_count, [place for place, _ in short.given]
        if len(short.ids) != SHORT * (count - len(places)):
            raise ShortIdCount(given=len(places), bytes=len(short.ids), transactions=count)
        if places != sorted(set(places)) or any(place >= count for place in places):
            raise GivenPlaces(transactions=count)
        self._found: list[Transaction | None] = [None] * count
        for place, tx in short.given:
            self._found[place] = tx

    def fill(self, waiting: Iterable[Transaction]) -> None:
        """Look for what lacks among these; of two with one short id neither is taken."""
        block, ids = self.short.header.id, self.short.ids
        held = dict[bytes, Transaction | None]()
        for tx in waiting:
            id = short_id(block, tx)
            held[id] = None if id in held else tx
        for number, place in enumerate(self.missing):
            self._found[place] = held.get(ids[number * SHORT : (number + 1) * SHORT])

    @property
    def missing(self) -> tuple[int, ...]:
        """The places of what lacks."""
        return tuple(place for place, tx in enumerate(self._found) if tx is None)

    def complete(self, transactions: Sequence[Transaction]) -> None:
        """Put in what lacked, as it was asked for; raises `MissingCount`."""
        missing = self.missing
        if len(transactions) != len(missing):
            raise MissingCount(asked=len(missing), given=len(transactions))
        for place, tx in zip(missing, transactions, strict=True):
            self._found[place] = tx

    def proposal(self) -> tuple[Propose, Body]:
        """The proposal and its body, nothing lacking; raises `RootsDiffer`."""
        short = self.short
        header, transactions = short.header, tuple(tx for tx in self._found if tx is not None)
        body = Body(short.certificate, transactions)
        if body.roots != (header.transaction_root, header.witness_root):
            raise RootsDiffer(block=header.id)
        return in_full(short, encode(body)), body


def in_full(short: ShortProposal, body: bytes) -> Propose:
    """The proposal whose body these bytes are."""
    return Propose(
        short.header, body, short.view, short.parent_certificate, short.timeouts, short.signature
    )
