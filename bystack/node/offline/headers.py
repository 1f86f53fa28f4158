"""The stored header entries, judged again from the first one: work, times, targets, history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bystack.mainchain.blocks import Header, decode_block
from bystack.mainchain.chain import Entry, check_child, genesis_entry
from bystack.mainchain.params import Params
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import Engine, engine_named
from bystack.node.offline.findings import Finding
from bystack.node.store.chainstore import BAD, BLOCK, ENTRY, MAX_ENTRY
from bystack.node.store.storage import View
from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed


class Judged(NamedTuple):
    """The entries that hold, in the order first seen, those marked invalid left out of the tree."""

    entries: tuple[Entry, ...]
    tree: HeaderTree
    findings: tuple[Finding, ...]


def judge_entries(view: View, params: Params, engines: Mapping[str, Engine]) -> Judged:
    """Read and judge every stored entry; what does not hold is a finding and is left out."""
    found: list[Finding] = []
    engine = engine_named(params.work, engines)
    known: dict[bytes, Entry] = {}
    for at, (key, data) in enumerate(view.iterate(ENTRY)):
        number = int.from_bytes(key[1:], "big")
        if key != ENTRY + fixed(at) and not found:
            found.append(Finding("header entry", str(at), "missing"))
        try:
            entry = _judged(decode(Entry, data, MAX_ENTRY), known, params, engine)
        except Invalid as error:
            found.append(Finding("header entry", str(number), f"damaged ({error.rule})"))
            continue
        known[entry.id] = entry
    first = genesis_entry(params)
    if first.id not in known:
        found.append(Finding("header entry", "0", "missing"))
        known = {first.id: first}
    return Judged(tuple(known.values()), _tree(view, known, params, engines), tuple(found))


def _tree(
    view: View, known: Mapping[bytes, Entry], params: Params, engines: Mapping[str, Engine]
) -> HeaderTree:
    invalid = {key[1:] for key, _ in view.iterate(BAD)}
    sound: list[Entry] = []
    for entry in known.values():
        if entry.id in invalid or entry.header.previous in invalid:
            invalid.add(entry.id)
        else:
            sound.append(entry)
    return HeaderTree(sound, params, engines, invalid=invalid)


class EntryWrong(Invalid):
    """A stored entry is not what its header and its parent give."""


class ParentLost(Invalid):
    """The entry of the header before is missing or damaged."""


def _judged(stored: Entry, known: Mapping[bytes, Entry], params: Params, engine: Engine) -> Entry:
    first = genesis_entry(params)
    if stored.id == first.id:
        right = first
    else:
        parent = known.get(stored.header.previous)
        if parent is None:
            raise ParentLost(parent=stored.header.previous)
        right = check_child(parent, stored.header, params, None, engine)
    if right != stored:
        raise EntryWrong(id=stored.id)
    return right


def rescue(view: View, judged: Judged) -> Judged:
    """Add the headers of stored blocks whose entries are lost."""
    lost = [header for header in _headers(view) if judged.tree.entry(header.id) is None]
    added: list[Entry] = []
    for header in sorted(lost, key=lambda header: header.height):
        try:
            added += judged.tree.add([header], None).added
        except Invalid:  # marked invalid, or its parent is lost too
            continue
    return judged._replace(entries=(*judged.entries, *added))


def _headers(view: View) -> Iterator[Header]:
    for key, data in view.iterate(BLOCK):
        try:
            header = decode_block(data).header
        except Invalid:
            continue
        if header.id == key[1:]:
            yield header
