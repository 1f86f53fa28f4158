"""Fork choice: which header is best, decided once for full node, light node and sidechain relay.

A header is judged by its parent's entry alone, which carries what older headers matter for: the
accumulated work, the mountain range over all of them, their last eleven times and the seed. So a
view may begin at any entry, as a relay's window does. Most accumulated work wins, whatever the
length of the branch; of equals the first seen (mainchain.md, "Fork choice").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple, Protocol

from msgspec import Meta

from bystack.mainchain.blocks import MAX_TRANSACTIONS, VERSION, Header
from bystack.mainchain.params import Params, genesis
from bystack.mainchain.work import (
    ENGINES,
    SEED_PERIOD,
    Engine,
    asert,
    bits_of,
    engine_named,
    meets,
    target_of,
    work_of,
)
from bystack.primitives.codec import U63, Bytes32, Wire
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.mountain import EMPTY_PEAKS, Peaks, append, mountain_root

MEDIAN = 11


class HeaderVersion(Invalid):
    """The header has a version this chain does not know."""


class HeaderOrphan(Invalid):
    """The header's parent is not known."""


class HeaderHeight(Invalid):
    """The header's height is not its parent's plus one."""


class HeaderCount(Invalid):
    """The header counts no transaction, not even a coinbase, or more than a block may hold."""


class HeaderTarget(Invalid):
    """The header's target is not the one its parent prescribes."""


class HeaderWork(Invalid):
    """The header's digest does not meet its target."""


class HeaderTimeOld(Invalid):
    """The header's time is not above the median of the last eleven."""


class HeaderTimeAhead(Invalid):
    """The header's time is too far ahead of the clock."""


class HeaderHistory(Invalid):
    """The header's history root does not commit to the headers before it."""


class Entry(Wire, dict=True):
    """A judged header with all that judging its children needs.

    `work` is accumulated and includes this header's; `peaks` are those of all *earlier* headers,
    which `header.history_root` commits to; `times` are the last eleven, oldest first, this
    header's included; `seed` is that of the children.
    """

    header: Header
    work: Bytes32
    peaks: Peaks
    times: Annotated[tuple[U63, ...], Meta(min_length=1, max_length=MEDIAN)]
    seed: Bytes32

    @property
    def id(self) -> bytes:
        """The header's id."""
        return self.header.id


# Any entry one trusts is a place to start from: it holds the times and peaks before it.
Checkpoint = Entry


class HeaderView(Protocol):
    """A read-only set of entries, closed towards the tip, and the best of them."""

    def entry(self, id: bytes, /) -> Entry | None:
        """The entry of a header, or None when it is not known."""

    def tip(self) -> bytes:
        """The id of the best header."""


class HeaderDelta(NamedTuple):
    """What adding headers changes.

    `disconnect` lists the ids that leave the best chain, tip first; `connect` those that join it,
    oldest first. Both are empty when the tip stays.
    """

    added: tuple[Entry, ...]
    old_tip: bytes
    new_tip: bytes
    disconnect: tuple[bytes, ...]
    connect: tuple[bytes, ...]


def history_leaf(header_id: bytes, work: bytes) -> bytes:
    """What the mountain range holds of a header: its id and its accumulated work."""
    return header_id + work


def genesis_entry(params: Params) -> Entry:
    """Where every chain of the network starts."""
    header = genesis(params).header
    work = work_of(target_of(header.target)).to_bytes(32, "big")
    return Entry(header, work, EMPTY_PEAKS, (header.time,), header.id)


def next_peaks(entry: Entry) -> Peaks:
    """The mountain range over all headers up to and including this one."""
    return append(entry.peaks, history_leaf(entry.header.id, entry.work))[0]


def next_target(parent: Entry, params: Params) -> int:
    """The compact target of the parent's children: ASERT from the genesis, or the genesis's own."""
    if not params.retarget:
        return params.genesis_target
    header = parent.header
    late = header.time - params.genesis_time - params.spacing * header.height
    limit = target_of(params.target_limit)
    return bits_of(asert(target_of(params.genesis_target), late, params.half_life, limit))


