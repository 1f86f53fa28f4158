"""Which stops a quorum may lift: those whose condition is gone, and what keeps the others.

The same sentences are published to users before they burn and named when a quorum comes too early
(federation.md, section 5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bystack.primitives.errors import Invalid
from bystack.sidechain import epochs
from bystack.sidechain.convictions import is_convicted
from bystack.sidechain.detachment import detached
from bystack.sidechain.losses import unknown_waiting
from bystack.sidechain.params import CONSTANT, Genesis
from bystack.sidechain.relay import RelayView
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState
from bystack.sidechain.stops import Stop, calm_from, lag_at, lift, stops_of
from bystack.sidechain.sums import sums_of


class StopStands(Invalid):
    """What stopped the pegs is still so: a quorum may lift no stop before its condition is gone."""


def kept(state: SystemState, genesis: Genesis, time: int) -> dict[Stop, str]:
    """The stops in force whose condition is not gone, and what is still so; `time` in ms."""
    stops = stops_of(state)
    found = {reason: _CONDITIONS[reason](state, genesis, time) for reason in stops}
    return {reason: text for reason, text in found.items() if text}


def resume(stage: Stage) -> None:
    """Lift every stop whose condition is gone; raises `StopStands` if there are only others."""
    state, stops = stage.state, stops_of(stage.state)
    standing = kept(state, stage.genesis, stage.block.time)
    gone = stops
    for reason in standing:
        gone &= ~reason
    if stops and not gone:
        names = {str(reason.name): text for reason, text in standing.items()}
        raise StopStands(**names)
    if gone:
        lift(stage, gone)


def _short(state: SystemState, genesis: Genesis) -> str:
    missing = [(a.name, sums_of(state, a.asset).deficit) for a in genesis.assets]
    return ", ".join(f"{amount} units of {name} are missing" for name, amount in missing if amount)


def _deficit(state: SystemState, genesis: Genesis, time: int) -> str:
    return _short(state, genesis)


def _unknown(state: SystemState, genesis: Genesis, time: int) -> str:
    """A delayed order that is no batch may still be completed: what it takes is not lost yet."""
    waiting = unknown_waiting(state)
    coming = f"{waiting} payouts of orders that are no batch wait out their delay"
    return _short(state, genesis) or (coming if waiting else "")


def _reorganised(state: SystemState, genesis: Genesis, time: int) -> str:
    left = calm_from(state) - RelayView(state).best().header.height
    return f"the relayed chain must grow by {left} headers yet" if left > 0 else ""


def _lag(state: SystemState, genesis: Genesis, time: int) -> str:
    tip = RelayView(state).best().header.time
    spacings = lag_at(time, tip, genesis.main.spacing)
    late = genesis.lag_pause > 0 and spacings > genesis.lag_pause
    return f"the relayed tip is {spacings} spacings old" if late else ""


def _equivocation(state: SystemState, genesis: Genesis, time: int) -> str:
    """A convicted validator votes until its epoch ends; where nobody else can, it is kept."""
    if genesis.consensus.election == CONSTANT:
        return ""
    voters = epochs.current(state).validators.validators
    guilty = sum(is_convicted(state, one.key) for one in voters)
    still = f"{guilty} convicted validators vote until the epoch ends"
    return still if 0 < guilty < len(voters) else ""


def _detached(state: SystemState, genesis: Genesis, time: int) -> str:
    more = "a branch that the relay cannot follow has more work than the relayed chain"
    return more if detached(state) else ""


_CONDITIONS: Mapping[Stop, Callable[[SystemState, Genesis, int], str]] = {
    Stop.ORPHANED: _deficit,
    Stop.UNKNOWN_SPEND: _unknown,
    Stop.DEEP_REORG: _reorganised,
    Stop.LAG: _lag,
    Stop.EQUIVOCATION: _equivocation,
    Stop.DETACHED: _detached,
}
