"""Which gateways do not carry an epoch's messages for a while, and who may say so.

A leader that had to go round a gateway names it in a block of its own. Its word suffices: what
it saw cannot be proved, and a wrong one costs a little speed for a hundred blocks. The rest is
checked by everyone: one more name a block, of a gateway, never the last two, and each expires by
height. A header shows all that are in force after it, so the next block's paths follow from the
parent alone (bbft.md, section 6, F4).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import U16, U63, Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.topology import base_gateways
from bystack.sidechain.consensus.validators import (
    MAX_VALIDATORS,
    BitmapBits,
    BitmapLength,
    bitmap_of,
    indexes_of,
)

DEMOTED_BLOCKS = 100


class DemotionsMalformed(Invalid):
    """The demotions are not the bitmap of a set of validators, or an empty set's is not empty."""


class DemotionsForgotten(Invalid):
    """A demotion that has not expired is missing."""


class DemotionsMany(Invalid):
    """A block demotes more than one gateway."""


class DemotionStranger(Invalid):
    """A validator that is no gateway of this epoch is demoted."""


class DemotionLast(Invalid):
    """The demotion would leave fewer than one gateway."""


class Demotion(Wire):
    """A gateway that carries nothing in blocks up to `until`."""

    index: U16
    until: U63


class Demotions(Wire):
    """The demotions of one epoch, by index."""

    epoch: U63
    listed: Annotated[tuple[Demotion, ...], Meta(max_length=MAX_VALIDATORS)]


def in_force(known: Demotions, epoch: int, height: int) -> tuple[Demotion, ...]:
    """Those of `known` that a header of `height` still shows. Another epoch begins with none."""
    return tuple(d for d in known.listed if d.until >= height) if known.epoch == epoch else ()


def demoted_of(bitmap: bytes, size: int) -> frozenset[int]:
    """Whom a header's demotions name; raises `DemotionsMalformed`."""
    if not bitmap:
        return frozenset()
    try:
        named = indexes_of(bitmap, size)
    except (BitmapLength, BitmapBits):
        raise DemotionsMalformed(bitmap=bitmap, size=size) from None
    if not named:
        raise DemotionsMalformed(bitmap=bitmap, size=size)
    return frozenset(named)


def shown(listed: tuple[Demotion, ...], size: int) -> bytes:
    """The bitmap a header shows; empty for none."""
    return bitmap_of((d.index for d in listed), size) if listed else b""


def check_demotions(
    known: Demotions, bitmap: bytes, epoch: int, height: int, size: int, seed: bytes, wanted: int
) -> Demotions:
    """What is known after a header of `height` that shows `bitmap`.

    `size` validators, the epoch's `seed`, `wanted` gateways as configured. Raises
    `DemotionsMalformed`, `DemotionsForgotten`, `DemotionsMany`, `DemotionStranger`, `DemotionLast`.
    """
    before = in_force(known, epoch, height)
    named, old = demoted_of(bitmap, size), {d.index for d in before}
    new = sorted(named - old)
    if not old <= named:
        raise DemotionsForgotten(missing=str(sorted(old - named)))
    if len(new) > 1:
        raise DemotionsMany(named=str(new))
    for index in new:
        _check_new(index, old, base_gateways(size, seed, wanted))
    listed = (*before, *(Demotion(i, height + DEMOTED_BLOCKS - 1) for i in new))
    return Demotions(epoch, tuple(sorted(listed, key=lambda d: d.index)))


def _check_new(index: int, old: set[int], gateways: tuple[int, ...]) -> None:
    if index not in gateways:
        raise DemotionStranger(index=index)
    if len({*gateways} - old) < 2:
        raise DemotionLast(index=index)


def choose(
    known: Demotions, wish: int, epoch: int, height: int, size: int, seed: bytes, wanted: int
) -> bytes:
    """What a proposer's header shows that wishes to demote a gateway (-1: none)."""
    before = in_force(known, epoch, height)
    gateways, old = base_gateways(size, seed, wanted), {d.index for d in before}
    if wish in {*gateways} - old and len({*gateways} - old) >= 2:
        before = (*before, Demotion(wish, height))
    return shown(before, size)
