"""The typed rounds: what each refuses, and that they resume without dealing twice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.federation import dkg
from bystack.federation.blame import Convicted
from bystack.federation.messages import Complaint, sign_message
from bystack.federation.states import Acknowledged, Certified, Dealt, Finished, Greeted, Opened
from bystack.primitives.codec import decode, encode
from bystack.primitives.curve import evaluate_commitments, g1_mul

from .stage import SUPERS, dice, secret, session


def again(state):
    """The state as a crash would leave it: through its bytes."""
    return decode(type(state), encode(state), 1 << 20)


def greet(held, words="a"):
    return [dkg.round_zero(held, n, secret(n), dice("seed", words, n)) for n in range(held.size)]


def said(states):
    return [state.message for state in states]


def deal(held, greeted):
    sent = said(greeted)
    return [
        dkg.round_one(again(state), sent, secret(n), dice("pairs", n))
        for n, state in enumerate(greeted)
    ]


def acknowledge(dealt):
    sent = said(dealt)
    return [dkg.round_two(again(state), sent, secret(n)) for n, state in enumerate(dealt)]


def third(acknowledged):
    sent = said(acknowledged)
    return [dkg.round_three(again(s), sent, secret(n)) for n, s in enumerate(acknowledged)]


def through(held):
    return third(acknowledge(deal(held, greet(held))))


@pytest.mark.parametrize(("weights", "threshold"), [((1, 1, 1), 2), (SUPERS, 5), ((2, 2, 1), 3)])
def test_the_rounds_lead_to_one_key(weights, threshold):
    held = session(weights, threshold)
    certified = through(held)
    assert all(isinstance(state, Certified) for state in certified)
    finished = [dkg.finish(again(state), said(certified)) for state in certified]
    (certificate,) = {state.certificate for state in finished}
    for state in finished:
        for share in state.shares:
            public = evaluate_commitments(certificate.polynomial, share.index)
            assert g1_mul(int.from_bytes(share.secret, "big")) == public
            assert share.key == certificate.key_id
    assert sum(len(state.shares) for state in finished) == held.roster.total


def test_the_same_seed_says_the_same_again():
    held = session()
    assert greet(held) == greet(held)
    assert deal(held, greet(held)) == deal(held, greet(held))
    assert through(held) == through(held)
    assert said(greet(held)) != said(greet(held, "b"))


def test_one_seed_in_two_sessions_gives_unrelated_deals():
    first, second = greet(session()), greet(session(attempt=1))
    assert {s.message.body.key for s in first}.isdisjoint(s.message.body.key for s in second)
    pairs = zip(first, second, strict=True)
    assert all(a.message.body.commitments != b.message.body.commitments for a, b in pairs)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_round_wants_exactly_one_message_of_everybody(data):
    held = session()
    greeted = greet(held)
    hellos = said(greeted)
    chosen = data.draw(st.lists(st.sampled_from(range(3)), max_size=5))
    if sorted(chosen) == [0, 1, 2]:
        return
    with pytest.raises(dkg.RoundIncomplete):
        dkg.round_one(greeted[0], [hellos[n] for n in chosen], secret(0), dice(1))


def test_messages_of_another_round_do_not_count():
    held = session()
    greeted = greet(held)
    dealt = deal(held, greeted)
    with pytest.raises(dkg.RoundIncomplete):
        dkg.round_two(dealt[0], [dealt[0].message, dealt[1].message, greeted[2].message], secret(0))


def test_a_whole_round_of_the_wrong_kind_does_not_count():
    held = session()
    dealt = deal(held, greet(held))
    with pytest.raises(Exception, match=r"OwnMessageForeign|RoundIncomplete"):
        dkg.round_two(dealt[0], said(greet(held)), secret(0))


def test_ones_own_message_must_be_the_one_remembered():
    """A member whose state was rolled back meets its own other deal: it must not go on."""
    held = session()
    greeted = greet(held)
    dealt = deal(held, greeted)
    other = dkg.round_one(greeted[0], said(greeted), secret(0), dice("rolled back"))
    with pytest.raises(dkg.OwnMessageForeign):
        dkg.round_two(other, said(dealt), secret(0))


def test_complaints_lead_to_openings_and_never_to_a_key():
    held = session()
    acknowledged = acknowledge(deal(held, greet(held)))
    body = acknowledged[1].message.body
    false = type(body)(body.deals, (Complaint(0, 0, 2),))
    sent = [acknowledged[0].message, sign_message(held, 1, false, secret(1)), said(acknowledged)[2]]
    opened = [dkg.round_three(acknowledged[n], sent, secret(n)) for n in (0, 2)]
    assert all(isinstance(state, Opened) for state in opened)
    assert [len(state.message.body.openings) for state in opened] == [1, 0]
    third_body = opened[1].message.body
    answer = sign_message(held, 1, third_body, secret(1))
    verdicts = dkg.judge_openings(opened[1], [*said(opened), answer]).verdicts
    assert [(v.member, v.rule) for v in verdicts] == [(1, "ComplaintFalse")]


def test_a_member_that_complains_keeps_no_sum_of_bad_shares():
    held = session()
    greeted = greet(held)
    dealt = deal(held, greeted)
    body = dealt[1].message.body
    dealing = body.dealings[0]
    broken = tuple(replace(share, sealed=bytes(48)) for share in dealing.shares)
    wrong = replace(body, dealings=(replace(dealing, shares=broken),))
    sent = [dealt[0].message, sign_message(held, 1, wrong, secret(1)), dealt[2].message]
    state = dkg.round_two(dealt[0], sent, secret(0))
    assert state.message.body.complaints == (Complaint(1, 0, 1),) and state.parts == ()


def test_the_guilty_stop_the_round():
    held = session()
    greeted = greet(held)
    body = greeted[1].message.body
    wrong = sign_message(held, 1, type(body)(bytes(32), body.commitments), secret(1))
    with pytest.raises(Convicted) as caught:
        hellos = [greeted[0].message, wrong, greeted[2].message]
        dkg.round_one(greeted[0], hellos, secret(0), dice(1))
    assert [(v.member, v.rule) for v in caught.value.verdicts] == [(1, "LowOrderKey")]


def test_a_certificate_of_another_session_is_not_accepted():
    held, other = session(), session(attempt=1)
    finished = {}
    for each in (held, other):
        certified = through(each)
        finished[each.id] = (certified, dkg.finish(certified[0], said(certified)))
    with pytest.raises(dkg.CertificateForeign):
        dkg.accept(finished[held.id][0][1], finished[other.id][1].certificate)
    moved = replace(finished[held.id][1].certificate, session=other)
    with pytest.raises(dkg.CertificateForeign):
        dkg.accept(finished[held.id][0][1], moved)
    accepted = dkg.accept(finished[held.id][0][1], finished[held.id][1].certificate)
    assert accepted.shares == finished[held.id][0][1].shares


def test_no_state_prints_a_secret():
    held = session()
    greeted = greet(held)
    dealt = deal(held, greeted)
    acknowledged = acknowledge(dealt)
    certified = third(acknowledged)
    finished = dkg.finish(certified[0], said(certified))
    kinds = (Greeted, Dealt, Acknowledged, Certified, Finished)
    states = (greeted[0], dealt[0], acknowledged[0], certified[0], finished)
    for kind, state in zip(kinds, states, strict=True):
        assert repr(state) == str(state) == f"{kind.__name__}(redacted)"
        assert f"{state}" == repr(state) and state.__rich_repr__() == []
    assert repr(finished.shares[0]) == "KeyShare(redacted)"
