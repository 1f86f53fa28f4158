"""Which code a network's `work` stands for: built-in engines, then installed packages.

A package offers an engine under the entry-point group `bystack.work`: a callable without arguments
that makes an object with `digest(id, seed)`. Only the engine that the network names is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Final

from bystack.mainchain.params import Params
from bystack.mainchain.work import DIGEST_SIZE, ENGINES, Engine
from bystack.primitives.entry_points import entry_points
from bystack.primitives.errors import Misuse

GROUP: Final = "bystack.work"
REMEMBERED: Final = 4_096

# A process is worth one core: matrix libraries that start a thread a core would fight over them.
ONE_THREAD: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class EngineError(OSError):
    """The network's proof-of-work engine cannot be used."""


class Installed:
    """An engine of a package, held to its promise: a short digest would meet every target.

    It may be slow, so the last digests are remembered: a header is judged more than once.
    """

    def __init__(self, name: str, engine: Engine) -> None:
        self._name, self._engine = name, engine
        self._remembered = lru_cache(REMEMBERED)(self._digest)

    def digest(self, id: bytes, seed: bytes, /) -> bytes:
        """The engine's 32 bytes; raises `Misuse` when it gives anything else."""
        return self._remembered(id, seed)

    def _digest(self, id: bytes, seed: bytes) -> bytes:
        made = self._engine.digest(id, seed)
        if type(made) is not bytes or len(made) != DIGEST_SIZE:
            raise Misuse(f"the engine {self._name} made a digest that is not {DIGEST_SIZE} bytes")
        return made


def engines_of(params: Params) -> Mapping[str, Engine]:
    """The engines to judge the network's headers with; raises `EngineError`."""
    return {**ENGINES, params.work: installed_engine(params.work)}


@cache
def installed_engine(name: str) -> Engine:
    """The engine of this name, built in or of a package; raises `EngineError`."""
    if name in ENGINES:
        return ENGINES[name]
    for variable in ONE_THREAD:
        os.environ.setdefault(variable, "1")
    for found in entry_points(group=GROUP, name=name):
        return Installed(name, _load(found.value, found.load))
    hint = f"a package that offers it under the entry point {GROUP}"
    raise EngineError(f"the proof-of-work engine {name} is not installed; install {hint}")


def _load(place: str, load: Callable[[], Callable[[], Engine]]) -> Engine:
    try:
        engine = load()()
    except (ImportError, AttributeError, TypeError) as error:
        text = f"the proof-of-work engine at {place} does not load: {error}"
        raise EngineError(f"{text}; install what it needs") from None
    if not callable(getattr(engine, "digest", None)):
        raise EngineError(f"the proof-of-work engine at {place} has no digest")
    return engine
