"""One verdict of all rules: a denial counts most, then a wait.

The order of the rules is the order in which reasons are given. A request that was allowed before is
charged once and approved once, but a pause, a freeze or a changed list binds it all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from bystack.federation.policies.allowance import Spending, exceeded
from bystack.federation.policies.hours import open_at
from bystack.federation.policies.policy import Policy
from bystack.federation.policies.requests import ACTION, TOUCH, Decision, Outcome, Request
from bystack.ledger.terms import Limit

Said = Mapping[bytes, bool]
Opinion = Callable[[Request], Decision]

FREE: Final = (ACTION, TOUCH)
"""Kinds that move no value: a member's word, and a touch, which pays nobody."""

STATE_AGE: Final = 7_200
"""Seconds: twice the longest pause between two blocks that a sidechain may choose. A member's own
process that shows its signer nothing newer (a pause, a freeze) so stops it, unless it says more."""

ALLOWED: Final = Decision(Outcome.ALLOW, "allowed")


@dataclass(frozen=True)
class Decreed:
    """What the federation decided, as proved to this signer: it binds whatever a member's policy.

    `paused_until`: signing, as a main-chain height; `frozen`: encoded locks; `limits`: allowances;
    `time`: of the newest sidechain header shown final, Unix seconds; `age`: how old that may be
    where the policy says nothing, 0 for any.
    """

    paused_until: int = 0
    frozen: frozenset[bytes] = frozenset()
    limits: tuple[Limit, ...] = ()
    time: int = 0
    age: int = 0


@dataclass(frozen=True)
class Past:
    """What this signer decided before: spendings in order, digests charged, operators' words."""

    spent: Spending = field(default_factory=Spending)
    charged: frozenset[bytes] | set[bytes] = frozenset()
    said: Said = field(default_factory=lambda: MappingProxyType({}))


def decide(
    policy: Policy,
    decreed: Decreed,
    past: Past,
    request: Request,
    now: int,
    plugins: Sequence[Opinion] = (),
) -> Decision:
    """The verdict on a request at the Unix time `now`; `plugins` in the policy's order."""
    if request.kind in FREE:
        return ALLOWED
    opinions = list(_opinions(policy, decreed, past, request, now))
    opinions += [plugin(request) for plugin in plugins]
    for outcome in (Outcome.DENY, Outcome.WAIT):
        for one in opinions:
            if one.outcome is outcome:
                return one
    return ALLOWED


def _opinions(
    policy: Policy, decreed: Decreed, past: Past, request: Request, now: int
) -> Iterator[Decision]:
    yield from _decreed(decreed, request)
    age = decreed.age if policy.state_age is None else policy.state_age
    if age and now > decreed.time + age:
        words = f"the newest final header shown is of {decreed.time}, more than {age} seconds ago"
        yield Decision(Outcome.WAIT, "sidechain_old", words)
    yield from _destinations(policy, request)
    if past.said.get(request.digest) is False:
        yield Decision(Outcome.DENY, "rejected", "the operator rejected it")
    if policy.hours is not None and not open_at(policy.hours, now):
        yield Decision(Outcome.WAIT, "out_of_hours", "it is not a working hour")
    if request.digest not in past.charged:
        yield from _allowance(policy, decreed.limits, past, request, "federation's")
        yield from _allowance(policy, policy.limits, past, request, "member's")
    if past.said.get(request.digest) is None:
        yield from _manual(policy, request)


def _decreed(decreed: Decreed, request: Request) -> Iterator[Decision]:
    if request.height < decreed.paused_until:
        words = f"signing is paused until block {decreed.paused_until}"
        yield Decision(Outcome.WAIT, "signing_paused", words)
    for one in request.payouts:
        if one.lock in decreed.frozen:
            yield Decision(Outcome.DENY, "frozen", f"{one.destination[1:].hex()} is frozen")


def _destinations(policy: Policy, request: Request) -> Iterator[Decision]:
    for one in request.payouts:
        if one.destination in policy.deny:
            words = f"{one.destination[1:].hex()} is on the deny list"
            yield Decision(Outcome.DENY, "destination_denied", words)
        elif policy.allow and one.destination not in policy.allow:
            words = f"{one.destination[1:].hex()} is not on the allow list"
            yield Decision(Outcome.DENY, "destination_unlisted", words)


def _allowance(
    policy: Policy, limits: Sequence[Limit], past: Past, request: Request, whose: str
) -> Iterator[Decision]:
    """What exceeds the capacity is denied; what exceeds the level waits for the bucket."""
    found = exceeded(limits, past.spent, request.sums, request.height)
    if found is None:
        return
    limit, left = found
    asked = request.sums[limit.asset]
    said = policy.amount(limit.asset, asked)
    if asked > limit.capacity:
        words = f"{said} is more than the {whose} allowance"
        yield Decision(Outcome.DENY, "above_allowance", words)
    else:
        words = f"the {whose} allowance has {policy.amount(limit.asset, left)} left of {said}"
        yield Decision(Outcome.WAIT, "allowance_spent", words)


def _manual(policy: Policy, request: Request) -> Iterator[Decision]:
    if request.kind in policy.approve:
        words = f"every {request.kind} is approved by an operator"
        yield Decision(Outcome.WAIT, "approval_needed", words)
    for asset, most in policy.manual.items():
        if any(one.asset == asset and one.amount > most for one in request.payouts):
            above = policy.amount(asset, most)
            words = f"a payout of more than {above} is approved by an operator"
            yield Decision(Outcome.WAIT, "approval_needed", words)
