"""How many main-chain nodes agree with the chain a signer goes by."""

from __future__ import annotations

import pytest

from bystack.federation.upstreams import AGE, OWN, Upstreams
from tests.federation.peg import LATE, Peg

A, B = "aa@one:1", "bb@two:2"
K = 3
NOW = 1_000_000


@pytest.fixture
def peg() -> Peg:
    peg = Peg()
    peg.main.grow(8)
    feed(peg)
    return peg


def feed(peg: Peg) -> None:
    known = peg.watch.tip.header.height
    peg.watch.headers([one.header for one in peg.main.entries[known + 1 :]], LATE)


def ids(peg: Peg, end: int = 0) -> list[bytes]:
    return [one.id for one in peg.main.entries[-6 : len(peg.main.entries) - end]]


def heard(peg: Peg, *sources: str, needed: int = 2, now: int = NOW) -> Upstreams:
    upstreams = Upstreams(needed, frozenset({A, B}))
    for source in sources:
        assert upstreams.hear(source, peg.watch.view, ids(peg), now)
    return upstreams


def test_so_many_must_agree(peg: Peg) -> None:
    view = peg.watch.view
    assert heard(peg, OWN, A).lack(view, K, NOW) == ""
    assert heard(peg, A, B).lack(view, K, NOW) == ""
    assert "1 of 2" in heard(peg, OWN).lack(view, K, NOW)
    assert "0 of 2" in heard(peg).lack(view, K, NOW)
    assert "2 of 3" in heard(peg, OWN, A, needed=3).lack(view, K, NOW)
    assert heard(peg, needed=1).lack(view, K, NOW) == ""


def test_one_source_counts_once_and_a_stranger_not(peg: Peg) -> None:
    upstreams = heard(peg, A, A, A)
    assert not upstreams.hear("stranger", peg.watch.view, ids(peg), NOW)
    assert upstreams.agreeing(peg.watch.view, K, NOW) == (A,)


def test_a_word_counts_for_a_while(peg: Peg) -> None:
    upstreams = heard(peg, OWN, A)
    assert not upstreams.lack(peg.watch.view, K, NOW + AGE)
    assert upstreams.lack(peg.watch.view, K, NOW + AGE + 1)


def test_who_is_k_behind_is_no_witness(peg: Peg) -> None:
    view = peg.watch.view
    for behind, counts in ((0, True), (2, True), (3, False), (5, False)):
        upstreams = Upstreams(2, frozenset({A}))
        upstreams.hear(A, view, ids(peg, behind), NOW)
        assert (upstreams.agreeing(view, K, NOW) == (A,)) is counts, behind
    upstreams = heard(peg, OWN, A)
    peg.main.grow(K)
    feed(peg)
    assert upstreams.lack(peg.watch.view, K, NOW), "the tip went on, their word did not"


def test_who_follows_another_chain_is_a_witness_up_to_where_they_part(peg: Peg) -> None:
    view, upstreams = peg.watch.view, Upstreams(2, frozenset({A}))
    foreign = [b"\x01" * 32, b"\x02" * 32]
    upstreams.hear(A, view, [*ids(peg, 2), *foreign], NOW)
    assert upstreams.agreeing(view, K, NOW) == (A,)
    upstreams.hear(A, view, [*ids(peg, 4), *foreign], NOW)
    assert upstreams.agreeing(view, K, NOW) == ()
    upstreams.hear(A, view, ids(peg), NOW)
    upstreams.hear(A, view, foreign, NOW)
    assert upstreams.agreeing(view, K, NOW) == (), "it says nothing of ours any more"


def test_a_reorganisation_takes_their_words_away(peg: Peg) -> None:
    upstreams, parting = heard(peg, OWN, A), peg.watch.tip.header.height - 1
    peg.main.reorganise(1)
    peg.watch.headers([one.header for one in peg.main.entries[parting + 1 :]], LATE)
    assert peg.watch.tip.header.height == parting + 2, "not far behind, but elsewhere"
    assert upstreams.agreeing(peg.watch.view, K, NOW) == ()
