"""A sponsor's purse against the whole chain: after any connects and disconnects, its coins."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bystack.federation.purse import KEPT_BLOCKS, Purse, PurseEmpty
from bystack.ledger.amounts import BTM
from bystack.ledger.checks import verify_checks
from bystack.ledger.coins import Coin
from bystack.ledger.effects import Effects
from bystack.ledger.transactions import Outpoint, Output, Transaction, TransactionBody
from bystack.ledger.validation import Rules, apply_transaction
from bystack.mainchain.params import chain_id
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, Chain
from tests.sidechain.mainside import GOLD, vault_chain


def follow(chain: Chain, purse: Purse, block) -> None:
    purse.connect(block.id, block.header.height, block.transactions)


def funded(blocks: int = 6) -> tuple[Chain, Purse]:
    """ALICE mines, her purse follows; maturity is two blocks."""
    chain, purse = Chain(), Purse(ALICE.secret, EASY.maturity)
    for _ in range(blocks):
        follow(chain, purse, chain.mine())
    return chain, purse


def owned(chain: Chain) -> dict:
    return {p: c for p, c in chain.coins.items() if c.lock == ALICE.lock and c.asset == BTM}


def test_it_knows_its_coins_and_no_others() -> None:
    chain, purse = funded()
    assert purse._coins == owned(chain) and purse.balance == sum(
        c.amount for c in owned(chain).values()
    )
    follow(chain, purse, chain.mine(chain.pay(ALICE, BOB, 500, 3)))
    assert purse._coins == owned(chain)
    follow(chain, purse, chain.mine(miner=BOB))
    assert purse._coins == owned(chain) and purse.height == 8


def test_other_assets_do_not_pay_fees() -> None:
    main, purse = vault_chain(), Purse(BOB.secret, EASY.maturity)
    for block in main.line:
        follow(main, purse, block)
    assert any(c.asset == GOLD and c.lock == BOB.lock for c in main.coins.values())
    assert {c.asset for c in purse._coins.values()} == {BTM}


def test_an_immature_coinbase_does_not_pay() -> None:
    chain, purse = Chain(), Purse(ALICE.secret, EASY.maturity)
    follow(chain, purse, chain.mine())
    with pytest.raises(PurseEmpty):
        purse.sponsor(1)
    follow(chain, purse, chain.mine(miner=BOB))
    sponsor, (coin,) = purse.sponsor(1)
    assert sponsor.outputs == (Output(BTM, coin.amount - 1, ALICE.lock),)


def test_the_smallest_coin_that_covers_the_fee_is_kept_back_for_a_while() -> None:
    chain, purse = funded(2)
    follow(chain, purse, chain.mine(chain.pay(ALICE, ALICE, 900, 3), miner=BOB))
    small, _ = purse.sponsor(100)
    assert small.outputs[0].amount == 800
    assert purse.sponsor(100)[0] != small
    purse.release(small)
    assert purse.sponsor(100, reserve=2)[0] == small
    for _ in range(2):
        follow(chain, purse, chain.mine(miner=BOB))
    assert purse.sponsor(100)[0] == small
    with pytest.raises(PurseEmpty):
        purse.sponsor(10**15)
    assert purse.sponsor(900)[0] != small  # nothing would be returned


def test_its_signatures_are_good_and_only_for_its_own_inputs() -> None:
    chain, purse = funded()
    (sponsor, coins) = purse.sponsor(10)
    body = TransactionBody(1, sponsor.inputs, sponsor.outputs, (), 0, 0, b"")
    main = chain_id(EASY)
    witnesses = purse.sign(main, body, coins, bytes(32))
    done = apply_transaction(
        chain.coins, Transaction(body, witnesses), 7, Effects(), Rules(main, EASY.maturity)
    )
    assert verify_checks(done.checks)
    (place, coin) = next((p, c) for p, c in chain.coins.items() if p != sponsor.inputs[0])
    foreign = Purse(BOB.secret, 2)
    both = TransactionBody(1, (place, *sponsor.inputs), sponsor.outputs, (), 0, 0, b"")
    assert foreign.sign(main, both, (coin, *coins), bytes(32)) == ()


def test_a_coin_made_and_spent_in_one_block_is_gone_when_the_block_is() -> None:
    chain, purse = funded()
    before = dict(purse._coins)
    first = chain.pay(ALICE, ALICE, 500, 3)
    made = dict(coins_made(first))
    place = next(iter(made))
    body = TransactionBody(1, (place,), (Output(BTM, 400, BOB.lock),), (), 0, 0, b"")
    second = chain.sign(body, ALICE, more=made)
    block = chain.mine(first, second)
    follow(chain, purse, block)
    assert purse._coins == owned(chain)
    chain.disconnect()
    assert purse.disconnect(block.id)
    assert purse._coins == before == owned(chain)


def coins_made(tx):
    for index, o in enumerate(tx.body.outputs):
        yield Outpoint(tx.id, index), Coin(o.asset, o.amount, o.lock, 7, 0, 1, b"")


def test_only_the_last_block_is_undone_and_only_while_kept() -> None:
    chain, purse = funded(3)
    assert not purse.disconnect(chain.tip.header.previous)
    ids = []
    for _ in range(KEPT_BLOCKS + 20):
        block = chain.mine(miner=BOB)
        follow(chain, purse, block)
        ids.append(block.id)
    undone = 0
    while ids and purse.disconnect(ids.pop()):
        undone += 1
    assert KEPT_BLOCKS <= undone <= KEPT_BLOCKS + 1


class Followed(RuleBasedStateMachine):
    """Any payments and reorganisations: the purse holds what the coin set holds."""

    def __init__(self) -> None:
        super().__init__()
        self.chain, self.purse = funded(5)
        self.blocks: list[bytes] = []

    def mined(self, block) -> None:
        follow(self.chain, self.purse, block)
        self.blocks.append(block.id)

    @rule(alice=st.booleans())
    def mine(self, alice: bool) -> None:
        self.mined(self.chain.mine(miner=ALICE if alice else BOB))

    @precondition(lambda self: self.chain.owned(ALICE))
    @rule(amount=st.integers(1, 1_000), to=st.booleans())
    def pay(self, amount: int, to: bool) -> None:
        if self.chain.owned(ALICE)[0][1].amount <= amount + 3:
            return
        tx = self.chain.pay(ALICE, BOB if to else ALICE, amount, 3)
        self.mined(self.chain.mine(tx, miner=BOB))

    @precondition(lambda self: self.blocks)
    @rule(depth=st.integers(1, 3))
    def fork(self, depth: int) -> None:
        for _ in range(min(depth, len(self.blocks))):
            self.chain.disconnect()
            assert self.purse.disconnect(self.blocks.pop())

    @invariant()
    def same(self) -> None:
        assert self.purse._coins == owned(self.chain)
        assert self.purse.height == self.chain.tip.header.height


TestFollowed = Followed.TestCase
TestFollowed.settings = settings(max_examples=25, stateful_step_count=15)
