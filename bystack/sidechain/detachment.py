"""A reorganisation below the relay's window: nobody can relay it, anybody can prove it.

The proof stops the pegs and stores only how much work was shown. No quorum resumes before the
relayed chain has as much: until then deposits on it may be backed by nothing.
"""

from __future__ import annotations

from bystack.mainchain.departures import Departure, verify_departure
from bystack.primitives.errors import Invalid
from bystack.sidechain.relay import RelayNotBetter, RelayView, oldest_kept
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState, state_key
from bystack.sidechain.stops import Stop, stop, stops_of

_WORK = state_key("departed/work")


class DetachmentKnown(Invalid):
    """The pegs stand still already because the relay is detached."""


def detach(stage: Stage, departure: Departure) -> None:
    """Stop the pegs: a branch from below the window has strictly more work than the relayed tip.

    Raises `DetachmentKnown`, `RelayNotBetter` and what `verify_departure` raises.
    """
    if stops_of(stage.state) & Stop.DETACHED:
        raise DetachmentKnown()
    oldest, best = oldest_kept(stage.state, stage.genesis), RelayView(stage.state).best()
    now = stage.block.time // 1000
    main, engines = stage.genesis.main, stage.modules.engines
    tip = verify_departure(oldest.header, departure, main, now, engines)
    if tip.work <= best.work:
        raise RelayNotBetter(tip=best.id, height=best.header.height)
    stage.state.put(_WORK, tip.work)
    stop(stage, Stop.DETACHED)
    stage.tell("detached", fork=departure.fork.header.height, tip=tip.id)


def detached(state: SystemState) -> bool:
    """True while a branch was shown that has more work than the relayed tip."""
    work = state.get(_WORK)
    return work is not None and work > RelayView(state).best().work
