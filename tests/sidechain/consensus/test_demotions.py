"""Demotions: what a header may show, for how long, and what a proposer makes of its wish."""

from __future__ import annotations

import pytest

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.demotions import (
    DEMOTED_BLOCKS,
    Demotion,
    Demotions,
    check_demotions,
    choose,
    demoted_of,
)
from bystack.sidechain.consensus.validators import bitmap_of

SIZE, SEED, WANTED = 10, (2).to_bytes(32, "big"), 4
NONE = Demotions(0, ())
ONE = Demotions(3, (Demotion(4, 150),))
"""Gateways are 2, 3, 4 and 5; 4 is demoted up to height 150 of epoch 3."""


def check(known: Demotions, *named: int, epoch: int = 3, height: int = 100) -> Demotions:
    bitmap = bitmap_of(named, SIZE) if named else b""
    return check_demotions(known, bitmap, epoch, height, SIZE, SEED, WANTED)


def test_a_gateway_is_demoted_for_a_hundred_blocks() -> None:
    after = check(NONE, 3)
    assert after == Demotions(3, (Demotion(3, 100 + DEMOTED_BLOCKS - 1),))
    assert check(after, 3, height=199) == after
    assert check(after, height=200) == Demotions(3, ())


@pytest.mark.parametrize(
    ("known", "named", "rule"),
    [
        (ONE, (), "DemotionsForgotten"),
        (ONE, (3,), "DemotionsForgotten"),
        (ONE, (2, 3, 4), "DemotionsMany"),
        (ONE, (4, 9), "DemotionStranger"),
        (Demotions(3, tuple(Demotion(i, 150) for i in (2, 3, 4))), (2, 3, 4, 5), "DemotionLast"),
    ],
)
def test_what_no_header_may_show(known: Demotions, named: tuple[int, ...], rule: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(known, *named)
    assert refused.value.rule == rule


@pytest.mark.parametrize("bitmap", [b"\0\0", b"\1", b"\0\x04", b"\1\0\0"])
def test_bitmaps_have_one_form(bitmap: bytes) -> None:
    with pytest.raises(Invalid, match="DemotionsMalformed"):
        demoted_of(bitmap, SIZE)


def test_an_epoch_begins_without_any() -> None:
    assert check(ONE, epoch=4) == Demotions(4, ())


@pytest.mark.parametrize(
    ("known", "wish", "shows"),
    [
        (NONE, -1, ()),
        (NONE, 3, (3,)),
        (NONE, 9, ()),
        (ONE, -1, (4,)),
        (ONE, 4, (4,)),
        (ONE, 2, (2, 4)),
        (Demotions(3, tuple(Demotion(i, 150) for i in (2, 3, 4))), 5, (2, 3, 4)),
    ],
)
def test_a_wish_that_may_not_be_is_left_out(
    known: Demotions, wish: int, shows: tuple[int, ...]
) -> None:
    bitmap = choose(known, wish, 3, 100, SIZE, SEED, WANTED)
    assert tuple(sorted(demoted_of(bitmap, SIZE))) == shows
    check_demotions(known, bitmap, 3, 100, SIZE, SEED, WANTED)
