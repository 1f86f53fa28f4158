"""Carrying a chain out of a stopped node: its connected blocks as one file, whole or not at all."""

from __future__ import annotations

import os
from typing import BinaryIO

from bystack.mainchain.archive import Writer, network_of
from bystack.node.offline.findings import Progress
from bystack.node.store.chainstore import ChainStore
from bystack.node.store.files import sync_folder
from bystack.node.store.storage import StoreCorrupt
from bystack.primitives.errors import Invalid

_STEP = "stop the node and run: bystackd check --repair"


class NothingThere(Invalid):
    """The chain ends below the first height asked for."""


def export_chain(store: ChainStore, file: str, first: int, progress: Progress) -> tuple[int, int]:
    """Write the blocks from height `first` (or the first kept) on to `file`; first and last height.

    The file appears when it is whole. Raises `FileExistsError`, `NothingThere`, `StoreCorrupt`,
    `OSError`.
    """
    if os.path.exists(file):
        raise FileExistsError(f"{file} exists already; choose another name")
    tip = store.load().tree.entry(store.tip())
    last = tip.header.height if tip else 0
    first = max(first, store.first_kept)
    if first > max(last, 1):
        raise NothingThere(first=first, last=last)
    draft = f"{file}.part"
    try:
        with open(draft, "wb") as out:
            _write(store, out, first, last, progress)
            out.flush()
            os.fsync(out.fileno())
        os.rename(draft, file)
    finally:
        if os.path.lexists(draft):
            os.unlink(draft)
    sync_folder(os.path.dirname(os.path.abspath(file)))
    return first, last


def _write(store: ChainStore, out: BinaryIO, first: int, last: int, progress: Progress) -> None:
    writer = Writer(network_of(store.params), first, last)
    out.write(writer.begin)
    for height in range(first, last + 1):
        id = store.connected_at(height)
        data = None if id is None else store.block_bytes(id)
        if data is None:
            raise StoreCorrupt(store.path, f"the block at height {height} is missing", _STEP)
        out.write(writer.block(data))
        progress("blocks", height - first + 1, last - first + 1)
    out.write(writer.end())
