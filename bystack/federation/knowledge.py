"""What a signer knows of its sidechain's state: entries proved under final headers, not too old.

An entry counts while its block is at most `freshness` below the newest that this signer was shown
final. Who shows it is not asked: a proof holds or it does not (federation.md, 1).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple, TypeVar

from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.light import LightClient
from bystack.sidechain.proofs import MAX_STATE_PROOF, StateProof, check_state_proof
from bystack.sidechain.state import MAX_VALUE

FRESHNESS: Final = 16
"""Blocks of the sidechain: some seconds; a member shows its entries again before it asks."""
MAX_ENTRY_PROOF: Final = MAX_STATE_PROOF + 1_000_000
MAX_KNOWN: Final = 4_096
MAX_KNOWN_BYTES: Final = 32_000_000

T = TypeVar("T")


class EntryStale(Invalid):
    """The entry is proved under an older block than others this signer was shown: show it anew."""


class EntryForeign(Invalid):
    """The proof is of another entry than the one that is needed."""


class EntryNotShown(Invalid):
    """No proof of this entry was shown to this signer yet."""


class Entry(NamedTuple):
    """What a key had (None: nothing) after the block at `height`."""

    height: int
    value: bytes | None


class Knowledge:
    """Proved entries by key. `client` says which headers are final; it is kept by its owner.

    The least lately shown are forgotten first, so that a member's flood costs bounded memory.
    """

    def __init__(self, client: LightClient, freshness: int = FRESHNESS) -> None:
        self._client, self._freshness = client, freshness
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._size = 0

    @property
    def newest(self) -> int:
        """The height of the newest header that was shown final here; 0 before the first."""
        return max((one.header.height for one in self._client.followed.seen), default=0)

    @property
    def time(self) -> int:
        """The time of that header in Unix seconds; 0 before the first."""
        seen = self._client.followed.seen
        return (
            max(((one.header.height, one.header.time) for one in seen), default=(0, 0))[1] // 1000
        )

    def learn(self, proof: StateProof) -> int:
        """Believe an entry, or that there is none; the height of its block.

        Raises `EntryStale`, what `LightClient.verify` and `check_state_proof` raise; then nothing
        has changed (but what a final header shows). An older proof than the known is passed over.
        """
        check_state_proof(proof)
        if proof.final in self._client.followed.seen:
            self._client.check_open()  # verified before: entries of one block share their header
        else:
            self._client.verify(proof.final)
        height = proof.header.height
        self._check_fresh(proof.key, height)
        known = self._entries.get(proof.key)
        if known is None or known.height <= height:
            self._keep(proof.key, Entry(height, proof.value[0] if proof.value else None))
        return height

    def entry(self, kind: type[T], key: bytes, proof: StateProof) -> T | None:
        """The entry at `key` as `proof` shows it; None: there is none.

        Raises `EntryForeign`, what `learn` raises, and the codec's errors.
        """
        if proof.key != key:
            raise EntryForeign(needed=key, shown=proof.key)
        self.learn(proof)
        return self.known(kind, key)

    def known(self, kind: type[T], key: bytes) -> T | None:
        """The entry at `key` as it was shown last, if that still counts; None: there is none.

        Raises `EntryNotShown`, `EntryStale`, `ClientFrozen` and the codec's errors.
        """
        self._client.check_open()
        if key not in self._entries:
            raise EntryNotShown(key=key)
        found = self._entries[key]
        self._check_fresh(key, found.height)
        return None if found.value is None else decode(kind, found.value, MAX_VALUE)

    def height_of(self, key: bytes) -> int:
        """The height under which the entry was shown last; -1: never."""
        return self._entries[key].height if key in self._entries else -1

    def _check_fresh(self, key: bytes, height: int) -> None:
        least = self.newest - self._freshness
        if height < least:
            raise EntryStale(key=key, height=height, least=least)

    def _keep(self, key: bytes, entry: Entry) -> None:
        self._drop(key)
        self._entries[key] = entry
        self._size += len(key) + len(entry.value or b"")
        while len(self._entries) > MAX_KNOWN or self._size > MAX_KNOWN_BYTES:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: bytes) -> None:
        gone = self._entries.pop(key, None)
        if gone is not None:
            self._size -= len(key) + len(gone.value or b"")
