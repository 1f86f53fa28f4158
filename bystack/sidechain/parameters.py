"""The numbers a chain may change while it runs: in force for an epoch, changed when one turns.

Genesis says the first; a module whose governance decides says the next (`Outcome.parameters`).
They lie in the system state, so every node, validator or not, knows the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bystack.primitives.codec import U16, U32, Wire
from bystack.primitives.errors import Invalid, Misuse
from bystack.sidechain.state import SystemState, state_key

PROTOCOL = 1
"""The version of the rules this program knows."""

MAX_BLOCK_BYTES = 6_000_000

MAX_PARAMETERS = 200

EVIDENCE_EPOCHS = 3
"""How many epochs back evidence counts; their records are kept."""

IN_FORCE = state_key("parameters")
DECIDED = state_key("parameters/next")


MOST: Final[Mapping[str, int]] = MappingProxyType(
    {
        "interval": 600_000,
        "empty_interval": 3_600_000,
        "timeout": 3_600_000,
        "blocks_per_leader": 10_000,
        "gateways": 400,
        "epoch": 10_000_000,
        "block_bytes": MAX_BLOCK_BYTES,
    }
)
"""The most each number may be. What stands in milliseconds is less than a person would wait."""

TWOFOLD: Final = ("interval", "empty_interval", "timeout", "epoch", "block_bytes")
"""What one decision may at most double or halve: a slip of a digit must not stop a chain."""


class ParametersInvalid(Invalid):
    """A parameter is out of its range."""


class ParametersLeap(Invalid):
    """A decision would change a number more than twofold, or take the version back or on by two."""


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
    if given.block_bytes == 0:
        raise ParametersInvalid(field="block_bytes", given=0, least=1)
    if given.empty_interval < given.interval:
        raise ParametersInvalid(field="empty_interval", least=given.interval)
    for field, most in MOST.items():
        if getattr(given, field) > most:
            raise ParametersInvalid(field=field, given=getattr(given, field), most=most)


def check_change(before: Parameters, after: Parameters) -> None:
    """Refuse a decision that leaps.

    Raises `ParametersInvalid`, and `ParametersLeap` for more than twofold, for a version taken
    back or on by more than one.
    """
    check_parameters(after)
    if not before.version <= after.version <= before.version + 1:
        raise ParametersLeap(field="version", before=before.version, after=after.version)
    for field in TWOFOLD:
        old, new = getattr(before, field), getattr(after, field)
        if new > 2 * old or old > 2 * new:
            raise ParametersLeap(field=field, before=old, after=new)


def changed(present: Parameters, changes: Mapping[str, int]) -> Parameters:
    """These parameters with some of them others, not yet judged.

    Raises `ParametersInvalid` for a name or a number that no parameter can have.
    """
    values = {name: getattr(present, name) for name in Parameters.__struct_fields__}
    for name, value in changes.items():
        if name not in values:
            raise ParametersInvalid(field=name, known=", ".join(values))
        if type(value) is not int or not 0 <= value < 2**32:
            raise ParametersInvalid(field=name, given=str(value))
    if changes.get("gateways", 0) > MOST["gateways"]:
        raise ParametersInvalid(field="gateways", given=changes["gateways"], most=MOST["gateways"])
    return Parameters(**{**values, **changes})


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
    """From the next epoch on these hold, whatever was decided before; as `check_change`."""
    check_change(in_force(state), chosen)
    state.write(DECIDED, chosen)


def turn(state: SystemState) -> None:
    """An epoch begins: what was decided is in force."""
    chosen = decided(state)
    if chosen is not None:
        state.write(IN_FORCE, chosen)
        state.put(DECIDED, None)
