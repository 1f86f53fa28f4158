"""Who owns a certificate, who may change it, what an entry costs, what is answered."""

from __future__ import annotations

from typing import Any

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.policies import Thresh
from bystack.ledger.pst import Branch
from bystack.ledger.satisfaction import PolicyUnsatisfied, policy_root, prove_branch
from bystack.ledger.transactions import Action
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed
from bystack.sidechain.modules.approvals import (
    ApprovalMissing,
    ModuleApprovals,
    OwnerUnnamed,
    approval,
    approval_digest,
    approved_kinds,
)
from bystack.sidechain.modules.asking import QueryInvalid
from bystack.sidechain.modules.base import ActionContext, ActionUnknown, Quiet
from bystack.sidechain.modules.registry.certificates import (
    MAX_ENDORSEMENTS,
    Endorse,
    Register,
    RegistryConfig,
    Revoke,
    Transfer,
    certificate_key,
)
from bystack.sidechain.modules.registry.entries import (
    CertificateUnknown,
    CertificateVoid,
    DigestTaken,
    EndorsedAlready,
    EndorsementsFull,
    ExpiryPassed,
    NotOwner,
    OwnerInvalid,
)
from bystack.sidechain.modules.registry.module import (
    ENDORSE,
    REGISTER,
    REVOKE,
    TRANSFER,
    RegistryModule,
)
from tests.ledger.people import ALICE, BOB, Person
from tests.sidechain.modules.desk import CHAIN, KIND, Desk, root_of

DEED = b"\xd1" * 32
ALICES, BOBS = root_of(ALICE), root_of(BOB)


def desk(fee: int = 0, byte_fee: int = 0) -> Desk:
    return Desk(RegistryModule(), RegistryConfig(BTM, fee, byte_fee), height=20)


def registered(expires: int = 0, memo: bytes = b"a deed") -> Desk:
    on = desk()
    on.act(REGISTER, Register(DEED, ALICES, memo, expires))
    return on


def ask(on: Desk, name: str, *params: Any) -> Any:
    return on.module.query(on.state, name, params)


def certificate(on: Desk) -> Any:
    return ask(on, "getcertificate", DEED.hex())


def test_a_certificate_says_when_and_whose() -> None:
    on = registered()
    found = certificate(on)
    assert (found["owner"], found["height"], found["time"]) == (ALICES.hex(), 20, 20_000)
    assert (found["relayed"], found["memo"], found["transfers"]) == (2, "a deed", 0)
    assert found["transaction"] == fixed(1, 32).hex()
    assert bytes.fromhex(found["key"]) == certificate_key(DEED) in on.store


def test_who_comes_first_has_it() -> None:
    on = registered()
    before = dict(on.store)
    with pytest.raises(DigestTaken):
        on.act(REGISTER, Register(DEED, BOBS, b"", 0))
    assert dict(on.store) == before


def test_what_expired_may_be_entered_anew_and_what_was_revoked_never() -> None:
    on = registered(expires=21)
    on.turn()
    with pytest.raises(DigestTaken):
        on.act(REGISTER, Register(DEED, BOBS, b"", 0))
    on.turn()
    with pytest.raises(CertificateVoid):
        on.act(TRANSFER, Transfer(ALICES, DEED, BOBS), ALICE)
    on.act(REGISTER, Register(DEED, BOBS, b"", 0))
    assert certificate(on)["owner"] == BOBS.hex()
    assert ask(on, "listcertificates", ALICES.hex(), 10, "") == {"certificates": []}
    on.act(REVOKE, Revoke(BOBS, DEED, b"a mistake"), BOB)
    assert certificate(on)["revoked"] == 22
    with pytest.raises(DigestTaken):
        on.act(REGISTER, Register(DEED, ALICES, b"", 0))


@pytest.mark.parametrize(
    ("action", "rule"),
    [
        (Register(DEED, bytes(32), b"", 0), OwnerInvalid),
        (Register(DEED, ALICES, b"", 19), ExpiryPassed),
        (Register(DEED, ALICES, b"x" * 257, 0), Invalid),
    ],
)
def test_entries_that_make_no_sense(action: Register, rule: type[Invalid]) -> None:
    on = desk()
    with pytest.raises(rule):
        on.act(REGISTER, action)
    on.act(REGISTER, Register(DEED, ALICES, b"x" * 256, 20))


def test_the_owner_passes_it_on_and_nobody_else() -> None:
    on = registered()
    for action, signers in (
        (Transfer(ALICES, DEED, BOBS), (BOB,)),
        (Transfer(ALICES, DEED, BOBS), ()),
        (Transfer(BOBS, DEED, BOBS), (BOB,)),
        (Transfer(ALICES, DEED, bytes(32)), (ALICE,)),
    ):
        with pytest.raises(Invalid):
            on.act(TRANSFER, action, *signers)
    outcome = on.act(TRANSFER, Transfer(ALICES, DEED, BOBS), ALICE)
    assert [check.key for check in outcome.effects.checks] == [ALICE.policy.key]
    found = certificate(on)
    assert (found["owner"], found["transfers"], found["since"]) == (BOBS.hex(), 1, 20)
    with pytest.raises(NotOwner):
        on.act(REVOKE, Revoke(ALICES, DEED, b""), ALICE)


def test_an_approval_is_of_one_action_alone() -> None:
    """Another transaction, another place in it, another chain: another digest."""
    digests = {
        approval_digest(*one)
        for one in ((CHAIN, DEED, 0), (CHAIN, DEED, 1), (CHAIN, CHAIN, 0), (DEED, DEED, 0))
    }
    assert len(digests) == 4


