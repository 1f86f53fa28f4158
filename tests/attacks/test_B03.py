"""B03 (found here): a stranger sponsors an order with a transaction so long that its proof fits no
action. Refused by the main chain: every spend of a vault can be proved to its sidechain.

Without that bound one such spend would stop the mirror, and with it every payout, for ever.
"""

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import (
    MAX_ACTION_BODY,
    MAX_TRANSACTION,
    Approval,
    Outpoint,
    Output,
    Transaction,
    TransactionBody,
)
from bystack.ledger.vault_errors import OperationTooLong
from bystack.ledger.vaults import MAX_OPERATED
from bystack.mainchain.proofs import MAX_HISTORY_PROOF
from bystack.sidechain.records import PegoutState
from tests.ledger.people import ALICE
from tests.sidechain.world import K, World, funded

SPARE = 1_000


def small_coins(world: World, count: int) -> list[Outpoint]:
    """Alice splits a coin into as many."""
    (place, coin), *_ = world.main.owned(ALICE)
    many = (Output(BTM, 5, ALICE.lock),) * count
    rest = Output(BTM, coin.amount - 5 * count, ALICE.lock)
    body = TransactionBody(1, (place,), (*many, rest), (), 0, 0, b"")
    split = world.main.send(world.main.sign(body, ALICE))
    return [Outpoint(split.id, index) for index in range(count)]


def sponsored(world: World, coins: list[Outpoint]) -> Transaction:
    """The order of seq 0, sponsored with all these coins and as many outputs."""
    order = world.order_of(0)
    approved = order.witnesses[-1]
    assert isinstance(approved, Approval)
    body = TransactionBody(
        1,
        (*order.body.inputs[:-1], *coins),
        (*order.body.outputs[:-1], *(Output(BTM, 4, ALICE.lock) for _ in coins)),
        order.body.actions,
        0,
        0,
        b"\xaa" * 32,
    )
    return world.main.signed(body, approved)


def test_a_spend_too_long_to_be_proved_is_no_spend() -> None:
    world = funded()
    id = world.burn(300)
    coins = small_coins(world, 5_000)
    long = sponsored(world, coins)
    assert MAX_OPERATED < MAX_ACTION_BODY < long.size < MAX_TRANSACTION
    before = dict(world.main.coins)
    with pytest.raises(OperationTooLong):
        world.main.send(long)
    assert world.main.coins == before
    # The longest that passes is still proved, and would be by the history root.
    each = (long.size - sponsored(world, coins[:1_000]).size) // 4_000
    fits = 5_000 - (long.size - MAX_OPERATED) // each - 10
    order = world.main.send(sponsored(world, coins[:fits]))
    assert MAX_OPERATED - 20 * each < order.size <= MAX_OPERATED
    world.relay(K)
    proof = world.anchor_tx(order)
    assert len(proof.body.actions[0].body) + MAX_HISTORY_PROOF + SPARE < MAX_ACTION_BODY
    world.block(proof)
    assert world.stands(id) == PegoutState.SETTLED
