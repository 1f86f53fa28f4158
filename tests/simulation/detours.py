"""Demotions in the toy application: what a header may show on a simulated chain."""

from __future__ import annotations

from collections.abc import Sequence

from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.demotions import Demotions, check_demotions, choose
from bystack.sidechain.consensus.messages import FinalBlock
from tests.simulation.eras import Schedule

Rule = tuple[int, int, int, bytes, int]


def _rule(schedule: Schedule, height: int) -> Rule:
    era = schedule.era(height)
    size, config = len(era.validators), era.config
    return era.validators.epoch, height, size, config.seed, config.gateways


def _known(schedule: Schedule, blocks: Sequence[FinalBlock]) -> Demotions:
    known = Demotions(0, ())
    for block in blocks:
        if block.header.demotions or known.listed:
            rule = _rule(schedule, block.header.height)
            known = check_demotions(known, block.header.demotions, *rule)
    return known


def shown(schedule: Schedule, blocks: Sequence[FinalBlock], wish: int) -> bytes:
    """What the header of the next block shows."""
    return choose(_known(schedule, blocks), wish, *_rule(schedule, len(blocks) + 1))


def lawful(schedule: Schedule, blocks: Sequence[FinalBlock], header: Header) -> bool:
    """Whether the next block's header shows what it may."""
    rule = _rule(schedule, len(blocks) + 1)
    try:
        check_demotions(_known(schedule, blocks), header.demotions, *rule)
    except Invalid:
        return False
    return True
