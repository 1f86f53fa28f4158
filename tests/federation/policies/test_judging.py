"""One verdict of all rules, with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from bystack.federation.charter_compiling import bucket
from bystack.federation.policies.allowance import Spending, Spent
from bystack.federation.policies.hours import Hours
from bystack.federation.policies.judging import ALLOWED, Decreed, Past, decide
from bystack.federation.policies.policy import OPEN, Policy
from bystack.federation.policies.requests import (
    ACTION,
    TOUCH,
    Decision,
    Outcome,
    destination_key,
)
from bystack.primitives.codec import encode
from tests.federation.policies.asked import BTC, DEPOSIT, GOLD, NOON, asked, pays
from tests.ledger.people import BOB, CAROL

CAROLS = destination_key(CAROL.lock)
NIGHT = Hours((2,), 20 * 60, 21 * 60, 0)
REQUEST = asked(pays(50), pays(3, GOLD))
DIGEST = REQUEST.digest
FREE, NEW = Decreed(), Past()
ONE_SPENT = Past(Spending([Spent(100, BTC, 1)]))


def judged(
    policy: Policy = OPEN,
    decreed: Decreed = FREE,
    past: Past = NEW,
    request: Any = REQUEST,
    now: int = NOON,
    plugins: Any = (),
) -> tuple[Outcome, str]:
    said = decide(policy, decreed, past, request, now, plugins)
    return said.outcome, said.reason


def test_without_rules_proofs_alone_decide() -> None:
    assert decide(OPEN, Decreed(), Past(), REQUEST, NOON) == ALLOWED


@pytest.mark.parametrize(
    "rules, outcome, reason",
    [
        ({"decreed": Decreed(paused_until=101)}, Outcome.WAIT, "signing_paused"),
        ({"decreed": Decreed(frozen=frozenset({encode(CAROL.lock)}))}, Outcome.DENY, "frozen"),
        ({"decreed": Decreed(limits=(bucket(BTC, 49, 7),))}, Outcome.DENY, "above_allowance"),
        ({"policy": Policy(deny=frozenset({CAROLS}))}, Outcome.DENY, "destination_denied"),
        (
            {"policy": Policy(allow=frozenset({destination_key(BOB.lock)}))},
            Outcome.DENY,
            "destination_unlisted",
        ),
        ({"policy": Policy(hours=NIGHT)}, Outcome.WAIT, "out_of_hours"),
        ({"policy": Policy(limits=(bucket(BTC, 49, 7),))}, Outcome.DENY, "above_allowance"),
        (
            {"policy": Policy(limits=(bucket(BTC, 50, 7),)), "past": ONE_SPENT},
            Outcome.WAIT,
            "allowance_spent",
        ),
        ({"policy": Policy(manual={BTC: 49})}, Outcome.WAIT, "approval_needed"),
        ({"policy": Policy(approve=frozenset({"order"}))}, Outcome.WAIT, "approval_needed"),
        ({"policy": Policy(state_age=60), "decreed": Decreed(time=NOON - 61)}, Outcome.WAIT,
         "sidechain_old"),
        ({"decreed": Decreed(time=NOON - 61, age=60)}, Outcome.WAIT, "sidechain_old"),
        ({"policy": Policy(state_age=60), "decreed": Decreed(time=NOON - 61, age=600)},
         Outcome.WAIT, "sidechain_old"),
        ({"past": Past(said={DIGEST: False})}, Outcome.DENY, "rejected"),
    ],
)  # fmt: skip
def test_each_rule_has_its_reason(rules: Any, outcome: Outcome, reason: str) -> None:
    assert judged(**rules) == (outcome, reason)


@pytest.mark.parametrize(
    "rules",
    [
        {"decreed": Decreed(paused_until=100)},
        {"decreed": Decreed(frozen=frozenset({encode(BOB.lock)}))},
        {"decreed": Decreed(limits=(bucket(BTC, 50, 7), bucket(GOLD, 3, 7)))},
        {"policy": Policy(deny=frozenset({destination_key(DEPOSIT)}))},
        {"policy": Policy(allow=frozenset({CAROLS}))},
        {"policy": Policy(hours=NIGHT), "now": NOON + 8 * 3_600},
        {"policy": Policy(limits=(bucket(BTC, 50, 7),))},
        {"policy": Policy(manual={BTC: 50, GOLD: 3})},
        {"policy": Policy(approve=frozenset({"announce"}))},
        {"policy": Policy(state_age=60), "decreed": Decreed(time=NOON - 60)},
        {"decreed": Decreed(time=NOON - 60, age=60)},
        {"policy": Policy(state_age=0), "decreed": Decreed(time=0, age=60)},
    ],
)
def test_at_the_bound_it_passes(rules: Any) -> None:
    assert judged(**rules) == (Outcome.ALLOW, "allowed")


def test_a_denial_counts_more_than_a_wait() -> None:
    policy = Policy(hours=NIGHT, deny=frozenset({CAROLS}))
    assert judged(policy, Decreed(paused_until=10**6)) == (Outcome.DENY, "destination_denied")


def test_an_approval_binds_its_digest_and_no_other_rule() -> None:
    policy = Policy(manual={BTC: 10})
    past = Past(said={DIGEST: True})
    assert judged(policy, past=past)[0] is Outcome.ALLOW
    assert judged(policy, past=past, request=asked(pays(50), digest=2))[0] is Outcome.WAIT
    for stricter in (Policy(hours=NIGHT), Policy(deny=frozenset({CAROLS}))):
        assert judged(stricter, past=past)[0] is not Outcome.ALLOW


def test_what_was_allowed_is_charged_once_but_bound_by_all_else() -> None:
    spent = Past(Spending([Spent(100, BTC, 50)]), {DIGEST})
    full = Policy(limits=(bucket(BTC, 50, 7),))
    assert judged(full, past=spent)[0] is Outcome.ALLOW
    assert judged(full, past=spent, request=asked(pays(1), digest=2))[1] == "allowance_spent"
    assert judged(full, Decreed(paused_until=101), spent)[1] == "signing_paused"


@pytest.mark.parametrize("kind", [TOUCH, ACTION])
def test_what_moves_no_value_is_not_held_back(kind: str) -> None:
    policy = Policy(hours=NIGHT, approve=frozenset({kind}))
    assert judged(policy, Decreed(paused_until=10**6), request=asked(kind=kind)) == (
        Outcome.ALLOW,
        "allowed",
    )


def test_plug_ins_only_take_away() -> None:
    denies = Decision(Outcome.DENY, "no_good")
    waits = Decision(Outcome.WAIT, "not_yet")
    policy = Policy(hours=NIGHT)
    assert judged(plugins=[lambda _: ALLOWED, lambda _: denies]) == (Outcome.DENY, "no_good")
    assert judged(plugins=[lambda _: waits]) == (Outcome.WAIT, "not_yet")
    assert judged(policy, plugins=[lambda _: ALLOWED]) == (Outcome.WAIT, "out_of_hours")
