import msgspec
import pytest

from bystack.ledger.policies import All, Key
from bystack.ledger.pst import PartiallySigned
from bystack.ledger.pst_auditing import NO_APPROVALS, PartialForged, asks, audit
from bystack.ledger.pst_finishing import extract, finalize
from bystack.ledger.pst_signing import (
    DraftsDiffer,
    Known,
    ModesDiffer,
    Turn,
    combine,
    reveal,
    sign_draft,
    turns,
    update,
    with_nonce,
    with_partial,
)
from bystack.ledger.satisfaction import policy_root
from bystack.ledger.transactions import Spend
from bystack.primitives import musig2
from bystack.primitives.codec import encode
from bystack.primitives.errors import Misuse
from bystack.primitives.keys import verify
from bystack.primitives.musig2 import PartialInvalid
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
from tests.ledger.people import ALICE, BOB, CAROL, Person, pay


def entropy(person: Person) -> bytes:
    return person.secret[:1] * 31 + b"\x01"


def act(draft: PartiallySigned, person: Person) -> PartiallySigned:
    """Everything a person can give to shared keys now."""
    for turn in turns(draft, frozenset({musig2.plain_key(person.secret)})):
        draft = step(draft, turn, person)
    return draft


def step(draft: PartiallySigned, turn: Turn, person: Person) -> PartiallySigned:
    secret, fresh = person.secret, entropy(person)
    if turn.first_round:
        return with_nonce(draft, turn, musig2.public_nonce(turn.keys, secret, turn.digest, fresh))
    partial = musig2.partial_sign(turn.keys, turn.nonces, turn.place, secret, turn.digest, fresh)
    return with_partial(draft, turn, partial)


def test_each_signs_what_the_branch_has_of_his() -> None:
    draft = one_policy(TWO_OF_THREE)
    hers = sign_draft(draft, keys_of(ALICE), AUX)
    assert [one.key for one in hers.parts[0].signatures] == [ALICE.policy.key]
    assert sign_draft(hers, keys_of(ALICE), AUX) == hers
    stranger = Person(b"\x09" * 32)
    assert sign_draft(draft, keys_of(stranger), AUX) == draft
    assert sign_draft(draft_over(locked([TWO_OF_THREE])), keys_of(ALICE), AUX).parts[0].branch == ()
    with pytest.raises(Misuse):
        sign_draft(draft, keys_of(ALICE), b"")


def test_signatures_meet_in_any_order() -> None:
    draft = one_policy(TWO_OF_THREE)
    parts = [sign_draft(draft, keys_of(person), AUX) for person in (ALICE, BOB, CAROL)]
    one = combine(combine(parts[0], parts[1]), parts[2])
    other = combine(parts[2], combine(parts[1], parts[0]))
    assert encode(one) == encode(other)
    assert combine(one, draft) == one == combine(draft, one) == combine(one, one)
    audit(one)


def test_a_finished_witness_is_taken_over() -> None:
    draft = draft_over(locked([ALICE.policy]), locked([BOB.policy]))
    told = update(draft, {**knowing(ALICE.policy), **knowing(BOB.policy)})
    hers, his = (finalize(sign_draft(told, keys_of(person), AUX), 5) for person in (ALICE, BOB))
    assert extract(combine(hers, his)) == extract(combine(his, hers))


def test_other_drafts_and_other_modes_do_not_combine() -> None:
    draft = one_policy(TWO_OF_THREE)
    with pytest.raises(DraftsDiffer):
        combine(draft, msgspec.structs.replace(draft, chain_id=bytes(32)))
    with pytest.raises(DraftsDiffer):
        combine(draft, draft_over(locked([TWO_OF_THREE], amount=5), told={}))
    with pytest.raises(ModesDiffer):
        combine(draft, draft.with_part(0, mode=1))


def test_one_of_several_branches_is_told() -> None:
    policies = (LATER, TWO_OF_THREE)
    known = {policy_root(policies): Known(policies)}
    draft = draft_over(locked(policies))
    for branch in (0, 1):
        told = update(draft, known, branch=branch)
        assert told.parts[0].branch[0].policy == policies[branch]
        audit(told)
    assert update(told, knowing(LATER)) == told


