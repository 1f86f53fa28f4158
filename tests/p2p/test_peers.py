from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.p2p.peers import (
    BAN_SECONDS,
    MAX_FAILURES,
    MAX_KNOWN,
    MAX_NAMES,
    MAX_PER_SOURCE,
    PeerBook,
    StoredBook,
    WrongFormat,
    back_off,
)
from bystack.primitives.codec import Malformed, encode
from bystack.primitives.errors import Invalid

NOW = 1_700_000_000
PEER = "ab" * 32


def full() -> PeerBook:
    book = PeerBook()
    for i in range(20):
        book.learn(f"8.{i}.0.1:9735", "9.9.9.9")
    book.answered("8.1.0.1:9735", NOW)
    book.failed("8.2.0.1:9735", NOW)
    book.penalise(PEER, 30, NOW)
    book.ban("8.8.8.8", NOW + 60)
    return book


def test_a_book_survives_a_restart() -> None:
    book = full()
    again = PeerBook.restore(book.encode())
    assert again.encode() == book.encode()
    assert len(again) == 20
    assert again.score(PEER, NOW) == 30
    assert again.banned(NOW, "8.8.8.8") and not again.banned(NOW + 60, "8.8.8.8")


def test_a_damaged_book_is_named() -> None:
    data = full().encode()
    for length in range(0, len(data), 7):
        with pytest.raises(Malformed):
            PeerBook.restore(data[:length])
    with pytest.raises(WrongFormat):
        PeerBook.restore(encode(StoredBook(2, (), (), ())))


@given(st.integers(0, 400), st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_gives_a_book_that_works(at: int, bit: int) -> None:
    data = bytearray(full().encode())
    data[at % len(data)] ^= 1 << bit
    try:
        book = PeerBook.restore(bytes(data))
    except Invalid:
        return
    book.candidate(NOW, (), (), Random(1))
    PeerBook.restore(book.encode())


def test_a_hundred_points_ban_for_a_day() -> None:
    book = PeerBook()
    assert not book.penalise(PEER, 60, NOW)
    assert not book.banned(NOW, PEER)
    assert book.penalise(PEER, 40, NOW)
    assert book.banned(NOW + BAN_SECONDS - 1, PEER)
    assert not book.banned(NOW + BAN_SECONDS, PEER)
    assert book.bans(NOW) == {PEER: NOW + BAN_SECONDS}
    book.unban(PEER)
    assert not book.banned(NOW, PEER)


def test_points_fade() -> None:
    book = PeerBook()
    book.penalise(PEER, 90, NOW)
    assert book.score(PEER, NOW + 60) == 89
    assert not book.penalise(PEER, 20, NOW + 20 * 60)
    assert book.score(PEER, NOW + 20 * 60) == 90
    assert book.score(PEER, NOW + 24 * 3600) == 0
    assert book.score(PEER, NOW - 3600) == 90  # a clock stepped back makes nobody younger


def test_loopback_is_scored_and_never_banned() -> None:
    """One bad process must not cut its whole machine off from us."""
    book = PeerBook()
    assert not book.penalise("127.0.0.1", 1000, NOW)
    assert book.score("127.0.0.1", NOW) == 1000
    assert not book.banned(NOW, "127.0.0.1")
    assert book.penalise("8.8.8.8", 1000, NOW)


def test_names_are_bounded() -> None:
    book = PeerBook()
    for i in range(MAX_NAMES + 50):
        book.ban(f"host{i}", NOW + i)
        book.penalise(f"other{i}", 1 + i % 50, NOW)
    assert len(book.bans(0)) == MAX_NAMES
    assert not book.banned(NOW - 1, "host0") and book.banned(NOW - 1, f"host{MAX_NAMES + 49}")
    PeerBook.restore(book.encode())


def test_one_source_cannot_fill_the_book() -> None:
    book = PeerBook()
    for i in range(3000):
        book.learn(f"8.{i // 250}.{i % 250}.1:1", "9.9.1.1")
    assert len(book) == MAX_PER_SOURCE
    book.learn("8.200.0.1:1", "9.9.2.2")  # the same /16
    assert len(book) == MAX_PER_SOURCE
    assert book.learn("8.200.0.1:1", "7.7.7.7")
    again = PeerBook.restore(book.encode())
    assert not again.learn("8.201.0.1:1", "9.9.3.3")
    again.forget("8.0.0.1:1")
    assert again.learn("8.201.0.1:1", "9.9.3.3")


def test_the_book_is_bounded_and_keeps_what_answered() -> None:
    book = PeerBook()
    assert book.learn("8.8.8.8:1", "9.9.9.9")
    book.answered("8.8.8.8:1", NOW)
    for i in range(MAX_KNOWN + 500):
        book.learn(f"11.{i // 250}.{i % 250}.1:1", f"12.{i // 200}.0.1")
    assert len(book) == MAX_KNOWN
    assert book.sample(5, Random(0)) == ("8.8.8.8:1",)


def test_bad_addresses_are_not_learnt() -> None:
    book = PeerBook()
    for text in ("nonsense", "127.0.0.1:1", "8.8.8.8:0", "x:1"):
        assert not book.learn(text, "9.9.9.9")
    assert len(book) == 0


def test_a_group_is_drawn_before_an_address() -> None:
    """A thousand rented addresses in one network weigh as much as one elsewhere."""
    book = PeerBook()
    for i in range(200):
        book.learn(f"8.8.{i}.1:1", f"{20 + i}.1.1.1")
    book.learn("11.1.1.1:1", "9.9.9.9")
    dice = Random(7)
    drawn = [book.candidate(NOW, (), (), dice) for _ in range(400)]
    assert 140 < drawn.count("11.1.1.1:1") < 260


def test_candidates_leave_out_taken_skipped_banned_and_resting() -> None:
    book = PeerBook()
    for text in ("8.1.0.1:1", "8.2.0.1:1", "8.3.0.1:1", "8.4.0.1:1", "8.5.0.1:1"):
        book.learn(text, "9.9.9.9")
    book.ban("8.3.0.1", NOW + 100)
    book.ban("8.5.0.1:1", NOW + 100)
    for _ in range(3):
        book.failed("8.4.0.1:1", NOW)
    found = {book.candidate(NOW, {"8.1"}, {"8.2.0.1:1"}, Random(i)) for i in range(9)}
    assert found == {None}
    assert book.candidate(NOW + 4, {"8.1"}, {"8.2.0.1:1"}, Random(1)) == "8.4.0.1:1"


def test_an_address_that_never_answers_is_forgotten() -> None:
    book = PeerBook()
    book.learn("8.8.8.8:1", "9.9.9.9")
    for _ in range(MAX_FAILURES):
        assert len(book) == 1
        book.failed("8.8.8.8:1", NOW)
    assert len(book) == 0
    book.failed("8.8.8.8:1", NOW)
    book.answered("8.8.8.8:1", NOW)
    assert len(book) == 0


def test_back_off_doubles_up_to_a_bound() -> None:
    assert [back_off(n) for n in (0, 1, 2, 5, 60)] == [0, 1, 2, 16, 600]


def test_the_revision_tells_when_to_store() -> None:
    book, seen = PeerBook(), -1
    for change in (
        lambda: book.learn("8.8.8.8:1", "9.9.9.9"),
        lambda: book.answered("8.8.8.8:1", NOW),
        lambda: book.penalise(PEER, 1, NOW),
        lambda: book.ban(PEER, NOW + 1),
        lambda: book.unban(PEER),
        lambda: book.forget("8.8.8.8:1"),
    ):
        seen = book.revision
        change()
        assert book.revision > seen
