"""Burns: what is paid out is known before burning; refunds give back what the pool still holds."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.federation.module.actions import REFUND, RefundRequests
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import NoWitness, Outpoint
from bystack.primitives.codec import encode
from bystack.sidechain.action_kinds import SYSTEM_OUTPUTS
from bystack.sidechain.actions import encode_action
from bystack.sidechain.burns import AmountNotWhole, BurnBelowMinimum, payout_of
from bystack.sidechain.mirror import VaultUnproven
from bystack.sidechain.peg_numbers import first_numbers
from bystack.sidechain.records import PegoutState, record_leaf
from bystack.sidechain.stops import PegsPaused, Stop
from bystack.sidechain.sums import SumExceeded, move, unshared_key
from tests.attacks.test_W18 import federated_funds
from tests.ledger.people import ALICE, CAROL
from tests.sidechain.federations import approved
from tests.sidechain.mainside import GOLD, vault_chain
from tests.sidechain.world import ASSETS, K, World, asset, burn_action, funded, genesis_for


@pytest.mark.parametrize(("amount", "paid"), [(300, 290), (1_000, 976), (10, 6), (99, 94)])
def test_the_payout_is_what_is_left_of_flat_fee_and_share(amount: int, paid: int) -> None:
    world = funded()
    pool = world.sums().pool
    id = world.burn(amount)
    request = world.request(id)
    assert (request.burned, request.payout, request.flat) == (amount, paid, 4)
    sums = world.sums()
    assert (sums.owed, sums.pool) == (paid, pool + amount - paid + 1)
    assert sums.circulating == world.supply(BTM)


@settings(max_examples=200)
@given(st.integers(1, 2**62), st.integers(0, 9_999), st.integers(0, 10**6), st.integers(1, 10**4))
def test_payout_and_fees_are_the_amount(amount: int, points: int, flat: int, unit: int) -> None:
    entry = asset("X", BTM, unit=unit, pegout_fee=flat * unit, pegout_minimum=1)
    genesis = genesis_for(_MAIN, pegout_bp=points, assets=(entry,))
    try:
        payout = payout_of(first_numbers(genesis), entry, amount * unit)
    except BurnBelowMinimum:
        assert amount * unit <= flat * unit + amount * unit * points // 10_000
        return
    assert 0 < payout <= amount * unit - flat * unit and payout % unit == 0


_MAIN = vault_chain()


@pytest.mark.parametrize("amount", [10**6, 2**63 - 1])
def test_nobody_burns_more_than_there_is(amount: int) -> None:
    """Its sums are moved before its coins are counted: that must refuse it, not stop the node."""
    world = funded()
    burning = encode_action(burn_action(amount, BTM, CAROL.lock, CAROL.lock.root))
    with pytest.raises(SumExceeded):
        world.block(world.transact(CAROL, actions=(burning,), destroyed=10))
    with pytest.raises(SumExceeded):
        move(world.view, BTM, circulating=2**63 - 1)


def test_an_amount_that_fees_eat_up_is_refused() -> None:
    world = funded()
    dear = genesis_for(world.main, assets=(asset("BTM", BTM, pegout_fee=10), ASSETS[1]))
    with pytest.raises(BurnBelowMinimum):
        payout_of(first_numbers(dear), dear.assets[0], 10)
    assert payout_of(first_numbers(dear), dear.assets[0], 11) == 1


def test_only_whole_units_are_burned() -> None:
    main = vault_chain()
    units = asset("BTM", BTM, unit=10, pegout_fee=10, fee=10)
    world = World(main, genesis_for(main, assets=(units, ASSETS[1])))
    world.relay(K)
    world.block(world.anchor_tx(main.created))
    world.pegged(1_000)
    action = encode_action(burn_action(305, BTM, CAROL.lock, CAROL.lock.root))
    with pytest.raises(AmountNotWhole):
        world.block(world.transact(CAROL, actions=(action,), destroyed=305, fee=15))


def test_nothing_is_burned_before_the_vault_is_proved() -> None:
    main = vault_chain()
    world = World(main)
    world.pegged(1_000)
    with pytest.raises(VaultUnproven):
        world.burn(300)
    world.block(world.anchor_tx(main.created))
    assert world.stands(world.burn(300)) == PegoutState.BATCHED


def test_nothing_is_burned_while_the_pegs_are_stopped() -> None:
    world = funded()
    world.main.reorganise(K + 1)
    world.relay()
    assert Stop.DEEP_REORG in world.stops
    with pytest.raises(PegsPaused):
        world.burn(300)
    assert world.sums().owed == 0


def test_the_request_is_a_leaf_of_the_outbox() -> None:
    world = funded()
    id = world.burn(300)
    # The leaf holds the request as it was made; then the batch, in the same block.
    made = msgspec.structs.replace(world.request(id), state=0, seq=0)
    assert world.side.outbox == [
        record_leaf(made, id),
        record_leaf(world.record(0), bytes(32)),
    ]
    assert world.batch(0).leaf == 1 and world.batch(0).height == world.side.header.height


def test_a_refund_gives_back_what_was_burned_to_whom_the_burn_named() -> None:
    world = federated_funds()
    world.burn(900)
    tx = world.burn_tx(900, refund=ALICE.lock.root)
    world.block(tx)
    (id,) = [i for i in _requests(world) if world.stands(i) == PegoutState.REQUESTED]
    give = approved(world, REFUND, lambda nonce: RefundRequests(nonce, (id,)))
    world.block(give)
    assert world.balance(ALICE) == 900
    assert Outpoint(give.id, SYSTEM_OUTPUTS) in world.side.coins
    spend = world.transact(ALICE, asset=BTM)
    world.block(spend)
    assert world.balance(ALICE) == 899


def _requests(world: World) -> list[bytes]:
    return [key[len(b"pegout/") :] for key in world.side.state if key.startswith(b"pegout/")]


def test_a_refund_pays_fees_back_only_as_far_as_the_pool_reaches() -> None:
    world = federated_funds()
    world.burn(900)
    second = world.burn(900)
    pool, fork = world.sums().pool, world.view.fork()
    # Spend the pool down to one unit, as repaid sponsors would.
    move(fork, BTM, pool=1 - pool, circulating=pool - 1)
    world.side.state.take(fork.changes)
    before = world.balance(CAROL)
    world.side.state[unshared_key(BTM)] = encode(0)
    world.block(approved(world, REFUND, lambda nonce: RefundRequests(nonce, (second,))))
    assert world.balance(CAROL) == before + world.request(second).payout + 1
    assert world.sums().pool == 0


def test_a_burn_carries_no_witness_and_needs_inputs() -> None:
    world = funded()
    tx = world.burn_tx(300, asset=GOLD)
    assert tx.witnesses[-1] == NoWitness()
    bare = type(tx)(msgspec.structs.replace(tx.body, inputs=()), (NoWitness(),))
    with pytest.raises(Exception, match="Overspent"):
        world.block(bare)
