"""Why the pegs stand still: automatic stops, and the relay's lag.

A stop set by a rule stays until its condition is gone and a quorum lifts it (federation.md,
section 5); lag below `lag_stop` clears itself when the relay has caught up.
"""

from __future__ import annotations

from enum import IntFlag

from bystack.primitives.errors import Invalid
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState, state_key

STOPS = state_key("stops")


class PegsPaused(Invalid):
    """Claims and batches are paused."""


class Stop(IntFlag):
    """The automatic reasons."""

    ORPHANED = 1
    UNKNOWN_SPEND = 2
    DEEP_REORG = 4
    LAG = 8
    EQUIVOCATION = 16
    DETACHED = 32


def stops_of(state: SystemState) -> Stop:
    """The stops in force."""
    return Stop(state.number(STOPS))


def stop(stage: Stage, reason: Stop) -> None:
    """Set a stop."""
    stage.state.write(STOPS, int(stops_of(stage.state) | reason))
    stage.tell("stopped", reason=reason.name)


def lift(stage: Stage, gone: Stop) -> None:
    """Lift the stops whose condition is gone (the caller has a quorum's word)."""
    stage.state.write(STOPS, int(stops_of(stage.state) & ~gone))


def lag(stage: Stage, tip_time: int) -> int:
    """Main-chain spacings since the relayed tip's time, by this block's clock."""
    return max(0, stage.block.time // 1000 - tip_time) // stage.genesis.main.spacing


def lags(stage: Stage, tip_time: int) -> bool:
    """True while the relayed tip is older than `lag_pause` spacings."""
    pause = stage.genesis.lag_pause
    return pause > 0 and lag(stage, tip_time) > pause


def check_running(stage: Stage, tip_time: int) -> None:
    """Raise `PegsPaused` while a stop is in force or the relay lags."""
    stops = stops_of(stage.state)
    if stops:
        raise PegsPaused(reason=stops.name)
    if lags(stage, tip_time):
        raise PegsPaused(reason="LAG", spacings=lag(stage, tip_time))


def watch_lag(stage: Stage, tip_time: int) -> None:
    """At a block's start: a lag beyond `lag_stop` stops the pegs until a quorum clears it."""
    limit = stage.genesis.lag_stop
    if limit and lag(stage, tip_time) > limit and not stops_of(stage.state) & Stop.LAG:
        stop(stage, Stop.LAG)
