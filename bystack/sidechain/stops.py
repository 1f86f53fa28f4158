"""Why the pegs stand still: automatic stops, and the relay's lag.

A stop set by a rule stays until its condition is gone and a quorum lifts it (federation.md,
section 5; `lifting`); lag below `lag_stop` clears itself when the relay has caught up.
"""

from __future__ import annotations

from enum import IntFlag
from typing import NamedTuple

from bystack.primitives.errors import Invalid
from bystack.sidechain.peg_events import PegsStopped
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState, state_key

STOPS = state_key("stops")
_CALM = state_key("stops/calm")


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


class Since(NamedTuple):
    """When a stop was set: the sidechain's block, and the main-chain height relayed then."""

    height: int
    relay_height: int


def stops_of(state: SystemState) -> Stop:
    """The stops in force."""
    return Stop(state.number(STOPS))


def since(state: SystemState, reason: Stop) -> Since | None:
    """When a stop in force was set first."""
    found = state.read(tuple[int, int], _since_key(reason))
    return None if found is None else Since(*found)


def _since_key(reason: Stop) -> bytes:
    return state_key("stops/since", int(reason))


def stop(stage: Stage, reason: Stop) -> None:
    """Set a stop; one in force keeps its beginning."""
    before = stops_of(stage.state)
    if reason & before:
        return
    stage.state.write(STOPS, int(before | reason))
    stage.state.write(_since_key(reason), (stage.block.height, stage.block.relay_height))
    stage.note(PegsStopped(int(reason)))
    stage.tell("stopped", reason=reason.name)


def lift(stage: Stage, gone: Stop) -> None:
    """Lift stops whose condition is gone (the caller has a quorum's word, and has looked)."""
    stage.state.write(STOPS, int(stops_of(stage.state) & ~gone))
    for reason in gone:
        stage.state.put(_since_key(reason), None)
        stage.tell("resumed", reason=reason.name)


def stop_for_reorganisation(stage: Stage, tip: int, depth: int) -> None:
    """The relay left more than K blocks: stop until K headers lie on the new tip's height."""
    stop(stage, Stop.DEEP_REORG)
    stage.state.write(_CALM, tip + depth)


def calm_from(state: SystemState) -> int:
    """The relayed height from which the last deep reorganisation lies K headers back."""
    return state.number(_CALM)


def lag(stage: Stage, tip_time: int) -> int:
    """Main-chain spacings since the relayed tip's time, by this block's clock."""
    return lag_at(stage.block.time, tip_time, stage.genesis.main.spacing)


def lag_at(time: int, tip_time: int, spacing: int) -> int:
    """Spacings from a tip's time (seconds) to a block's (milliseconds)."""
    return max(0, time // 1000 - tip_time) // spacing


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
    if limit and lag(stage, tip_time) > limit:
        stop(stage, Stop.LAG)
