"""P09 Verus: a true proof, a claim for something else.

Outpoint, asset, amount, recipient and sidechain are all committed by the proven output.
"""

from collections.abc import Callable

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output, RetireLock, Transaction
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.claims import Claim
from tests.ledger.people import ALICE, CAROL
from tests.sidechain.mainside import GOLD
from tests.sidechain.world import K, World, ready

GIVEN = 100
FEE = 1  # one per cent


def claim(world: World, paid: Transaction, *outputs: Output, index: int = 0) -> Transaction:
    return system_transaction(Claim(world.main.inclusion(paid), index), outputs)


CASES: list[tuple[str, Callable[[World, Transaction], Transaction]]] = [
    ("ClaimOutput", lambda w, t: claim(w, t, Output(BTM, 10**6, CAROL.lock))),
    ("ClaimOutput", lambda w, t: claim(w, t, Output(BTM, GIVEN, CAROL.lock))),
    ("ClaimOutput", lambda w, t: claim(w, t, Output(BTM, GIVEN - FEE - 1, CAROL.lock))),
    ("ClaimOutput", lambda w, t: claim(w, t, Output(BTM, GIVEN - FEE, ALICE.lock))),
    ("ClaimOutput", lambda w, t: claim(w, t, Output(GOLD, GIVEN - FEE, CAROL.lock))),
    ("ClaimOutput", lambda w, t: claim(w, t)),
    ("ClaimOutput", lambda w, t: claim(w, t, *(Output(BTM, 49, CAROL.lock),) * 2)),
    (
        "LockForbidden",
        lambda w, t: claim(w, t, msgspec.structs.replace(t.body.outputs[0], amount=99)),
    ),
    ("ClaimOutput", lambda w, t: claim(w, t, Output(BTM, GIVEN - FEE, RetireLock(b"")))),
    ("NotADeposit", lambda w, t: claim(w, t, Output(BTM, GIVEN - FEE, CAROL.lock), index=1)),
    ("OutputMissing", lambda w, t: claim(w, t, Output(BTM, GIVEN - FEE, CAROL.lock), index=2)),
    ("OutputMissing", lambda w, t: claim(w, t, Output(BTM, 99, CAROL.lock), index=2**32 - 1)),
]


@pytest.mark.parametrize(("rule", "make"), CASES)
def test_only_what_was_paid_is_minted(
    rule: str, make: Callable[[World, Transaction], Transaction]
) -> None:
    world = ready()
    paid = world.deposit(GIVEN)
    world.relay(K)
    before = dict(world.side.state)
    with pytest.raises(Invalid) as caught:
        world.block(make(world, paid))
    assert caught.value.rule == rule
    assert dict(world.side.state) == before and not world.side.coins
    world.block(claim(world, paid, Output(BTM, GIVEN - FEE, CAROL.lock)))
    assert world.supply(BTM) + world.sums().pool == GIVEN
