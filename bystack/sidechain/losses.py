"""What left the vault without being owed: published as lost, and the pegs stop.

A deep reorganisation can let an order execute whose requests were paid or given back meanwhile.
Nothing prevents that any more; it is counted once, under the seq that took it, and taken back with
the block it rests on.
"""

from __future__ import annotations

from collections.abc import Iterable

from bystack.ledger.transactions import Output
from bystack.sidechain.records import Loss, Request
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState, state_key
from bystack.sidechain.stops import Stop, stop
from bystack.sidechain.sums import move

_WAITING = state_key("unknown/waiting")


def _coins_key(seq: int) -> bytes:
    return state_key("unknown/coins", seq)


def _unknown_key(seq: int) -> bytes:
    return state_key("unknown", seq)


def _overpaid_key(id: bytes) -> bytes:
    return state_key("overpaid", id)


def lose(stage: Stage, losses: Iterable[Loss]) -> None:
    """Count what left, of the assets the sidechain takes."""
    for loss in losses:
        if loss.asset in stage.genesis.by_asset:
            move(stage.state, loss.asset, lost=loss.amount)


def regain(stage: Stage, losses: Iterable[Loss]) -> None:
    """Take a count back: the block that took it is gone."""
    for loss in losses:
        if loss.asset in stage.genesis.by_asset:
            move(stage.state, loss.asset, lost=-loss.amount)


def report_unknown(stage: Stage, seq: int, outputs: Iterable[Output], coins: int = 0) -> None:
    """A proved order that is no batch in state: count what left at once, and stop.

    `coins`: how many a delayed one set aside; what they hold is lost when they are paid out.
    """
    losses = tuple(Loss(output.asset, output.amount) for output in outputs)
    stage.state.write(_unknown_key(seq), losses)
    lose(stage, losses)
    await_unknown(stage, seq, coins)
    stop(stage, Stop.UNKNOWN_SPEND)


def forget_unknown(stage: Stage, seq: int) -> None:
    """The unknown order of this seq is reorganised away."""
    regain(stage, stage.state.read(tuple[Loss, ...], _unknown_key(seq)) or ())
    stage.state.put(_unknown_key(seq), None)
    await_unknown(stage, seq, -stage.state.number(_coins_key(seq)))


def await_unknown(stage: Stage, seq: int, coins: int) -> None:
    """So many more (or less) coins of this seq's unknown order wait out their delay."""
    state = stage.state
    if coins:
        state.write(_coins_key(seq), state.number(_coins_key(seq)) + coins)
        state.write(_WAITING, state.number(_WAITING) + coins)


def unknown_waiting(state: SystemState) -> int:
    """How many coins of unknown orders wait out their delay: any may yet leave the vault."""
    return state.number(_WAITING)


def overpaid(state: SystemState, id: bytes) -> tuple[int, ...]:
    """The seqs that paid a peg-out which they no longer owed."""
    return state.read(tuple[int, ...], _overpaid_key(id)) or ()


def overpay(stage: Stage, seq: int, id: bytes, request: Request) -> None:
    """This seq paid a request that is in another batch, paid, or refunded."""
    stage.state.write(_overpaid_key(id), (*overpaid(stage.state, id), seq))
    lose(stage, (Loss(request.asset, request.payout),))
    stop(stage, Stop.UNKNOWN_SPEND)


def forget_overpaid(stage: Stage, seq: int, id: bytes, request: Request) -> None:
    """This seq's payment is gone, or is owed after all."""
    rest = tuple(other for other in overpaid(stage.state, id) if other != seq)
    stage.state.put(_overpaid_key(id), None)
    if rest:
        stage.state.write(_overpaid_key(id), rest)
    regain(stage, (Loss(request.asset, request.payout),))
