"""Which code a genesis' `consensus.type` stands for: built-in engines, then installed packages.

A package offers an engine of consensus under the entry-point group `bystack.consensus`: a callable
without arguments that makes an `engine.EngineType`. Only the one the genesis names is loaded, the
built-in ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from bystack.primitives.codec import prepare
from bystack.primitives.entry_points import entry_points
from bystack.sidechain.consensus.engine import EngineType, Verifier, seals_once
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.params import CONSTANT, Genesis


def _bbft() -> EngineType:
    from bystack.sidechain.consensus.bbft_type import BbftType

    return BbftType()


def _authority() -> EngineType:
    from bystack.sidechain.consensus.authority.machine import AuthorityType

    return AuthorityType()


def _solo() -> EngineType:
    from bystack.sidechain.consensus.solo import SoloType

    return SoloType()


GROUP: Final = "bystack.consensus"
BUILT_IN: Final[Mapping[str, Callable[[], EngineType]]] = {
    "bbft": _bbft,
    "authority": _authority,
    "solo": _solo,
}
PARTS: Final = ("check", "verifier", "make")


class ConsensusError(OSError):
    """The sidechain's engine of consensus cannot be used."""


def engine_of(genesis: Genesis) -> EngineType:
    """The engine a genesis names; raises `ConsensusError`, and `EngineUnfit` where it cannot."""
    engine = installed(genesis.consensus.type)
    engine.check(genesis.validator_set, genesis.consensus.election != CONSTANT)
    return engine


def verifier_of(genesis: Genesis) -> Verifier:
    """The judge of a sidechain's headers; raises as `engine_of`."""
    return engine_of(genesis).verifier(BlsScheme())


def slots_once(genesis: Genesis) -> bool:
    """Whether two seals of one slot are evidence under the genesis' engine, whatever the height."""
    return seals_once(verifier_of(genesis))


@cache
def installed(name: str) -> EngineType:
    """The engine of this name, built in or of a package; raises `ConsensusError`."""
    if name in BUILT_IN:
        engine = BUILT_IN[name]()
        prepare()
        return engine
    for found in entry_points(group=GROUP, name=name):
        engine = _load(found.value, found.load)
        prepare()
        return engine
    known = ", ".join(BUILT_IN)
    hint = f"install a package that offers it under the entry point {GROUP}"
    text = f"the engine of consensus {name} is not installed (built in: {known}); {hint}"
    raise ConsensusError(text)


def _load(place: str, load: Callable[[], Callable[[], EngineType]]) -> EngineType:
    try:
        engine = load()()
    except (ImportError, AttributeError, TypeError) as error:
        text = f"the engine of consensus at {place} does not load: {error}"
        raise ConsensusError(f"{text}; install what it needs") from None
    for part in PARTS:
        if not callable(getattr(engine, part, None)):
            raise ConsensusError(f"the engine of consensus at {place} has no {part}")
    return engine
