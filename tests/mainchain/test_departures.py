"""Branches that left below a trusted header: proved wherever they part, refused when spoiled."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
import pytest

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry, HeaderTarget, HeaderTimeAhead
from bystack.mainchain.departures import (
    BranchReturns,
    Departure,
    ForkAncestors,
    ForkPeaks,
    prove_departure,
    verify_departure,
)
from bystack.mainchain.line import Line
from bystack.mainchain.proofs import HistoryIndex, HistoryProof, ProofHeight
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import ProofMismatch
from bystack.primitives.mountain import MountainProof, Peaks, PeaksMalformed
from tests.mainchain.builders import EASY
from tests.sidechain.mainside import Main
from tests.wire import check_wire

ONE, TWO, THREE = (bytes([n]) * 32 for n in (1, 2, 3))
HEADER = Header(1, 5, ONE, TWO, THREE, 7, ONE, 1_735_689_700, 0x207FFFFF, bytes(8))


@lru_cache(maxsize=1)
def grown() -> Main:
    main = Main()
    main.grow(270)
    return main


def left(depth: int, above: int) -> tuple[Main, Entry, Departure]:
    """A chain that left at `depth` below its tip; the trusted header is `above` over the fork."""
    main = grown().copy()
    old = list(main.entries)
    trusted = old[len(old) - 1 - depth + above]
    main.reorganise(depth)
    departure = main.departure(trusted.id, old[-1].work)
    assert departure is not None
    return main, trusted, departure


def test_on_the_wire() -> None:
    proof = HistoryProof(HEADER, TWO, MountainProof(5, 9, (), (THREE,)))
    value = Departure(proof, proof, (HEADER,), Peaks(1, (ONE,)), (HEADER,))
    check_wire("mainchain_departure", value)


@pytest.mark.parametrize(
    ("depth", "above"),
    # Above and below the seed's block at 256, at 256, at the genesis and near it.
    [(1, 1), (5, 1), (5, 5), (13, 3), (14, 1), (14, 14), (15, 2), (120, 100), (265, 7), (270, 1)],
)
def test_the_tip_is_judged_as_by_one_who_has_the_chain(depth: int, above: int) -> None:
    main, trusted, departure = left(depth, above)
    assert departure.fork.header.height == 270 - depth
    assert verify_departure(trusted.header, departure, EASY, None) == main.tip


def test_no_more_headers_than_needed_and_none_if_the_work_is_not_reached() -> None:
    main, trusted, _ = left(5, 1)
    short = main.departure(trusted.id, main.entries[-4].work)
    assert short is not None and short.headers[-1] == main.entries[-3].header
    assert main.departure(trusted.id, main.tip.work) is None
    assert main.departure(main.tip.id, bytes(32)) is None


def test_a_branch_that_holds_the_trusted_header_has_not_left_it() -> None:
    main = grown()
    line, trusted = Line(main.tree, main.entries[0], main.tip), main.entries[200]
    same = prove_departure(main.tree, line, main._node, trusted, trusted.work)
    assert same is not None
    with pytest.raises(BranchReturns):
        verify_departure(trusted.header, same, EASY, None)


def spoiled() -> list[tuple[type[Invalid], dict[str, Any]]]:
    _, _, good = left(20, 4)
    other = left(21, 4)[2]
    bad = msgspec.structs.replace(good.headers[3], target=0x207FFFFE)
    moved = msgspec.structs.replace(other.fork, path=good.fork.path)
    return [
        (ForkAncestors, {"before": good.before[1:]}),
        (ForkAncestors, {"before": good.before[:-1]}),
        (ForkAncestors, {"before": (*good.before[:-1], good.headers[0])}),
        (ForkAncestors, {"before": (good.before[1], *good.before[1:])}),
        (ForkPeaks, {"peaks": other.peaks}),
        (PeaksMalformed, {"peaks": Peaks(good.peaks.count, ())}),
        (ProofHeight, {"seed": good.fork}),
        (ProofMismatch, {"fork": msgspec.structs.replace(good.fork, work=THREE)}),
        (HistoryIndex, {"fork": moved}),
        (HeaderTarget, {"headers": (*good.headers[:3], bad, *good.headers[4:])}),
    ]


@pytest.mark.parametrize("case", range(10))
def test_each_part_is_bound(case: int) -> None:
    _, trusted, good = left(20, 4)
    error, fields = spoiled()[case]
    with pytest.raises(error):
        verify_departure(trusted.header, msgspec.structs.replace(good, **fields), EASY, None)


def test_the_clock_is_that_of_whoever_judges() -> None:
    main, trusted, good = left(20, 4)
    late = main.tip.header.time - EASY.tolerance
    verify_departure(trusted.header, good, EASY, late)
    with pytest.raises(HeaderTimeAhead):
        verify_departure(trusted.header, good, EASY, late - 1)
