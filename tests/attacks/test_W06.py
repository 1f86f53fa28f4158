"""W06 crash points: kill -9 at every persist point of the signer, restart, converge.

A real signer on a home that `bystackd` made. Each kill leaves a mark that it hit inside its step.
Warrants and votes: what is signed after the restart is byte for byte what was asked, exactly one
order lies under a seq and one vote at a position, and nothing else at them is ever signed. Key
generation: the same key at everyone, and nobody saw two messages of one round.

The assembler's part of the path (build, aggregate, broadcast) holds no state that a crash can
lose: it starts from the recorded batch and asks again (W03, W10).
"""

import pytest

from bystack.federation.warrants import ORDER, SERVE
from bystack.node.ipc import RemoteError
from bystack.sidechain.consensus.statements import Step
from tests.node.signer.asked import (
    audited,
    cast,
    expected,
    genesis_of,
    order,
    record,
    sign_order,
    vote,
    votes,
    warrants,
)
from tests.node.signer.homes import (
    FEDERATION,
    Killed,
    Others,
    bare,
    generate,
    keyed,
    refusal,
    session_of,
)

pytestmark = pytest.mark.processes

# The first order writes three lines: that it is allowed, into the audit log, which sidechain this
# key serves, and the order.
WARRANT = ["signer.before_warrant", "signer.after_warrant", "signer.before_partials"]
WARRANT += ["signer.before_audit", "signer.after_audit"]
WARRANT += [f"journal.before_sync:{nth}" for nth in (1, 2, 3)]
WARRANT += ["journal.before_write:3", "journal.after_sync:3"]
DURABLE = {"signer.after_warrant", "signer.before_partials", "journal.after_sync:3"}


@pytest.mark.parametrize("point", WARRANT)
def test_w06_orders(point: str) -> None:
    with keyed() as signer:
        genesis = genesis_of(signer)
        true, rival = record(genesis, 0, 20), record(genesis, 0, 21, 5)
        other = record(genesis, 1, 20, 0)  # the same request under another seq
        signer.start(f"signer/{point}")
        with pytest.raises(Killed):
            sign_order(signer, true)
        signer.died_inside(point)
        signer.start()
        if point in DURABLE:
            # Journalled: the seq is taken, whoever comes first after the restart.
            assert refusal(signer, FEDERATION, "order", order(genesis, rival)) == "SeqSigned"
            assert refusal(signer, FEDERATION, "order", order(genesis, other)) == "RequestSigned"
        assert sign_order(signer, true) == expected(signer, true)
        assert refusal(signer, FEDERATION, "order", order(genesis, rival)) == "SeqSigned"
        assert refusal(signer, FEDERATION, "order", order(genesis, other)) == "RequestSigned"
        assert sign_order(signer, true) == expected(signer, true)
        signer.stop()
        # The order is allowed once in the log, whatever happened; the log is whole.
        allowed = [one for one in audited(signer) if one.kind == b"order" and not one.outcome]
        assert len(allowed) == 1
        # Exactly one order under the seq, and the sidechain before it.
        assert [line.kind for line in warrants(signer)] == [SERVE, ORDER]
        assert warrants(signer)[0].digest == genesis.id


VOTE = ["signer.before_journal", "signer.before_release"]
VOTE += ["journal.before_write", "journal.before_sync", "journal.after_sync"]
KEPT = {"signer.before_release", "journal.after_sync"}


@pytest.mark.parametrize("point", VOTE)
def test_w06_votes(point: str) -> None:
    with keyed() as signer:
        asked, rival = vote(5), vote(5, block=b"\x0c" * 32)
        signer.start(f"signer/{point}:2")
        cast(signer, vote(5, Step.PREPARE))
        with pytest.raises(Killed):
            cast(signer, asked)
        signer.died_inside(point)
        signer.start()
        if point in KEPT:
            with pytest.raises(RemoteError, match="SignedBefore"):
                cast(signer, rival)
        first = cast(signer, asked)
        assert cast(signer, asked) == first  # the same bytes
        for forbidden, rule in ((rival, "SignedBefore"), (vote(5, Step.PREPARE), "GoingBack")):
            with pytest.raises(RemoteError, match=rule):
                cast(signer, forbidden)
        cast(signer, vote(6))
        signer.stop()
        places = [line.position for line in votes(signer)]
        assert places == sorted(set(places)) and len(places) == 3, "one vote at a position"
        assert first in [line.signature for line in votes(signer)]


KEYGEN = [f"ceremony.before_persist:{nth}" for nth in range(1, 6)]
KEYGEN += [f"ceremony.after_persist:{nth}" for nth in range(1, 6)]
KEYGEN += ["ceremony.before_certificate"]


@pytest.mark.parametrize("point", KEYGEN)
def test_w06_key_generation(point: str) -> None:
    """Greeted, dealt, acknowledged, certified, finished: before and after each is durable."""
    with bare() as signer:
        others = Others(session_of(signer.home))
        signer.start(f"signer/{point}")
        with pytest.raises(Killed):
            generate(signer, others)
        signer.died_inside(point)
        signer.start()
        # Before anything was durable the node begins anew; else the signer goes on by itself.
        begun = signer.call(FEDERATION, "info")
        nothing = begun["attempt"] is None and begun["key"] is None
        assert nothing == (point == "ceremony.before_persist:1")
        generate(signer, others, begin=nothing)
        keys = {done.certificate.key for done in others.done.values()}
        info = signer.call(FEDERATION, "info")
        assert keys == {info["key"]} and info["shares"] == 2
        assert not others.ended, "nobody was convicted"
        assert all(len(said) == 1 for said in others.heard.values()), "one message a round"
        signer.stop()
        signer.start()
        assert signer.call(FEDERATION, "info")["key"] == info["key"]
        assert refusal(signer, FEDERATION, "begin", 1) == "KeyExists"
