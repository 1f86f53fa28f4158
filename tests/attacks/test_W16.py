"""W16 unconfirmed change: the batch of the next seq is signed before the present one is mined.

It spends the anchor that the present order makes, so it is valid on top of it alone. Should its
parent drop, the child is void: its seq has not come, and its requests are signed under no other one
before the chain has proved theirs spent otherwise. So nobody is paid twice.
"""

from __future__ import annotations

import pytest

from bystack.federation.warrants import RequestSigned
from bystack.ledger.vault_errors import SeqMismatch
from bystack.primitives.errors import Invalid
from tests.federation.peg import Peg, pays
from tests.ledger.people import ALICE, BOB


@pytest.fixture
def peg() -> Peg:
    peg = Peg()
    peg.main.send(peg.main.deposit(ALICE, 50_000, pays(1).asset, b"\x01" * 64))
    peg.created()
    peg.main.grow(20)
    peg.sign(peg.record(0, [pays(20)], [1]))
    peg.sign(peg.record(1, [pays(30, BOB)], [2]))
    return peg


def test_w16_both_are_paid_in_their_order(peg: Peg) -> None:
    parent = peg.main.order([pays(20)])
    peg.main.send(parent)
    child = peg.main.order([pays(30, BOB)], seq=1)
    peg.main.send(child)
    assert parent.id in {point.transaction for point in child.body.inputs}, (
        "it spends the new anchor"
    )
    assert peg.main.state.seq == 2


def test_w16_a_child_whose_parent_dropped_pays_nobody(peg: Peg) -> None:
    with pytest.raises(SeqMismatch):
        peg.main.send(peg.main.order([pays(30, BOB)], seq=1))
    assert peg.main.state.seq == 0


def test_w16_a_child_made_for_a_lost_parent_does_not_fit_another_chain(peg: Peg) -> None:
    peg.main.send(peg.main.order([pays(20)]))
    child = peg.main.order([pays(30, BOB)], seq=1)
    peg.main.reorganise(1)  # the parent is not mined again
    with pytest.raises(Invalid):
        peg.main.send(child)
    peg.main.send(peg.main.touch())  # seq 0 is spent by something else
    with pytest.raises(Invalid):
        peg.main.send(child)
    assert peg.main.state.seq == 1


def test_w16_its_requests_wait_until_the_lost_seq_is_proved_spent(peg: Peg) -> None:
    for seq, request in ((2, 1), (2, 2)):
        with pytest.raises(RequestSigned):
            peg.sign(peg.record(seq, [pays(20)], [request]))
    touch = peg.main.send(peg.main.touch())
    with pytest.raises(RequestSigned):
        peg.sign(peg.record(2, [pays(20)], [1]))
    peg.prove(touch)
    peg.sign(peg.record(2, [pays(20)], [1]))
    with pytest.raises(RequestSigned):
        peg.sign(peg.record(3, [pays(30, BOB)], [2]))