def test_preimages_go_where_they_are_asked_for() -> None:
    draft = one_policy(LATER)
    shown = reveal(draft, [PREIMAGE, bytes(32), b""])
    assert shown.parts[0].preimages == (PREIMAGE,)
    assert reveal(shown, [PREIMAGE]) == shown
    assert combine(draft, shown).parts == shown.parts


@pytest.mark.parametrize("people", [(ALICE, BOB), (ALICE, BOB, CAROL)])
def test_a_shared_key_signs_in_two_rounds_as_if_it_were_one(people: tuple[Person, ...]) -> None:
    key, signers = shared_key(*people)
    draft = draft_over(locked([key]), told=knowing(key, shared=[signers]))
    for _ in range(2):
        for person in people:
            draft = act(draft, person)
            audit(draft)
    (signature,) = draft.parts[0].signatures
    assert signature.key == key.key
    tx = extract(finalize(draft, 5))
    witness = tx.witnesses[0]
    assert isinstance(witness, Spend)
    # Nothing tells it from a single key's: one key, one signature, one branch.
    single = extract(finalize(sign_draft(one_policy(ALICE.policy), keys_of(ALICE), AUX), 5))
    assert tx.size == single.size
    assert isinstance(witness.policy, Key)
    assert verify(key.key, turns_digest(draft), witness.items[0])


def turns_digest(draft: PartiallySigned) -> bytes:
    (ask,) = asks(draft, NO_APPROVALS)
    assert ask is not None
    return ask.digest


def session() -> PartiallySigned:
    """Two people; both nonces are there."""
    key, signers = shared_key(ALICE, BOB)
    draft = draft_over(locked([key]), told=knowing(key, shared=[signers]))
    return act(act(draft, ALICE), BOB)


def test_rounds_may_go_side_by_side() -> None:
    key, signers = shared_key(ALICE, BOB)
    draft = draft_over(locked([key]), told=knowing(key, shared=[signers]))
    both = combine(act(draft, ALICE), act(draft, BOB))
    hers, his = act(both, ALICE), act(both, BOB)
    whole = combine(hers, his)
    assert encode(whole) == encode(combine(his, hers))
    assert whole.parts[0].signatures


def test_a_bad_partial_signature_names_its_signer() -> None:
    draft = session()
    (turn,) = turns(draft, frozenset({musig2.plain_key(ALICE.secret)}))
    bad = with_partial(draft, turn, b"\x01" * 32)
    with pytest.raises(PartialForged) as caught:
        audit(bad)
    assert caught.value.facts["key"] == musig2.plain_key(ALICE.secret)
    with pytest.raises(PartialInvalid) as named:
        act(bad, BOB)
    assert named.value.facts["key"] == musig2.plain_key(ALICE.secret)


def test_a_new_nonce_voids_partial_signatures_over_the_old_ones() -> None:
    hers = act(session(), ALICE)
    (turn,) = turns(hers, frozenset({musig2.plain_key(BOB.secret)}))
    other = musig2.public_nonce(turn.keys, BOB.secret, turn.digest, b"\x21" * 32)
    renewed = with_nonce(hers, turn, other)
    assert [signer.partial for signer in renewed.parts[0].shared[0].signers] == [b"", b""]
    # A partial signature over other nonces is not taken over, from whichever side it comes.
    for both in (combine(renewed, hers), combine(hers, renewed)):
        audit(both)
    assert combine(renewed, hers) == renewed
    assert combine(hers, renewed) == hers


def test_turns_are_for_ones_own_keys_and_in_order() -> None:
    draft = session()
    assert turns(draft, frozenset({musig2.plain_key(CAROL.secret)})) == ()
    (turn,) = turns(draft, frozenset({musig2.plain_key(ALICE.secret)}))
    assert not turn.first_round
    assert turns(act(draft, ALICE), frozenset({turn.key})) == ()


def test_a_shared_key_stands_among_others_in_a_policy() -> None:
    key, signers = shared_key(ALICE, BOB)
    policy = All((key, CAROL.policy))
    draft = draft_over(
        locked([policy]), outputs=(pay(CAROL, 5),), told=knowing(policy, shared=[signers])
    )
    for person in (ALICE, BOB, ALICE, BOB):
        draft = act(draft, person)
    draft = sign_draft(draft, keys_of(CAROL), AUX)
    assert len(draft.parts[0].signatures) == 2
    extract(finalize(draft, 5))
