"""The header relay: the main chain's best chain, kept in the sidechain's own state.

A block's verdict on a claim reads only this state, never another daemon (attack P18). Kept are the
last W entries, each with the peaks of all headers before it; the fork choice is the main chain's
own code. A branch that does not end in strictly more work stores nothing (R03).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry, HeaderDelta, HeaderOrphan, add_headers
from bystack.mainchain.work import ENGINES, Engine
from bystack.primitives.codec import Wire
from bystack.primitives.errors import Invalid, Misuse
from bystack.sidechain.params import Genesis
from bystack.sidechain.peg_events import HeadersRelayed
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState, state_key
from bystack.sidechain.stops import stop_for_reorganisation

MAX_BRANCH = 2000

_TIP = state_key("relay/tip")


class RelayNotBetter(Invalid):
    """The branch does not end in strictly more work than the relayed tip has."""


class RelayDetached(Invalid):
    """The branch does not start from a header the relay still keeps."""


class HeaderNotRelayed(Invalid):
    """No relayed header of the best chain is at this height."""


class Relay(Wire):
    """A branch of main-chain headers, oldest first, from a kept header to a better tip."""

    headers: Annotated[tuple[Header, ...], Meta(min_length=1, max_length=MAX_BRANCH)]


def _entry_key(id: bytes) -> bytes:
    return state_key("relay/entry", id)


def height_key(height: int) -> bytes:
    """Where the state keeps the id of the relayed header at a height, while in the window."""
    return state_key("relay/height", height)


class RelayView:
    """The relayed window as the fork choice reads it."""

    def __init__(self, state: SystemState) -> None:
        self._state = state

    def entry(self, id: bytes, /) -> Entry | None:
        """The entry of a kept header of the best chain."""
        return self._state.read(Entry, _entry_key(id))

    def tip(self) -> bytes:
        """The best header's id."""
        tip = self._state.get(_TIP)
        if tip is None:
            raise Misuse("the relay has no checkpoint")
        return tip

    def best(self) -> Entry:
        """The best header's entry."""
        entry = self.entry(self.tip())
        if entry is None:
            raise Misuse("the relay does not hold its own tip")
        return entry

    def at(self, height: int) -> Entry:
        """The best chain's entry at a height of the window; raises `HeaderNotRelayed`."""
        id = self._state.get(height_key(height))
        entry = self.entry(id) if id else None
        if entry is None:
            raise HeaderNotRelayed(height=height)
        return entry

    def holds(self, height: int) -> bool:
        """True if the window has an entry at this height."""
        return self._state.get(height_key(height)) is not None


def oldest_kept(state: SystemState, genesis: Genesis) -> Entry:
    """The first entry of the window: the checkpoint while it is not full."""
    view = RelayView(state)
    first = view.best().header.height - genesis.window + 1
    return view.at(max(genesis.checkpoint.header.height, first))


def locator(view: RelayView, genesis: Genesis) -> Iterator[bytes]:
    """Relayed ids from the tip back, the steps doubling, the oldest kept one at last.

    Whoever asks a main chain for headers shows it, so that a branch which left the relayed one
    anywhere in the window comes whole.
    """
    tip = view.best().header.height
    oldest = max(genesis.checkpoint.header.height, tip - genesis.window + 1)
    height, step = tip, 1
    while height > oldest:
        yield view.at(height).id
        height -= step
        step *= 2
    yield view.at(oldest).id


def start_relay(state: SystemState, genesis: Genesis) -> None:
    """Begin at the genesis' checkpoint."""
    _connect(state, genesis.checkpoint)
    state.put(_TIP, genesis.checkpoint.id)


def relay(stage: Stage, action: Relay, memo: bytes = b"") -> HeaderDelta:
    """Add a branch. Time is judged by the sidechain block that carries it.

    `memo`: the transaction's, which may name a policy root to whose holder this work counts.
    Raises `RelayNotBetter`, `RelayDetached`, or a header rule's error; nothing is stored then.
    """
    now, engines = stage.block.time // 1000, stage.modules.engines
    delta = extend(stage.state, stage.genesis, action.headers, now, engines)
    if len(delta.disconnect) > stage.genesis.depth:
        stop_for_reorganisation(stage, delta.added[-1].header.height, stage.genesis.depth)
    height = RelayView(stage.state).best().header.height
    joined, left = len(delta.connect), len(delta.disconnect)
    carrier = memo if len(memo) == 32 else b""
    stage.note(HeadersRelayed(delta.new_tip, height, joined, left, carrier))
    stage.tell("relayed", tip=delta.new_tip, headers=len(delta.connect))
    return delta


def extend(
    state: SystemState,
    genesis: Genesis,
    headers: Sequence[Header],
    now: int,
    engines: Mapping[str, Engine] = ENGINES,
) -> HeaderDelta:
    """Add a branch to a window of headers kept in `state`; `now` in seconds. Raises as `relay`.

    A signer keeps such a window of its own, beside any sidechain.
    """
    view = RelayView(state)
    old = view.best()
    try:
        delta = add_headers(view, headers, genesis.main, now, engines)
    except HeaderOrphan as error:
        raise RelayDetached(parent=error.parent) from None
    if not delta.added or delta.new_tip != headers[-1].id:
        raise RelayNotBetter(tip=old.id, height=old.header.height)
    _store(state, genesis, view, delta)
    return delta


def _store(state: SystemState, genesis: Genesis, view: RelayView, delta: HeaderDelta) -> None:
    for id in delta.disconnect:
        entry = view.entry(id)
        if entry:
            state.put(height_key(entry.header.height), None)
            state.put(_entry_key(id), None)
    for added in delta.added:
        _connect(state, added)
    state.put(_TIP, delta.new_tip)
    _prune(state, genesis, delta)


def _connect(state: SystemState, entry: Entry) -> None:
    state.write(_entry_key(entry.id), entry)
    state.put(height_key(entry.header.height), entry.id)


def _prune(state: SystemState, genesis: Genesis, delta: HeaderDelta) -> None:
    """Drop what fell out of the window: heights below it are contiguous, so stop at a gap."""
    height = delta.added[-1].header.height - genesis.window
    while height >= 0 and (id := state.get(height_key(height))) is not None:
        state.put(height_key(height), None)
        state.put(_entry_key(id), None)
        height -= 1
