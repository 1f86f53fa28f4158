"""A branch that left a chain below a trusted header, judged from that one header alone.

Whoever keeps the last headers only cannot follow a branch that parts below them. But the oldest
kept header's history root proves where the branch leaves, and with the few headers before that
point every rule can be checked: so that such a branch exists is a proof, not anyone's word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Annotated

from msgspec import Meta

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import MEDIAN, Entry, HeaderView, check_child, parent_of
from bystack.mainchain.history import history_nodes, prove_history
from bystack.mainchain.line import Line
from bystack.mainchain.params import Params
from bystack.mainchain.proofs import HistoryProof, verify_history_proof
from bystack.mainchain.work import ENGINES, SEED_PERIOD, Engine, engine_named
from bystack.primitives.codec import Wire
from bystack.primitives.errors import Invalid
from bystack.primitives.mountain import Peaks, mountain_root

MAX_DEPARTURE = 2000


class ForkAncestors(Invalid):
    """The headers given are not the last ten before the fork."""


class ForkPeaks(Invalid):
    """The peaks given are not those of the headers before the fork."""


class BranchReturns(Invalid):
    """The branch holds the very header it is said to have left out."""


class Departure(Wire):
    """A branch, oldest first, from the child of `fork` on, and what judging it needs.

    `fork` and `seed` are proved under the trusted header's history root; `seed` is the header that
    names the seed at the fork. `before`: the up to ten headers before the fork, oldest first;
    `peaks`: those of all headers before it.
    """

    fork: HistoryProof
    seed: HistoryProof
    before: Annotated[tuple[Header, ...], Meta(max_length=MEDIAN - 1)]
    peaks: Peaks
    headers: Annotated[tuple[Header, ...], Meta(min_length=1, max_length=MAX_DEPARTURE)]


def verify_departure(
    trusted: Header,
    departure: Departure,
    params: Params,
    now: int | None,
    engines: Mapping[str, Engine] = ENGINES,
) -> Entry:
    """The entry of the branch's tip; `now` as for `check_header`.

    Raises this file's errors, those of `verify_history_proof`, the `Header…` errors.
    """
    entry, engine = _fork(trusted, departure), engine_named(params.work, engines)
    for header in departure.headers:
        if header.id == trusted.id:
            raise BranchReturns(height=header.height)
        entry = check_child(entry, header, params, now, engine)
    return entry


def _fork(trusted: Header, departure: Departure) -> Entry:
    """The fork's entry, every part of it bound by the trusted header."""
    height = departure.fork.header.height
    header = verify_history_proof(trusted, departure.fork, height)
    seed = verify_history_proof(trusted, departure.seed, height - height % SEED_PERIOD)
    line = (*departure.before, header)
    linked = all(child.previous == one.id for one, child in pairwise(line))
    if not linked or len(line) != min(MEDIAN, height + 1):
        raise ForkAncestors(height=height, given=len(departure.before))
    peaks = departure.peaks
    if peaks.count != height or mountain_root(peaks) != header.history_root:
        raise ForkPeaks(height=height)
    times = tuple(one.time for one in line)
    return Entry(header, departure.fork.work, peaks, times, seed.id)


def prove_departure(
    view: HeaderView, line: Line, node: Callable[[int, int], bytes], trusted: Entry, work: bytes
) -> Departure | None:
    """That the chain `line` left that of `trusted` below it and has more than `work` (32 bytes).

    `node` reads the stored hashes of the line's history. None if the work is not reached within
    the most headers a proof holds.
    """
    fork, gone = parent_of(view, trusted), dict[tuple[int, int], bytes]()
    while not line.holds(fork.id):
        gone.update({(level, at): hash for level, at, hash in history_nodes(fork)})
        fork = parent_of(view, fork)
    headers = _beyond(view, line, fork, work)
    if not headers:
        return None

    def old(level: int, at: int) -> bytes:
        return gone.get((level, at)) or node(level, at)

    height, before = fork.header.height, _before(view, fork)
    seed = _at(view, line, height - height % SEED_PERIOD)
    at_fork, at_seed = (prove_history(old, trusted.header, one) for one in (fork, seed))
    return Departure(at_fork, at_seed, before, fork.peaks, headers)


def _beyond(view: HeaderView, line: Line, fork: Entry, work: bytes) -> tuple[Header, ...]:
    """The line's headers after the fork up to the first with more work; empty if there is none."""
    headers: list[Header] = []
    first = fork.header.height + 1
    for height in range(first, min(len(line), first + MAX_DEPARTURE)):
        entry = _at(view, line, height)
        headers.append(entry.header)
        if entry.work > work:
            return tuple(headers)
    return ()


def _before(view: HeaderView, fork: Entry) -> tuple[Header, ...]:
    found: list[Header] = []
    while len(found) < MEDIAN - 1 and fork.header.height:
        fork = parent_of(view, fork)
        found.append(fork.header)
    return tuple(reversed(found))


def _at(view: HeaderView, line: Line, height: int) -> Entry:
    entry = view.entry(line.at(height) or b"")
    assert entry is not None, "a line's headers are in its view"
    return entry
