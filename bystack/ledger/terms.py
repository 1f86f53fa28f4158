"""The terms of a vault: who may move what, how fast, and who can stop it (ledger.md, section 5).

Terms are revealed and checked before they take effect; coins and anchors hold their hash only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from bystack.ledger.policies import All, Any, Bls, Key, Policy, Thresh, check_policy
from bystack.primitives.codec import U63, Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged

MAX_TERMS = 20_000
MAX_POLICIES = 16_384
MIN_UNLIMITED_DELAY = 144
MAX_BLOCKS = 2**32
MAX_FREEZE = 4032

_terms_hash = tagged("vault/terms")


class TermsInvalid(Invalid):
    """The vault's terms break a rule of their own."""


class Limit(Wire):
    """A bucket: at most `capacity` at once, `refill` more every `period` blocks."""

    asset: Bytes32
    capacity: U63
    refill: U63
    period: U63


class Tier(Wire):
    """Who may order payments, within which limits; payouts wait `delay` blocks."""

    policy: Policy
    limits: Annotated[tuple[Limit, ...], Meta(max_length=16)]
    delay: U63


class Guard(Wire):
    """Who may freeze (for `freeze` blocks), veto and cancel."""

    policy: Policy
    freeze: U63


class Govern(Wire):
    """Who may announce new terms, which ripen after `delay` blocks."""

    policy: Policy
    delay: U63


class Recover(Wire):
    """Who may take over once the vault lay untouched for `idle` blocks."""

    policy: Policy
    idle: U63


class Terms(Wire):
    """A vault's terms; `note` (32 bytes) is for its users."""

    tiers: Annotated[tuple[Tier, ...], Meta(min_length=1, max_length=8)]
    guard: Guard
    govern: Govern
    recover: Recover
    note: Bytes32


def terms_hash(terms: Terms) -> bytes:
    """The hash under which an anchor holds these terms."""
    return _terms_hash(encode(terms))


def decode_terms(data: bytes) -> Terms:
    """Terms from their bytes, not yet checked."""
    return decode(Terms, data, MAX_TERMS)


def policies_of(terms: Terms) -> tuple[Policy, ...]:
    """Every policy of the terms: the tiers in order, guard, govern, recover."""
    tiers = tuple(tier.policy for tier in terms.tiers)
    return (*tiers, terms.guard.policy, terms.govern.policy, terms.recover.policy)


def keys_of(policy: Policy) -> Iterator[bytes]:
    """Every key in a policy, with repetitions, depth first."""
    match policy:
        case Key(key) | Bls(key):
            yield key
        case Thresh(_, subs) | All(subs) | Any(subs):
            for sub in subs:
                yield from keys_of(sub)
        case _:
            return


def check_terms(terms: Terms) -> None:
    """Raise unless the terms are within bounds and their keys are separate.

    `PolicyInvalid` for a policy beyond the language's bounds, `TermsInvalid` for the rest.
    """
    # Depth first of all: what follows recurses, and a peer chose how deep.
    for policy in policies_of(terms):
        check_policy(policy)
    if sum(len(encode(policy)) for policy in policies_of(terms)) > MAX_POLICIES:
        raise TermsInvalid(reason="policies longer than 16 KiB")
    # Whoever operates a vault reveals its terms: longer ones could not be, and lock it for ever.
    if len(encode(terms)) > MAX_TERMS:
        raise TermsInvalid(length=len(encode(terms)), most=MAX_TERMS)
    for policy in policies_of(terms):
        _check_policy(policy)
    for number, tier in enumerate(terms.tiers):
        _check_tier(number, tier)
    _check_numbers(terms)
    _check_separate(terms)


def _check_policy(policy: Policy) -> None:
    if any(True for _ in _foreign(policy)):
        raise TermsInvalid(reason="only key, bls, thresh, all and any stand in terms")


def _foreign(policy: Policy) -> Iterator[Policy]:
    match policy:
        case Key() | Bls():
            return
        case Thresh(_, subs) | All(subs) | Any(subs):
            for sub in subs:
                yield from _foreign(sub)
        case _:
            yield policy


def _check_tier(number: int, tier: Tier) -> None:
    if not tier.limits and tier.delay < MIN_UNLIMITED_DELAY:
        raise TermsInvalid(tier=number, reason="a tier without limits needs a delay of 144 blocks")
    if tier.delay > MAX_BLOCKS:
        raise TermsInvalid(tier=number, delay=tier.delay)
    if len({limit.asset for limit in tier.limits}) != len(tier.limits):
        raise TermsInvalid(tier=number, reason="an asset is limited twice")
    for limit in tier.limits:
        if not (limit.capacity and limit.refill and 1 <= limit.period <= MAX_BLOCKS):
            raise TermsInvalid(tier=number, asset=limit.asset, reason="a limit must be positive")


def _check_numbers(terms: Terms) -> None:
    if not 1 <= terms.guard.freeze <= MAX_FREEZE:
        raise TermsInvalid(freeze=terms.guard.freeze, most=MAX_FREEZE)
    if not 1 <= terms.govern.delay <= MAX_BLOCKS:
        raise TermsInvalid(govern_delay=terms.govern.delay)
    if not 1 <= terms.recover.idle <= MAX_BLOCKS:
        raise TermsInvalid(idle=terms.recover.idle)


def _check_separate(terms: Terms) -> None:
    moving = {key for tier in terms.tiers for key in keys_of(tier.policy)}
    moving |= set(keys_of(terms.govern.policy))
    guard, recover = set(keys_of(terms.guard.policy)), set(keys_of(terms.recover.policy))
    for one, other in ((moving, guard), (moving, recover), (guard, recover)):
        if one & other:
            raise TermsInvalid(shared_key=min(one & other))
