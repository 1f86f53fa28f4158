"""S01, the rules' part: sidechain A is wholly Byzantine: every validator, member and signer.

Its orders are judged by the main chain: at most A's bucket at once, at most A's vault ever. B's
vault, B's sidechain and everybody's own coins are out of reach, and a claim on B of what A did not
pay is refused.
"""

from collections import Counter
from functools import lru_cache

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Approval, DepositLock, Outpoint, Output, TreasuryLock
from bystack.ledger.vault_building import AnchorCoin, build_order
from bystack.ledger.vault_errors import BucketExceeded, ForeignVaultCoin, Underfunded
from bystack.ledger.vault_operations import Order
from bystack.mainchain.proofs import ProofHeader
from bystack.primitives.codec import encode
from bystack.primitives.merkle import ProofMismatch
from bystack.sidechain.claims import note_for
from tests.ledger.people import ALICE, BOB, CAROL
from tests.sidechain.law import Ledger, prove_all
from tests.sidechain.mainside import FAST, SLOW, TERMS, VaultChain
from tests.sidechain.world import K, World, funded, genesis_for

B_VAULT = b"\x0b" * 32
LOOT = ALICE.lock
CAPACITY = 1_000


@lru_cache(maxsize=1)
def _worlds() -> tuple[World, World]:
    """A as in `funded`; B over another vault on the same main chain, with 3,000 of Bob's."""
    a = funded()
    b = World(a.main, genesis_for(a.main, name="games", vault=B_VAULT))
    b.relay()
    lock = DepositLock(B_VAULT, note_for(b.genesis.id, BOB.lock.root))
    paid = a.main.send(a.main.transfer(ALICE, lock, 3_000))
    b.relay(K)
    b.block(b.claim_tx(paid))
    return a, b


def worlds() -> tuple[World, World]:
    a, b = _worlds()
    one = a.copy()
    two = b.copy()
    two.main = one.main
    return one, two


def held(main: VaultChain, vault: bytes) -> int:
    kinds = DepositLock | TreasuryLock
    return sum(
        coin.amount
        for coin in main.coins.values()
        if coin.asset == BTM and isinstance(coin.lock, kinds) and coin.lock.vault == vault
    )


def test_a_thief_with_every_key_of_a_is_bounded_by_the_bucket() -> None:
    a, b = worlds()
    vault = held(a.main, a.main.vault)
    for amount in (CAPACITY + 1, vault):
        with pytest.raises(BucketExceeded):
            a.main.send(a.main.order((Output(BTM, amount, LOOT),), FAST))
    stolen, heights = 0, a.main.height
    while held(a.main, a.main.vault):
        try:
            level = min(CAPACITY, held(a.main, a.main.vault))
            a.main.send(a.main.order((Output(BTM, level, LOOT),), FAST))
            stolen += level
        except BucketExceeded:
            a.main.mine()
        # Capacity at once and 500 more every two blocks, never faster.
        assert stolen <= CAPACITY + 500 * ((a.main.height - heights) // 2 + 1)
    assert stolen == vault and held(a.main, B_VAULT) == 3_000
    # A knows: what left is published, and its pegs stand still.
    a.relay(K)
    prove_all(a)
    assert a.sums().deficit == stolen and a.stops
    Ledger(a, set(), []).check(Counter())
    # B does not notice, and nobody's coins there lost their backing.
    b.relay()
    assert b.sums().circulating + b.sums().pool == held(a.main, B_VAULT) and not b.stops


def b_coins(main: VaultChain) -> list[tuple[Outpoint, Coin]]:
    return [
        (place, coin)
        for place, coin in main.coins.items()
        if isinstance(coin.lock, DepositLock) and coin.lock.vault == B_VAULT
    ]


@pytest.mark.parametrize("tier", [FAST, SLOW])
def test_an_order_of_a_reaches_no_coin_of_b_nor_of_anybody(tier: int) -> None:
    a, _ = worlds()
    order = Order(a.main.state.seq, tier, (Output(BTM, 500, LOOT),))
    anchor = AnchorCoin(a.main.anchor, a.main.vault)
    honest = a.main.order(order.outputs, tier).witnesses[-1]
    assert isinstance(honest, Approval)
    victims = {ForeignVaultCoin: b_coins(a.main), Underfunded: a.main.owned(BOB)}
    for error, coins in victims.items():
        body = build_order(anchor, TERMS, order, coins, a.main.sponsor())
        before = dict(a.main.coins)
        with pytest.raises(error):
            a.main.send(a.main.signed(body, honest))
        assert a.main.coins == before


def test_a_to_b_is_paid_from_a_alone_and_minted_only_when_paid() -> None:
    a, b = worlds()
    to_b = DepositLock(B_VAULT, note_for(b.genesis.id, CAROL.lock.root))
    a.block(a.burn_tx(500, to=to_b))
    # A's validators say it is paid: B believes the main chain only.
    claimed = a.order_of(0)
    private = a.copy()
    private.main.send(claimed)
    private.main.grow(K)
    a.main.grow(K + 1)
    b.relay()
    with pytest.raises(ProofHeader):
        b.block(b.claim_of(private.main.inclusion(claimed), claimed, 1))
    before = held(a.main, B_VAULT)
    spend = a.main.send(a.order_of(0))
    a.main.grow(K)
    b.relay()
    assert held(a.main, B_VAULT) == before + 486
    more = msgspec.structs.replace(
        spend.body, outputs=(spend.body.outputs[0], Output(BTM, 900, to_b))
    )
    forged = msgspec.structs.replace(spend, body=more)
    proof = b.main.inclusion(spend)
    fake = msgspec.structs.replace(
        proof, proof=msgspec.structs.replace(proof.proof, transaction=encode(forged))
    )
    with pytest.raises(ProofMismatch):
        b.block(b.claim_of(fake, forged, 1))
    b.block(b.claim_tx(spend, 1))
    assert b.supply(BTM) + b.sums().pool == 3_486


def test_money_a_never_had_moves_no_more_than_its_vault() -> None:
    """All of A lies about burns towards B: B mints what was paid, and that came from A alone."""
    a, b = worlds()
    to_b = DepositLock(B_VAULT, note_for(b.genesis.id, CAROL.lock.root))
    whole, before, payments = held(a.main, a.main.vault), held(a.main, B_VAULT), []
    while rest := held(a.main, a.main.vault):
        try:
            paid = (Output(BTM, min(CAPACITY, rest), to_b),)
            payments.append(a.main.send(a.main.order(paid, FAST)))
        except BucketExceeded:
            a.main.mine()
    a.main.grow(K)
    b.relay()
    for spend in payments:
        b.block(b.claim_tx(spend, 1))
    a.main.grow(10)
    one_more = Order(a.main.state.seq, FAST, (Output(BTM, 1, to_b),))
    anchor = AnchorCoin(a.main.anchor, a.main.vault)
    for coins, error in ((b_coins(a.main)[:1], ForeignVaultCoin), (a.main.owned(BOB), Underfunded)):
        body = build_order(anchor, TERMS, one_more, coins, a.main.sponsor())
        with pytest.raises(error):
            a.main.send(a.main.signed(body, a.main._approve(one_more)))
    assert held(a.main, B_VAULT) == before + whole
    assert b.sums().circulating + b.sums().pool == before + whole and b.sums().deficit == 0
    assert not b.stops
