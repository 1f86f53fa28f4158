"""The numbers a chain may change while it runs: in force for an epoch, changed when one turns.

Genesis says the first; a module whose governance decides says the next (`Outcome.parameters`).
They lie in the system state, so every node, validator or not, knows the same.
"""

from __future__ import annotations

from bystack.primitives.codec import U16, U32, Wire
from bystack.primitives.errors import Invalid, Misuse
from bystack.sidechain.state import SystemState, state_key

PROTOCOL = 1
"""The version of the rules this program knows."""

MAX_BLOCK_BYTES = 6_000_000

IN_FORCE = state_key("parameters")
DECIDED = state_key("parameters/next")


class ParametersInvalid(Invalid):
    """A parameter is out of its range."""


class Parameters(Wire):
    """`version`: of the rules, at least. Times in milliseconds; `epoch`, `freeze` in blocks.

    `gateways`: 0 for the default. `freeze`: how many blocks before its end an epoch elects the
    next one's validators. `block_bytes`: most bytes of transactions in a block.
    """

    version: U32
    interval: U32
    empty_interval: U32
    timeout: U32
    blocks_per_leader: U32
    gateways: U16
    epoch: U32
    freeze: U32
    block_bytes: U32


def check_parameters(given: Parameters) -> None:
    """Refuse numbers no chain can run on; raises `ParametersInvalid`."""
    for field in ("version", "interval", "empty_interval", "timeout", "blocks_per_leader"):
        if getattr(given, field) == 0:
            raise ParametersInvalid(field=field, given=0, least=1)
    # The first epoch has no block 0 to settle the next set in.
    if not 1 <= given.freeze <= given.epoch - 2:
        raise ParametersInvalid(field="freeze", given=given.freeze, epoch=given.epoch)
    if not 0 < given.block_bytes <= MAX_BLOCK_BYTES:
        raise ParametersInvalid(field="block_bytes", given=given.block_bytes, most=MAX_BLOCK_BYTES)


def in_force(state: SystemState) -> Parameters:
    """The parameters of the current epoch."""
    found = state.read(Parameters, IN_FORCE)
    if found is None:
        raise Misuse("a state without parameters: it did not begin by `start`")
    return found


def decided(state: SystemState) -> Parameters | None:
    """The parameters from the next epoch on, where governance decided some."""
    return state.read(Parameters, DECIDED)


def begin(state: SystemState, first: Parameters) -> None:
    """The genesis' parameters; raises `ParametersInvalid`."""
    check_parameters(first)
    state.write(IN_FORCE, first)


def decide(state: SystemState, chosen: Parameters) -> None:
    """From the next epoch on these hold; raises `ParametersInvalid`."""
    check_parameters(chosen)
    state.write(DECIDED, chosen)


def turn(state: SystemState) -> None:
    """An epoch begins: what was decided is in force."""
    chosen = decided(state)
    if chosen is not None:
        state.write(IN_FORCE, chosen)
        state.put(DECIDED, None)
