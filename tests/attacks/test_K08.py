"""K08 DKG threshold raise (Trail of Bits 2024; Chainflip 2026), and what else a dealer may try.

Commitments of length t+1 or t-1, a bad proof (rogue key), an invalid share, a replayed session, an
equivocated deal: abort, and blame of nobody but the guilty. The invariant: no key comes to exist,
and the attempt without the culprit makes one. All other villains are in `tests/federation`.
"""

import pytest

from bystack.federation.blame import convict
from bystack.federation.events import Aborted, Deadline, Done, Received
from bystack.federation.messages import SessionForeign
from tests.federation.stage import Network, dice, session
from tests.federation.villains import (
    DealTwice,
    ForeignProof,
    LongPolynomial,
    NoOpening,
    ShortPolynomial,
    WrongProof,
    WrongShare,
)

RULES = {
    LongPolynomial: "CommitmentsLength",
    ShortPolynomial: "CommitmentsLength",
    WrongProof: "ProofWrong",
    ForeignProof: "ProofWrong",
    WrongShare: "ShareOffPolynomial",
    NoOpening: "OpeningsWrong",
    DealTwice: "Equivocated",
}


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
def test_no_key_and_only_the_dealer_is_blamed(kind: type) -> None:
    held = session((1, 1, 1, 1), 3)
    network = Network(held, kind(held, 3))
    network.run()
    for member in network.honest:
        if (turn := network.machines[member].turn) is not None:
            network.handle(member, Deadline(turn))
    network.run()
    for member in network.honest:
        assert isinstance(network.result(member), Aborted)
        assert (3, RULES[kind]) in network.verdicts(member)
        assert {verdict.member for verdict in convict(network.machines[member].transcript)} == {3}
    without = Network(session((1, 1, 1), 2, attempt=1))
    without.run()
    assert all(isinstance(without.result(member), Done) for member in without.honest)


def test_a_replayed_session_says_nothing() -> None:
    old, new = Network(session()), Network(session(attempt=1))
    replayed = []
    while old.wires:
        replayed += [message for _, message in old.wires if hasattr(message, "body")]
        old.deliver()
    for message in replayed:
        with pytest.raises(SessionForeign):
            new.machines[0].handle(Received(message), dice("unused"))
    before = new.machines[0]
    assert before.handle(Received(old.result(0).certificate), dice("unused")) == (before, ())
    new.run()
    assert new.result(0).certificate.key != old.result(0).certificate.key
