"""The sidechain transaction that carries a member's or a quorum's action: no coins, no fee."""

from __future__ import annotations

from bystack.federation.module.actions import NUMBERS, MemberApproval
from bystack.federation.module.records import NAME
from bystack.ledger.transactions import (
    VERSION,
    Action,
    Approval,
    NoWitness,
    Transaction,
    TransactionBody,
)
from bystack.primitives.codec import Wire, encode
from bystack.sidechain.params import Genesis


def transaction_of(genesis: Genesis, action: Wire, approvals: list[MemberApproval]) -> Transaction:
    """`action` for the federation's module of this sidechain, with who approves it."""
    place = [module.name for module in genesis.modules].index(NAME) + 1
    wire = Action(256 * place + NUMBERS[type(action)], encode(action))
    body = TransactionBody(VERSION, (), (), (wire,), 0, 0, b"")
    witness = Approval(encode(tuple(approvals)), ()) if approvals else NoWitness()
    return Transaction(body, (witness,))
