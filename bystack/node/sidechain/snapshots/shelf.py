"""The snapshots a node keeps for others: a folder each, written beside the chain, the oldest gone.

A snapshot is read from one moment of the store, in a thread that rests as long as it works, so the
chain goes on. It is made in a folder of another name and renamed when it is whole: what a killed
process leaves behind is no snapshot, and goes at the next start.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from typing import Final

import trio

from bystack.node.sidechain import columns as keys
from bystack.node.sidechain.columns import Tip
from bystack.node.store.coinstore import PREFIX as COIN
from bystack.node.store.failpoints import failpoint
from bystack.node.store.files import replace, sync_folder
from bystack.node.store.storage import Snapshot, View
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed
from bystack.sidechain.blocks import decode_header
from bystack.sidechain.snapshots.manifests import (
    MAX_CHUNKS,
    MAX_MANIFEST,
    Manifest,
    check_manifest,
    chunk_hash,
)
from bystack.sidechain.snapshots.rows import Row, Section, cut

MANIFEST: Final = "manifest"
MAKING: Final = "making"
MAX_TIP: Final = 1_000


class SnapshotTooLarge(Exception):
    """The state does not fit into a snapshot of the largest size."""


class Shelf:
    """A node's snapshots, the newest `kept` of them."""

    def __init__(self, folder: str, chain: bytes, kept: int) -> None:
        self._folder, self._chain, self._kept = folder, chain, kept
        os.makedirs(folder, mode=0o700, exist_ok=True)
        shutil.rmtree(os.path.join(folder, MAKING), ignore_errors=True)
        self.manifests = self._read()
        self._drop_old()

    def _read(self) -> tuple[Manifest, ...]:
        """What lies there, newest first; what cannot be read or is another chain's goes."""
        found: list[Manifest] = []
        for name in os.listdir(self._folder):
            place = os.path.join(self._folder, name)
            try:
                with open(os.path.join(place, MANIFEST), "rb") as file:
                    manifest = decode(Manifest, file.read(MAX_MANIFEST + 1), MAX_MANIFEST)
                check_manifest(manifest, self._chain)
            except (OSError, Invalid):
                shutil.rmtree(place, ignore_errors=True)
            else:
                found.append(manifest)
        return tuple(sorted(found, key=lambda one: -one.header.height))

    def _drop_old(self) -> None:
        for old in self.manifests[self._kept :]:
            shutil.rmtree(self._place(old.header.height), ignore_errors=True)
        self.manifests = self.manifests[: self._kept]

    def _place(self, height: int) -> str:
        return os.path.join(self._folder, f"{height:012d}")

    def find(self, id: bytes) -> Manifest | None:
        """The manifest of this id."""
        return next((one for one in self.manifests if one.id == id), None)

    def chunk(self, id: bytes, index: int) -> bytes | None:
        """A chunk; None if there is none, or no longer."""
        manifest = self.find(id)
        if manifest is None or index >= len(manifest.chunks):
            return None
        try:
            with open(_chunk(self._place(manifest.header.height), index), "rb") as file:
                return file.read()
        except OSError:
            return None

    async def make(self, view: Snapshot) -> Manifest | None:
        """Make a snapshot of this moment of the store; None if there is one of this height.

        `view` is closed at the end.
        """
        with view:
            tip = decode(Tip, view.get(keys.TIP) or b"", MAX_TIP)
            if not self._kept or any(one.header.height == tip.height for one in self.manifests):
                return None
            manifest = await trio.to_thread.run_sync(self._write, view, tip)
        self.manifests = (manifest, *self.manifests)
        self._drop_old()
        return manifest

    def _write(self, view: View, tip: Tip) -> Manifest:
        draft = os.path.join(self._folder, MAKING)
        shutil.rmtree(draft, ignore_errors=True)
        os.makedirs(draft, mode=0o700)
        try:
            return self._fill(view, tip, draft)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def _fill(self, view: View, tip: Tip, draft: str) -> Manifest:
        header = decode_header(view.get(keys.HEADER + fixed(tip.height)) or b"")
        hashes, size = [], 0
        for index, data in enumerate(_gently(cut(rows_of(view)))):
            if index >= MAX_CHUNKS:
                raise SnapshotTooLarge(f"more than {MAX_CHUNKS} chunks")
            replace(_chunk(draft, index), data, durable=False)
            failpoint("snapshot.making")
            hashes.append(chunk_hash(data))
            size += len(data)
        manifest = Manifest(header, tip.system_root, tip.multiset, size, tuple(hashes))
        replace(os.path.join(draft, MANIFEST), encode(manifest))
        os.rename(draft, self._place(header.height))
        sync_folder(self._folder)
        return manifest


def _chunk(place: str, index: int) -> str:
    return os.path.join(place, f"chunk-{index:05d}")


def _gently(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks, with a rest after each as long as it took; ends early when cancelled."""
    began = time.monotonic()
    for chunk in chunks:
        yield chunk
        trio.from_thread.check_cancelled()
        time.sleep(time.monotonic() - began)
        began = time.monotonic()


def rows_of(view: View) -> Iterator[Row]:
    """The rows of the state at a moment: entries and coins in order of key, leaves in order."""
    for key, value in view.iterate(keys.STATE):
        yield Row(Section.ENTRY, key[len(keys.STATE) :], value)
    for key, value in view.iterate(COIN):
        yield Row(Section.COIN, key[len(COIN) :], value)
    level = keys.NODE + fixed(0, 1)
    for key, value in view.iterate(level):
        yield Row(Section.LEAF, key[len(level) :], value)
