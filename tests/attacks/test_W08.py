"""W08 malicious proposer: swaps a destination, changes amounts, drops or reorders a request, adds
an output of its own, pays itself as change, inflates the fee.

A signer signs nothing an assembler builds: only the record that a final block of the sidechain
holds, from which it computes the order itself. And an assembler that has the group's signature can
build one transaction with it, the recorded one; the rest is refused by the main chain by name.
The invariant: coins leave the vault to the recorded outputs or not at all.
"""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output, Transaction, TransactionBody, TreasuryLock
from bystack.ledger.vault_operations import Order, encode_operation
from bystack.primitives.errors import Invalid
from bystack.sidechain.records import BatchRecord
from tests.federation.peg import USUAL, Peg, pays, request_id
from tests.ledger.people import ALICE, BOB, CAROL

Swap = Callable[[BatchRecord], BatchRecord]

SWAPS: dict[str, Swap] = {
    "destination": lambda r: replace(r, outputs=(pays(20, ALICE), *r.outputs[1:])),
    "amount": lambda r: replace(r, outputs=(pays(21), *r.outputs[1:])),
    "amounts exchanged": lambda r: replace(r, outputs=(pays(30), pays(20, BOB))),
    "request dropped": lambda r: replace(r, outputs=r.outputs[:1], requests=r.requests[:1]),
    "request hidden": lambda r: replace(r, requests=r.requests[:1]),
    "request invented": lambda r: replace(r, requests=(*r.requests, request_id(9))),
    "reordered": lambda r: replace(r, outputs=r.outputs[::-1], requests=r.requests[::-1]),
    "own output": lambda r: replace(r, outputs=(*r.outputs, pays(1, ALICE))),
    "another asset": lambda r: replace(r, outputs=(replace(r.outputs[0], asset=b"\x01" * 32),)),
    "another seq": lambda r: replace(r, seq=1),
    "another tier": lambda r: replace(r, tier=1),
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
def test_w08_the_signer_computes_the_order_from_the_record(swap: Swap) -> None:
    peg = Peg()
    true = peg.request(peg.record(0, *USUAL))
    with pytest.raises(Invalid) as refused:
        peg.warrants.order(replace(true, record=swap(true.record)))
    assert refused.value.rule == "ProofMismatch"
    assert peg.sign(peg.record(0, *USUAL)).seq == 0  # nothing was noted under the seq


@pytest.fixture
def peg() -> Peg:
    peg = Peg()
    peg.main.send(peg.main.deposit(ALICE, 5_000, BTM, b"\x01" * 64))
    peg.main.grow(30)
    return peg


def rebuilt(peg: Peg, body: TransactionBody, true: Transaction) -> Transaction:
    """Signed anew by the assembler, under the group's signature of the true order."""
    return peg.main.signed(body, true.witnesses[-1])  # type: ignore[arg-type]


def ordering(true: Transaction, outputs: tuple[Output, ...]) -> TransactionBody:
    """The body with another order in its action, and its payments to match."""
    kept = true.body.outputs
    paid = (kept[0], *outputs, *kept[3:])
    action = encode_operation(Order(0, 0, outputs))
    return replace(true.body, outputs=paid, actions=(action,))


def test_w08_the_groups_signature_fits_no_other_order(peg: Peg) -> None:
    true = peg.main.order(USUAL[0])
    _, first, second, *_ = true.body.outputs
    assert (first, second) == tuple(USUAL[0])
    for outputs in (
        (pays(20, ALICE), second),
        (pays(19), replace(second, amount=31)),
        (second, first),
    ):
        with pytest.raises(Invalid, match="SignatureWrong"):
            peg.main.mine(rebuilt(peg, ordering(true, outputs), true))
    assert not [o for o in peg.main.owned(CAROL) + peg.main.owned(BOB) if o[1].amount in (20, 30)]


def changed(true: Transaction, at: int, output: Output | None) -> TransactionBody:
    outputs = list(true.body.outputs)
    outputs[at : at + 1] = [] if output is None else [output]
    return replace(true.body, outputs=tuple(outputs))


def test_w08_beside_the_order_nothing_leaves_the_vault(peg: Peg) -> None:
    true = peg.main.order(USUAL[0])
    _, first, _, change, sponsor = true.body.outputs
    assert isinstance(change.lock, TreasuryLock) and change.amount == 4_950
    treasury = TreasuryLock(b"\x05" * 32)
    cases = {
        "a payment left out": (changed(true, 1, None), "OutputsMismatch"),
        "a payment diverted": (
            changed(true, 1, replace(first, lock=ALICE.lock)),
            "OutputsMismatch",
        ),
        "a payment cut": (changed(true, 1, replace(first, amount=19)), "OutputsMismatch"),
        "change to itself": (changed(true, 3, replace(change, lock=ALICE.lock)), "VaultFee"),
        "change as a fee": (changed(true, 3, None), "VaultFee"),
        "some of it as a fee": (changed(true, 3, replace(change, amount=4_000)), "VaultFee"),
        "a look-alike vault": (changed(true, 3, replace(change, lock=treasury)), "VaultFee"),
    }
    found = {}
    for name, (body, _) in cases.items():
        with pytest.raises(Invalid) as refused:
            peg.main.mine(rebuilt(peg, body, true))
        found[name] = refused.value.rule
    assert found == {name: rule for name, (_, rule) in cases.items()}
    greedy = changed(true, 4, replace(sponsor, amount=sponsor.amount + 100))
    with pytest.raises(Invalid, match="Overspent"):
        peg.main.mine(rebuilt(peg, greedy, true))
    peg.main.mine(true)
    assert [c.amount for _, c in peg.main.vault_coins(BTM)] == [4_950]
