"""K21: a payout to a destination that the law forbids, and a freeze that is to re-route value.

The invariant: a burn to a frozen destination is refused before anything is burned, with the rule
and where it is written; a freeze moves nothing, and who decided it is on the chain for ever.
"""

import pytest

from bystack.federation.module.actions import QuorumMissing
from bystack.federation.module.decisions import Freeze, SetRegion, Unfreeze
from bystack.federation.module.freezes import DestinationFrozen
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output
from bystack.primitives.codec import encode
from bystack.sidechain.records import PegoutState
from tests.federation.module.parliament import Parliament
from tests.ledger.people import ALICE, CAROL

LOCK = encode(CAROL.lock)
FREEZE = Freeze(LOCK, b"EU 2580/2001", b"Official Journal L 344, 28.12.2001")


def house() -> Parliament:
    made = Parliament()
    made.world.relay(12)
    made.world.pegged(5_000)
    return made


def test_the_burn_is_refused_and_the_coins_stay() -> None:
    here = house()
    here.enact(FREEZE)
    held, sums = here.world.balance(CAROL), here.world.sums()
    with pytest.raises(DestinationFrozen) as caught:
        here.world.burn(300)
    assert (here.world.balance(CAROL), here.world.sums()) == (held, sums)
    assert caught.value.facts["rule"] == "EU 2580/2001"
    assert "L 344" in str(caught.value)


def test_a_freeze_reroutes_nothing_that_is_owed() -> None:
    """Requested before, batched before, and the order that pays: all as they were."""
    here = house()
    queued = here.world.burn(300)
    (before,) = here.world.record(0).outputs
    here.enact(FREEZE)
    assert before == Output(BTM, here.world.request(queued).payout, CAROL.lock)
    assert here.world.record(0).outputs == (before,)
    here.world.pay(0)
    assert here.world.stands(queued) == PegoutState.SETTLED


def test_only_the_threshold_freezes_and_everybody_sees_who() -> None:
    here = house()
    for few in ((0, 1), (2, 3, 4)):
        with pytest.raises(QuorumMissing):
            here.world.block(here.enact_tx(FREEZE, few))
    proposal = here.propose(FREEZE, by=3)
    here.vote(proposal, (0, 1))
    here.enact(SetRegion(b"These members follow the law of the Union."))
    shown = here.ask("getfreezes")
    assert shown["region"].startswith("These members")
    (row,) = shown["freezes"]
    assert (row["rule"], row["destination"]) == ("EU 2580/2001", LOCK.hex())
    record = here.ask("getproposal", row["number"])
    assert record["state"] == "executed"
    assert [one[0] for one in record["votes"]] == ["m3", "m0", "m1"]
    here.enact(Unfreeze(LOCK, b"court of justice, T-9"))
    assert here.ask("getproposal", row["number"])["kind"] == "freeze", "the record stays"
    assert here.ask("getproposal", proposal.number)["state"] == "executed"


def test_others_are_untouched() -> None:
    here = house()
    here.enact(FREEZE)
    here.world.pegged(500, to=ALICE)
    id = here.world.burn(300, ALICE)
    assert here.world.stands(id) == PegoutState.BATCHED
