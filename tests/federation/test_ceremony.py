"""The whole ceremony under a hostile member and a hostile network."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from bystack.federation.blame import Verdict, convict
from bystack.federation.ceremony import Ceremony
from bystack.federation.certificates import verify_key_certificate
from bystack.federation.events import Aborted, Broadcast, Deadline, Done, Persist, Received, Retry
from bystack.federation.members import MemberUnknown
from bystack.federation.messages import (
    SessionForeign,
    SignatureForged,
    Signed,
    Transcript,
    sign_message,
)
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

from .stage import SUPERS, Network, dice, secret, session
from .villains import CATALOGUE, Villain, WrongPartial, WrongProof


def expire(network):
    """Every member's round runs out, and what they say then arrives."""
    for member in network.honest:
        turn = network.machines[member].turn
        if turn is not None:
            network.handle(member, Deadline(turn))
    network.run()


def test_everyone_gets_the_same_key():
    network = Network(session(SUPERS, 5))
    network.run()
    results = [network.result(member) for member in network.honest]
    assert all(isinstance(result, Done) for result in results)
    assert len({result.certificate for result in results}) == 1
    verify_key_certificate(results[0].certificate)
    assert [len(result.shares) for result in results] == list(SUPERS)


def test_a_villain_that_plays_along_is_no_villain():
    network = Network(session(), Villain(session(), 1))
    network.run()
    assert {type(network.result(member)) for member in network.honest} == {Done}


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("seat", [0, 2])
def test_k08_the_guilty_and_only_they_are_named(kind, seat):
    held = session((1, 1, 1, 1), 3)
    network = Network(held, kind(held, seat))
    network.run()
    expire(network)
    for member in network.honest:
        result = network.result(member)
        assert isinstance(result, Aborted)
        if kind.guilty is None:
            assert result.verdicts == () and result.silent == (seat,)
        else:
            assert (seat, kind.guilty) in network.verdicts(member)
            assert {guilty for guilty, _ in network.verdicts(member)} == {seat}


@pytest.mark.parametrize("kind", [k for k in CATALOGUE if k.guilty], ids=lambda k: k.__name__)
def test_a_third_party_finds_the_same_verdict_from_the_bytes(kind):
    held = session()
    network = Network(held, kind(held, 1))
    network.run()
    expire(network)
    transcript = network.machines[0].transcript
    assert {verdict.member for verdict in convict(transcript)} == {1}
    fewer = Transcript(held, tuple(m for m in transcript.messages if m.sender != 1))
    # Without its own messages only what others hold receipts of can convict it.
    assert {verdict.member for verdict in convict(fewer)} <= {1}


def test_evidence_convicts_for_members_that_never_saw_the_crime():
    held = session()
    villain = WrongProof(held, 1)
    network = Network(held, villain)
    network.run()
    outside = Network(held, Villain(held, 1))
    outside.wires.clear()
    outside.handle(0, Received(network.machines[2].transcript))
    assert network.verdicts(0) == outside.verdicts(0) == {(1, "ProofWrong")}


def test_a_repetition_of_everything_changes_nothing():
    network = Network(session())
    for _ in range(3):
        network.wires.extend(list(network.wires))
        for member in network.honest:
            network.handle(member, Retry())
        network.run()
    assert [len(network.results[member]) for member in network.honest] == [1, 1, 1]
    assert len({network.result(member).certificate for member in network.honest}) == 1


def late(message):
    """Whether a message is a certification or a certificate."""
    return not isinstance(message, Signed) or message.body.ROUND == 4


def test_a_lost_certification_is_made_good_by_the_certificate():
    network = Network(session())
    while network.wires:
        to, message = network.wires[0]
        if to == 2 and late(message):
            network.wires.popleft()
        else:
            network.deliver()
    assert network.result(2) is None
    network.handle(2, Deadline(4))
    assert network.result(2) == Aborted((), (0, 1), certified=True)
    network.handle(2, Retry())
    network.run()
    assert network.result(2).certificate == network.result(0).certificate


def test_a_contradiction_ends_the_attempt_at_once():
    """Whoever holds two hellos of one member waits for nobody else."""
    held = session()
    network, other = Network(held), Network(held)
    hellos = [m for to, m in other.wires if to == 0 and m.sender == 1]
    second = sign_message(
        held, 1, replace(hellos[0].body, key=dice("other")[:-1] + b"\0"), secret(1)
    )
    network.wires.clear()
    for message in (hellos[0], second):
        network.handle(0, Received(message))
    assert network.result(0) == Aborted((Verdict(1, "Equivocated", 0),), (), certified=False)
    assert network.machines[0].turn is None


def test_a_bad_certification_ends_nothing_for_those_who_certified():
    """Another may have received a good one: then the key exists, and the certificate proves it."""
    held = session()
    network = Network(held, WrongPartial(held, 1))
    network.run()
    assert network.result(0) is None and network.machines[0].turn == 4
    good = Villain(held, 1)
    good.heard = network.villain.heard
    network.handle(2, Received(good.sign(good.certify(2))))
    assert isinstance(network.result(2), Done)
    network.run()
    assert network.result(0).certificate == network.result(2).certificate


def test_deadlines_of_rounds_that_are_over_do_nothing():
    network = Network(session())
    before = network.machines[0]
    assert before.handle(Deadline(3), dice(0)) == (before, ())
    assert before.turn == 0


def test_persist_stands_before_what_it_makes_safe():
    _, outputs = Ceremony.begin(session(), secret(0), dice("seed"))
    assert [type(output) for output in outputs] == [Persist, Broadcast]


