from hashlib import sha256
from typing import Any

import msgspec
import pytest

from bystack.ledger.policies import Bls, Key, Thresh
from bystack.ledger.pst import (
    Branch,
    Contribution,
    KeySignature,
    Origin,
    PartiallySigned,
    SharedKey,
)
from bystack.ledger.pst_auditing import (
    NO_APPROVALS,
    BranchForeign,
    BranchUnknown,
    PartialForged,
    PreimageForeign,
    SharedKeyForeign,
    SignatureForeign,
    SignatureForged,
    SlotUnasked,
    WitnessForged,
    asks,
    audit,
    leaves_of,
)
from bystack.ledger.pst_finishing import finalize
from bystack.ledger.pst_signing import sign_draft
from bystack.ledger.satisfaction import prove_branch
from bystack.ledger.signing import ALL, ModeUnknown, OutputBesideMissing
from bystack.ledger.transactions import Approval, DepositLock, NoWitness, Spend
from bystack.primitives import bls
from bystack.primitives.errors import Invalid
from bystack.primitives.keys import sign
from tests.ledger.drafts import (
    AUX,
    LATER,
    PREIMAGE,
    TWO_OF_THREE,
    draft_over,
    keys_of,
    knowing,
    locked,
    one_policy,
    shared_key,
)
from tests.ledger.people import ALICE, BOB, CAROL, pay

SIGNED = sign_draft(one_policy(TWO_OF_THREE), keys_of(ALICE, BOB), AUX)
(HERS, HIS) = SIGNED.parts[0].signatures
FINISHED = finalize(SIGNED, 5)


def part_with(**fields: Any) -> PartiallySigned:
    return SIGNED.with_part(0, **fields)


def test_what_is_true_passes() -> None:
    for draft in (SIGNED, FINISHED, one_policy(LATER), draft_over(locked([LATER]))):
        audit(draft)


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (part_with(branch=()), BranchUnknown),
        (part_with(branch=(Branch(LATER, prove_branch([LATER], 0)),)), BranchForeign),
        (part_with(branch=(Branch(TWO_OF_THREE, prove_branch([LATER, LATER], 1)),)), BranchForeign),
        (part_with(branch=(Branch(Thresh(4, (ALICE.policy,)), prove_branch([LATER], 0)),)),
         BranchForeign),
        (part_with(signatures=(HERS, HERS)), SignatureForeign),
        (part_with(signatures=(KeySignature(b"\x05" * 32, HERS.signature),)), SignatureForeign),
        (part_with(signatures=(KeySignature(b"\x05" * 48, HERS.signature),)), SignatureForeign),
        (part_with(signatures=(KeySignature(b"\x05" * 40, HERS.signature),)), SignatureForeign),
        (part_with(signatures=(KeySignature(HERS.key, HIS.signature),)), SignatureForged),
        (part_with(preimages=(PREIMAGE,)), PreimageForeign),
        (part_with(mode=1), SignatureForged),
        (part_with(mode=2), ModeUnknown),
    ],
)  # fmt: skip
def test_each_lie_has_its_name(draft: PartiallySigned, error: type[Invalid]) -> None:
    with pytest.raises(error):
        audit(draft)


def test_a_forged_signature_names_its_key() -> None:
    with pytest.raises(SignatureForged) as caught:
        audit(part_with(signatures=(HERS, KeySignature(HIS.key, HERS.signature))))
    assert caught.value.facts == {"slot": 0, "key": HIS.key}


@pytest.mark.parametrize("field", ["asset", "amount", "lock"])
def test_a_lie_about_a_coin_breaks_every_signature(field: str) -> None:
    lies = {"asset": b"\x01" * 32, "amount": 999_999, "lock": locked([LATER]).lock}
    coin = msgspec.structs.replace(SIGNED.coins[0], **{field: lies[field]})
    with pytest.raises((SignatureForged, BranchForeign)):
        audit(msgspec.structs.replace(SIGNED, coins=(coin,)))


def test_a_changed_body_breaks_every_signature() -> None:
    for change in ({"memo": b"x"}, {"outputs": (pay(BOB, 900),)}, {"valid_until": 5}):
        body = msgspec.structs.replace(SIGNED.body, **change)
        with pytest.raises(SignatureForged):
            audit(msgspec.structs.replace(SIGNED, body=body))
        with pytest.raises(WitnessForged):
            audit(msgspec.structs.replace(FINISHED, body=body))


