"""From a charter to a vault's terms: names replaced by keys and ids, limits by buckets.

Every member compiles and compares before it signs, so one charter with one roster and group key
has one result.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

from bystack.federation.charter import Charter, ListedAsset, TierRule
from bystack.federation.charter_reading import fraction
from bystack.ledger.policy_text import parse_policy
from bystack.ledger.terms import Govern, Guard, Limit, Recover, Terms, Tier, check_terms
from bystack.primitives.codec import MAX_INT
from bystack.primitives.errors import Invalid


class CharterIncomplete(Invalid):
    """The charter names keys or assets that were not given."""


class KeyShared(Invalid):
    """Two names of the charter stand for one key, so two signatures would be one."""


class AmountUnfit(Invalid):
    """An amount is finer than its asset's decimals, or too large."""


def compile(
    charter: Charter, keys: Mapping[str, bytes], assets: Mapping[str, ListedAsset]
) -> Terms:
    """The vault's terms: names replaced, limits as buckets, the charter's hash as the note.

    `keys`: 32 bytes for a `key`, 48 for a `bls`. Raises `CharterIncomplete` with all that lacks,
    `KeyShared`, `AmountUnfit`, `PolicyTextInvalid` (a key of the wrong length), `TermsInvalid`.
    """
    lacking = [name for name in charter.keys if name not in keys]
    unlisted = [name for name in charter.assets if name not in assets]
    if lacking or unlisted:
        raise CharterIncomplete(keys=lacking, assets=unlisted)
    _check_distinct({name: keys[name] for name in charter.keys})
    terms = Terms(
        tuple(_compile_tier(tier, keys, assets) for tier in charter.tiers),
        Guard(parse_policy(charter.guard.policy, keys), charter.guard.blocks),
        Govern(parse_policy(charter.govern.policy, keys), charter.govern.blocks),
        Recover(parse_policy(charter.recover.policy, keys), charter.recover.blocks),
        charter.hash,
    )
    check_terms(terms)
    return terms


def _check_distinct(keys: Mapping[str, bytes]) -> None:
    owners: dict[bytes, str] = {}
    for name, key in keys.items():
        if owners.setdefault(key, name) != name:
            raise KeyShared(names=(owners[key], name))


def _compile_tier(
    tier: TierRule, keys: Mapping[str, bytes], assets: Mapping[str, ListedAsset]
) -> Tier:
    limits = tuple(
        bucket(assets[asset].id, amount_of(asset, text, assets), tier.window)
        for asset, text in tier.limits
    )
    by_asset = tuple(sorted(limits, key=lambda limit: limit.asset))
    return Tier(parse_policy(tier.policy, keys), by_asset, tier.delay)


def bucket(asset: bytes, limit: int, window: int) -> Limit:
    """A limit per window of blocks as a bucket that refills in the smallest whole steps."""
    step = gcd(limit, window)
    return Limit(asset, limit, limit // step, window // step)


def amount_of(asset: str, text: str, assets: Mapping[str, ListedAsset]) -> int:
    """A charter's amount in the asset's smallest units; raises `AmountUnfit`."""
    amount = fraction(text, assets[asset].decimals)
    if amount is None or not 0 < amount <= MAX_INT:
        raise AmountUnfit(asset=asset, amount=text, decimals=assets[asset].decimals)
    return amount
