"""A snapshot on its way in: a store beside the chain's, chunk after chunk, then in its place.

Each chunk is one synced batch together with how far it brought us, so a killed process goes on
with the next one. Until all is in and the roots are the header's, the store counts as unfinished
and nothing but this file opens it; then it takes the chain's place by a rename.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

from bystack.node.sidechain import columns as keys
from bystack.node.sidechain.columns import Tip, Under
from bystack.node.store.coinstore import PREFIX as COIN
from bystack.node.store.errors import StoreError
from bystack.node.store.failpoints import failpoint
from bystack.node.store.files import sync_folder
from bystack.node.store.storage import Store
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed
from bystack.sidechain import epochs
from bystack.sidechain.consensus.light import EpochProof, FinalHeader
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.records import OUTBOX
from bystack.sidechain.snapshots.manifests import MAX_MANIFEST, Manifest
from bystack.sidechain.snapshots.restoring import (
    NOTHING_YET,
    Progress,
    Taken,
    check_whole,
    take,
)
from bystack.sidechain.snapshots.rows import MAX_ROW
from bystack.sidechain.state import SystemState

CHAIN: Final = "chain"
JOINING: Final = "joining"
REPLACED: Final = "replaced"
BATCH: Final = 1_000
MAX_PROGRESS: Final = MAX_ROW + 10_000

_MANIFEST, _PROGRESS = b"J", b"G"

Changes = dict[bytes, bytes | None]
T = TypeVar("T")


class Arriving:
    """A snapshot being taken in. Made by `Arriving.open`; close it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        data = store.get(_MANIFEST)
        self.resumed = None if data is None else decode(Manifest, data, MAX_MANIFEST)
        """What was being taken in when the process ended."""

    manifest: Manifest
    progress: Progress

    @classmethod
    def open(cls, folder: str, chain: bytes) -> Arriving:
        """The place beside the chain's store; one that cannot be read is made anew."""
        place = os.path.join(folder, JOINING)
        try:
            return cls(_open(place, chain))
        except (StoreError, Invalid):
            shutil.rmtree(place, ignore_errors=True)
            return cls(_open(place, chain))

    def begin(self, manifest: Manifest) -> None:
        """Go on with this snapshot where we were, or begin with it."""
        if self._store.get(_MANIFEST) != encode(manifest):
            self.clear()
            begun: Changes = {_MANIFEST: encode(manifest), _PROGRESS: encode(NOTHING_YET)}
            self._store.change_unfinished(begun)
        self.manifest = manifest
        self.progress = decode(Progress, self._store.get(_PROGRESS) or b"", MAX_PROGRESS)

    def clear(self) -> None:
        """Throw away all rows, not the proofs of epochs. Killed on the way, it is done again."""
        self._store.change_unfinished({_MANIFEST: None, _PROGRESS: None})
        rows = (key for key, _ in self._store.iterate())
        gone = (key for key in rows if key[:1] not in (b"\x00", keys.EPOCH))
        for some in batched(gone, BATCH):
            self._store.change_unfinished(dict.fromkeys(some))

    def keep(self, proofs: Sequence[EpochProof]) -> None:
        """Remember verified proofs of epochs."""
        kept = {keys.EPOCH + fixed(one.final.header.epoch): encode(one) for one in proofs}
        self._store.change_unfinished(kept)

    def follow(self, known: ValidatorSet, epoch: int) -> ValidatorSet:
        """The last set, up to an epoch's, that the proofs here lead to from a known one."""
        while known.epoch < epoch and (data := self._store.get(keys.EPOCH + fixed(known.epoch))):
            chosen = decode(EpochProof, data, keys.MAX_EPOCH_PROOF).validators
            known = ValidatorSet(known.epoch + 1, chosen or known.validators)
        return known

    @property
    def view(self) -> Store:
        """What is taken in so far, to be read."""
        return self._store

    def close(self) -> None:
        """Release the directory."""
        self._store.close()

    def take(self, data: bytes) -> None:
        """Take the next chunk in, durably. Raises as `restoring.take`."""
        taken = take(_Nodes(self._store), self.progress, data)
        failpoint("snapshot.before_chunk")
        self._store.change_unfinished(_changes(taken))
        failpoint("snapshot.after_chunk")
        self.progress = taken.progress

    def finish(self, final: FinalHeader, own: Iterable[tuple[bytes, bytes]]) -> None:
        """All is in: a store that goes on from the snapshot's block. Raises as `check_whole`.

        `own`: rows of the chain's store that stay: proofs of the epochs before, evidence.
        """
        check_whole(self.manifest, self.progress, self._store.get(keys.STATE + OUTBOX))
        for some in batched(own, BATCH):
            self._store.change_unfinished(dict(some))
        anchor = _anchor(self.manifest, final, self.progress) | _frozen(self._store, final)
        failpoint("snapshot.before_finish")
        self._store.change_unfinished({**anchor, _MANIFEST: None, _PROGRESS: None})
        failpoint("snapshot.after_finish")
        self._store.finish()


