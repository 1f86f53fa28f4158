"""Demoted gateways in the system state: what a header may show, and what it leaves behind."""

from __future__ import annotations

from bystack.primitives.codec import encode
from bystack.sidechain import epochs, parameters
from bystack.sidechain.consensus import demotions
from bystack.sidechain.consensus.demotions import Demotions
from bystack.sidechain.state import SystemState, state_key

DEMOTIONS = state_key("demotions")

NONE = Demotions(0, ())


def known(state: SystemState) -> Demotions:
    """The demotions after the last block."""
    return state.read(Demotions, DEMOTIONS) or NONE


def settle(state: SystemState, height: int, shown: bytes | None, wish: int = -1) -> bytes:
    """Check what a header of `height` shows and remember it; raises as `check_demotions`.

    None: what it is to show when its proposer wishes to demote a gateway (-1: none). Returns what
    it shows.
    """
    record, wanted = epochs.current(state), parameters.in_force(state).gateways
    order = (len(record.validators), record.seed, wanted)
    before, epoch = known(state), record.epoch
    if shown is None:
        shown = demotions.choose(before, wish, epoch, height, *order)
    after = demotions.check_demotions(before, shown, epoch, height, *order)
    if after.listed != before.listed:
        state.put(DEMOTIONS, encode(after) if after.listed else None)
    return shown
