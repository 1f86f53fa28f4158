"""The rule table, line by line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bystack.sidechain.consensus.rounds import (
    CastCommit,
    CastPrepare,
    CastTimeout,
    Enter,
    Round,
    decides,
    forced,
    learn,
    on_prepare_certificate,
    on_timeout_certificate,
    on_valid_proposal,
    on_view_over,
    view_timeout,
)
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_SIGNATURE,
    PREPARE,
    Certificate,
    TimeoutCertificate,
)

A, B, J = b"a" * 32, b"b" * 32, b"j" * 32


def prepared(view: int, block: bytes = A) -> Certificate:
    return Certificate(PREPARE, 0, 1, view, block, J, b"\x07", NO_SIGNATURE)


def closed(view: int, *best: Certificate) -> TimeoutCertificate:
    return TimeoutCertificate(0, 1, view, (), NO_SIGNATURE, best)


NOW = Round(1, view=2)


def test_a_proposal_is_prepared_once_in_the_current_view_before_giving_up() -> None:
    after, casts = on_valid_proposal(NOW, 2, A, J)
    assert casts == (CastPrepare(2, A, J),)
    assert on_valid_proposal(after, 2, B, J) == (after, ())
    for other in (1, 3):
        assert on_valid_proposal(NOW, other, A, J) == (NOW, ())
    late = replace(NOW, timed_out=2)
    assert on_valid_proposal(late, 2, A, J) == (late, ())
    committed, _ = on_prepare_certificate(NOW, prepared(2))  # before it was executed here
    assert on_valid_proposal(committed, 2, A, J) == (committed, ())


def test_a_prepare_certificate_is_learnt_always_and_committed_to_in_its_view() -> None:
    after, casts = on_prepare_certificate(NOW, prepared(2))
    assert casts == (CastCommit(2, A),) and after.high == 2
    assert on_prepare_certificate(after, prepared(2)) == (after, ())
    for other in (0, 3):
        learnt, none = on_prepare_certificate(NOW, prepared(other))
        assert none == () and learnt.high == other
    late = replace(NOW, timed_out=2)
    learnt, none = on_prepare_certificate(late, prepared(2))
    assert none == () and learnt.high == 2


def test_only_a_higher_certificate_is_learnt() -> None:
    know = learn(NOW, prepared(1))
    assert learn(know, prepared(1, B)) is know and learn(know, prepared(0, B)) is know


def test_giving_up_reports_the_highest_certificate_and_happens_once() -> None:
    know = learn(NOW, prepared(1))
    after, casts = on_view_over(know)
    assert casts == (CastTimeout(2, (prepared(1),)),) and after.timed_out == 2
    assert on_view_over(after) == (after, ())


@pytest.mark.parametrize(("view", "enters"), [(1, ()), (2, (Enter(3),)), (7, (Enter(8),))])
def test_a_timeout_certificate_leads_on_but_never_back(view: int, enters: tuple[Enter]) -> None:
    after, casts = on_timeout_certificate(NOW, closed(view, prepared(1)))
    assert casts == enters and after.high == 1
    assert after.view == (enters[0].view if enters else 2)


def test_the_best_certificate_forces_its_block() -> None:
    assert forced(closed(0)) == b"" and forced(closed(0, prepared(0, B))) == B


def test_only_a_commit_certificate_decides() -> None:
    assert not decides(prepared(0))
    assert decides(Certificate(COMMIT, 0, 1, 0, A, J, b"\x07", NO_SIGNATURE))


def test_timers_double_up_to_sixty_four() -> None:
    assert [view_timeout(1500, v) for v in (0, 1, 2, 6, 7, 1000)] == [
        1500,
        3000,
        6000,
        96000,
        96000,
        96000,
    ]
