"""The journal's rule against a model that remembers everything ever signed."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.positions import (
    JournalRecord,
    Position,
    Reuse,
    SignNew,
    SignRequest,
    judge,
)

CHAIN = b"\x01" * 32
LENGTHS = (64, 64, 32, 8)


def request(height: int, view: int, step: int, fill: int) -> SignRequest:
    return SignRequest(Position(height, view, step), 0, bytes([fill]) * LENGTHS[step], b"")


class JournalModel(RuleBasedStateMachine):
    """Signs, crashes with an unsynced tail, and never signs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[JournalRecord] = []
        self.synced = 0
        self.released: dict[Position, bytes] = {}

    @rule(
        height=st.integers(1, 2),
        view=st.integers(0, 2),
        step=st.integers(0, 3),
        fill=st.integers(0, 1),
    )
    def sign(self, height: int, view: int, step: int, fill: int) -> None:
        asked = request(height, view, step, fill)
        last = self.records[-1] if self.records else None
        try:
            verdict = judge(last, asked, CHAIN)
        except Invalid as refused:
            assert last is not None and refused.rule in ("SignedBefore", "GoingBack")
            assert asked.position <= last.position
            return
        if isinstance(verdict, SignNew):
            assert last is None or asked.position > last.position
            self.records.append(verdict.record(verdict.digest * 3))
        self.synced = len(self.records)
        signature = self.records[-1].signature
        assert self.released.setdefault(asked.position, signature) == signature
        assert isinstance(verdict, SignNew) or verdict == Reuse(signature)

    @rule(fill=st.integers(0, 1))
    def write_without_sync(self, fill: int) -> None:
        last = self.records[-1] if self.records else None
        height = last.position.height if last else 1
        view = last.position.view + 1 if last else 0
        verdict = judge(last, request(height, view, 1, fill), CHAIN)
        assert isinstance(verdict, SignNew)
        self.records.append(verdict.record(verdict.digest * 3))

    @rule()
    def crash(self) -> None:
        del self.records[self.synced :]

    @invariant()
    def grows(self) -> None:
        places = [r.position for r in self.records]
        assert places == sorted(set(places))


TestJournal = JournalModel.TestCase
TestJournal.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("step", range(4))
def test_a_payload_of_another_shape_is_refused(step: int) -> None:
    asked = SignRequest(Position(1, 0, step), 0, b"\0" * 33, b"")
    with pytest.raises(Invalid, match="PayloadMalformed"):
        judge(None, asked, CHAIN)


def test_the_digest_depends_on_the_chain() -> None:
    asked = request(1, 0, 1, 0)
    assert asked.digest(CHAIN) != asked.digest(b"\x02" * 32)


def test_steps_of_a_view_are_ordered() -> None:
    committed = judge(None, request(1, 0, 2, 0), CHAIN)
    assert isinstance(committed, SignNew)
    record = committed.record(b"\1" * 96)
    with pytest.raises(Invalid, match="GoingBack"):
        judge(record, request(1, 0, 1, 0), CHAIN)
    with pytest.raises(Invalid, match="SignedBefore"):
        judge(record, request(1, 0, 2, 1), CHAIN)
    assert isinstance(judge(record, request(1, 0, 3, 0), CHAIN), SignNew)
