"""Why a store cannot be used: every fault names the path, what is wrong and the next step."""

from __future__ import annotations


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
