"""The numbers of a sidechain's own actions, for those who only look which one it is."""

from __future__ import annotations

from typing import Final

RELAY, CLAIM, DONATE, REPROVE, ANCHOR, PENDING, BURN = 1, 2, 3, 4, 5, 6, 7
EVIDENCE, DETACHED, STRAY = 8, 9, 10
PAID: Final = frozenset((BURN, STRAY))
"""What is never free: anybody may do as much of it as he likes."""

MODULE_KINDS: Final = 256
"""Kinds from here on are modules': so many for each, in the genesis' order."""
SYSTEM_OUTPUTS: Final = 2**16
"""Outputs the chain itself creates (sponsors repaid, refunds) lie beyond a transaction's own."""
