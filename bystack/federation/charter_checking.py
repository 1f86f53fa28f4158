"""Whether a charter and a roster fit each other: every fault at once.

The charter alone is judged when it is parsed; what needs the people is judged here: keys and assets
that exist, roles, and that no operator alone moves anything (`federation.md` section 5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bystack.federation.charter import Charter
from bystack.federation.charter_compiling import AmountUnfit, amount_of
from bystack.federation.charter_reading import Fault
from bystack.federation.leak_names import OPERATOR, Known, known, leak
from bystack.federation.leaks import By
from bystack.federation.roster_file import RosterFile, assets_of
from bystack.primitives.errors import Invalid


def roster_faults(charter: Charter, file: RosterFile) -> tuple[Fault, ...]:
    """All that keeps this roster from serving this charter."""
    found = [*_keys(charter, file), *_assets(charter, file), *_roles(charter, file)]
    try:
        who = known(file, assets_of(file))
    except Invalid as error:
        return (*found, Fault("roster.member", str(error), "weights no operator rules by"))
    return (*found, *(() if found else _operators(charter, who)))


def _keys(charter: Charter, file: RosterFile) -> Iterator[Fault]:
    for name in charter.keys:
        if name not in file.keys and name not in charter.group_keys:
            yield Fault(f"roster.keys.{name}", "nothing", "the key that the charter names")
        if name in file.keys and name in charter.group_keys:
            yield Fault(f"roster.keys.{name}", "given", "no key: the members generate it")
    owners = {key: name for name, key in reversed(file.keys.items())}
    for name, key in file.keys.items():
        if owners[key] != name:
            yield Fault(f"roster.keys.{name}", f"the key of {owners[key]!r}", "a key of its own")
    holders = Counter(name for entry in file.member for name in set(entry.holds))
    for name, times in sorted(holders.items()):
        if name not in file.keys:
            yield Fault("roster.member.holds", f"given {name!r}", "names of [keys]")
        elif times > 1:
            yield Fault("roster.member.holds", f"{name!r} at {times} members", "one holder")


def _assets(charter: Charter, file: RosterFile) -> Iterator[Fault]:
    listed = assets_of(file)
    tables = [(f"tier.{tier.name}.limit", tier.limits) for tier in charter.tiers]
    for where, table in (*tables, ("fees.flat", charter.fees.flat)):
        for asset, text in table:
            if asset not in listed:
                yield Fault(f"roster.assets.{asset}", "nothing", "id and decimals of the asset")
                continue
            try:
                amount_of(asset, text, listed)
            except AmountUnfit:
                most = f"at most {listed[asset].decimals} decimals, below 2^63 smallest units"
                yield Fault(f"{where}.{asset}", f"given {text!r}", most)


def _roles(charter: Charter, file: RosterFile) -> Iterator[Fault]:
    weights = {weight: role for role, weight in charter.roles}
    for entry in file.member if weights else ():
        if entry.weight not in weights:
            roles = ", ".join(f"{role} {weight}" for role, weight in charter.roles)
            given = f"weight {entry.weight} of {entry.name}"
            yield Fault("roster.member.weight", given, f"the weight of a role: {roles}")


def _operators(charter: Charter, who: Known) -> Iterator[Fault]:
    """No operator, with its shares and every charter key it holds, moves anything alone."""
    assert who.roster is not None, "it was read from a roster"
    for member in who.roster.members:
        name = member.name.decode()
        ways = leak(charter, (OPERATOR + name,), who).bound.ways
        powers = [
            f"order by tier {charter.tiers[way.tier].name}" if way.by == By.ORDER else str(way.by)
            for way in ways
        ]
        if powers:
            given = f"{name} alone can {', '.join(powers)}"
            yield Fault("roster.member.holds", given, "no operator that moves anything alone")
