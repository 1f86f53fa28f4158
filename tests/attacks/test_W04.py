"""W04 double pay via two coordinators: a seq has one order, a request one seq.

The signer journals before it signs, so it refuses whatever the sidechain records later: another
order of the seq, or the request under another seq – unless that seq is *proved* spent by something
else. The invariant: at no time are two unspent or paid orders signed that hold one request.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.federation.warrants import RequestPaid, RequestSigned, SeqSigned, Warrant
from bystack.primitives.errors import Invalid
from tests.federation.peg import USUAL, Peg, pays
from tests.ledger.people import ALICE, BOB
from tests.sidechain.world import K


@pytest.fixture
def peg() -> Peg:
    return Peg()


def funded(peg: Peg) -> None:
    peg.main.send(peg.main.deposit(ALICE, 50_000, pays(1).asset, b"\x01" * 64))
    peg.created()
    peg.main.grow(20)


@pytest.mark.parametrize(
    ("outputs", "requests", "tier"),
    [
        ([pays(20), pays(31, BOB)], [1, 2], 0),  # another amount
        ([pays(20), pays(30)], [1, 2], 0),  # another payee
        ([pays(30, BOB), pays(20)], [2, 1], 0),  # another order
        ([pays(20)], [1], 0),
        ([pays(20), pays(30, BOB)], [1, 2], 1),  # another tier
        ([pays(7)], [3], 0),  # disjoint requests
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_w04_a_second_order_of_a_seq(peg: Peg, outputs, requests, tier, restarted) -> None:
    signed = peg.sign(peg.record(0, *USUAL))
    if restarted:
        peg.restart()
    with pytest.raises(SeqSigned):
        peg.sign(peg.record(0, outputs, requests, tier))
    assert peg.journal == [signed]


@pytest.mark.parametrize("restarted", [False, True])
def test_w04_a_request_under_a_second_seq(peg: Peg, restarted: bool) -> None:
    funded(peg)
    signed = peg.sign(peg.record(0, *USUAL))
    if restarted:
        peg.restart()
        peg.created()
    with pytest.raises(RequestSigned) as refused:
        peg.sign(peg.record(1, [pays(20), pays(5)], [1, 7]))
    assert refused.value.seq == 0 and peg.journal == [signed]
    assert peg.sign(peg.record(1, [pays(5)], [7])).seq == 1  # requests of its own may go on


def test_w04_it_is_signed_again_once_the_seq_is_proved_spent_otherwise(peg: Peg) -> None:
    funded(peg)
    peg.sign(peg.record(0, *USUAL))
    touch = peg.main.send(peg.main.touch())
    peg.main.grow(K - 1)
    peg.feed()
    with pytest.raises(Invalid, match="NotDeepEnough"):
        peg.watch.anchor(peg.main.inclusion(touch))
    with pytest.raises(RequestSigned):  # seen is not proved
        peg.sign(peg.record(1, *USUAL))
    peg.prove(touch)
    again = peg.sign(peg.record(1, *USUAL))
    assert [w.seq for w in peg.journal] == [0, 1]
    peg.restart()  # and from the journal alone, fed anew
    with pytest.raises(RequestSigned):
        peg.sign(peg.record(1, *USUAL))
    peg.created()
    peg.prove(touch)
    assert peg.sign(peg.record(1, *USUAL)) == again
    with pytest.raises(RequestSigned):
        peg.sign(peg.record(2, *USUAL))


def test_w04_another_order_that_spent_the_seq_counts_as_otherwise(peg: Peg) -> None:
    """A stolen quorum's order in the seq paid other people: these requests are still owed."""
    funded(peg)
    peg.sign(peg.record(0, *USUAL))
    peg.prove(peg.main.send(peg.main.order([pays(9, BOB)])))
    assert peg.sign(peg.record(1, *USUAL)).seq == 1


def test_w04_what_its_own_order_paid_is_never_signed_again(peg: Peg) -> None:
    funded(peg)
    peg.sign(peg.record(0, *USUAL))
    peg.prove(peg.main.send(peg.main.order(USUAL[0])))
    for seq in (1, 2):
        with pytest.raises(RequestPaid):
            peg.sign(peg.record(seq, *USUAL))
    assert [w.seq for w in peg.journal] == [0]


def test_w04_a_reorganisation_takes_the_permission_back(peg: Peg) -> None:
    funded(peg)
    peg.sign(peg.record(0, *USUAL))
    peg.prove(peg.main.send(peg.main.touch()))
    peg.main.reorganise(K + 1)
    peg.feed()
    with pytest.raises(RequestSigned):
        peg.sign(peg.record(1, *USUAL))


_MAIN = Peg().main
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["sign", "sign", "sign", "touch", "pay", "restart"]),
        st.integers(0, 3),
        st.sets(st.integers(0, 4), min_size=1, max_size=3),
    ),
    max_size=25,
)


@settings(max_examples=40)
@given(MOVES)
def test_w04_whatever_is_recorded_no_request_is_in_two_live_orders(moves) -> None:
    """A model of spent seqs stands for the main chain: judged by the same `spent` map."""
    peg = Peg(_MAIN)
    spent: dict[int, bytes] = {}
    for move, seq, requests in moves:
        match move:
            case "sign":
                outputs = [pays(10 + n) for n in sorted(requests)]
                try:
                    peg.sign(peg.record(seq, outputs, sorted(requests)))
                except (SeqSigned, RequestSigned, RequestPaid):
                    continue
            case "touch":
                spent.setdefault(seq, b"")
            case "pay":
                orders = [w.digest for w in peg.journal if w.seq == seq]
                spent.setdefault(seq, orders[0] if orders else b"")
            case "restart":
                peg.restart()
        peg.watch.spent = spent
        _check(peg.journal, spent)


def _check(journal: list[Warrant], spent: dict[int, bytes]) -> None:
    orders = {(w.seq, w.digest): w for w in journal}
    assert len({seq for seq, _ in orders}) == len(orders), "two orders of one seq"
    live = [
        request
        for (seq, digest), warrant in orders.items()
        if spent.get(seq, digest) == digest
        for request in warrant.requests
    ]
    assert len(live) == len(set(live)), "a request could be paid twice"
