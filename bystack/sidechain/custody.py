"""What modules hold for others, and the fees not yet shared: a module can only give what it took.

Coins a module's action destroys pass into its holdings, which still count as circulating; its
payments come out of them, its rewards out of transaction fees collected and not shared before. So
the reserves law holds whatever a module's code does (federation.md, section 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bystack.ledger.amounts import add, total
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, PolicyLock
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import Ending, Payment
from bystack.sidechain.params import Genesis
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState, state_key
from bystack.sidechain.sums import move, spare_fees, unshared_key


class HoldingsShort(Invalid):
    """A module would give more of an asset than it holds."""


class RewardsShort(Invalid):
    """A module would reward more than the fees collected and not yet shared."""


class SharesShort(Invalid):
    """A module would share more of the pegs' fees than refunds and sponsors leave."""


class PaymentInvalid(Invalid):
    """A payment of nothing, of an asset the sidechain does not know, or to nobody."""


def held_key(module: str, asset: bytes) -> bytes:
    """Where the state keeps how much of an asset a module holds."""
    return state_key(f"held/{module}", asset)


def held(state: SystemState, module: str, asset: bytes) -> int:
    """How much of an asset a module holds."""
    return state.number(held_key(module, asset))


def unshared(state: SystemState, genesis: Genesis) -> dict[bytes, int]:
    """The fees collected and not shared yet, of each asset that has any."""
    amounts = {asset.asset: state.number(unshared_key(asset.asset)) for asset in genesis.assets}
    return {asset: amount for asset, amount in amounts.items() if amount}


def spare(state: SystemState, genesis: Genesis) -> dict[bytes, int]:
    """The pegs' fees that nothing waits for, of each asset that has any."""
    amounts = {asset.asset: spare_fees(state, asset.asset) for asset in genesis.assets}
    return {asset: amount for asset, amount in amounts.items() if amount}


def earn(state: SystemState, fees: Mapping[bytes, int]) -> None:
    """The fee of a claim leaves circulation for the pool: the pegs' own, not to be rewarded."""
    for asset, fee in fees.items():
        move(state, asset, circulating=-fee, pool=fee)


def collect(state: SystemState, fees: Mapping[bytes, int]) -> None:
    """A transaction's fees leave circulation for the pool, to be shared."""
    for asset, fee in fees.items():
        move(state, asset, circulating=-fee, pool=fee)
        state.write(unshared_key(asset), state.number(unshared_key(asset)) + fee)


def take(state: SystemState, module: str, amounts: Mapping[bytes, int]) -> None:
    """Coins pass into a module's holdings; raises `AmountOverflow`.

    Whether the transaction has what it says it gives up is known only later, so any amount may
    stand here.
    """
    for asset, amount in amounts.items():
        state.write(held_key(module, asset), total((held(state, module, asset), amount)))


def pay(stage: Stage, module: str, payments: Iterable[Payment]) -> None:
    """Payments leave a module's holdings; raises `HoldingsShort`, `PaymentInvalid`."""
    for asset, amount in _sums(stage.genesis, payments).items():
        _leave(stage.state, module, asset, amount)


def end(stage: Stage, module: str, ending: Ending) -> None:
    """What a module's end of block moves; raises as `pay`, `RewardsShort`, `SharesShort`."""
    pay(stage, module, ending.payments)
    for asset, amount in ending.forfeits.items():
        _leave(stage.state, module, asset, amount)
        collect(stage.state, {asset: amount})
    for asset, amount in _sums(stage.genesis, ending.rewards).items():
        left = stage.state.number(unshared_key(asset)) - amount
        if left < 0:
            raise RewardsShort(module=module, asset=asset, short=-left)
        stage.state.write(unshared_key(asset), left)
        move(stage.state, asset, circulating=amount, pool=-amount)
    _share(stage, module, ending.shares)
    for event in ending.events:
        stage.tell(f"{module}.{event.name}", **event.facts)


def _share(stage: Stage, module: str, shares: Iterable[Payment]) -> None:
    """Peg fees leave the pool; what may still be refunded or owed to a sponsor stays."""
    for asset, amount in _sums(stage.genesis, shares).items():
        left = spare_fees(stage.state, asset) - amount
        if left < 0:
            raise SharesShort(module=module, asset=asset, short=-left)
        move(stage.state, asset, circulating=amount, pool=-amount)


def settle(stage: Stage, module: str, ask: Callable[[SystemState], Ending]) -> tuple[Payment, ...]:
    """What a module pays at a block's end, or for a conviction; whole or not at all.

    One that raises, or would give what it does not have, does nothing this time, and its writes are
    forgotten: the chain goes on without it.
    """
    trial = stage.fork()
    try:
        ending = ask(trial.state)
        end(trial, module, ending)
    except Invalid as error:
        stage.tell("modulefailed", module=module, rule=error.rule, reason=str(error))
        return ()
    stage.merge(trial)
    return (*ending.payments, *ending.rewards, *ending.shares)


def coins_of(
    genesis: Genesis, payments: Iterable[Payment], height: int, id: bytes, first: int
) -> dict[Outpoint, Coin]:
    """The coins that pay: outputs `first`, `first` + 1, … of the id that creates them."""
    return {
        Outpoint(id, first + number): Coin(
            one.asset,
            one.amount,
            PolicyLock(one.root),
            height,
            0,
            genesis.by_asset[one.asset].unit,
            b"",
        )
        for number, one in enumerate(payments)
    }


def _sums(genesis: Genesis, payments: Iterable[Payment]) -> dict[bytes, int]:
    total: dict[bytes, int] = {}
    for one in payments:
        known = genesis.by_asset.get(one.asset)
        if known is None or one.amount <= 0 or one.amount % known.unit or one.root == bytes(32):
            raise PaymentInvalid(asset=one.asset, amount=one.amount, root=one.root)
        add(total, one.asset, one.amount)
    return total


def _leave(state: SystemState, module: str, asset: bytes, amount: int) -> None:
    left = held(state, module, asset) - amount
    if left < 0 or amount < 0:
        raise HoldingsShort(module=module, asset=asset, short=-left)
    state.write(held_key(module, asset), left)
