"""The bytes of an approval; what it takes is shown by the modules that ask for one."""

from __future__ import annotations

import pytest

from bystack.ledger.pst import Branch
from bystack.ledger.satisfaction import prove_branch
from bystack.ledger.transactions import Approval, NoWitness
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.approvals import (
    ApprovalMissing,
    ModuleApprovals,
    OwnBranch,
    approval,
    opened,
)
from tests.ledger.people import ALICE
from tests.wire import check_wire

BRANCH = Branch(ALICE.policy, prove_branch([ALICE.policy], 0))


def test_bytes() -> None:
    check_wire("sidechain_own_branch", OwnBranch(BRANCH.policy, BRANCH.proof))


def test_what_is_closed_can_be_opened() -> None:
    items = (b"\x01" * 64,)
    assert opened(approval(BRANCH, items)) == (BRANCH, items)
    made = ModuleApprovals(())
    assert made.opened(made.witness(BRANCH, items)) == (BRANCH, items)


@pytest.mark.parametrize("witness", [NoWitness(), Approval(b"", ()), Approval(b"", ((), ()))])
def test_anything_else_is_no_approval(witness: NoWitness | Approval) -> None:
    with pytest.raises(ApprovalMissing):
        opened(witness)
    with pytest.raises(Invalid):
        opened(Approval(b"\x90", ((),)))
