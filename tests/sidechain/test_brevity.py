"""Proposals in short: put together byte for byte, or not at all."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from bystack.ledger.transactions import Output, Transaction
from bystack.primitives.codec import Wire, encode
from bystack.sidechain.blocks import Body, body_roots
from bystack.sidechain.brevity import (
    Draft,
    GetTransactions,
    GivenPlaces,
    MissingCount,
    RootsDiffer,
    ShortIdCount,
    ShortProposal,
    Transactions,
    short_id,
    shorten,
)
from bystack.sidechain.consensus.messages import Propose
from tests.ledger.people import BOB, CAROL
from tests.sidechain.consensus.samples import CLOSED, COMMITTED, HEADER, SIGNATURE
from tests.sidechain.world import funded
from tests.wire import check_wire

WORLD = funded()
PAYMENTS = tuple(
    WORLD.transact(CAROL, [Output(WORLD.coins_of(CAROL)[0][1].asset, 1, BOB.lock)], fee=fee)
    for fee in range(1, 7)
)


def system() -> Transaction:
    """A transaction that only its proposer has."""
    world = funded()
    world.main.grow(2)
    tx = world.relay_tx()
    assert tx is not None
    return tx


def proposed(*transactions: Transaction) -> tuple[Propose, Body]:
    ids, witnesses = body_roots(transactions)
    header = replace(
        HEADER,
        transaction_root=ids,
        witness_root=witnesses,
        transaction_count=len(transactions),
    )
    body = Body(b"certificate", transactions)
    return Propose(header, encode(body), 3, COMMITTED, (CLOSED,), SIGNATURE), body


def filled(short: ShortProposal, waiting: Iterable[Transaction]) -> Draft:
    draft = Draft(short)
    draft.fill(waiting)
    return draft


def test_wire() -> None:
    short = ShortProposal(
        HEADER, 3, COMMITTED, (CLOSED,), SIGNATURE, b"certificate", ((1, PAYMENTS[0]),), b"\x01" * 8
    )
    samples: dict[str, Wire] = {
        "sidechain_short_proposal": replace(short, given=()),
        "sidechain_get_transactions": GetTransactions(b"\x0b" * 32, (0, 7)),
        "sidechain_transactions": Transactions(b"\x0b" * 32, ()),
    }
    for name, sample in samples.items():
        check_wire(name, sample)


def test_what_the_pool_holds_makes_the_proposal_byte_for_byte() -> None:
    proposal, body = proposed(system(), *PAYMENTS)
    short = shorten(proposal, body)
    assert [place for place, _ in short.given] == [0] and len(short.ids) == 8 * len(PAYMENTS)
    draft = filled(short, reversed(PAYMENTS))
    assert draft.missing == ()
    made, parts = draft.proposal()
    assert encode(made) == encode(proposal) and parts == body


def test_what_lacks_is_asked_for_by_place() -> None:
    proposal, body = proposed(*PAYMENTS)
    draft = filled(shorten(proposal, body), PAYMENTS[:2])
    assert draft.missing == (2, 3, 4, 5)
    with pytest.raises(MissingCount):
        draft.complete(PAYMENTS[3:])
    draft.complete(PAYMENTS[2:])
    assert encode(draft.proposal()[0]) == encode(proposal)


def test_other_transactions_than_the_header_names_are_no_proposal() -> None:
    proposal, body = proposed(*PAYMENTS)
    draft = filled(shorten(proposal, body), PAYMENTS[1:])
    draft.complete(PAYMENTS[1:2])
    with pytest.raises(RootsDiffer):
        draft.proposal()


def test_other_witnesses_of_the_same_transaction_have_another_short_id() -> None:
    twin = replace(PAYMENTS[0], witnesses=PAYMENTS[1].witnesses)
    assert twin.id == PAYMENTS[0].id
    assert short_id(b"b", twin) != short_id(b"b", PAYMENTS[0])
    assert short_id(b"b", twin) != short_id(b"c", twin)


def test_of_two_with_one_short_id_neither_is_taken() -> None:
    proposal, body = proposed(*PAYMENTS)
    draft = filled(shorten(proposal, body), (*PAYMENTS, PAYMENTS[3]))
    assert draft.missing == (3,)


@pytest.mark.parametrize("count", [0, 5, 7, 50_000])
def test_one_short_id_for_each_transaction(count: int) -> None:
    proposal, body = proposed(*PAYMENTS)
    with pytest.raises(ShortIdCount):
        Draft(replace(shorten(proposal, body), ids=bytes(8 * count)))


@pytest.mark.parametrize("places", [(1, 1), (2, 1), (6,), (65_535,)])
def test_places_given_are_places_of_the_block(places: tuple[int, ...]) -> None:
    proposal, body = proposed(*PAYMENTS)
    given = tuple((place, PAYMENTS[0]) for place in places)
    short = replace(shorten(proposal, body), given=given, ids=bytes(8 * (6 - len(given))))
    with pytest.raises(GivenPlaces):
        Draft(short)
