"""A vault over the coins of a model chain and its pool: any operation on what waits or is mined.

Operations are built on the anchor as the pool would leave it, or on the one in the chain, so that
they follow each other and contend; whether one may come in is for the pool to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.terms import Govern, Guard, Limit, Recover, Terms, Tier, terms_hash
from bystack.ledger.transactions import (
    Approval,
    DepositLock,
    NoWitness,
    Outpoint,
    Output,
    PendingLock,
    Transaction,
    TransactionBody,
    TreasuryLock,
    VaultLock,
)
from bystack.ledger.vault_approvals import create_demands, demands, veto_demands
from bystack.ledger.vault_building import (
    AnchorCoin,
    OwnedCoin,
    Sponsor,
    approval,
    assemble,
    build_anchor_spend,
    build_complete,
    build_consolidate,
    build_create,
    build_order,
    build_veto,
    created_vault,
    veto_approval,
)
from bystack.ledger.vault_operations import (
    Adopt,
    AnchorOperation,
    Announce,
    Cancel,
    Create,
    Freeze,
    Order,
    Replace,
    Touch,
    Veto,
)
from bystack.ledger.vault_operations import Recover as TakeOver
from bystack.ledger.vault_state import AnchorState, decode_state
from bystack.mainchain.params import chain_id
from bystack.mainchain.tree import HeaderTree
from tests.ledger.people import ALICE, BOB
from tests.ledger.vault_world import EVERYBODY, groups, key
from tests.mainchain.builders import EASY, Chain, Coins
from tests.node.pool.pool_world import World

CHAIN = chain_id(EASY)
LIMIT = Limit(BTM, 1_000, 200, 1)
TERMS = Terms(
    (Tier(key("op"), (LIMIT,), 0), Tier(key("s1"), (LIMIT,), 2)),
    Guard(key("g1"), 3),
    Govern(key("op"), 1),
    Recover(key("r1"), 4),
    b"note" * 8,
)
OTHER = replace(TERMS, tiers=(replace(TERMS.tiers[0], policy=key("n1")), TERMS.tiers[1]))
KNOWN = {terms_hash(terms): terms for terms in (TERMS, OTHER)}
DEEP: Final = 101
ANCHOR_KINDS = ("touch", "freeze", "announce", "cancel", "adopt", "replace", "recover")
KINDS = (
    "deposit",
    *["order"] * 5,
    *["veto", "complete", "adopt"] * 2,
    "consolidate",
    *ANCHOR_KINDS,
)


def signed(
    chain: Chain,
    body: TransactionBody,
    approved: Approval | NoWitness,
    waiting: dict[Outpoint, Coin] | None = None,
) -> Transaction:
    """Alice sponsors; vault coins need no witness of their own."""
    known = {**chain.coins, **(waiting or {})}
    plain = chain.sign(body, ALICE, more=waiting)
    owned = [at for at, place in enumerate(body.inputs) if known[place].lock == ALICE.lock]
    return assemble(body, [plain.witnesses[at] for at in owned], approved)


@cache
def _grown() -> Chain:
    """A chain with a vault and twelve deep deposits in it."""
    chain = Chain(EASY)
    chain.grow(4)
    place, coin = chain.owned(ALICE)[0]
    sponsor = Sponsor((place,), (Output(BTM, coin.amount - 50_000, ALICE.lock),))
    wanted = create_demands(CHAIN, created_vault(TERMS, sponsor), Create(TERMS))
    made = approval(None, groups(wanted, EVERYBODY))
    chain.mine(signed(chain, build_create(TERMS, sponsor), made))
    for _ in range(12):
        chain.mine(_deposit(chain, created_vault(TERMS, sponsor), 0, 500, 5_000))
    chain.grow(DEEP)
    return chain


def _deposit(chain: Chain, vault: bytes, number: int, amount: int, fee: int) -> Transaction:
    place, coin = chain.owned(ALICE)[number]
    left = Output(BTM, coin.amount - amount - fee, ALICE.lock)
    outputs = (Output(BTM, amount, DepositLock(vault, bytes(64))), left)
    return chain.sign(TransactionBody(1, (place,), outputs, (), 0, 0, b""), ALICE)


def copied(chain: Chain) -> Chain:
    """The same chain, to be grown on its own."""
    twin, entries, at = Chain(chain.params), [], chain.tip
    while at.header.height:
        entries.append(at)
        parent = chain.tree.entry(at.header.previous)
        assert parent is not None
        at = parent
    twin.tree = HeaderTree([at, *reversed(entries)], chain.params)
    twin.coins, twin.tip = Coins(chain.coins), chain.tip
    twin.blocks, twin.undo = dict(chain.blocks), dict(chain.undo)
    return twin


class Vault:
    """The one vault of a world."""

    def __init__(self) -> None:
        self.world = World(blocks=0)
        self.world.chain = copied(_grown())
        self.world.pool.machine.height = self.world.height
        self.orders: dict[bytes, Order] = {}
        self.id = next(c.lock.vault for _, c in self.coins() if isinstance(c.lock, VaultLock))

    def coins(self) -> Iterator[OwnedCoin]:
        """Every coin of the chain and of the pool, whether one that waits takes it or not."""
        yield from self.world.chain.coins.items()
        for one in self.world.pool.machine:
            yield from one.delta.created.items()

    def owned(self, *kinds: type) -> list[OwnedCoin]:
        """The vault's coins of these locks that nobody who waits takes; else those taken."""
        found = [(place, coin) for place, coin in self.coins() if isinstance(coin.lock, kinds)]
        free = [one for one in found if self.world.pool.machine.taker(one[0]) is None]
        return free or found

    def anchor(self, *, waiting: bool) -> tuple[Outpoint, AnchorState]:
        """The anchor in the chain, or as the pool leaves it."""
        found = next(one for one in self.coins() if isinstance(one[1].lock, VaultLock))
        while waiting and (taker := self.world.pool.machine.taker(found[0])):
            place = Outpoint(taker, 0)
            coin = self.world.pool.coin(place)
            assert coin is not None
            found = place, coin
        return found[0], decode_state(found[1].state)

    def sponsor(self, number: int, fee: int) -> Sponsor:
        place, coin = self.world.coin(number)
        return Sponsor((place,), (Output(BTM, coin.amount - fee, ALICE.lock),))

    def make(self, kind: str, number: int, size: int, which: int) -> Transaction | None:
        """A transaction of this kind; None where there is nothing to operate on."""
        sponsor = self.sponsor(number, 3_000 + 400 * size)
        place, state = self.anchor(waiting=which != 2)
        anchor, terms = AnchorCoin(place, self.id), KNOWN[state.terms]
        if kind == "deposit":
            return _deposit(self.world.chain, self.id, number, 100 * size, 2_000 * size)
        if kind == "order":
            return self.order(anchor, state, sponsor, size, which % 2)
        if kind in ("veto", "complete"):
            return self.pending(kind, sponsor)
        if kind == "consolidate":
            deep = self.owned(DepositLock, TreasuryLock)[:8]
            return self.signed(build_consolidate(deep, sponsor), NoWitness())
        operation = self.operation(kind, state)
        made = groups(demands(CHAIN, self.id, operation, terms), EVERYBODY)
        if isinstance(operation, Replace):
            made = (made[0], (), *made[2:])
        return self.signed(build_anchor_spend(anchor, operation, sponsor), approval(terms, made))

    def operation(self, kind: str, state: AnchorState) -> AnchorOperation:
        terms = OTHER if state.terms == terms_hash(TERMS) else TERMS
        match kind:
            case "touch":
                return Touch(state.seq, 0)
            case "freeze":
                return Freeze(state.turn)
            case "announce":
                return Announce(state.seq, terms_hash(terms))
            case "cancel":
                return Cancel(state.turn, terms_hash(terms))
            case "adopt":
                return Adopt(terms)
            case "replace":
                return Replace(state.turn, terms)
            case _:
                return TakeOver(state.turn, terms)

    def order(
        self, anchor: AnchorCoin, state: AnchorState, sponsor: Sponsor, size: int, tier: int
    ) -> Transaction:
        coins, terms = self.owned(DepositLock, TreasuryLock)[:2], KNOWN[state.terms]
        amount = min(10 * size, sum(coin.amount for _, coin in coins))
        order = Order(state.seq, tier, (Output(BTM, amount, BOB.lock),))
        body = build_order(anchor, terms, order, coins, sponsor)
        made = groups(demands(CHAIN, self.id, order, terms), EVERYBODY)
        tx = self.signed(body, approval(terms, made))
        self.orders[tx.id] = order
        return tx

    def pending(self, kind: str, sponsor: Sponsor) -> Transaction | None:
        owned = self.owned(PendingLock)
        if not owned:
            return None
        place, coin = owned[0]
        if kind == "complete":
            paid = self.orders[place.transaction].outputs
            return self.signed(build_complete(place, paid, sponsor), NoWitness())
        guard = TERMS.guard.policy
        (items,) = groups(veto_demands(CHAIN, self.id, Veto(place), guard), EVERYBODY)
        return self.signed(build_veto((place, coin), sponsor), veto_approval(guard, items))

    def signed(self, body: TransactionBody, approved: Approval | NoWitness) -> Transaction:
        return signed(self.world.chain, body, approved, dict(self.coins()))
