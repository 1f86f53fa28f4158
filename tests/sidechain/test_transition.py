"""Blocks: a validator gets from a proposer's block what the proposer got; any other is refused."""

from random import Random
from typing import Any

import msgspec
import pytest

from bystack.ledger import validation
from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.policies import Bls
from bystack.ledger.satisfaction import policy_root, prove_branch
from bystack.ledger.signing import ALL, Signing
from bystack.ledger.transactions import (
    DepositLock,
    NoWitness,
    Outpoint,
    Output,
    PolicyLock,
    RetireLock,
    Spend,
    Transaction,
    TransactionBody,
)
from bystack.ledger.validation import LockForbidden
from bystack.primitives import bls
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import merkle_root
from bystack.primitives.multiset import EMPTY, multiset_digest, multiset_update
from bystack.primitives.trie import EMPTY_ROOT, update
from bystack.sidechain import payments
from bystack.sidechain.actions import encode_action
from bystack.sidechain.blocks import Body, Header, decode_body, decode_header
from bystack.sidechain.consensus.demotions import DemotionLast
from bystack.sidechain.fees import FeeAsset, FeeTooLow
from bystack.sidechain.payments import coin_elements
from bystack.sidechain.state import state_root
from bystack.sidechain.transition import (
    BlockTooLarge,
    HeaderWrong,
    TooManyBlsChecks,
    apply_block,
)
from tests.ledger.people import ALICE, BOB, CAROL
from tests.sidechain.histories import History
from tests.sidechain.mainside import GOLD, GROUP, vault_chain
from tests.sidechain.world import ASSETS, K, Side, World, asset, burn_action, funded, genesis_for


def full_block(world: World) -> list[Transaction]:
    """A relay, a claim, a burn and a payment."""
    paid = world.deposit(1_000)
    world.relay(K)
    world.main.grow(2)
    relay = world.relay_tx()
    assert relay is not None
    pay = world.transact(CAROL, (Output(GOLD, 10, BOB.lock),), asset=GOLD)
    return [relay, world.claim_tx(paid), world.burn_tx(300), pay]


def test_proposer_and_validator_agree() -> None:
    world = funded()
    built = world.side.build(full_block(world), world.now)
    assert not built.refused and built.executed.events
    validated = world.copy().side.validate(built)
    assert validated == built.executed


def test_every_block_of_a_random_history_is_validated_to_the_same() -> None:
    """The whole of a history again, on a node that only validates."""
    for seed in range(4):
        history = History(seed, deep=True)
        history.run(60)
        side = history.world.side
        fresh = Side.begin(side.genesis, side.modules)
        for built in side.blocks:
            done = fresh.validate(built)
            assert done == built.executed
            fresh.commit(built)
        assert (fresh.root, fresh.coins, fresh.state) == (side.root, side.coins, side.state)


def test_the_state_root_is_that_of_state_and_coins_whatever_their_history() -> None:
    history = History(3, deep=True)
    history.run(60)
    side = history.world.side
    items = list(side.state.items())
    Random(1).shuffle(items)
    trie = update({}, EMPTY_ROOT, dict(items))
    coins = list(side.coins.items())
    Random(2).shuffle(coins)
    digest = multiset_digest(multiset_update(EMPTY, coin_elements(dict(coins)), ()))
    assert trie.root == side.root
    assert side.header.state_root == state_root(trie.root, digest)


OTHER: dict[str, Any] = {"demotions": b"\x01"}


@pytest.mark.parametrize("field", Header.__struct_fields__)
def test_each_field_of_the_header_is_checked_or_left_to_the_engine(field: str) -> None:
    world = funded()
    built = world.side.build(full_block(world), world.now)
    value = getattr(built.header, field)
    other = OTHER.get(field, b"\x55" * 32 if isinstance(value, bytes) else value + 1)
    header = msgspec.structs.replace(built.header, **{field: other})
    wrong = built._replace(header=header)
    if field in ("proposer", "parent_certificate", "time"):
        # Who may propose, on which certificate, at what time: the engine's and the clock's.
        world.side.validate(wrong)
        return
    if field == "demotions":
        with pytest.raises(DemotionLast):
            world.side.validate(wrong)
        return
    with pytest.raises(HeaderWrong) as caught:
        world.side.validate(wrong)
    assert caught.value.field == field


