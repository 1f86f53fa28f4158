"""What a guard finds unknown, and what it leaves alone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.federation.guarding.alarms import ActKind, Alarm, Kind
from bystack.federation.guarding.judging import PATIENCE
from bystack.federation.guarding.machine import Rules
from bystack.federation.guarding.vault import MAX_UNDO, UndoForgotten
from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import Output
from bystack.ledger.vault_operations import Adopt, Announce, Cancel, Freeze, Recover, Replace
from bystack.sidechain.records import BatchState, Sums
from bystack.sidechain.stops import Stop
from tests.federation.guarding.tower import BTM, Tower, paid
from tests.sidechain.mainside import FAST, SLOW, TERMS

FROZEN = TERMS.guard.freeze


def tower(rules: Rules = Rules()) -> Tower:  # noqa: B008
    made = Tower(rules)
    made.fund()
    return made.ready()


def rob(tower: Tower, amount: int = 900, tier: int = FAST) -> None:
    """An order that the whole quorum signed and no batch backs."""
    tower.main.mine()
    tower.main.mine()
    tower.main.send(tower.main.order([paid(amount)], tier))
    tower.blocks()


def test_an_order_that_is_a_final_batch_is_nobodys_business() -> None:
    one = tower()
    one.batch(0, [paid(300)])
    one.main.mine()
    one.main.mine()
    one.main.send(one.main.order([paid(300)]))
    one.blocks()
    one.later()
    assert (one.alarms, one.acts, one.machine.open) == ([], [], 0)


def test_an_order_of_no_batch_is_found_before_the_next_block_and_answered_by_a_freeze() -> None:
    one = tower()
    rob(one)
    assert one.alarms == [], "the sidechain may be about to show the batch"
    one.later()
    assert one.alarms == [Kind.UNKNOWN_SPEND]
    assert [act.kind for act in one.acts] == [ActKind.FREEZE]
    (alarm,) = [output for output in one.outputs if isinstance(output, Alarm)]
    assert alarm.facts["amounts"] == {BTM.hex(): 900}
    assert one.acts[0].subject == alarm.subject


@pytest.mark.parametrize("other", [[paid(901)], [paid(900), paid(1)], [paid(899)]])
def test_another_order_under_a_batchs_seq_is_unknown_at_once(other: list[Output]) -> None:
    one = tower()
    one.batch(0, other)
    rob(one)
    one.final(0)
    assert one.alarms == [Kind.UNKNOWN_SPEND]


def test_the_tier_is_part_of_the_order() -> None:
    one = tower()
    one.batch(0, [paid(900)], SLOW)
    rob(one)
    one.final(0)
    assert one.alarms == [Kind.UNKNOWN_SPEND]


def test_a_seq_that_was_passed_over_will_never_have_a_batch() -> None:
    one = tower()
    rob(one)
    one.final(0, next_seq=1)
    assert one.alarms == [Kind.UNKNOWN_SPEND]


def test_a_view_from_before_the_order_says_nothing_of_its_batch() -> None:
    """The seq was not asked for then, though it was given to a batch already."""
    one = tower()
    one.batch(0, [paid(900)])
    one.final()
    rob(one)
    assert (one.alarms, one.machine.open) == ([], 1)
    one.later()
    assert (one.alarms, one.machine.open) == ([], 0)


def test_the_seqs_to_be_looked_up_are_those_not_judged() -> None:
    one = tower()
    rob(one)
    assert one.machine.wanted() == (0,)
    one.later()
    assert one.machine.wanted() == ()


def test_a_batch_that_shows_up_in_time_is_believed() -> None:
    one = tower()
    rob(one)
    one.final(1)
    one.batch(0, [paid(900)])
    one.later()
    assert (one.alarms, one.machine.open) == ([], 0)


def test_a_sidechain_that_stands_still_has_said_all_it_will_say() -> None:
    one = tower()
    rob(one)
    for _ in range(PATIENCE):
        one.idle(100)
        assert one.alarms in ([], [Kind.SILENT])
        one.main.mine()
        one.blocks()
    one.idle(1)
    assert set(one.alarms) == {Kind.SILENT, Kind.UNKNOWN_SPEND}
    assert [act.kind for act in one.acts] == [ActKind.FREEZE]


def test_a_delayed_order_is_vetoed_coin_by_coin_while_there_is_time() -> None:
    one = tower()
    rob(one, tier=SLOW)
    one.later()
    assert [act.kind for act in one.acts] == [ActKind.FREEZE, ActKind.VETO]
    ((point, _),) = one.main.pendings()
    assert one.acts[1].outpoint == point


def test_a_mature_coin_is_past_vetoing() -> None:
    one = tower()
    rob(one, tier=SLOW)
    for _ in range(TERMS.tiers[SLOW].delay - 1):
        one.main.mine()
    one.blocks()
    one.later()
    assert [act.kind for act in one.acts] == [ActKind.FREEZE]


def test_what_is_not_done_by_rule_is_only_said() -> None:
    one = tower(Rules(act=frozenset({ActKind.VETO})))
    rob(one, tier=SLOW)
    one.later()
    assert one.alarms == [Kind.UNKNOWN_SPEND]
    assert [act.kind for act in one.acts] == [ActKind.VETO]


def test_old_history_is_said_and_not_answered_by_a_freeze() -> None:
    made = Tower()
    made.fund()
    made.main.mine()
    made.main.mine()
    made.main.send(made.main.order([paid(900)]))
    for _ in range(FROZEN + 1):
        made.main.mine()
    made.ready()
    made.later()
    assert (made.alarms, made.acts) == ([Kind.UNKNOWN_SPEND], [])


def test_a_reorganisation_takes_the_question_back() -> None:
    one = tower()
    rob(one)
    one.main.reorganise(1, keep=False)
    one.blocks()
    one.later()
    assert (one.alarms, one.machine.open) == ([], 0)


def test_the_same_spend_in_another_block_is_the_same_alarm() -> None:
    one = tower()
    rob(one)
    one.later()
    one.main.reorganise(1, keep=True)
    one.blocks()
    one.later()
    subjects = {output.subject for output in one.outputs if isinstance(output, Alarm)}
    assert len(one.alarms) == 2 and len(subjects) == 1


def test_a_reorganisation_beyond_what_is_kept_is_refused_by_name() -> None:
    one = tower()
    one.machine.vault._forgotten = one.main.height
    with pytest.raises(UndoForgotten):
        one.machine.disconnected(one.main.height)
    assert MAX_UNDO > 1000


# -- terms


NEW = replace(TERMS, note=b"other" * 6 + b"!!")


def announce(tower: Tower) -> None:
    tower.main.send(tower.main.spend(Announce(tower.main.state.seq, terms_hash(NEW))))
    tower.blocks()


def test_terms_that_nobody_decided_are_cancelled() -> None:
    one = tower()
    announce(one)
    one.later()
    assert one.alarms == [Kind.UNDECIDED_TERMS]
    assert [(act.kind, act.terms) for act in one.acts] == [(ActKind.CANCEL, terms_hash(NEW))]


def test_terms_that_governance_decided_stand() -> None:
    one = tower()
    one.side["decided"] = frozenset({terms_hash(NEW)})
    announce(one)
    one.later()
    assert (one.alarms, one.machine.open) == ([], 0)


def test_an_announcement_that_is_gone_is_not_judged() -> None:
    one = tower()
    announce(one)
    one.main.send(one.main.spend(Cancel(0, terms_hash(NEW))))
    one.blocks()
    one.later()
    assert one.alarms == [Kind.GUARD_ACTED] and one.acts == []


@pytest.mark.parametrize("decided", [True, False])
def test_terms_that_come_into_force_without_a_decision_are_said(decided: bool) -> None:
    one = tower(Rules(act=frozenset()))
    one.side["decided"] = frozenset({terms_hash(NEW)} if decided else ())
    announce(one)
    for _ in range(TERMS.govern.delay):
        one.main.mine()
    one.final()
    one.main.send(one.main.spend(Adopt(NEW)))
    one.blocks()
    one.later()
    assert (Kind.TAKEN_OVER in one.alarms) is not decided


def test_a_takeover_by_recovery_is_said() -> None:
    one = tower()
    for _ in range(TERMS.recover.idle):
        one.main.mine()
    one.main.send(one.main.spend(Recover(0, NEW)))
    one.blocks()
    assert Kind.TAKEN_OVER in one.alarms
    assert one.machine.vault.at_turn(0) == Recover(0, NEW)
    assert not isinstance(one.machine.vault.at_turn(0), Replace)


def test_another_guards_freeze_is_said() -> None:
    one = tower()
    one.main.send(one.main.spend(Freeze(0)))
    one.blocks()
    assert (one.alarms, one.acts) == ([Kind.GUARD_ACTED], [])


# -- backing


def owing(circulating: int, **more: int) -> dict[bytes, Sums]:
    return {BTM: Sums(circulating, *(more.get(k, 0) for k in ("pool", "owed", "lost", "donated")))}


def test_more_owed_than_held_is_an_unbacked_mint() -> None:
    one = tower()
    one.final(sums=owing(5_000))
    one.final()
    assert one.alarms == []
    one.final(sums=owing(5_001))
    assert one.alarms == [], "once may be two moments"
    one.final()
    assert one.alarms == [Kind.UNBACKED_MINT]
    assert [act.kind for act in one.acts] == [ActKind.FREEZE]
    one.final(sums=owing(5_000))
    assert one.ended == [Kind.UNBACKED_MINT]


@pytest.mark.parametrize("term", ["pool", "owed"])
def test_fees_and_debts_are_owed_too(term: str) -> None:
    one = tower()
    one.final(sums=owing(5_000, **{term: 1}))
    one.final()
    assert one.alarms == [Kind.UNBACKED_MINT]


def test_what_the_sidechain_declares_lost_is_a_deficit_and_no_mint() -> None:
    one = tower()
    one.final(sums=owing(6_000, lost=1_000))
    one.final()
    assert (one.alarms, one.acts) == ([Kind.DEFICIT], [])


def test_a_payout_that_is_not_settled_yet_is_no_shortfall() -> None:
    one = tower()
    one.batch(0, [paid(900)])
    one.side["sums"] = owing(4_100, owed=900)
    rob(one)
    one.later()
    assert one.alarms == []
    one.later()
    one.final(mirrored=1, sums=owing(4_100))
    one.final()
    assert one.alarms == []
    one.final(sums=owing(4_101))
    one.final()
    assert one.alarms == [Kind.UNBACKED_MINT], "once settled it counts no more"


def test_a_delayed_payout_counts_until_its_batch_is_settled() -> None:
    one = tower()
    one.batch(0, [paid(900)], SLOW)
    one.side["sums"] = owing(4_100, owed=900)
    rob(one, tier=SLOW)
    one.later()
    for _ in range(TERMS.tiers[SLOW].delay):
        one.main.mine()
    ((point, _),) = one.main.pendings()
    one.main.send(one.main.complete(point, [paid(900)]))
    one.blocks()
    one.later()
    assert one.alarms == [] and one.machine.wanted() == (0,)
    batch = one.side["batches"][0]
    settled = {0: replace(batch, state=int(BatchState.SETTLED))}
    one.final(mirrored=1, batches=settled, sums=owing(4_101))
    one.final()
    assert one.alarms == [Kind.UNBACKED_MINT]


@pytest.mark.parametrize("off", [{"attached": False}, {"relay_height": 10**6}])
def test_chains_that_do_not_compare_are_not_compared(off: dict[str, object]) -> None:
    one = tower()
    one.side |= {"sums": owing(9_000), **off}
    one.later()
    assert Kind.UNBACKED_MINT not in one.alarms


def test_contradicting_validators_are_answered_by_a_freeze() -> None:
    one = tower()
    one.final(stops=Stop.EQUIVOCATION)
    assert set(one.alarms) == {Kind.STOPPED, Kind.EQUIVOCATION}
    assert {act.kind for act in one.acts} == {ActKind.FREEZE}
    one.final(stops=Stop(0))
    assert set(one.ended) == {Kind.STOPPED, Kind.EQUIVOCATION}