def test_messages_of_another_attempt_are_refused_and_change_nothing():
    """K08, replay: nothing said in one session means anything in another."""
    old, new = Network(session()), Network(session(attempt=1))
    for _, message in list(old.wires):
        with pytest.raises(SessionForeign):
            new.machines[0].handle(Received(message), dice(0))
    new.run()
    old.run()
    keys = {network.result(0).certificate.key for network in (old, new)}
    assert len(keys) == 2


def test_a_message_in_anothers_name_is_refused():
    network = Network(session())
    _, message = network.wires[0]
    forged = type(message)(message.session, 2, message.body, message.signature)
    with pytest.raises(SignatureForged):
        network.machines[1].handle(Received(forged), dice(0))
    with pytest.raises(SignatureForged):
        network.machines[1].handle(Received(Transcript(session(), (forged,))), dice(0))


def test_a_stranger_cannot_begin():
    with pytest.raises(MemberUnknown):
        Ceremony.begin(session(), secret(9), dice("seed"))


def test_a_machine_resumes_its_result():
    network = Network(session())
    network.run()
    _, outputs = Ceremony.resume(network.disks[0], secret(0))
    assert outputs[0] == network.result(0)


def test_no_secret_prints():
    network = Network(session())
    for _ in range(200):
        if not network.wires:
            break
        machine = network.machines[0]
        assert repr(machine) == "Ceremony(redacted)" and "redacted" in repr(machine.state)
        for name in ("seed", "ephemeral"):
            if value := getattr(machine.state.step, name, None):
                shown = repr(machine) + str(machine.state) + repr(machine.state.step)
                assert value.hex() not in shown and repr(value) not in shown
        network.deliver()
    for share in network.result(0).shares:
        assert repr(share.secret) not in repr(network.result(0))


def test_a_torn_state_is_refused():
    network = Network(session())
    data = network.disks[0]
    for length in range(0, len(data), 7):
        with pytest.raises(Invalid):
            Ceremony.resume(data[:length], secret(0))


class HostileNetwork(RuleBasedStateMachine):
    """Any order, loss, repetition and crash, with one villain or none.

    The model is one sentence: whoever finishes holds the same key as everyone who does, nobody
    honest is ever convicted, and a member that gave up before certifying means nobody has a key.
    """

    @initialize(
        kind=st.one_of(st.sampled_from([None, Villain]), st.sampled_from(CATALOGUE)),
        weights=st.sampled_from([(1, 1, 1), (2, 2, 1), (1, 1, 1, 1)]),
        data=st.data(),
    )
    def begin(self, kind, weights, data):
        self.held = session(weights, sum(weights) // 2 + 1)
        seat = data.draw(st.integers(0, len(weights) - 1))
        self.network = Network(self.held, kind(self.held, seat) if kind else None)
        self.said = {}

    @precondition(lambda self: self.network.wires)
    @rule(at=st.integers(0, 10_000), crash=st.one_of(st.none(), st.integers(0, 4)))
    def deliver(self, at, crash):
        self.network.deliver(at % len(self.network.wires), crash)

    @precondition(lambda self: self.network.wires)
    @rule(count=st.integers(1, 30))
    def deliver_in_order(self, count):
        for _ in range(min(count, len(self.network.wires))):
            self.network.deliver()

    @precondition(lambda self: self.network.wires)
    @rule(at=st.integers(0, 10_000))
    def lose(self, at):
        del self.network.wires[at % len(self.network.wires)]

    @precondition(lambda self: self.network.wires)
    @rule(at=st.integers(0, 10_000))
    def repeat(self, at):
        self.network.wires.append(self.network.wires[at % len(self.network.wires)])

    @rule(who=st.integers(0, 9))
    def crash(self, who):
        self.network.restart(self.member(who))

    @rule(who=st.integers(0, 9))
    def retry(self, who):
        self.network.handle(self.member(who), Retry())

    @rule(who=st.integers(0, 9), hurried=st.integers(0, 4))
    def expire(self, who, hurried):
        turn = self.network.machines[self.member(who)].turn
        if hurried == 0 and turn is not None:
            self.network.handle(self.member(who), Deadline(turn))

    def member(self, who):
        return self.network.honest[who % len(self.network.honest)]

    @invariant()
    def one_key_and_only_the_guilty(self):
        if not hasattr(self, "network"):
            return
        results = [result for found in self.network.results.values() for result in found]
        keys = {encode(result.certificate) for result in results if isinstance(result, Done)}
        assert len(keys) <= 1
        gave_up = [r for r in results if isinstance(r, Aborted) and not r.certified]
        assert not (keys and gave_up)
        seats = {self.network.villain.seat} if self.network.villain else set()
        aborted = [result for result in results if isinstance(result, Aborted)]
        assert {v.member for result in aborted for v in result.verdicts} <= seats

    @invariant()
    def nobody_honest_says_two_things(self):
        if not hasattr(self, "network"):
            return
        for _, message in self.network.wires:
            sender = getattr(message, "sender", None)
            if sender in self.network.honest:
                slot = (sender, message.body.ROUND)
                assert self.said.setdefault(slot, encode(message)) == encode(message)

    def teardown(self):
        if not hasattr(self, "network"):
            return
        for _ in range(6):
            for member in self.network.honest:
                self.network.handle(member, Retry())
            self.network.run()
        expire(self.network)
        self.one_key_and_only_the_guilty()
        for member in self.network.honest:
            assert self.network.result(member) is not None


TestHostileNetwork = HostileNetwork.TestCase
TestHostileNetwork.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
