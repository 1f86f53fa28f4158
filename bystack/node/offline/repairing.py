"""Putting a store right: it is made to hold what its sound blocks give, and nothing else.

The first step marks the store as unfinished, the last takes the mark away; a repair that is killed
is begun again, and nobody opens the store before it is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from bystack.node.offline.comparing import differences
from bystack.node.offline.findings import KINDS, Finding
from bystack.node.offline.headers import Judged
from bystack.node.offline.rebuilding import filter_differs, judge_block
from bystack.node.store.chainstore import BAD, BLOCK, ENTRY, FILTER, LOOSE
from bystack.node.store.storage import Store, View
from bystack.primitives.codec import encode
from bystack.primitives.hashes import fixed

STEP_KEYS: Final = 2_000
STEP_BYTES: Final = 8_000_000

Change = tuple[bytes, bytes | None]


class Right(NamedTuple):
    """What should be: derived keys in `view`, sound entries, the ids of the connected chain."""

    view: View
    judged: Judged
    line: Sequence[bytes]
    damage: Finding | None


def repair(store: Store, right: Right, prefixes: Iterable[bytes]) -> None:
    """Make the store hold what is right under these prefixes, and sound blocks and headers."""
    store.change_unfinished({})
    _apply(store, _entries(store, right.judged))
    for prefix in prefixes:
        found = differences(store, right.view, prefix)
        _apply(store, ((one.key, one.right) for one in found))
    _apply(store, _blocks(store, right))
    # With the rest an index of addresses goes; where one is wanted, the next start makes it.
    _apply(store, ((key, None) for key, _ in store.iterate() if key[:1] not in KINDS))
    _apply(store, _filters(store))
    store.finish()


def _apply(store: Store, changes: Iterator[Change]) -> None:
    """Write changes in steps of bounded size."""
    step: dict[bytes, bytes | None] = {}
    size = 0
    for key, value in changes:
        step[key] = value
        size += len(value or b"")
        if len(step) >= STEP_KEYS or size >= STEP_BYTES:
            store.change_unfinished(step)
            step, size = {}, 0
    store.change_unfinished(step)


def _entries(store: View, judged: Judged) -> Iterator[Change]:
    """The sound entries, numbered without gaps."""
    if not judged.findings:
        return
    for number, entry in enumerate(judged.entries):
        yield ENTRY + fixed(number), encode(entry)
    for key, _ in store.iterate(ENTRY, start=ENTRY + fixed(len(judged.entries))):
        yield key, None


def _blocks(store: View, right: Right) -> Iterator[Change]:
    """Connected blocks are not at hand, sound others are, the rest are gone."""
    line, bodies = set(right.line), set[bytes]()
    bad = _invalid(right.damage)
    if bad:
        yield BAD + bad, b""
    for key, data in store.iterate(BLOCK):
        id = key[1:]
        sound = id != bad and not isinstance(judge_block(id, data), Finding)
        bodies.update([id] if sound else [])
        if not sound:
            yield key, None
        elif id not in line:
            yield LOOSE + id, b""
    for key, _ in store.iterate(LOOSE):
        if key[1:] in line or key[1:] not in bodies:
            yield key, None
    first = right.line[0]
    if first not in bodies:
        yield BLOCK + first, right.view.get(BLOCK + first)


def _filters(store: View) -> Iterator[Change]:
    """Wrong filters go; they are made again when somebody asks."""
    for key, data in store.iterate(FILTER):
        if filter_differs(store, key[1:], data):
            yield key, None


def _invalid(damage: Finding | None) -> bytes:
    """The id of a stored block that breaks a rule, though its bytes are as they should be."""
    if damage is None or damage.kind != "block" or not damage.fault.startswith("invalid"):
        return b""
    return bytes.fromhex(damage.id)
