"""The module alone: its rules need no node, no chain and no signature to be tried out."""

import pytest
from bystack_names.module import (
    CLAIM,
    RELEASE,
    Claim,
    NamesConfig,
    NamesModule,
    NameTaken,
    NameUnknown,
    NotTheOwner,
    Release,
)

from bystack.ledger.transactions import Action, NoWitness
from bystack.primitives.codec import encode
from bystack.sidechain.modules.approvals import ApprovalMissing
from bystack.sidechain.modules.base import ActionContext, BlockContext, Outcome, PrefixedState
from bystack.sidechain.state import SystemState

GOLD, ALICE, BOB = b"\x60" * 32, b"\xa1" * 32, b"\xb0" * 32


class Chain:
    """Blocks for one module, without the chain around it."""

    def __init__(self) -> None:
        self.module, self.height = NamesModule(), 1
        self.state = PrefixedState(SystemState({}), "names")
        self.module.start(self.state, encode(NamesConfig(GOLD, 100, 5)))

    @property
    def block(self) -> BlockContext:
        return BlockContext(bytes(32), self.height, self.height, 1)

    def act(self, kind: int, action: object) -> Outcome:
        made = Action(256 + kind, encode(action))
        context = ActionContext(self.block, bytes(32), 0, made, NoWitness())
        return self.module.act(self.state, context, kind)

    def owner(self, name: str) -> str:
        answer = self.module.query(self.state, "resolvename", [name])
        assert answer is not None
        return str(answer["owner"])


def test_a_name_costs_a_deposit_and_is_had_once() -> None:
    chain = Chain()
    outcome = chain.act(CLAIM, Claim(b"alice", ALICE))
    assert outcome.effects.destroyed == {GOLD: 100}
    assert chain.owner("alice") == ALICE.hex()
    with pytest.raises(NameTaken):
        chain.act(CLAIM, Claim(b"alice", BOB))


def test_only_the_owner_gives_it_up() -> None:
    chain = Chain()
    chain.act(CLAIM, Claim(b"alice", ALICE))
    with pytest.raises(NotTheOwner):
        chain.act(RELEASE, Release(BOB, b"alice"))
    with pytest.raises(ApprovalMissing):
        chain.act(RELEASE, Release(ALICE, b"alice"))
    assert chain.owner("alice") == ALICE.hex()


def test_names_lapse() -> None:
    chain = Chain()
    chain.act(CLAIM, Claim(b"alice", ALICE))
    chain.height = 6
    assert chain.module.end(chain.state, chain.block).forfeits == {}
    chain.height = 7
    assert chain.module.end(chain.state, chain.block).forfeits == {GOLD: 100}
    with pytest.raises(NameUnknown):
        chain.owner("alice")
