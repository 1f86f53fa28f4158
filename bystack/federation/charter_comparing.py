"""What changes from one charter to another, in sentences: what becomes looser, what stricter.

Looser is what lets more leave, sooner, by fewer keys, or protects less; whether a vault's signers
take the step as one change is `terms_changes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import chain, combinations
from typing import NamedTuple

from bystack.federation.charter import (
    Charter,
    ListedAsset,
    Role,
    TierRule,
    key_names,
    named_policy,
    stand_in,
)
from bystack.federation.charter_reading import fraction
from bystack.federation.leak_names import named_terms
from bystack.federation.powers import satisfied
from bystack.federation.terms_changes import TermsChangeInvalid, check_terms_change
from bystack.ledger.policies import Policy
from bystack.ledger.terms import keys_of

MAX_COMPARED = 12
FINEST = 18


class Way(StrEnum):
    """Whether a change lets more happen, less, or something else."""

    LOOSER = "looser"
    STRICTER = "stricter"
    OTHER = "other"


class Change(NamedTuple):
    """One difference: where (a dotted path), in which way, and the sentence."""

    where: str
    way: Way
    sentence: str


def differences(old: Charter, new: Charter) -> tuple[Change, ...]:
    """Every difference in what two charters promise, in the order of the new one."""
    return tuple(chain(_named(old, new), _tiers(old, new), _roles(old, new), _fees(old, new)))


def refusal(
    old: Charter, new: Charter, assets: Mapping[str, ListedAsset]
) -> TermsChangeInvalid | None:
    """Why signers would not take `new` after `old` as one change; None if they do.

    `assets`: ids and decimals where a roster gives them. Raises as `charter.compile`.
    """
    try:
        check_terms_change(named_terms(old, assets)[0], named_terms(new, assets)[0])
    except TermsChangeInvalid as error:
        return error
    return None


def _named(old: Charter, new: Charter) -> Iterator[Change]:
    if old.name != new.name:
        yield Change("name", Way.OTHER, f"The federation's name is {new.name}, was {old.name}.")


def _tiers(old: Charter, new: Charter) -> Iterator[Change]:
    before = {tier.name: (number, tier) for number, tier in enumerate(old.tiers)}
    for number, tier in enumerate(new.tiers):
        where = f"tier.{tier.name}"
        if tier.name not in before:
            yield Change(where, Way.LOOSER, f"Tier {tier.name} is new; its buckets start empty.")
            continue
        place, was = before[tier.name]
        if place != number:
            said = f"Tier {tier.name} moves to place {number + 1}: the bucket of that place counts."
            yield Change(where, Way.OTHER, said)
        yield from _tier(where, was, tier)
    for name in before.keys() - {tier.name for tier in new.tiers}:
        yield Change(f"tier.{name}", Way.STRICTER, f"Tier {name} is gone.")


def _tier(where: str, old: TierRule, new: TierRule) -> Iterator[Change]:
    yield from _policy(where, f"order by tier {new.name}", old.policy, new.policy)
    yield from _number(where, "delay", f"Tier {new.name} waits", old.delay, new.delay)
    if bool(old.limits) != bool(new.limits):
        way, word = (Way.STRICTER, "has limits now") if new.limits else (Way.LOOSER, "has none now")
        yield Change(f"{where}.limit", way, f"Tier {new.name} {word}.")
    elif new.limits:
        yield from _number(where, "window", f"Tier {new.name} refills in", old.window, new.window)
        yield from _limits(where, new.name, dict(old.limits), dict(new.limits))


def _limits(
    where: str, tier: str, old: Mapping[str, str], new: Mapping[str, str]
) -> Iterator[Change]:
    for asset in sorted(old.keys() | new.keys()):
        before, after = _amount(old.get(asset)), _amount(new.get(asset))
        if before == after:
            continue
        way = Way.LOOSER if after > before else Way.STRICTER
        was, now = old.get(asset, "nothing"), new.get(asset, "nothing")
        said = f"Tier {tier} pays at most {now} {asset} at once, was {was}."
        yield Change(f"{where}.limit.{asset}", way, said)


def _amount(text: str | None) -> int:
    found = fraction(text, FINEST) if text is not None else 0
    assert found is not None, "a parsed charter's amounts are decimal"
    return found


def _number(where: str, key: str, start: str, old: int, new: int) -> Iterator[Change]:
    if old != new:
        way = Way.LOOSER if new < old else Way.STRICTER
        yield Change(f"{where}.{key}", way, f"{start} {new} blocks, was {old}.")


def _roles(old: Charter, new: Charter) -> Iterator[Change]:
    yield from _role("guard", "freeze, veto and cancel", "A freeze lasts", old.guard, new.guard)
    govern = ("govern", "announce terms", "Announced terms ripen after")
    yield from _role(*govern, old.govern, new.govern)
    recover = ("recover", "recover", "Recovery alone waits for")
    yield from _role(*recover, old.recover, new.recover)


def _role(where: str, power: str, start: str, old: Role, new: Role) -> Iterator[Change]:
    yield from _policy(where, power, old.policy, new.policy)
    yield from _number(where, "blocks", start, old.blocks, new.blocks)


def _policy(where: str, power: str, old: str, new: str) -> Iterator[Change]:
    before, after = named_policy(old), named_policy(new)
    if before == after:
        return
    gained, lost = _gained(before, after), _gained(after, before)
    if gained is None or lost is None:
        yield Change(f"{where}.policy", Way.OTHER, f"To {power} takes {new}, took {old}.")
        return
    names = _names(old) | _names(new)
    for found, way, word in ((gained, Way.LOOSER, "can now"), (lost, Way.STRICTER, "cannot now")):
        people = sorted((len(keys), sorted(names[key] for key in keys)) for keys in found)
        for _, each in people:
            whom = " with ".join(each)
            yield Change(f"{where}.policy", way, f"{whom} {word} {power}.")


def _names(text: str) -> dict[bytes, str]:
    return {stand_in(kind, name): name for kind, name in key_names(text)}


def _gained(before: Policy, after: Policy) -> tuple[frozenset[bytes], ...] | None:
    """The smallest sets of keys that satisfy `after` and not `before`; None: too many to try."""
    keys = sorted({*keys_of(before), *keys_of(after)})
    if len(keys) > MAX_COMPARED:
        return None
    found: list[frozenset[bytes]] = []
    for size in range(len(keys) + 1):
        for each in map(frozenset, combinations(keys, size)):
            smallest = not any(one <= each for one in found)
            if smallest and satisfied(after, each) and not satisfied(before, each):
                found.append(each)
    return tuple(found)


def _fees(old: Charter, new: Charter) -> Iterator[Change]:
    for name in ("pegin_bp", "pegout_bp"):
        before, after = getattr(old.fees, name), getattr(new.fees, name)
        if before != after:
            said = f"{name.removesuffix('_bp')} costs {after} basis points, was {before}."
            yield Change(f"fees.{name}", Way.OTHER, said)
    flat = dict(old.fees.flat), dict(new.fees.flat)
    for asset in sorted(flat[0].keys() | flat[1].keys()):
        was, now = (one.get(asset, "0") for one in flat)
        if _amount(was) != _amount(now):
            said = f"A peg-out of {asset} costs {now} flat, was {was}."
            yield Change(f"fees.flat.{asset}", Way.OTHER, said)