PAIR = Thresh(2, (ALICE.policy, BOB.policy))
PAIRS = policy_root([PAIR])


def by_pair(on: Desk, action: Transfer, *signers: Person) -> None:
    """Carry out a transfer that this many of the pair have signed."""
    context = on.context(encode(action), TRANSFER)
    digest = approval_digest(CHAIN, context.transaction, 0)
    items = tuple(one.sign(digest) if one in signers else b"" for one in (ALICE, BOB))
    witness = approval(Branch(PAIR, prove_branch([PAIR], 0)), items)
    signed = ActionContext(on.block, context.transaction, 0, context.action, witness)
    assert len(on.carry(signed, TRANSFER).effects.checks) == 2


def test_several_people_own_together() -> None:
    on = desk()
    on.act(REGISTER, Register(DEED, PAIRS, b"", 0))
    with pytest.raises(PolicyUnsatisfied):
        by_pair(on, Transfer(PAIRS, DEED, ALICES), ALICE)
    by_pair(on, Transfer(PAIRS, DEED, ALICES), ALICE, BOB)
    assert certificate(on)["owner"] == ALICES.hex()


def test_endorsements() -> None:
    on = registered()
    with pytest.raises(ApprovalMissing):
        on.act(ENDORSE, Endorse(BOBS, DEED))
    on.act(ENDORSE, Endorse(BOBS, DEED), BOB)
    assert certificate(on)["endorsements"] == [{"owner": BOBS.hex(), "height": 20, "time": 20_000}]
    with pytest.raises(EndorsedAlready):
        on.act(ENDORSE, Endorse(BOBS, DEED), BOB)
    people = [Person(bytes([number]) * 32) for number in range(50, 50 + MAX_ENDORSEMENTS)]
    for one in people[1:]:
        on.act(ENDORSE, Endorse(root_of(one), DEED), one)
    with pytest.raises(EndorsementsFull):
        on.act(ENDORSE, Endorse(root_of(people[0]), DEED), people[0])
    on.act(REVOKE, Revoke(ALICES, DEED, b""), ALICE)
    for action, kind in ((Endorse(ALICES, DEED), ENDORSE), (Revoke(ALICES, DEED, b""), REVOKE)):
        with pytest.raises(CertificateVoid):
            on.act(kind, action, ALICE)


def test_the_largest_certificate_is_read_again() -> None:
    on = registered(memo=b"m" * 256)
    for number in range(50, 50 + MAX_ENDORSEMENTS):
        one = Person(bytes([number]) * 32)
        on.act(ENDORSE, Endorse(root_of(one), DEED), one)
    on.act(REVOKE, Revoke(ALICES, DEED, b"r" * 100), ALICE)
    assert len(certificate(on)["endorsements"]) == MAX_ENDORSEMENTS


def test_entries_pay_into_the_pool() -> None:
    on = desk(fee=50, byte_fee=2)
    outcome = on.act(REGISTER, Register(DEED, ALICES, b"12345", 0))
    assert outcome.effects.destroyed == {BTM: 60}
    assert on.act(ENDORSE, Endorse(BOBS, DEED), BOB).effects.destroyed == {BTM: 50}
    assert on.act(TRANSFER, Transfer(ALICES, DEED, BOBS), ALICE).effects.destroyed == {}
    assert on.turn().forfeits == {BTM: 110}
    assert on.turn().forfeits == {} and +on.held == {}


def test_lists_have_pages() -> None:
    on = desk()
    digests = [fixed(number, 32) for number in range(1, 8)]
    for digest in digests:
        on.act(REGISTER, Register(digest, ALICES, b"", 0))
    on.act(TRANSFER, Transfer(ALICES, digests[2], BOBS), ALICE)

    def listed(count: int, after: str = "") -> list[str]:
        answer = ask(on, "listcertificates", ALICES.hex(), count, after)
        return [row["digest"] for row in answer["certificates"]]

    left = [one.hex() for one in digests if one != digests[2]]
    assert listed(3) == left[:3] and listed(3, left[2]) == left[3:]
    with pytest.raises(CertificateUnknown):
        listed(3, digests[2].hex())
    assert ask(on, "getregistryinfo")["certificates"] == 7


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("getcertificate", []),
        ("getcertificate", ["xy"]),
        ("listcertificates", ["00" * 32, 0, ""]),
        ("listcertificates", ["00" * 32, 201, ""]),
        ("listcertificates", ["00" * 32, 1, "zz"]),
    ],
)
def test_questions_are_typed(name: str, params: list[Any]) -> None:
    with pytest.raises(QueryInvalid):
        ask(desk(), name, *params)
    assert ask(desk(), "nothing") is None


def test_unknown_things() -> None:
    on = desk()
    with pytest.raises(ActionUnknown):
        on.act(9, Endorse(ALICES, DEED))
    with pytest.raises(CertificateUnknown):
        certificate(on)
    with pytest.raises(CertificateUnknown):
        on.act(TRANSFER, Transfer(ALICES, DEED, BOBS), ALICE)


def test_drafts_know_who_must_approve() -> None:
    approvals = ModuleApprovals(approved_kinds([Quiet(), RegistryModule()]))
    named = Action(2 * KIND + TRANSFER, encode(Transfer(ALICES, DEED, BOBS)))
    assert approvals.root(named) == ALICES
    assert approvals.root(Action(KIND + TRANSFER, named.body)) is None
    assert approvals.root(Action(2 * KIND + REGISTER, named.body)) is None
    for body in (b"", b"\x93", b"\x93\xc4\x10" + bytes(32), b"\xdc\xc4\x20" + bytes(32)):
        with pytest.raises(OwnerUnnamed):
            approvals.root(Action(2 * KIND + TRANSFER, body))
