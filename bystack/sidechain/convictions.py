"""Which validator keys evidence has convicted: remembered for ever, for a key never votes again."""

from __future__ import annotations

from collections.abc import Iterable

from bystack.sidechain.consensus.validators import Validator
from bystack.sidechain.state import SystemState, state_key


def convicted_key(key: bytes) -> bytes:
    """Where the state keeps the hash of the evidence that convicted a validator key."""
    return state_key("convicted", key)


def is_convicted(state: SystemState, key: bytes) -> bool:
    """True once evidence was accepted against the holder of a validator key."""
    return state.get(convicted_key(key)) is not None


def unconvicted(state: SystemState, validators: Iterable[Validator]) -> tuple[Validator, ...]:
    """Those of the validators that nothing was proved against."""
    return tuple(one for one in validators if not is_convicted(state, one.key))
