"""A pool over the coins of a model chain: no store, no driver, the chain's real rules."""

from __future__ import annotations

from collections.abc import Iterable

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin, CoinView
from bystack.ledger.transactions import Outpoint, Output, Transaction, TransactionBody
from bystack.node.mainchain.admission import MainRules, PoolSettings
from bystack.node.pool.pool import Observer, Pool
from bystack.node.verifying.verifier import Verifier
from tests.ledger.people import ALICE, Person
from tests.mainchain.builders import EASY, Chain

START = 1_000_000


class World:
    """A chain with coins of Alice's, and a pool on its tip."""

    def __init__(self, blocks: int = 6, observer: Observer | None = None) -> None:
        self.chain = Chain(EASY)
        self.chain.grow(blocks)
        machine = PoolSettings().pool_at(self.height, START)
        self.pool = Pool(machine, MainRules(EASY), self.fetch, Verifier(1), observer)

    @property
    def height(self) -> int:
        return self.chain.tip.header.height + 1

    async def fetch(self, places: Iterable[Outpoint]) -> CoinView:
        found = ((place, self.chain.coins.get(place)) for place in places)
        return {place: coin for place, coin in found if coin is not None}

    def coin(self, number: int) -> tuple[Outpoint, Coin]:
        return self.chain.owned(ALICE)[number]

    def pay(self, number: int, fee: int = 5_000, memo: bytes = b"") -> Transaction:
        """Alice's n-th coin to herself."""
        return self.spend(*self.coin(number), fee, memo)

    def line(self, number: int, length: int, fee: int = 5_000) -> list[Transaction]:
        """Payments each of the one before, from Alice's n-th coin on."""
        made = [self.pay(number, fee)]
        while len(made) < length:
            made.append(self.then(made[-1], fee))
        return made

    def then(self, parent: Transaction, fee: int = 5_000) -> Transaction:
        """A payment of the first output of another."""
        output = parent.body.outputs[0]
        coin = Coin(output.asset, output.amount, output.lock, self.height, 0, 1, b"")
        return self.spend(Outpoint(parent.id, 0), coin, fee)

    def spend(
        self, place: Outpoint, coin: Coin, fee: int, memo: bytes = b"", owner: Person = ALICE
    ) -> Transaction:
        outputs = (Output(BTM, coin.amount - fee, owner.lock),)
        body = TransactionBody(1, (place,), outputs, (), 0, 0, memo)
        return self.chain.sign(body, owner, more={place: coin})
