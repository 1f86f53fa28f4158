"""Decisions drafted from what a person says."""

from typing import Any

import msgspec
import pytest

from bystack.federation.module.decisions import (
    NAMES,
    Abandon,
    Add,
    Allowance,
    Cause,
    Decision,
    Freeze,
    Halt,
    Lift,
    NewKey,
    Refresh,
    Refund,
    Remove,
    Reweigh,
    SetAllowances,
    SetParameters,
    SetPegs,
    SetRegion,
    SetRules,
    SetTerms,
    Unfreeze,
)
from bystack.federation.module.records import DEFAULT_RULES
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, PolicyLock
from bystack.node.federation.drafting import DetailWrong, Present, destination_of, drafted
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, encode_address
from bystack.primitives.codec import MAX_INT, Malformed, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.plain import PlainInvalid
from bystack.sidechain.parameters import ParametersInvalid, in_force
from bystack.sidechain.peg_numbers import in_force as pegs_in_force
from tests.federation.module.parliament import Parliament, identity, newcomer
from tests.sidechain.mainside import TERMS

HOUSE = Parliament()
GENESIS = HOUSE.world.genesis
NOW = Present(
    GENESIS,
    HOUSE.config.standing,
    in_force(HOUSE.world.view),
    pegs_in_force(HOUSE.world.view),
    DEFAULT_RULES,
)
BOB = identity(1)
HRP = GENESIS.main.hrp
PAID = encode_address(Address(HRP, POLICY, b"\x07" * 32))
LOCK = encode(PolicyLock(b"\x07" * 32))
SEAT, KEY = newcomer(5)
NEW = {
    "name": "m5", "identity": SEAT.identity.hex(), "node": SEAT.node.hex(), "weight": 1,
    "recipient": SEAT.recipient.hex(), "governance": KEY.hex(),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "details", "expected"),
    [
        ("add", NEW, Add(b"m5", SEAT.identity, SEAT.node, 1, SEAT.recipient, KEY, 5, 0)),
        ("remove", {"identity": "m1"}, Remove(BOB, 5, 0)),
        ("remove", {"identity": BOB.hex(), "threshold": 4, "fresh": True}, Remove(BOB, 4, 1)),
        ("reweigh", {"identity": "m1", "weight": 1}, Reweigh(BOB, 1, 5, 0)),
        (
            "cause",
            {"identity": "m1", "reason": "für Geld"},
            Cause(BOB, 5, 0, "für Geld".encode(), ()),
        ),
        ("refresh", {}, Refresh()),
        ("newkey", {}, NewKey()),
        ("abandon", {}, Abandon()),
        ("resume", {}, Lift()),
        ("pause", {"what": "burns", "blocks": 9}, Halt(2, 9, b"")),
        ("pause", {"what": "all", "blocks": 9, "reason": "x"}, Halt(15, 9, b"x")),
        ("refund", {"ids": ["01" * 32]}, Refund((b"\x01" * 32,))),
        ("freeze", {"destination": PAID, "rule": "r"}, Freeze(LOCK, b"r", b"")),
        ("unfreeze", {"destination": PAID}, Unfreeze(LOCK, b"")),
        ("region", {"text": "here"}, SetRegion(b"here")),
        (
            "allowances",
            {"identity": "m1", "allowances": [{"asset": BTM.hex(), "amount": 5, "window": 6}]},
            SetAllowances(BOB, (Allowance(BTM, 5, 6),)),
        ),
        ("terms", {"terms": encode(TERMS).hex()}, SetTerms(TERMS.note, TERMS)),
    ],
)
def test_what_is_said_and_what_need_not_be(
    kind: str, details: dict[str, Any], expected: Decision
) -> None:
    assert drafted(kind, details, NOW) == expected
    assert NAMES[type(expected)] == kind


def test_numbers_that_are_not_said_stay() -> None:
    parameters = drafted("parameters", {"interval": 400}, NOW)
    assert isinstance(parameters, SetParameters)
    assert parameters.parameters == msgspec.structs.replace(NOW.parameters, interval=400)
    rules = drafted("rules", {"version": 2, "work.vote": 0}, NOW)
    work = msgspec.structs.replace(DEFAULT_RULES.work, vote=0)
    assert rules == SetRules(msgspec.structs.replace(DEFAULT_RULES, version=2, work=work))
    pegs = drafted("pegs", {"pegin_bp": 5, "GOLD.pegout_fee": 9}, NOW)
    assert isinstance(pegs, SetPegs)
    first, second = NOW.pegs.assets
    gold = msgspec.structs.replace(second, pegout_fee=9)
    assert pegs.numbers == msgspec.structs.replace(NOW.pegs, pegin_bp=5, assets=(first, gold))


def test_destinations_are_addresses_of_the_main_chain() -> None:
    vault = encode_address(Address(HRP, DEPOSIT, b"\x01" * 32 + b"\x02" * 64))
    assert destination_of(vault, GENESIS) == DepositLock(b"\x01" * 32, b"\x02" * 64)
    for text in ("", "nonsense", encode_address(Address("xx", POLICY, b"\x07" * 32))):
        with pytest.raises(Invalid):
            destination_of(text, GENESIS)


@pytest.mark.parametrize(
    ("kind", "details", "error"),
    [
        ("crown", {}, DetailWrong),
        ("remove", {}, PlainInvalid),
        ("remove", {"identity": "nobody"}, PlainInvalid),
        ("remove", {"identity": "01" * 31}, Malformed),
        ("remove", {"identity": "m1", "colour": 5}, PlainInvalid),
        ("remove", {"identity": "m1", "threshold": -1}, Malformed),
        ("remove", {"identity": "m1", "threshold": "5"}, PlainInvalid),
        ("reweigh", {"identity": "m1", "weight": 2**80}, PlainInvalid),
        ("pause", {"what": "sun", "blocks": 9}, PlainInvalid),
        ("refund", {"ids": "01"}, PlainInvalid),
        ("freeze", {"destination": PAID, "rule": "x" * 201}, Malformed),
        ("parameters", {"colour": 5}, ParametersInvalid),
        ("rules", {"colour": 5}, DetailWrong),
        ("rules", {"version": "2"}, DetailWrong),
        ("rules", {"version": True}, DetailWrong),
        ("rules", {"work": 5}, DetailWrong),
        ("rules", {"version": MAX_INT}, Malformed),
        ("rules", {"work.colour": 5}, DetailWrong),
        ("pegs", {"LEAD.pegin_limit": 5}, DetailWrong),
        ("pegs", {"BTM.asset": 5}, DetailWrong),
        ("pegs", {"assets": 5}, DetailWrong),
        ("pegs", {"pegin_bp": -1}, DetailWrong),
        ("pegs", {"pegin_bp": 2**20}, Malformed),
        ("terms", {}, DetailWrong),
        ("terms", {"terms": "zz"}, DetailWrong),
        ("terms", {"terms": "00"}, Malformed),
    ],
)
def test_what_makes_no_decision_is_refused_by_name(
    kind: str, details: dict[str, Any], error: type[Invalid]
) -> None:
    with pytest.raises(error):
        drafted(kind, details, NOW)
