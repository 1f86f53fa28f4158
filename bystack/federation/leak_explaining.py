"""What a leak means, in sentences: what leaves, how fast, who stops it, within which time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bystack.federation.charter import Charter, ListedAsset
from bystack.federation.leak_names import Known, Leak
from bystack.federation.leaks import Answer, Bound, By, Stop, Way
from bystack.ledger.terms import Limit

EVERYTHING = "everything the vault holds"


def explain_leak(charter: Charter, found: Leak, who: Known) -> list[str]:
    """The leak in sentences: who was robbed, each way out, the totals, the thief's other powers."""
    sentences = [_robbed(found, who)]
    sentences += [_way(charter, found, way) for way in found.bound.ways]
    if not found.bound.ways:
        sentences.append("They move nothing: no tier, no announcement, no recovery is theirs.")
    sentences += list(_totals(charter, found))
    sentences += list(_other(charter, found.bound))
    return sentences


def _robbed(found: Leak, who: Known) -> str:
    names = ", ".join((*sorted(found.keys), *sorted(found.members))) or "nothing"
    if who.roster is None or not found.members:
        return f"Leaked: {names}."
    threshold, total = who.roster.threshold, who.roster.total
    verdict = "enough" if found.weight >= threshold else "too little"
    share = f"weight {found.weight} of {total}, {verdict} to sign for the group ({threshold})"
    return f"Leaked: {names} ({share})."


def _way(charter: Charter, found: Leak, way: Way) -> str:
    match way.by:
        case By.ORDER:
            tier = charter.tiers[way.tier]
            start = f"By tier {tier.name} they order {_amounts(found, way)}{_waiting(way)}"
        case By.ANNOUNCE:
            start = f"They announce terms of their own: {EVERYTHING}, {way.wait} blocks later"
        case By.REPLACE:
            start = f"They replace the terms at once: {EVERYTHING}, from the next block on"
        case By.RECOVER:
            idle = charter.recover.blocks
            start = f"They take over once nothing moved for {idle} blocks: {EVERYTHING}"
    answers = [_answer(charter, answer) for answer in way.answers]
    return f"{start}. " + (" ".join(answers) if answers else "Nobody else can stop it.")


def _waiting(way: Way) -> str:
    return f", which leaves {way.wait} blocks later" if way.wait else ", which leaves at once"


def _amounts(found: Leak, way: Way) -> str:
    if not way.limits:
        return "any amount of any asset"
    once = " and ".join(shown(found.assets, one, one.capacity) for one in way.limits)
    spans = dict.fromkeys(map(window, way.limits))
    return f"at once {once}, and never more than " + " and ".join(
        f"{_twice(found, way, span)} in any {span} blocks" for span in spans
    )


def _twice(found: Leak, way: Way, span: int) -> str:
    same = (one for one in way.limits if window(one) == span)
    return " and ".join(shown(found.assets, one, 2 * one.capacity) for one in same)


def window(limit: Limit) -> int:
    """The window of blocks in which a bucket refills from empty."""
    return limit.capacity // limit.refill * limit.period


def shown(assets: Mapping[str, ListedAsset], limit: Limit, amount: int) -> str:
    """An amount of the limit's asset as a decimal number with the asset's name."""
    name, asset = next(pair for pair in assets.items() if pair[1].id == limit.asset)
    return f"{decimal(amount, asset.decimals)} {name}"


def decimal(amount: int, decimals: int) -> str:
    """Smallest units as a decimal number without needless zeros."""
    whole, rest = divmod(amount, 10**decimals)
    digits = f"{rest:0{decimals}}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def _answer(charter: Charter, answer: Answer) -> str:
    guard, recover = charter.guard.policy, charter.recover.policy
    match answer.stop:
        case Stop.FREEZE:
            return f"The guard, {guard}, freezes it for {charter.guard.blocks} blocks at any time."
        case Stop.VETO:
            return f"The guard, {guard}, vetoes it within {answer.within} blocks: nothing leaves."
        case Stop.CANCEL:
            return f"The guard, {guard}, cancels it within {answer.within} blocks: nothing leaves."
        case Stop.REPLACE:
            until = f" within {answer.within} blocks" if answer.within is not None else ""
            return f"Recovery, {recover}, with guard or govern puts other terms in force{until}."
        case Stop.TOUCH:
            return f"Any payout or touch within {answer.within} blocks prevents it."


def _totals(charter: Charter, found: Leak) -> Iterator[str]:
    answered, bound = found.bound.answered, found.bound
    whole = any(not way.limits and not way.prevented for way in bound.ways)
    for name in sorted({asset for tier in charter.tiers for asset, _ in tier.limits}):
        total = bound.total(found.assets[name].id)
        amount = EVERYTHING if total is None else decimal(total, found.assets[name].decimals)
        if total is None and whole:
            yield f"{name}: {EVERYTHING}."
        elif total is None:
            yield f"{name}: {EVERYTHING} in the course of time; nobody can end it for good."
        elif total == 0:
            yield f"{name}: nothing is lost."
        else:
            yield f"{name}: at most {amount} until it is ended, {answered} blocks after the first."
    if whole:
        yield f"Any other asset: {EVERYTHING}."


def _other(charter: Charter, bound: Bound) -> Iterator[str]:
    if bound.leaked.guard and not bound.leaked.replaces:
        freeze = charter.guard.blocks
        yield (
            f"They can hold up payouts: freeze for {freeze} blocks and again {4 * freeze} blocks "
            "after that ended, veto, cancel; recovery with govern ends it."
        )
    if bound.leaked.guard and bound.leaked.govern and bound.kept.replaces:
        yield (
            "By announcing and cancelling they raise the vault's turn in every block. What "
            "recovery signs is good for every turn of the terms in force: once signed it gets in."
        )
    if not bound.kept.tiers:
        yield "If these keys are lost and not stolen, no payout is signed until they are replaced."


def leak_facts(charter: Charter, found: Leak) -> dict[str, Any]:
    """The same as plain data: amounts in smallest units, None for everything."""
    bound = found.bound
    return {
        "keys": sorted(found.keys),
        "members": sorted(found.members),
        "weight": found.weight,
        "answered": bound.answered,
        "ways": [_way_facts(charter, way) for way in bound.ways],
        "assets": {
            name: {
                "at_once": bound.loss(asset.id, 0),
                "until_answered": bound.total(asset.id),
                "decimals": asset.decimals,
            }
            for name, asset in sorted(found.assets.items())
        },
    }


def _way_facts(charter: Charter, way: Way) -> dict[str, Any]:
    return {
        "by": str(way.by),
        "tier": charter.tiers[way.tier].name if way.by == By.ORDER else None,
        "wait": way.wait,
        "prevented": way.prevented,
        "answers": [{"how": str(one.stop), "within": one.within} for one in way.answers],
    }
