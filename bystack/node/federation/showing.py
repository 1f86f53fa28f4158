"""Showing the signer entries of the sidechain's state, each with its proof.

The signer believes what is proved and new enough; whoever asks it for something that depends on the
state shows it first.
"""

from __future__ import annotations

from collections.abc import Iterable

from bystack.node.federation.epochs import EpochFeeding
from bystack.node.federation.links import Links


class Showing:
    """What one member shows its signer."""

    def __init__(self, links: Links) -> None:
        self._links, self._epochs = links, EpochFeeding(links)

    async def show(self, keys: Iterable[bytes]) -> None:
        """Prove these entries, or that they are absent, as of now; raises what the signer refuses.

        The signer is brought to the newest epoch first, whose validators certify the proofs.
        """
        self._epochs.restart()
        newest = await self._links.newest_final()
        await self._epochs.reach(newest.header.epoch)
        for key in keys:
            await self._links.signer.call("entry", await self._links.side.call("prove_state", key))