class _Nodes:
    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, hash: bytes, /) -> bytes | None:
        return self._store.get(keys.TRIE + hash)


def batched(rows: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """So many at a time."""
    left = iter(rows)
    while some := tuple(islice(left, size)):
        yield some


def _open(place: str, chain: bytes) -> Store:
    version = keys.FORMAT
    return Store.open_unfinished(place, kind=keys.KIND, magic=chain[:4], version=version)


def _changes(taken: Taken) -> Changes:
    changes: Changes = {keys.STATE + key: value for key, value in taken.entries.items()}
    changes |= {keys.TRIE + hash: None for hash in taken.trie.removed}
    changes |= {keys.TRIE + hash: node for hash, node in taken.trie.added.items()}
    changes |= {COIN + key: value for key, value in taken.coins.items()}
    changes |= {keys.NODE + fixed(n.level, 1) + fixed(n.index): n.hash for n in taken.nodes}
    return {**changes, _PROGRESS: encode(taken.progress)}


def _anchor(manifest: Manifest, final: FinalHeader, progress: Progress) -> Changes:
    """What the store says of the snapshot's block, and that nothing below it is held."""
    header = manifest.header
    height = fixed(header.height)
    return {
        keys.HEADER + height: encode(header),
        keys.FINAL + height: encode(final.certificate),
        keys.BLOCK + header.id: height,
        keys.LEAVES + height: fixed(progress.peaks.count),
        keys.BASE: height,
        keys.TIP: encode(Tip(header.height, manifest.system_root, manifest.multiset)),
    }


def _frozen(store: Store, final: FinalHeader) -> Changes:
    """The proof of the next epoch's validators, if they are settled on at the snapshot's block.

    The block that settled on them may lie below it, and nobody else need have given its proof.
    """
    state = SystemState(Under(store, keys.STATE))
    chosen = epochs.upcoming(state)
    if chosen is None:
        return {}
    same = chosen.validators == epochs.current(state).validators.validators
    proof = EpochProof(final, () if same else chosen.validators)
    return {keys.EPOCH + fixed(final.header.epoch): encode(proof)}


def settle(folder: str, chain_id: bytes) -> bool:
    """Put a snapshot that is whole into the chain's place; whether there was one.

    To be called before the chain's store is opened. Killed at any step it is done at the next call.
    """
    chain, joining, old = (os.path.join(folder, name) for name in (CHAIN, JOINING, REPLACED))
    if not _whole(joining, chain_id):
        if not os.path.isdir(chain) and os.path.isdir(old):
            os.rename(old, chain)  # what was to replace it cannot be read any more
        shutil.rmtree(old, ignore_errors=True)
        return False
    if os.path.isdir(chain):
        shutil.rmtree(old, ignore_errors=True)
        os.rename(chain, old)
        failpoint("snapshot.old_away")
    os.rename(joining, chain)
    sync_folder(folder)
    failpoint("snapshot.in_place")
    shutil.rmtree(old, ignore_errors=True)
    return True


def _whole(joining: str, chain_id: bytes) -> bool:
    """Whether the last step of taking it in was made, or all but its very end.

    What cannot be read is thrown away: it is only a copy of what others have.
    """
    if not os.path.isdir(joining):
        return False
    try:
        with _open(joining, chain_id) as store:
            if store.get(keys.TIP) is None:
                return False
            store.finish()
            return True
    except StoreError:
        shutil.rmtree(joining, ignore_errors=True)
        return False