@pytest.mark.parametrize("late", [0, -1, -500])
def test_time_moves_on(late: int) -> None:
    world = funded()
    built = world.side.build([], world.now)
    header = msgspec.structs.replace(built.header, time=world.side.header.time + late)
    with pytest.raises(HeaderWrong) as caught:
        world.side.validate(built._replace(header=header))
    assert caught.value.field == "time"
    # A proposer whose clock stands still goes on by a millisecond.
    again = world.side.build([], world.side.header.time - 10_000)
    assert again.header.time == world.side.header.time + 1


def test_the_body_is_the_headers() -> None:
    world = funded()
    built = world.side.build(full_block(world), world.now)
    txs = built.body.transactions
    for other in (txs[:-1], (*txs[:2], txs[3], txs[2]), (*txs, txs[-1])):
        with pytest.raises(Invalid):
            world.side.validate(built._replace(body=Body(built.body.certificate, other)))
    signed = txs[-1]
    forged = Transaction(signed.body, (NoWitness(),) * len(signed.witnesses))
    with pytest.raises(Invalid):
        world.side.validate(built._replace(body=Body(b"", (*txs[:-1], forged))))
    assert decode_header(encode(built.header)) == built.header
    assert decode_body(encode(built.body)) == built.body
    assert merkle_root([tx.id for tx in txs]) == built.header.transaction_root


def test_one_bad_transaction_spoils_the_block() -> None:
    world = funded()
    burn = world.burn_tx(300)
    built = world.side.build([burn], world.now)
    before = dict(world.side.state)
    with pytest.raises(Invalid) as caught:
        world.side.validate(built._replace(body=Body(b"", (burn, burn))))
    assert caught.value.rule == "CoinMissing" and world.side.state == before


def test_a_block_has_its_size() -> None:
    world = funded()
    built = world.side.build([], world.now)
    memo = world.transact(CAROL)
    big = msgspec.structs.replace(memo, witnesses=memo.witnesses)
    big.__dict__["size"] = 6_000_001
    with pytest.raises(BlockTooLarge):
        apply_block(
            world.genesis, world.side.modules, world.side.base, built.header, Body(b"", (big,))
        )
    # A proposer leaves it out.
    assert not world.side.build([big], world.now).body.transactions


def test_a_block_has_so_many_bls_checks_and_no_more() -> None:
    """They cost a hundred times a Schnorr check: a block of them alone would stall everybody."""
    main = vault_chain()
    world = World(main, genesis_for(main))
    world.pegged(1_000)
    group = Bls(bls.sk_to_pk(GROUP))
    lock = PolicyLock(policy_root([group]))
    world.block(world.transact(CAROL, [Output(BTM, 10, lock)] * 3))
    held = [(place, coin) for place, coin in world.side.coins.items() if coin.lock == lock]
    spends = [spend_bls(world, place, coin) for place, coin in held]
    few = msgspec.structs.replace(world.genesis.main, max_bls_checks=2)
    side = world.side
    side.genesis = msgspec.structs.replace(side.genesis, main=few)
    side.genesis.__dict__["id"] = world.genesis.id
    built = side.build(spends, world.now)
    assert built.body.transactions == tuple(spends[:2]) and not built.refused
    side.validate(built)
    with pytest.raises(TooManyBlsChecks):
        side.validate(built._replace(body=Body(b"", tuple(spends))))
    side.commit(built)
    assert side.build(spends[2:], world.now).body.transactions == (spends[2],)


def spend_bls(world: World, place: Outpoint, coin: Coin) -> Transaction:
    """The coin under the group's key, to Bob."""
    group = Bls(bls.sk_to_pk(GROUP))
    body = TransactionBody(1, (place,), (Output(BTM, coin.amount - 1, BOB.lock),), (), 0, 0, b"")
    digest = Signing(world.genesis.id, body, [(place, coin)]).digest(0, ALL)
    spend = Spend(group, prove_branch([group], 0), ALL, (bls.sign(GROUP, digest),))
    return Transaction(body, (spend,))


