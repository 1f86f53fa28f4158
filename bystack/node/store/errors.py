"""Why a store cannot be used: every fault names the path, what is wrong and the next step."""

from __future__ import annotations

import shutil
from typing import Final

RESYNC: Final = "move the directory away and let the process fetch its chain again"
REPAIR: Final = "stop the node and run: bystackd check --repair"
FREE_BYTES_NEEDED: Final = 64 * 1024 * 1024


class StoreError(Exception):
    """The store cannot be used; the message names the path, the fault and the next step."""

    def __init__(self, path: str, fault: str, step: str) -> None:
        super().__init__(f"{path}: {fault}; {step}")
        self.path, self.fault, self.step = path, fault, step


class StoreLocked(StoreError):
    """Another process holds the store."""


class StoreCorrupt(StoreError):
    """Bytes on the disk are not what was written."""


class StoreUnfinished(StoreError):
    """A repair was cut short; the store is not to be used before it is done again."""


class StoreFull(StoreError):
    """The disk has no room for a commit."""


class StoreKind(StoreError):
    """The directory belongs to another kind of process."""


class StoreNetwork(StoreError):
    """The directory belongs to another network."""


class StoreVersion(StoreError):
    """The directory has a format this program neither reads nor migrates."""


def corrupt(path: str, error: object) -> StoreCorrupt:
    """Bytes could not be read, or not as what they should be."""
    return StoreCorrupt(path, f"damaged data ({error})", REPAIR)


def unwritable(path: str, error: object) -> StoreError:
    """A commit failed: for want of room, or for another reason."""
    if shutil.disk_usage(path).free < FREE_BYTES_NEEDED:
        return StoreFull(path, "the disk is full", "make room and start again")
    return StoreError(path, f"cannot write ({error})", "check the disk and its permissions")
