"""The engines of consensus a sidechain's process may run: those `bystack.sidechain.engines` finds."""

from __future__ import annotations

from bystack.sidechain.engines import (
    BUILT_IN,
    GROUP,
    ConsensusError,
    engine_of,
    installed,
    verifier_of,
)

__all__ = ["BUILT_IN", "GROUP", "ConsensusError", "engine_of", "installed", "verifier_of"]
