"""Decisions and what carries them: their bytes, and that no two of them are mistaken."""

import msgspec
import pytest

from bystack.federation.messages import Receipt
from bystack.federation.module.actions import CastVote, Enact, Propose
from bystack.federation.module.allowances import Allowances
from bystack.federation.module.decisions import (
    NAMES,
    OPEN,
    Abandon,
    Add,
    Allowance,
    Ballot,
    Cause,
    Decision,
    Freeze,
    Halt,
    Lift,
    NewKey,
    Proposal,
    Refresh,
    Refund,
    Remove,
    ReturnDeposits,
    Reweigh,
    SetAllowances,
    SetParameters,
    SetPegs,
    SetRegion,
    SetRules,
    SetTerms,
    Stated,
    TwoStatements,
    TwoWords,
    Unfreeze,
    proposal_id,
)
from bystack.federation.module.freezes import Frozen
from bystack.federation.module.pauses import Paused
from bystack.federation.module.records import DEFAULT_RULES
from bystack.federation.module.shares import Done, Earned, Earnings
from bystack.federation.statements import AssetTerms, Statement
from bystack.ledger.amounts import BTM
from bystack.ledger.policies import Key
from bystack.ledger.terms import Govern, Guard, Limit, Recover, Terms, Tier
from bystack.ledger.transactions import Outpoint, PolicyLock
from bystack.primitives.codec import Wire
from bystack.sidechain.parameters import Parameters
from bystack.sidechain.peg_numbers import AssetNumbers, PegNumbers
from bystack.sidechain.records import Return
from tests.wire import check_wire

ONE, TWO, SIGNED = b"\x01" * 32, b"\x02" * 32, b"\x03" * 64
STATEMENT = Statement(
    ONE, 7, TWO, 9, 3, ONE, 1, TWO, (AssetTerms(BTM, 9, 5, 1, 1, 1, 1, 0),)
)  # fmt: skip
STATED = Stated(STATEMENT, 1, SIGNED)
TERMS = Terms(
    (Tier(Key(ONE), (Limit(BTM, 9, 1, 2),), 0),),
    Guard(Key(TWO), 4),
    Govern(Key(ONE), 5),
    Recover(Key(b"\x04" * 32), 6),
    ONE,
)
LOCK = b"\x92\x00\xc4\x01\x05"

DECISIONS: dict[str, Decision] = {
    "add": Add(b"ann", ONE, TWO, 2, ONE, TWO, 5, 1),
    "remove": Remove(ONE, 4, 0),
    "reweigh": Reweigh(ONE, 3, 5, 0),
    "refresh": Refresh(),
    "new_key": NewKey(),
    "cause": Cause(ONE, 4, 1, b"why", (TwoStatements(STATED, STATED),)),
    "set_parameters": SetParameters(Parameters(2, 400, 4_000, 1_200, 2, 3, 900, 30, 3_000_000)),
    "set_pegs": SetPegs(PegNumbers(1, 2, (AssetNumbers(BTM, 3, 4, 5, 6),))),
    "set_terms": SetTerms(ONE, TERMS),
    "halt": Halt(5, 100, b"why"),
    "lift": Lift(),
    "refund": Refund((ONE, TWO)),
    "return_deposits": ReturnDeposits((Return(Outpoint(ONE, 1), PolicyLock(TWO)),)),
    "freeze": Freeze(LOCK, b"rule 7", b"case 9"),
    "unfreeze": Unfreeze(LOCK, b"case 10"),
    "set_rules": SetRules(DEFAULT_RULES),
    "set_allowances": SetAllowances(ONE, (Allowance(BTM, 5, 6),)),
    "abandon": Abandon(),
    "set_region": SetRegion(b"somewhere"),
}
OTHERS: dict[str, Wire] = {
    "allowance": Allowance(BTM, 5, 6),
    "ballot": Ballot(ONE, 1, 2),
    "proposal": Proposal(4, ONE, Lift(), b"why", 5, 6, OPEN, 0, (Ballot(ONE, 1, 2),)),
    "stated": STATED,
    "two_statements": TwoStatements(STATED, STATED),
    "two_words": TwoWords(ONE, 3, 1, Receipt(ONE, SIGNED), Receipt(TWO, SIGNED)),
}
BESIDE: dict[str, Wire] = {
    "module_propose": Propose(4, Lift(), b"why"),
    "module_cast_vote": CastVote(4, ONE, 1, TWO),
    "module_enact": Enact(5, Lift()),
    "allowances": Allowances((Allowance(BTM, 5, 6),)),
    "frozen": Frozen(LOCK, b"rule 7", b"case 9", 4, 30),
    "paused": Paused(5, 40, "why"),
    "shares_done": Done(1, 2, 3, 4, 5),
    "shares_earned": Earned(BTM, 6, 7),
    "shares_earnings": Earnings((Earned(BTM, 6, 7),)),
}
EVERY = {
    **{f"federation_decision_{name}": one for name, one in (DECISIONS | OTHERS).items()},
    **{f"federation_{name}": one for name, one in BESIDE.items()},
}


@pytest.mark.parametrize("name", EVERY)
def test_on_the_wire(name: str) -> None:
    check_wire(name, EVERY[name])


def test_every_kind_of_decision_has_a_name_of_its_own() -> None:
    kinds = {type(one) for one in DECISIONS.values()}
    assert set(NAMES) == kinds == set(Decision.__args__)
    assert len(set(NAMES.values())) == len(NAMES)


def test_a_vote_is_for_one_number_and_one_decision() -> None:
    ids = {proposal_id(number, one) for number in (0, 1) for one in DECISIONS.values()}
    assert len(ids) == 2 * len(DECISIONS)
    proposal = OTHERS["proposal"]
    assert isinstance(proposal, Proposal) and proposal.id == proposal_id(4, Lift())
    assert msgspec.structs.replace(proposal, note=b"other").id == proposal.id
