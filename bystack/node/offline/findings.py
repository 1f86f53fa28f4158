"""What a check says: differences between a store and what its blocks give, each named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from bystack.node.store import chainstore as keys
from bystack.node.store.coinstore import PREFIX as COIN
from bystack.node.store.coinstore import outpoint_of

SHOWN: Final = 5
"""Differences of one kind that are listed; all of them are counted."""

KINDS: Mapping[bytes, str] = MappingProxyType(
    {
        COIN: "coin",
        keys.ENTRY: "header entry",
        keys.BAD: "invalid mark",
        keys.BLOCK: "block",
        keys.LOOSE: "block at hand",
        keys.LINE: "height",
        keys.UNDO: "undo data",
        keys.TRANSACTION: "transaction index",
        keys.NODE: "history node",
        keys.VAULT: "vault coin",
        keys.ANCHOR: "vault anchor",
        keys.FILTER: "filter",
        keys.TIP: "tip",
        keys.PRUNED: "pruned height",
    }
)


class Finding(NamedTuple):
    """One thing that is not as it should be: its kind, which one, and what is wrong with it."""

    kind: str
    id: str
    fault: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}: {self.fault}"


class Progress(Protocol):
    """Hears how far a long work is."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """`done` of `total` blocks (or keys, when `total` is 0) of the step `what`."""


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def named(key: bytes, kinds: Mapping[bytes, str] = KINDS) -> tuple[str, str]:
    """The kind of a stored key and which one it is, in words; `kinds` are those of the store."""
    kind, rest = kinds.get(key[:1], "unknown key"), key[1:]
    match key[:1]:
        case _ if key[:1] == COIN and len(key) == 37:
            place = outpoint_of(key)
            return kind, f"{place.transaction.hex()}:{place.index}"
        case _ if len(rest) == 8:
            return kind, str(int.from_bytes(rest, "big"))
        case _ if len(rest) == 9:
            return kind, f"{rest[0]}/{int.from_bytes(rest[1:], 'big')}"
        case _:
            return kind, rest.hex() or "-"


@dataclass
class Report:
    """What a check of one store found."""

    path: str
    height: int = 0
    tip: str = ""
    first_kept: int = 1
    blocks: int = 0
    transactions: int = 0
    coins: int = 0
    signatures: bool = True
    repaired: bool = False
    damaged: list[Finding] = field(default_factory=list)
    differences: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    step: str = ""

    @property
    def sound(self) -> bool:
        """Whether everything is as the blocks say."""
        return not self.damaged and not self.counts

    def differs(self, finding: Finding) -> None:
        """Note a difference; only the first ones of a kind are listed."""
        kind = f"{finding.kind} {finding.fault}"
        self.counts[kind] += 1
        if self.counts[kind] <= SHOWN:
            self.differences.append(finding)

    def as_json(self) -> dict[str, object]:
        """The report as JSON values."""
        facts = {name: value for name, value in vars(self).items() if name not in _LISTS}
        lists = {name: [str(one) for one in getattr(self, name)] for name in _LISTS}
        return {**facts, **lists, "counts": dict(self.counts), "sound": self.sound}


_LISTS = ("damaged", "differences")
