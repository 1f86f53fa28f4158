"""Where nodes say they are: signed, newest wins, only of those looked for."""

import pytest
from msgspec.structs import replace

from bystack.p2p.whereabouts import (
    AHEAD_MS,
    Directory,
    Whereabouts,
    WhereaboutsSignature,
    WhereaboutsTime,
    declare,
    read_given,
)
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from tests.p2p.people import ALICE, BOB, CHAIN, MALLORY
from tests.wire import check_wire

PLACE = "9.9.9.9:7"


def looking() -> Directory:
    made = Directory(CHAIN, BOB.node_id)
    made.want({ALICE.node_id, BOB.node_id})
    return made


def said(address: str = PLACE, at: int = 1_000) -> Whereabouts:
    return declare(ALICE, CHAIN, address, at)


def test_on_the_wire() -> None:
    check_wire("p2p_whereabouts", said())
    assert read_given(encode((said(),))) == (said(),)


def test_the_newest_word_of_a_node_counts_and_is_passed_on_once() -> None:
    book = looking()
    assert book.take((said(),), 0) == (said(),)
    assert book.take((said(),), 0) == ()
    later = said("8.8.8.8:8", 2_000)
    assert book.take((later, said("7.7.7.7:7", 1_500)), 0) == (later,)
    assert str(book.address_of(ALICE.node_id)) == "8.8.8.8:8"
    assert book.known == (later,)


def test_nobody_else_is_kept() -> None:
    book = looking()
    assert book.take((declare(MALLORY, CHAIN, PLACE, 1),), 0) == ()
    book.take((said(),), 0)
    book.want({BOB.node_id})
    assert book.known == () and book.address_of(ALICE.node_id) is None


@pytest.mark.parametrize(
    "forged",
    [
        replace(said(), address=b"1.1.1.1:1"),
        replace(said(), at=1_001),
        replace(said(), signature=bytes(64)),
        declare(ALICE, b"x" * 32, PLACE, 1_000),
    ],
)
def test_only_the_node_itself_says_where_it_is_on_this_chain(forged: Whereabouts) -> None:
    book = looking()
    with pytest.raises(WhereaboutsSignature):
        book.take((forged,), 0)
    assert book.known == ()


def test_a_word_from_far_ahead_could_never_be_replaced() -> None:
    book = looking()
    book.take((said(at=AHEAD_MS),), 0)
    with pytest.raises(WhereaboutsTime):
        book.take((said(at=AHEAD_MS + 2),), 1)


@pytest.mark.parametrize(
    "place", ["", "nowhere", "0.0.0.0:5", "224.0.0.1:5", "1.1.1.1:0", "a.example:0"]
)
def test_nobody_is_sent_to_what_is_no_address(place: str) -> None:
    book = looking()
    book.take((said(place),), 0)
    assert book.address_of(ALICE.node_id) is None


def test_a_node_may_say_that_it_is_at_a_name() -> None:
    book = looking()
    book.take((said("alice.example:7101"),), 0)
    assert str(book.address_of(ALICE.node_id)) == "alice.example:7101"


def test_nobody_is_sent_to_oneself() -> None:
    book = looking()
    book.take((declare(BOB, CHAIN, PLACE, 1),), 0)
    assert book.address_of(BOB.node_id) is None


def test_more_than_a_set_holds_is_refused() -> None:
    with pytest.raises(Invalid):
        read_given(encode((said(),) * 801))
