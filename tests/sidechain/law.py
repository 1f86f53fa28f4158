"""The reserves law, recomputed from the main chain's blocks by a model that shares no rule.

vault coins = circulating + pool + owed + unclaimed + surplus - deficit, per asset, over main-chain
data at the relay's depth (federation.md, section 5). Everything that can be proved is proved first;
what remains is compared with what the blocks themselves say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import (
    DepositLock,
    Outpoint,
    Output,
    PendingLock,
    Transaction,
    TreasuryLock,
)
from bystack.ledger.vault_operations import (
    VAULT_KINDS,
    Complete,
    Operation,
    Order,
    decode_operation,
)
from bystack.sidechain import custody, peg_numbers
from bystack.sidechain.batches import batch_of
from bystack.sidechain.claims import claimed_at
from bystack.sidechain.records import MIRROR, Mirror, PegoutState
from bystack.sidechain.settlement import pending_key
from tests.sidechain.mainside import GOLD, TERMS
from tests.sidechain.world import K, World

WAITING = (PegoutState.REQUESTED, PegoutState.BATCHED, PegoutState.PENDING)


def operation(tx: Transaction) -> Operation | None:
    for action in tx.body.actions:
        if action.kind in VAULT_KINDS:
            return decode_operation(action.kind, action.body)
    return None


def prove_all(world: World) -> None:
    """Prove every spend of anchor and pending coins that lies deep enough."""
    world.relay()
    height = world.relayed - K
    spent = {tx.body.inputs[0]: tx for tx in world.main.transactions(height) if operation(tx)}
    while (tx := spent.get(_anchor(world))) is not None:
        world.block(world.anchor_tx(tx))
    for place, tx in spent.items():
        if world.view.get(pending_key(place)) is not None:
            world.block(world.pending_tx(tx))


def _anchor(world: World) -> Outpoint:
    mirror = world.view.read(Mirror, MIRROR)
    return mirror.anchor if mirror else world.main.created.body.inputs[0]


def deposits(world: World, height: int) -> Iterator[tuple[Outpoint, Output]]:
    """Every deposit into the vault up to a height."""
    for tx in world.main.transactions(height):
        for index, output in enumerate(tx.body.outputs):
            if isinstance(output.lock, DepositLock) and output.lock.vault == world.main.vault:
                yield Outpoint(tx.id, index), output


def claimable(world: World, output: Output) -> bool:
    """Whether somebody can claim the deposit: for this sidechain, somebody's, not too small."""
    assert isinstance(output.lock, DepositLock)
    chain, recipient = output.lock.note[:32], output.lock.note[32:]
    entry = world.genesis.by_asset.get(output.asset)
    named = chain == world.genesis.id and recipient != bytes(32)
    if not named or entry is None:
        return False
    return output.amount >= peg_numbers.in_force(world.view).of(output.asset).pegin_minimum


def held(world: World, asset: bytes) -> int:
    """What modules hold for others: out of reach, and circulating all the same."""
    names = [module.name for module in world.side.modules.modules]
    return sum(custody.held(world.view, name, asset) for name in names)


class Ledger:
    """What the main chain says up to a height about one world's vault."""

    def __init__(self, world: World, claims: set[Outpoint], pegouts: list[bytes]) -> None:
        self.world, self.height = world, world.relayed - K
        self.claims, self.pegouts = claims, pegouts
        self.vault: Counter[bytes] = Counter()
        self.unclaimed: Counter[bytes] = Counter()
        self.given: Counter[bytes] = Counter()
        self.lost: Counter[bytes] = Counter()
        self.donated: Counter[bytes] = Counter()
        self.payments: Counter[bytes] = Counter()
        self._coins()
        self._deposits()
        self._orders()

    def _coins(self) -> None:
        for coin in self.world.main.coins_at(self.height).values():
            mine = isinstance(coin.lock, DepositLock | TreasuryLock | PendingLock)
            if mine and getattr(coin.lock, "vault", None) == self.world.main.vault:
                self.vault[coin.asset] += coin.amount

    def _deposits(self) -> None:
        there = dict(deposits(self.world, self.height))
        for place, output in there.items():
            record = claimed_at(self.world.view, place)
            if record is not None and record.donation == 0 and not record.orphaned:
                continue
            if not claimable(self.world, output):
                self.given[output.asset] += output.amount
            else:
                self.unclaimed[output.asset] += output.amount
        for place in self.claims:
            record = claimed_at(self.world.view, place)
            assert record is not None
            if not record.orphaned:
                assert place in there
                self.donated[record.asset] += record.amount * record.donation
            elif not record.donation:
                self.lost[record.asset] += record.amount

    def _orders(self) -> None:
        """Who was paid, and what left to nobody the sidechain knows."""
        delayed: dict[Outpoint, tuple[Order, bool]] = {}
        for tx in self.world.main.transactions(self.height):
            match operation(tx):
                case Order() as order if TERMS.tiers[order.tier].delay:
                    for index, output in enumerate(tx.body.outputs):
                        if isinstance(output.lock, PendingLock):
                            delayed[Outpoint(tx.id, index)] = order, self._known(order)
                case Order() as order:
                    self._paid(order.outputs, order if self._known(order) else None)
                case Complete():
                    order, known = delayed[tx.body.inputs[0]]
                    outputs = tuple(o for o in order.outputs if o in tx.body.outputs)
                    self._paid(outputs, order if known else None)

    def _known(self, order: Order) -> bool:
        batch = batch_of(self.world.view, order.seq)
        return batch is not None and (order.tier, order.outputs) == (
            batch.record.tier,
            batch.record.outputs,
        )

    def _paid(self, outputs: tuple[Output, ...], order: Order | None) -> None:
        if order is not None:
            self.payments.update(self.world.record(order.seq).requests)
            return
        for output in outputs:
            self.lost[output.asset] += output.amount

    def check(self, retired: Counter[bytes]) -> None:
        """Assert the law, and that each peg-out is paid once or given back once."""
        owed = self._owed()
        for asset in (BTM, GOLD):
            sums = self.world.sums(asset)
            assert sums.circulating == self.world.supply(asset) + held(self.world, asset)
            assert sums.owed == owed[asset]
            assert sums.lost == self.lost[asset]
            assert sums.donated == self.donated[asset]
            liabilities = sums.circulating + sums.pool + sums.owed + self.unclaimed[asset]
            # surplus = gifts nobody counted + what was destroyed here, less what they make good
            surplus = self.given[asset] + retired[asset] - min(sums.donated, sums.lost)
            free = surplus - (sums.lost - min(sums.donated, sums.lost))
            assert self.vault[asset] == liabilities + free
            assert sums.donated <= self.given[asset] and sums.deficit >= 0

    def _owed(self) -> Counter[bytes]:
        owed: Counter[bytes] = Counter()
        for id in self.pegouts:
            request, times = self.world.request(id), self.payments[id]
            if request.state in WAITING:
                owed[request.asset] += request.payout
            settled = request.state == PegoutState.SETTLED
            assert times >= settled
            # Paid more often than owed: only a reorganisation deeper than K lets that happen.
            self.lost[request.asset] += (times - settled) * request.payout
        return owed

    @property
    def overpaid(self) -> bool:
        return any(
            times > (self.world.stands(id) == PegoutState.SETTLED)
            for id, times in self.payments.items()
        )
