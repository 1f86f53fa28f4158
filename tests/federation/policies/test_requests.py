"""What a policy is told of an order."""

from bystack.federation.policies.requests import destination_key, payouts_of
from bystack.ledger.transactions import DepositLock, Output, RetireLock
from tests.federation.policies.asked import BTC, DEPOSIT, GOLD, VAULT, asked, pays
from tests.ledger.people import BOB, CAROL


def test_a_vault_is_one_destination_whatever_its_note() -> None:
    other = DepositLock(VAULT, b"\x02" * 64)
    assert destination_key(DEPOSIT) == destination_key(other) == b"v" + VAULT
    assert destination_key(CAROL.lock) == b"p" + CAROL.lock.root
    assert destination_key(RetireLock(b"")) == b"o"


def test_sums_are_per_asset() -> None:
    outputs = (Output(BTC, 5, CAROL.lock), Output(GOLD, 2, BOB.lock), Output(BTC, 7, BOB.lock))
    payouts = payouts_of(outputs)
    assert payouts[0] == pays(5) and payouts[2] == pays(7, to=BOB.lock)
    assert asked(*payouts).sums == {BTC: 12, GOLD: 2}