def median_time(parent: Entry) -> int:
    """The median of the last eleven times, which a child's must exceed."""
    return sorted(parent.times)[len(parent.times) // 2]


def check_header(
    view: HeaderView,
    header: Header,
    params: Params,
    now: int | None,
    engines: Mapping[str, Engine] = ENGINES,
) -> Entry:
    """Judge a header by every rule that needs no transactions; `now` in seconds, None for no clock.

    Raises one of the `Header…` errors of this file.
    """
    parent = view.entry(header.previous)
    if parent is None:
        raise HeaderOrphan(parent=header.previous)
    return check_child(parent, header, params, now, engine_named(params.work, engines))


def check_child(
    parent: Entry, header: Header, params: Params, now: int | None, engine: Engine
) -> Entry:
    """As `check_header`, when the parent's entry is at hand."""
    _check_place(parent, header)
    check_count(header)
    _check_time(parent, header, params, now)
    peaks = next_peaks(parent)
    if header.history_root != mountain_root(peaks):
        raise HeaderHistory(height=header.height, root=header.history_root)
    if header.target != (expected := next_target(parent, params)):
        raise HeaderTarget(expected=expected, given=header.target)
    if not meets(engine.digest(header.id, parent.seed), target_of(header.target)):
        raise HeaderWork(id=header.id)
    return _entry(parent, header, peaks)


def known_child(parent: Entry, header: Header) -> Entry:
    """The entry of a header that was judged before and kept: nothing is judged again.

    Raises `HeaderOrphan`, `HeaderHeight`, `HeaderVersion` when it is no child of `parent`.
    """
    _check_place(parent, header)
    return _entry(parent, header, next_peaks(parent))


def _entry(parent: Entry, header: Header, peaks: Peaks) -> Entry:
    work = int.from_bytes(parent.work, "big") + work_of(target_of(header.target))
    seed = parent.seed if header.height % SEED_PERIOD else header.id
    times = (*parent.times, header.time)[-MEDIAN:]
    return Entry(header, work.to_bytes(32, "big"), peaks, times, seed)


def _check_place(parent: Entry, header: Header) -> None:
    if header.version != VERSION:
        raise HeaderVersion(version=header.version)
    if header.previous != parent.header.id:
        raise HeaderOrphan(parent=header.previous)
    if header.height != parent.header.height + 1:
        raise HeaderHeight(expected=parent.header.height + 1, given=header.height)


def check_count(header: Header) -> None:
    """Raise `HeaderCount` when no block can have the number of transactions the header commits to.

    The header shows this fault itself, so whoever has no bodies refuses it too.
    """
    if not 1 <= header.transaction_count <= MAX_TRANSACTIONS:
        raise HeaderCount(given=header.transaction_count, most=MAX_TRANSACTIONS)


def _check_time(parent: Entry, header: Header, params: Params, now: int | None) -> None:
    if header.time <= (median := median_time(parent)):
        raise HeaderTimeOld(time=header.time, median=median)
    if now is not None and header.time > now + params.tolerance:
        raise HeaderTimeAhead(time=header.time, now=now)


def add_headers(
    view: HeaderView,
    headers: Sequence[Header],
    params: Params,
    now: int | None,
    engines: Mapping[str, Engine] = ENGINES,
) -> HeaderDelta:
    """Judge a branch, oldest first, each header the child of the one before; change nothing.

    Headers known already are passed over. One bad header refuses the branch (`Header…` errors).
    """
    return choose(view, judge_branch(view, headers, params, now, engines))


def judge_branch(
    view: HeaderView,
    headers: Sequence[Header],
    params: Params,
    now: int | None,
    engines: Mapping[str, Engine] = ENGINES,
) -> tuple[Entry, ...]:
    """The entries of those headers of a branch that are not known; raises as `add_headers`."""
    engine = engine_named(params.work, engines)
    added: list[Entry] = []
    parent: Entry | None = None
    for header in headers:
        if not added and (known := view.entry(header.id)) is not None:
            parent = known
            continue
        parent = parent if added or parent is not None else view.entry(header.previous)
        if parent is None:
            raise HeaderOrphan(parent=header.previous)
        parent = check_child(parent, header, params, now, engine)
        added.append(parent)
    return tuple(added)


def choose(view: HeaderView, added: Sequence[Entry]) -> HeaderDelta:
    """The change of the best chain when a branch of judged entries joins the view."""
    old = view.tip()
    best = view.entry(old)
    if best is None:
        raise Misuse("the view does not hold its own tip")
    if not added or added[-1].work <= best.work:
        return HeaderDelta(tuple(added), old, old, (), ())
    disconnect, connect = path(_Grown(view, added), best, added[-1])
    return HeaderDelta(tuple(added), old, added[-1].id, disconnect, connect)


class _Grown:
    """A view with a branch on top."""

    def __init__(self, view: HeaderView, added: Sequence[Entry]) -> None:
        self._view = view
        self._added = {entry.id: entry for entry in added}

    def entry(self, id: bytes, /) -> Entry | None:
        return self._added.get(id) or self._view.entry(id)

    def tip(self) -> bytes:
        return self._view.tip()


def path(view: HeaderView, old: Entry, new: Entry) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """From one entry to another: ids to disconnect, tip first, and to connect, oldest first.

    Raises `HeaderOrphan` when the view does not reach back to where the two branches part.
    """
    down: list[bytes] = []
    up: list[bytes] = []
    while old.id != new.id:
        if old.header.height >= new.header.height:
            down.append(old.id)
            old = parent_of(view, old)
        else:
            up.append(new.id)
            new = parent_of(view, new)
    return tuple(down), tuple(reversed(up))


def parent_of(view: HeaderView, entry: Entry) -> Entry:
    """The entry before this one; raises `HeaderOrphan` when the view does not hold it."""
    parent = view.entry(entry.header.previous)
    if parent is None:
        raise HeaderOrphan(parent=entry.header.previous)
    return parent
