"""The engines of consensus that a sidechain may run, as `bystack.sidechain.engines` finds them."""

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
