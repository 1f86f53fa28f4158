"""W03 double pay via fee replacement (fedimint #5453): the bump spends other inputs.

Here a signature names chain, vault, seq and outputs, no coins and no fee: so anyone may replace the
sponsor, with any coins, and all replacements spend the one anchor of the one seq. The invariant: at
most one confirmed payout per peg-out, whatever is broadcast and however blocks are reorganised.
"""

import pytest

from bystack.federation.warrants import SeqSigned
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Transaction
from bystack.primitives.errors import Invalid
from tests.federation.peg import Peg, pays
from tests.ledger.people import ALICE, CAROL

PAYOUT = [pays(30)]


@pytest.fixture
def peg() -> Peg:
    peg = Peg()
    for _ in range(2):
        peg.main.send(peg.main.deposit(ALICE, 5_000, BTM, b"\x01" * 64))
    peg.main.grow(30)
    return peg


def order(peg: Peg, which: int = 0, fee: int = 3) -> Transaction:
    """The order with one of the two deposits, and its own sponsor's coin."""
    chain = peg.main.copy()
    for place, _ in [chain.vault_coins(BTM)[1 - which], *chain.owned(ALICE)[:which]]:
        del chain.coins[place]
    chain.sponsor = lambda: type(chain).sponsor(chain, fee)  # type: ignore[method-assign]
    return chain.order(PAYOUT)


def paid(peg: Peg) -> int:
    return sum(
        o.amount
        for tx in peg.main.transactions(peg.main.height)
        for o in tx.body.outputs
        if o.lock == CAROL.lock
    )


def test_w03_the_bump_needs_no_second_signature(peg: Peg) -> None:
    first, second = order(peg), order(peg, 1, fee=50)
    assert not set(first.body.inputs[1:]) & set(second.body.inputs[1:])
    assert first.body.inputs[0] == second.body.inputs[0] == peg.main.anchor
    assert first.witnesses[-1] == second.witnesses[-1]


def test_w03_one_of_them_is_confirmed(peg: Peg) -> None:
    first, second = order(peg), order(peg, 1, fee=50)
    peg.main.mine(second)
    for again in (first, second):
        with pytest.raises(Invalid, match="CoinMissing"):
            peg.main.mine(again)
    assert paid(peg) == 30
    # Also after a reorganisation that brings the other one in.
    peg.main.reorganise(1)
    peg.main.mine(first)
    with pytest.raises(Invalid, match="CoinMissing"):
        peg.main.mine(second)
    assert paid(peg) == 30


def test_w03_the_signature_serves_no_later_seq(peg: Peg) -> None:
    """What an assembler might try with a second copy: hang it onto the next anchor."""
    first = peg.main.order(PAYOUT)
    peg.main.mine(first)
    later = peg.main.order(PAYOUT, seq=0)  # the anchor as it is now, the order of seq 0
    with pytest.raises(Invalid) as refused:
        peg.main.mine(later)
    assert refused.value.rule == "SeqMismatch"
    honest = peg.main.order(PAYOUT)
    stolen = Transaction(honest.body, (*honest.witnesses[:-1], first.witnesses[-1]))
    with pytest.raises(Invalid, match="SignatureWrong"):
        peg.main.mine(stolen)
    assert paid(peg) == 30


def test_w03_the_signer_knows_no_replacement(peg: Peg) -> None:
    """Asked for a bump with the same order it gives the same bytes; for anything else nothing."""
    signed = peg.sign(peg.record(0, PAYOUT, [1]))
    assert peg.sign(peg.record(0, PAYOUT, [1])) == signed
    for other in ([pays(31)], [pays(30, ALICE)], [*PAYOUT, pays(1, ALICE)]):
        with pytest.raises(SeqSigned):
            peg.sign(peg.record(0, other, [1]))
