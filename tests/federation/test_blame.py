"""Blame is unambiguous and transferable: the same for everyone, and never on an honest member."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.federation.blame import Verdict, convict, silent
from bystack.federation.messages import (
    Acknowledge,
    Hello,
    Open,
    SessionForeign,
    SignatureForged,
    Transcript,
    sign_message,
)
from bystack.federation.record import Record
from bystack.primitives.codec import decode, encode

from .stage import Network, dice, secret, session
from .villains import CATALOGUE, FalseComplaint, HelloTwice, Villain, WrongOpening, WrongShare


def spoken(villain=None, held=None):
    """Everything said in a ceremony, as one transcript."""
    held = held or session()
    network = Network(held, villain(held, 1) if villain else None)
    said = {}
    while network.wires:
        for _, message in network.wires:
            for signed in getattr(message, "messages", [message]):
                if hasattr(signed, "body"):
                    said.setdefault(encode(signed), signed)
        network.deliver()
    ordered = sorted(said.values(), key=lambda signed: (signed.body.ROUND, signed.sender))
    return Transcript(held, tuple(ordered))


def test_an_honest_transcript_convicts_nobody():
    assert convict(spoken()) == () == convict(spoken(Villain))


@pytest.mark.parametrize("kind", [k for k in CATALOGUE if k.guilty], ids=lambda k: k.__name__)
def test_the_order_and_repetition_of_messages_do_not_matter(kind):
    transcript = spoken(kind)
    expected = convict(transcript)
    assert {verdict.member for verdict in expected} == {1}
    backwards = replace(transcript, messages=transcript.messages[::-1])
    assert convict(backwards) == expected
    assert convict(replace(transcript, messages=transcript.messages * 2)) == expected
    assert convict(decode(Transcript, encode(transcript), 1 << 20)) == expected


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CATALOGUE), st.data())
def test_leaving_messages_out_never_convicts_an_honest_member(kind, data):
    """Whoever shows a transcript may hide what would clear another: it must not help."""
    whole = spoken(kind)
    kept = data.draw(st.lists(st.sampled_from(whole.messages), max_size=len(whole.messages)))
    assert {verdict.member for verdict in convict(replace(whole, messages=tuple(kept)))} <= {1}


def test_a_dealer_cannot_clear_itself_by_opening_another_deal():
    """It answers with the scalar of a second, good deal: the first is what was complained of."""
    verdicts = convict(spoken(WrongOpening))
    assert Verdict(1, "OpeningForeign", 3) in verdicts
    assert {verdict.member for verdict in verdicts} == {1}


def test_a_false_complaint_falls_back_on_its_author_only_when_answered():
    whole = spoken(FalseComplaint)
    assert Verdict(1, "ComplaintFalse", 2) in convict(whole)
    unanswered = tuple(m for m in whole.messages if not isinstance(m.body, Open))
    assert convict(replace(whole, messages=unanswered)) == ()


def test_a_complaint_alone_convicts_no_dealer():
    whole = spoken(WrongShare)
    early = tuple(m for m in whole.messages if m.body.ROUND < 3)
    assert any(m.body.complaints for m in early if isinstance(m.body, Acknowledge))
    assert convict(replace(whole, messages=early)) == ()


def test_receipts_of_others_convict_an_equivocator():
    """Neither holder of the two hellos has both: the receipts in their deals do."""
    whole = spoken(HelloTwice)
    others = tuple(m for m in whole.messages if m.sender != 1 and m.body.ROUND == 1)
    assert convict(replace(whole, messages=others)) == (Verdict(1, "Equivocated", 0),)


def test_two_signatures_of_one_body_are_no_contradiction():
    held = session()
    signed = sign_message(held, 0, Hello(dice(1), (dice(2),)), secret(0))
    assert not [v for v in convict(Transcript(held, (signed, signed))) if v.rule == "Equivocated"]


def test_a_forged_or_foreign_message_makes_it_no_transcript():
    whole = spoken()
    first, *rest = whole.messages
    with pytest.raises(SignatureForged):
        convict(replace(whole, messages=(replace(first, sender=2), *rest)))
    with pytest.raises(SessionForeign):
        convict(replace(whole, session=session(attempt=1)))


def test_silence_is_named_apart():
    whole = spoken()
    early = replace(whole, messages=tuple(m for m in whole.messages if m.body.ROUND == 0))
    assert silent(early, 0) == () and silent(early, 1) == (0, 1, 2)
    assert silent(replace(early, messages=early.messages[1:]), 0) == (0,)
    assert convict(early) == ()


def test_a_record_finds_only_what_a_receipt_names():
    whole = spoken()
    record = Record(whole)
    deals = [m for m in whole.messages if m.body.ROUND == 1]
    acknowledge = next(m.body for m in whole.messages if m.body.ROUND == 2)
    assert record.deal(2, acknowledge) == deals[2].body
    assert record.hello(0, deals[1].body) == whole.messages[0].body
    assert record.deal(2, replace(acknowledge, deals=())) is None
    certify = next(m.body for m in whole.messages if m.body.ROUND == 4)
    assert len(record.acknowledged(certify)) == 3
    assert record.acknowledged(replace(certify, acknowledgements=())) is None
