"""From the state to what an engine must know: the era of the next height."""

from __future__ import annotations

from bystack.sidechain import epochs, parameters
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.events import Config, Era
from bystack.sidechain.parameters import Parameters
from bystack.sidechain.state import StateView, SystemState


def era_after(view: StateView, parent: Header) -> Era:
    """The era of the height after `parent`, whose state `view` is."""
    state = SystemState(view)
    epochs.turn(state, parent)
    record = epochs.current(state)
    oldest = max(0, record.epoch - epochs.EVIDENCE_EPOCHS)
    earlier = [epochs.record_of(state, epoch) for epoch in range(record.epoch - 1, oldest - 1, -1)]
    return Era(
        record.validators,
        config_of(parameters.in_force(state), record.seed),
        record.last,
        tuple(one.validators for one in earlier if one is not None),
    )


def config_of(numbers: Parameters, seed: bytes) -> Config:
    """The engine's numbers in an epoch."""
    return Config(
        interval=numbers.interval,
        empty_interval=numbers.empty_interval,
        tau0=numbers.timeout,
        blocks_per_leader=numbers.blocks_per_leader,
        gateways=numbers.gateways,
        seed=seed,
    )
