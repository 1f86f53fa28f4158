"""Showing the signer who votes on the sidechain now: one proof per epoch, in order.

The signer says how far it is; what it lacks comes from the sidechain's process. It verifies each
itself, so that it goes on when elections have changed the validators.
"""

from __future__ import annotations

from typing import Final

from bystack.node.federation.links import Links

PROOFS: Final = 32


class EpochFeeding:
    """What the signer knows of the sidechain's epochs."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._known = -1

    async def reach(self, epoch: int) -> None:
        """Have the signer follow up to an epoch; raises what it refuses.

        Where the proofs end before, it is told so again at the next block.
        """
        while self._known < epoch:
            self._known = await self._links.signer.call("epoch")
            if self._known >= epoch:
                return
            proofs = await self._links.side.call("epoch_proofs", self._known, PROOFS)
            if not proofs:
                return
            self._known = await self._links.signer.call("epochs", proofs)

    def restart(self) -> None:
        """The signer may have begun anew: ask it again."""
        self._known = -1
