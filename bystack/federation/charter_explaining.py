"""What a charter means, in sentences and as powers: who can do what with which keys.

Nothing here is a promise beyond the rules of `ledger.md` section 5: it evaluates the same policies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from bystack.federation.charter import Charter, TierRule, named_policy, stand_in
from bystack.federation.charter_fees import UNSAID
from bystack.federation.members import Roster
from bystack.federation.powers import satisfied


def groups_held(groups: Mapping[str, Roster], members: Collection[bytes]) -> frozenset[str]:
    """The group keys that these members (by name) can sign with together."""
    return frozenset(
        key for key, roster in groups.items() if weight_of(roster, members) >= roster.threshold
    )


def weight_of(roster: Roster, members: Collection[bytes]) -> int:
    """The weight these members have together."""
    return sum(member.weight for member in roster.members if member.name in members)


def powers(charter: Charter, held: Iterable[str]) -> tuple[str, ...]:
    """What the holder of exactly these keys (by name) can do to the vault, in a fixed order.

    `order NAME` for a tier, `announce`, `guard` (freeze, veto, cancel), `replace`, `recover`.
    """
    keys = frozenset(held)
    can = [f"order {tier.name}" for tier in charter.tiers if _can(tier.policy, keys)]
    govern, guard, recover = (
        _can(role.policy, keys) for role in (charter.govern, charter.guard, charter.recover)
    )
    others = (
        ("announce", govern),
        ("guard", guard),
        ("replace", recover and (govern or guard)),
        ("recover", recover),
    )
    return (*can, *(name for name, able in others if able))


def _can(text: str, held: frozenset[str]) -> bool:
    keys = {stand_in(kind, name) for name in held for kind in ("key", "bls")}
    return satisfied(named_policy(text), keys)


def explain(charter: Charter, groups: Mapping[str, Roster] | None = None) -> list[str]:
    """The charter in sentences; with the rosters of its group keys also what members can do."""
    sentences = [f"Federation {charter.name}; charter {charter.hash.hex()}."]
    sentences += [_explain_tier(tier) for tier in charter.tiers]
    guard, govern, recover = charter.guard, charter.govern, charter.recover
    sentences += [
        f"Guard: {guard.policy} may veto a waiting payout, cancel announced terms, and freeze "
        f"for {guard.blocks} blocks; it never moves value.",
        f"Govern: {govern.policy} may announce new terms, which ripen after {govern.blocks} blocks "
        "and need the signatures of the keys they bring in.",
        f"Recover: {recover.policy} may replace the terms at once together with govern or guard, "
        f"and alone once nothing moved for {recover.blocks} blocks.",
    ]
    sentences += _explain_fees(charter)
    sentences += [f"A {role} has weight {weight} in the group." for role, weight in charter.roles]
    sentences += [f"Key {name} alone can: {_listed(charter, {name})}." for name in charter.keys]
    for name, roster in sorted((groups or {}).items()):
        sentences += _explain_group(charter, name, roster)
    return sentences


def _explain_tier(tier: TierRule) -> str:
    wait = f"after {tier.delay} blocks, while the guard may veto" if tier.delay else "at once"
    if not tier.limits:
        return f"Tier {tier.name}: {tier.policy} may pay out any amount of any asset, {wait}."
    amounts = " and ".join(f"{amount} {asset}" for asset, amount in tier.limits)
    return (
        f"Tier {tier.name}: {tier.policy} may pay out at most {amounts} at once and at most twice "
        f"that in any {tier.window} blocks, {wait}; no other asset."
    )


def _explain_fees(charter: Charter) -> list[str]:
    fees = charter.fees
    if fees == UNSAID:
        return ["Fees: not said here; the sidechain's specification says them."]
    flat = " and ".join(f"{amount} {asset}" for asset, amount in fees.flat)
    more = f", and of a peg-out {flat} flat" if flat else ""
    return [f"Fees at first: {fees.pegin_bp} basis points in, {fees.pegout_bp} out{more}."]


def _explain_group(charter: Charter, name: str, roster: Roster) -> list[str]:
    heaviest = max(member.weight for member in roster.members)
    sentences = [f"Group key {name}: weight {roster.threshold} of {roster.total} signs."]
    for weight in range(1, heaviest + 1):
        same = {member.name for member in roster.members if member.weight == weight}
        if same:
            held = {name} if weight_of(roster, same) >= roster.threshold else set[str]()
            sentences.append(
                f"All {len(same)} members of weight {weight} together (weight "
                f"{weight_of(roster, same)}) can, by {name}: {_listed(charter, held)}."
            )
    return sentences


def _listed(charter: Charter, held: Collection[str]) -> str:
    return ", ".join(powers(charter, held)) or "nothing"
