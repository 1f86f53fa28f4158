"""Leaks by name: from the names of members, keys and operators to keys, and back to sentences.

A name is a charter key's, a group key's, a member's (its shares), or `operator:MEMBER`: the shares
and every charter key that the roster says this operator holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bystack.federation.charter import Charter, ListedAsset, stand_in
from bystack.federation.charter_compiling import compile
from bystack.federation.leaks import ANSWER, RECOVERY, Bound, bound
from bystack.federation.members import Roster
from bystack.federation.roster_file import RosterFile, roster_of
from bystack.ledger.terms import Terms
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged

OPERATOR = "operator:"
USUAL_DECIMALS = 8

_asset = tagged("charter/asset")


class LeakedUnknown(Invalid):
    """Nobody and no key has this name in charter and roster."""


@dataclass(frozen=True)
class Known:
    """Who a charter's names are: members with weights, and who holds which charter keys.

    Without a roster (`roster` None) a group key is leaked only by its own name.
    """

    roster: Roster | None
    holds: Mapping[str, tuple[str, ...]]
    assets: Mapping[str, ListedAsset]


UNKNOWN = Known(None, {}, {})


def known(file: RosterFile, assets: Mapping[str, ListedAsset]) -> Known:
    """What a roster's file says; raises `InvalidRoster`."""
    holds = {entry.name: tuple(entry.holds) for entry in file.member}
    return Known(roster_of(file), holds, assets)


@dataclass(frozen=True)
class Leak:
    """What leaked: charter keys and members by name, the weight of those; the bound; the terms.

    In `terms` keys and assets without a roster are stand-ins; `assets` are those used.
    """

    keys: frozenset[str]
    members: frozenset[str]
    weight: int
    bound: Bound
    terms: Terms
    assets: Mapping[str, ListedAsset]


def leak(
    charter: Charter,
    names: Collection[str],
    who: Known = UNKNOWN,
    answer: int = ANSWER,
    recovery: int = RECOVERY,
) -> Leak:
    """What follows when these names' keys leak; raises `LeakedUnknown`, and as `charter.compile`.

    `answer` and `recovery` as in `leaks.bound`.
    """
    keys, members = _resolved(charter, names, who)
    groups, roster = frozenset(charter.group_keys), who.roster
    weight = _weight(roster, members)
    if roster is not None and weight >= roster.threshold:
        keys |= groups
    kept = frozenset(charter.keys) - keys - groups
    # Whoever was robbed signs no more: a group whose rest is too light is gone for the others.
    if not groups & keys and (roster is None or roster.total - weight >= roster.threshold):
        kept |= groups
    terms, assets = named_terms(charter, who.assets)
    held, left = _bytes(charter, keys), _bytes(charter, kept)
    found = bound(terms, held, left, answer, recovery)
    return Leak(keys, members, weight, found, terms, assets)


def _resolved(
    charter: Charter, names: Iterable[str], who: Known
) -> tuple[frozenset[str], frozenset[str]]:
    seats = {m.name.decode() for m in who.roster.members} if who.roster else set[str]()
    keys, members = set[str](), set[str]()
    for name in names:
        operator = name.removeprefix(OPERATOR)
        if name.startswith(OPERATOR) and operator in seats:
            members.add(operator)
            keys |= set(who.holds.get(operator, ())) & set(charter.keys)
        elif name in charter.keys or name in seats:
            keys |= {name} & set(charter.keys)
            members |= {name} & seats
        else:
            raise LeakedUnknown(name=name, keys=charter.keys, members=sorted(seats))
    return frozenset(keys), frozenset(members)


def _weight(roster: Roster | None, members: Collection[str]) -> int:
    if roster is None:
        return 0
    return sum(member.weight for member in roster.members if member.name.decode() in members)


def named_terms(
    charter: Charter, assets: Mapping[str, ListedAsset]
) -> tuple[Terms, dict[str, ListedAsset]]:
    """The charter's terms over stand-ins for its keys, and the assets it was compiled with.

    An asset that is not known gets a stand-in with 8 decimals, or as many as its amounts have.
    """
    used = {name: assets.get(name) or _stand_in(charter, name) for name in charter.assets}
    keys = {name: stand_in(_kind(charter, name), name) for name in charter.keys}
    return compile(charter, keys, used), used


def _stand_in(charter: Charter, name: str) -> ListedAsset:
    tables = (*(tier.limits for tier in charter.tiers), charter.fees.flat)
    texts = [amount for table in tables for asset, amount in table if asset == name]
    digits = max(len(text.partition(".")[2]) for text in texts)
    return ListedAsset(_asset(name.encode()), max(digits, USUAL_DECIMALS))


def _kind(charter: Charter, name: str) -> str:
    return "bls" if name in charter.group_keys else "key"


def _bytes(charter: Charter, names: Iterable[str]) -> frozenset[bytes]:
    return frozenset(stand_in(_kind(charter, name), name) for name in names)
