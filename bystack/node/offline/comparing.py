"""Two stores side by side, key by key in order: bounded memory, every difference named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bystack.node.offline.findings import KINDS, Finding, named
from bystack.node.store.chainstore import NODE
from bystack.node.store.storage import View

_END = b"\xff" * 64


class Difference(NamedTuple):
    """A key under which `stored` lies where `right` should; None is nothing."""

    key: bytes
    stored: bytes | None
    right: bytes | None

    def finding(self, kinds: Mapping[bytes, str] = KINDS) -> Finding:
        """The difference in words; `kinds` are those of the store."""
        kind, id = named(self.key, kinds)
        fault = "changed"
        if self.stored is None:
            fault = "missing"
        elif self.right is None:
            fault = "surplus"
        return Finding(kind, id, fault)


def differences(stored: View, right: View, prefix: bytes) -> Iterator[Difference]:
    """Where two stores differ under a prefix."""
    ours, theirs = stored.iterate(prefix), right.iterate(prefix)
    one, other = next(ours, None), next(theirs, None)
    while one is not None or other is not None:
        left, wanted = one or (_END, b""), other or (_END, b"")
        if left[0] < wanted[0]:
            yield Difference(left[0], left[1], None)
            one = next(ours, None)
        elif wanted[0] < left[0]:
            yield Difference(wanted[0], None, wanted[1])
            other = next(theirs, None)
        else:
            if left[1] != wanted[1]:
                yield Difference(left[0], left[1], wanted[1])
            one, other = next(ours, None), next(theirs, None)


def is_left_over(difference: Difference) -> bool:
    """Whether it is a history node above the tip: left by a reorganisation, read by nobody."""
    return difference.key[:1] == NODE and difference.right is None
