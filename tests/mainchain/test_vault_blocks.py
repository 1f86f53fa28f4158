"""A vault's life in blocks: created, paid into, paid out of, and every block undone again."""

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import (
    DepositLock,
    NoWitness,
    Outpoint,
    Output,
    Transaction,
    TransactionBody,
    TreasuryLock,
)
from bystack.ledger.vault_approvals import create_demands, demands
from bystack.ledger.vault_building import (
    AnchorCoin,
    Sponsor,
    approval,
    assemble,
    build_create,
    build_order,
    created_vault,
)
from bystack.ledger.vault_errors import BucketExceeded
from bystack.ledger.vault_operations import Create, Order
from bystack.ledger.vault_state import decode_state
from bystack.mainchain.assembly import block_fees
from bystack.mainchain.params import chain_id
from bystack.mainchain.transition import block_needs, connect_block
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB
from tests.ledger.vault_world import EVERYBODY, groups, usual_terms
from tests.mainchain.builders import EASY, Chain, child

CHAIN = chain_id(EASY)
TERMS = usual_terms()


class Vault:
    """A chain with a vault that Alice sponsors; its tier 0 pays 100 at most, ten more in five."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.chain.grow(6)
        sponsor = self.sponsor()
        self.id = created_vault(TERMS, sponsor)
        wanted = create_demands(CHAIN, self.id, Create(TERMS))
        tx = self.signed(build_create(TERMS, sponsor), approval(None, groups(wanted, EVERYBODY)))
        self.images = [self.chain.coins.image()]
        self.created = tx
        self.anchor = self.mine(tx)

    def sponsor(self) -> Sponsor:
        place, coin = self.chain.owned(ALICE)[0]
        return Sponsor((place,), (Output(BTM, coin.amount - 3, ALICE.lock),))

    def signed(self, body: TransactionBody, approved: object) -> Transaction:
        plain = self.chain.sign(body, ALICE)
        spends = [
            witness
            for place, witness in zip(body.inputs, plain.witnesses, strict=False)
            if self.chain.coins[place].lock == ALICE.lock
        ]
        return assemble(body, spends, approved)  # type: ignore[arg-type]

    def mine(self, tx: Transaction) -> Outpoint:
        self.chain.mine(tx)
        self.images.append(self.chain.coins.image())
        return Outpoint(tx.id, 0)

    def deposit(self, amount: int) -> Outpoint:
        (place, coin), *_ = self.chain.owned(ALICE)
        outputs = (
            Output(BTM, amount, DepositLock(self.id, b"\x01" * 64)),
            Output(BTM, coin.amount - amount, ALICE.lock),
        )
        body = TransactionBody(1, (place,), outputs, (), 0, 0, b"")
        return self.mine(self.chain.sign(body, ALICE))

    def hoard(self) -> Outpoint:
        """The vault's largest coin."""
        owned = [(p, c) for p, c in self.chain.coins.items() if _paid_in(c.lock)]
        return max(owned, key=lambda pair: pair[1].amount)[0]

    def order(self, amount: int, place: Outpoint) -> Transaction:
        seq = decode_state(self.chain.coins[self.anchor].state).seq
        order = Order(seq, 0, (Output(BTM, amount, BOB.lock),))
        coins = [(place, self.chain.coins[place])]
        body = build_order(AnchorCoin(self.anchor, self.id), TERMS, order, coins, self.sponsor())
        made = groups(demands(CHAIN, self.id, order, TERMS), EVERYBODY)
        return self.signed(body, approval(TERMS, made))


def _paid_in(lock: object) -> bool:
    return isinstance(lock, DepositLock | TreasuryLock)


def test_a_vault_pays_within_its_bucket_and_every_block_is_undone() -> None:
    vault = Vault()
    paid_in = vault.deposit(500)
    for _ in range(60):
        vault.chain.mine()
        vault.images.append(vault.chain.coins.image())
    with pytest.raises(BucketExceeded):
        block_fees(vault.chain.coins, [vault.order(101, paid_in)], 69, EASY)
    order = vault.order(100, paid_in)
    block = child(vault.chain.tip, [order], fees=3)
    assert {vault.anchor, paid_in} <= block_needs(block)
    vault.anchor = vault.mine(order)
    left = [c.amount for c in vault.chain.coins.values() if isinstance(c.lock, TreasuryLock)]
    assert left == [400] and [coin.amount for _, coin in vault.chain.owned(BOB)] == [100]
    assert decode_state(vault.chain.coins[vault.anchor].state).seq == 1
    for image in reversed(vault.images):
        assert vault.chain.coins.image() == image
        vault.chain.disconnect()


def test_two_operations_in_one_block_follow_each_other() -> None:
    """The second spends the anchor the first leaves, state included, and one seq serves once."""
    vault = Vault()
    paid_in = vault.deposit(500)
    vault.chain.grow(60)
    first = vault.order(40, paid_in)
    again = vault.order(30, paid_in)
    parent = vault.chain.tip
    with pytest.raises(Invalid) as caught:
        connect_block(vault.chain.coins, child(parent, [first, again], fees=6), parent, EASY)
    assert caught.value.rule == "CoinMissing"


def test_a_creation_weighs_twenty_thousand_more() -> None:
    vault = Vault()
    chain = vault.chain
    block = chain.blocks[chain.tip.id]
    chain.disconnect()
    weights = connect_block(chain.coins, block, chain.tip, EASY).weights
    signatures = (weights[1] - vault.created.size - 20_000) // 50
    assert signatures > 5 and weights[1] == vault.created.size + 20_000 + 50 * signatures
    assert NoWitness() not in block.transactions[1].witnesses


def test_no_block_holds_a_unit_more_than_the_bucket_however_it_is_split() -> None:
    """K15 on whole blocks: the bucket in several orders of one block, then one unit more."""
    vault = Vault()
    vault.deposit(500)
    for _ in range(60):
        vault.chain.mine()
    for amount in (60, 39):
        vault.anchor = vault.mine(vault.order(amount, vault.hoard()))
    tip = vault.chain.tip
    # Two blocks have passed since: nothing has refilled before the fifth.
    last = vault.order(1, vault.hoard())
    connect_block(vault.chain.coins, child(tip, [last], fees=3), tip, EASY)
    for amount in (2, 11):
        with pytest.raises(BucketExceeded):
            connect_block(
                vault.chain.coins,
                child(tip, [vault.order(amount, vault.hoard())], fees=3),
                tip,
                EASY,
            )
