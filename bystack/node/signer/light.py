"""What a signer knows of its sidechain's validators, on disk: epochs followed by proofs alone.

Losing the file loses nothing but the note of a contradiction: the member shows the epochs again,
from the genesis on. So that note is durable before anything is answered.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from bystack.node.store import files
from bystack.node.store.journal import JournalError
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus import light
from bystack.sidechain.consensus.light import (
    ClientFrozen,
    EpochProof,
    FinalHeader,
    Followed,
    LightClient,
    Verifier,
)
from bystack.sidechain.params import Genesis

MAX_FOLLOWED = 64_000_000


class LightFileDamaged(JournalError):
    """The note of followed epochs cannot be read: whether it was frozen is not known."""


def light_path(folder: str, name: str) -> str:
    """Where a signer keeps what it followed of a sidechain."""
    return f"{folder}/light-{name}.bin"


def read_followed(path: str, genesis: Genesis) -> Followed:
    """What was followed; the beginning where there is no file or it is of another chain.

    Raises `LightFileDamaged`.
    """
    if not os.path.exists(path):
        return light.begin(genesis.id, genesis.validator_set)
    try:
        found = decode(Followed, Path(path).read_bytes(), MAX_FOLLOWED)
    except Invalid as error:
        step = "if no contradiction was logged, remove it: it is made again"
        raise LightFileDamaged(path, f"damaged ({error.rule})", step) from None
    if found.chain != genesis.id:
        return light.begin(genesis.id, genesis.validator_set)
    return found


class Following:
    """A light client whose knowledge survives the process."""

    def __init__(self, path: str, genesis: Genesis, verifier: Verifier) -> None:
        self._path = path
        self.client = LightClient(read_followed(path, genesis), verifier)
        self._kept = self.client.followed

    @property
    def epoch(self) -> int:
        """The newest epoch whose validators are known."""
        return self.client.epoch

    def advance(self, proofs: Iterable[EpochProof]) -> int:
        """Follow these epochs; the newest known then. One that is known already is passed over.

        Raises what `LightClient.advance` raises; the epochs before are kept.
        """
        try:
            for proof in proofs:
                if proof.final.header.epoch >= self.client.epoch:
                    self.client.advance(proof)
        finally:
            self.keep()
        return self.client.epoch

    def compare(self, first: FinalHeader, second: FinalHeader) -> bool:
        """Look at two headers that may contradict each other; True if they froze the client."""
        try:
            for one in (first, second):
                self.client.verify(one)
        except ClientFrozen:
            return True
        finally:
            self.keep()
        return False

    def keep(self) -> None:
        """Make durable what changed since."""
        if self.client.followed is not self._kept:
            files.replace(self._path, encode(self.client.followed))
            self._kept = self.client.followed
