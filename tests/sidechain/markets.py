"""A sidechain with the federation's module, a registry and an exchange; people with both assets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from bystack.federation.module.application import FederationModule
from bystack.ledger.amounts import BTM
from bystack.ledger.signing import Signing
from bystack.ledger.transactions import (
    Action,
    NoWitness,
    Outpoint,
    Output,
    Transaction,
    TransactionBody,
)
from bystack.primitives.codec import Wire, encode
from bystack.sidechain import custody
from bystack.sidechain.modules.base import Modules, read_only
from bystack.sidechain.modules.exchange.book import Book
from bystack.sidechain.modules.exchange.module import CANCEL, PLACE, ExchangeModule
from bystack.sidechain.modules.exchange.orders import (
    CancelOrder,
    ExchangeConfig,
    Market,
    PlaceOrder,
    Side,
    cost,
    order_id,
)
from bystack.sidechain.modules.registry.certificates import RegistryConfig
from bystack.sidechain.modules.registry.module import RegistryModule
from tests.ledger.people import Person
from tests.sidechain.federations import CONFIG
from tests.sidechain.mainside import GOLD, vault_chain
from tests.sidechain.modules.desk import approved, root_of
from tests.sidechain.world import PEOPLE, K, World, genesis_for, module_config

MARKET = Market(GOLD, BTM, 1, 2, 1, 1, 50, 100)
LIFETIME = 40
EXCHANGE, REGISTRY = 3 * 256, 2 * 256


class Trading(World):
    """A world in which orders are placed."""

    @property
    def book(self) -> Book:
        return Book(read_only(self.side.state, "exchange"))

    def held(self, asset: bytes) -> int:
        return custody.held(self.view, "exchange", asset)

    def acting(
        self, owner: Person, kind: int, action: Wire, gives: Mapping[bytes, int], *signers: Person
    ) -> Transaction:
        """A module's action, paid for by the owner's coins of every asset it takes."""
        coins = [c for asset in {BTM, *gives} for c in self.coins_of(owner, asset)]
        made = Action(kind, encode(action))
        spent = {**dict.fromkeys({coin.asset for _, coin in coins}, 0), **gives}
        spent[BTM] = spent.get(BTM, 0) + 1
        rests = {
            asset: sum(c.amount for _, c in coins if c.asset == asset) - n
            for asset, n in spent.items()
        }
        assert min(rests.values()) >= 0
        change = tuple(Output(asset, rest, owner.lock) for asset, rest in rests.items() if rest)
        inputs = tuple(place for place, _ in coins)
        body = TransactionBody(1, inputs, change, (made,), 0, 0, b"")
        signing = Signing(self.genesis.id, body, coins)
        spends = tuple(owner.spend(signing, index) for index in range(len(coins)))
        unsigned = Transaction(body, (*spends, NoWitness()))
        if not signers:
            return unsigned
        witness = approved(signers[0], unsigned.id, chain=self.genesis.id)
        return Transaction(body, (*spends, witness))

    def placing(self, owner: Person, side: Side, price: int, lots: int, life: int) -> Transaction:
        ends = self.side.header.height + 1 + life
        order = PlaceOrder(0, int(side), price, lots, root_of(owner), ends, 0)
        return self.acting(owner, EXCHANGE + PLACE, order, dict([cost(MARKET, side, price, lots)]))

    def place(self, owner: Person, side: Side, price: int, lots: int, life: int = 30) -> bytes:
        """Place an order in a block; its id."""
        tx = self.placing(owner, side, price, lots, life)
        self.block(tx)
        return order_id(self.genesis.id, tx.id, 0)

    def cancelling(self, owner: Person, id: bytes) -> Transaction:
        action = CancelOrder(root_of(owner), id)
        return self.acting(owner, EXCHANGE + CANCEL, action, {}, owner)

    def paid_at(self, tx: Transaction, number: int) -> Outpoint:
        """Where the payment of this number of a transaction's first action lies."""
        return Outpoint(tx.id, 2**16 + number)


@lru_cache(maxsize=1)
def _trading() -> Trading:
    main = vault_chain()
    modules = (
        module_config("federation", CONFIG),
        module_config("registry", RegistryConfig(BTM, 10, 1)),
        module_config("exchange", ExchangeConfig((MARKET,), LIFETIME)),
    )
    genesis = genesis_for(main, modules=modules)
    made = Modules([FederationModule(), RegistryModule(), ExchangeModule()])
    world = Trading(main, genesis, made)
    world.relay(K)
    world.block(world.anchor_tx(world.main.created))
    world.relay(12)
    deposits = [
        world.deposit(amount, asset, owner)
        for owner in PEOPLE
        for amount, asset in ((2_000, BTM), (900, GOLD))
    ]
    world.relay(K)
    world.block(*(world.claim_tx(one) for one in deposits))
    return world


def trading() -> Trading:
    """A world whose people have coins of both assets, and an empty book."""
    return _trading().copy()