def test_fees() -> None:
    world = funded()
    pay = (Output(BTM, 10, BOB.lock),)
    with pytest.raises(FeeTooLow):
        world.block(world.transact(CAROL, pay, fee=0))
    pool = world.sums().pool
    world.block(world.transact(CAROL, pay, fee=7))
    assert world.sums().pool == pool + 7 and world.sums().circulating == world.supply(BTM)


@pytest.mark.parametrize("count", [2, 16])
def test_each_action_of_a_transaction_pays_the_least_fee(count: int) -> None:
    """One payment's fee bought sixteen orders otherwise, each of which costs a transaction's work.
    The wallet pays as much: `ledger.payments`."""
    world = funded()
    actions = tuple(
        encode_action(burn_action(20, BTM, CAROL.lock, CAROL.lock.root)) for _ in range(count)
    )

    def burns(fee: int) -> Transaction:
        return world.transact(CAROL, actions=actions, destroyed=20 * count, fee=fee)

    for fee in (1, count - 1):
        with pytest.raises(FeeTooLow, match=f"actions={count}"):
            world.block(burns(fee))
    pool = world.sums().pool
    world.block(burns(count))
    assert world.sums().pool >= pool + count


def test_fees_are_taken_in_the_assets_the_genesis_lists() -> None:
    main = vault_chain()
    world = World(main, genesis_for(main, assets=(ASSETS[0], asset("GOLD", GOLD, fee=0))))
    world.relay(K)
    world.block(world.anchor_tx(main.created))
    world.pegged(1_000, GOLD)
    pay = (Output(GOLD, 10, BOB.lock),)
    with pytest.raises(FeeAsset):
        world.block(world.transact(CAROL, pay, asset=GOLD, fee=1))
    with pytest.raises(FeeTooLow):
        world.block(world.transact(CAROL, pay, asset=GOLD, fee=0))


def test_no_vaults_lock_on_a_sidechain() -> None:
    world = funded()
    lock = DepositLock(world.main.vault, world.note(CAROL))
    with pytest.raises(LockForbidden):
        world.block(world.transact(CAROL, (Output(BTM, 10, lock),)))


def test_what_is_retired_circulates_no_more() -> None:
    world = funded()
    before = world.sums().circulating
    world.block(world.transact(CAROL, (Output(BTM, 10, RetireLock(b"bye")),)))
    assert world.sums().circulating == before - 11 == world.supply(BTM)


def test_duplicates_of_system_transactions_are_refused() -> None:
    world = funded()
    paid, lost = world.deposit(1_000), world.deposit(500)
    world.relay(K)
    world.block(world.claim_tx(lost))
    world.burn(300)
    order = world.main.send(world.order_of(0))
    world.relay(K)
    world.main.grow(1)
    relay = world.relay_tx()
    assert relay is not None
    once = [relay, world.claim_tx(paid), world.anchor_tx(order)]
    built = world.side.build([tx for tx in once for _ in (1, 2)], world.now)
    refused = [error.rule for _, error in built.refused]
    assert refused == ["RelayNotBetter", "AlreadyClaimed", "NotTheAnchor"]
    world.side.commit(built)
    for tx in once:
        with pytest.raises(Invalid):
            world.block(tx)
    assert world.balance(ALICE) == 0


def test_payments_judged_in_one_pass_do_what_the_general_rule_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Among claims and burns, one spending another's change, in assets with fees of their own."""
    world = funded()
    before = world.copy()
    for amount in (5, 7, 11):
        paid = world.deposit(1_000 + amount)
        world.relay(K)
        pay = world.transact(CAROL, (Output(GOLD, amount, BOB.lock),), asset=GOLD)
        world.block(pay, world.claim_tx(paid))
        again = world.transact(BOB, (Output(GOLD, 1, ALICE.lock),), asset=GOLD)
        world.block(again, world.burn_tx(300))
    blocks = world.side.blocks[len(before.side.blocks) :]
    assert sum(not tx.body.actions for built in blocks for tx in built.body.transactions) >= 6
    for module in (payments, validation):
        monkeypatch.setattr(module, "judge_ordinary", lambda *_: None)
    for built in blocks:
        assert before.side.validate(built) == built.executed
        before.side.commit(built)
