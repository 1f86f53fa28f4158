"""Vetoes as a signer has them proved: what a guard sent back is signed again, nothing else."""

import pytest

from bystack.federation.vetoes import NotVetoed
from bystack.federation.warrants import RequestPaid, RequestSigned, SeqSigned
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.sidechain.inclusion import NotDeepEnough
from tests.ledger.people import ALICE
from tests.sidechain.mainside import SLOW
from tests.sidechain.world import K

from .peg import Peg, pays


@pytest.fixture
def peg() -> Peg:
    return Peg()


def delayed(peg: Peg, *amounts: int) -> Transaction:
    """A signed delayed order, mined and proved: its payout waits."""
    peg.main.send(peg.main.deposit(ALICE, 5_000, BTM, b"\x01" * 64))
    peg.main.grow(20)
    peg.created()
    outputs = [pays(amount) for amount in amounts]
    peg.sign(peg.record(0, outputs, range(len(amounts)), SLOW))
    order = peg.main.send(peg.main.order(outputs, SLOW))
    return order


def test_a_proved_veto_frees_its_requests(peg: Peg) -> None:
    order = delayed(peg, 1_500)
    with pytest.raises(RequestSigned):
        peg.sign(peg.record(1, [pays(1_500)], [0], SLOW))
    veto = peg.main.send(peg.main.veto(Outpoint(order.id, 1)))
    peg.prove(order)
    with pytest.raises(RequestPaid):  # ordered, and no veto is shown
        peg.sign(peg.record(1, [pays(1_500)], [0], SLOW))
    assert peg.watch.vetoes.lacks(Outpoint(order.id, 1))
    peg.watch.veto(peg.main.inclusion(veto))
    assert not peg.watch.vetoes.lacks(Outpoint(order.id, 1))
    assert peg.sign(peg.record(1, [pays(1_500)], [0], SLOW)).seq == 1
    with pytest.raises(SeqSigned):
        peg.sign(peg.record(0, [pays(1_499)], [0], SLOW))
    peg.restart()
    peg.feed()
    for tx in (peg.main.created, order):
        peg.watch.anchor(peg.main.inclusion(tx))
    with pytest.raises(RequestPaid):  # a new process is shown it again
        peg.sign(peg.record(1, [pays(1_500)], [0], SLOW))


def test_a_veto_counts_only_deep_and_as_long_as_it_lasts(peg: Peg) -> None:
    order = delayed(peg, 1_500)
    peg.main.grow(2)
    veto = peg.main.send(peg.main.veto(Outpoint(order.id, 1)))
    peg.main.grow(K - 1)
    peg.feed()
    peg.watch.anchor(peg.main.inclusion(order))
    with pytest.raises(NotDeepEnough):
        peg.watch.veto(peg.main.inclusion(veto))
    peg.main.grow(1)
    peg.feed()
    peg.watch.veto(peg.main.inclusion(veto))
    peg.main.reorganise(K + 2)  # the veto goes, the order stays
    peg.feed()
    assert 0 in peg.watch.spent and peg.watch.vetoes.lacks(Outpoint(order.id, 1))
    with pytest.raises(RequestPaid):
        peg.sign(peg.record(1, [pays(1_500)], [0], SLOW))


def test_completion_is_no_veto(peg: Peg) -> None:
    order = delayed(peg, 1_500)
    peg.main.grow(5)
    done = peg.main.send(peg.main.complete(Outpoint(order.id, 1), [pays(1_500)]))
    peg.prove(order)
    peg.main.grow(K)
    peg.feed()
    for tx in (done, order):
        with pytest.raises(NotVetoed):
            peg.watch.veto(peg.main.inclusion(tx))
    with pytest.raises(RequestPaid):
        peg.sign(peg.record(1, [pays(1_500)], [0], SLOW))