def test_a_finished_witness_is_judged_too() -> None:
    spend = FINISHED.witnesses[0]
    assert isinstance(spend, Spend)
    for bad in (
        msgspec.structs.replace(spend, items=(spend.items[1], spend.items[0], b"")),
        msgspec.structs.replace(spend, items=spend.items[:1]),
        msgspec.structs.replace(spend, policy=LATER),
        msgspec.structs.replace(spend, mode=1),
        Approval(b"", ()),
    ):
        with pytest.raises(WitnessForged):
            audit(FINISHED.with_witness(0, bad))


def test_a_finished_witness_opens_the_coins_own_lock() -> None:
    """Bob's signature is true, and his policy is satisfied: but the coin is not his."""
    draft = one_policy(TWO_OF_THREE)
    (ask,) = asks(draft, NO_APPROVALS)
    assert ask is not None
    items = (sign(BOB.secret, ask.digest, AUX),)
    foreign = Spend(BOB.policy, prove_branch([BOB.policy], 0), ALL, items)
    with pytest.raises(WitnessForged) as caught:
        audit(draft.with_witness(0, foreign))
    assert caught.value.facts["reason"] == "ProofMismatch"
    audit(draft_over(locked([BOB.policy])).with_witness(0, _signed_by_bob()))


def _signed_by_bob() -> Spend:
    own = draft_over(locked([BOB.policy]))
    (ask,) = asks(own, NO_APPROVALS)
    assert ask is not None
    items = (sign(BOB.secret, ask.digest, AUX),)
    return Spend(BOB.policy, prove_branch([BOB.policy], 0), ALL, items)


def test_nothing_is_gathered_for_what_asks_for_nothing() -> None:
    coin = msgspec.structs.replace(SIGNED.coins[0], lock=DepositLock(bytes(32), bytes(64)))
    other = msgspec.structs.replace(SIGNED, coins=(coin,))
    with pytest.raises(SlotUnasked):
        audit(other)
    with pytest.raises(SlotUnasked):
        audit(msgspec.structs.replace(FINISHED, coins=(coin,)))
    assert asks(other, NO_APPROVALS) == (None,)


def test_single_anyone_needs_its_output() -> None:
    draft = draft_over(locked([ALICE.policy]), locked([BOB.policy]), outputs=(pay(CAROL, 5),))
    with pytest.raises(OutputBesideMissing):
        audit(draft.with_part(1, mode=1))


def test_bls_signatures_are_verified() -> None:
    secret = bls.key_gen(b"\x07" * 32)
    policy = Bls(bls.sk_to_pk(secret))
    draft = one_policy(policy)
    (ask,) = asks(draft, NO_APPROVALS)
    assert ask is not None
    good = KeySignature(policy.key, bls.sign(secret, ask.digest))
    audit(draft.with_part(0, signatures=(good,)))
    with pytest.raises(SignatureForged):
        other = KeySignature(policy.key, bls.sign(secret, bytes(32)))
        audit(draft.with_part(0, signatures=(other,)))


def test_shared_keys_are_those_of_the_branch() -> None:
    key, signers = shared_key(ALICE, BOB)
    draft = draft_over(locked([key]), told=knowing(key, shared=[signers]))
    audit(draft)
    given = draft.parts[0].shared[0].signers
    for bad in (given[::-1], given[:1], (*given, given[0])):
        with pytest.raises(SharedKeyForeign):
            audit(draft.with_part(0, shared=(SharedKey(tuple(bad)),)))
    twice, doubled = shared_key(ALICE, ALICE)
    with pytest.raises(SharedKeyForeign):
        audit(draft_over(locked([twice]), told=knowing(twice, shared=[doubled])))
    early = Contribution(given[0].key, b"", bytes(32))
    with pytest.raises(PartialForged) as caught:
        audit(draft.with_part(0, shared=(SharedKey((early, given[1])),)))
    assert caught.value.facts["key"] == given[0].key


def test_leaves_and_hints() -> None:
    assert [type(leaf).__name__ for leaf in leaves_of(LATER)] == ["Key", "Key", "Older", "Sha256"]
    assert Key(ALICE.policy.key) in set(leaves_of(TWO_OF_THREE))
    audit(SIGNED.with_part(0, origins=(Origin(bytes(32), 0, 2, 1),)))
    assert sha256(PREIMAGE).digest() in {getattr(leaf, "hash", b"") for leaf in leaves_of(LATER)}
    assert isinstance(SIGNED.witnesses[0], NoWitness)
