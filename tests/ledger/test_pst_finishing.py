from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.ledger.checks import verify_checks
from bystack.ledger.effects import NO_EFFECTS
from bystack.ledger.policies import After, All, Any, Older, Policy, Sha256, Thresh
from bystack.ledger.pst import PartiallySigned
from bystack.ledger.pst_auditing import SignatureForged
from bystack.ledger.pst_finishing import DraftUnfinished, analyse, extract, finalize, next_role
from bystack.ledger.pst_signing import reveal, sign_draft
from bystack.ledger.validation import apply_transaction
from bystack.primitives.errors import Invalid
from tests.ledger.drafts import (
    AUX,
    LATER,
    PREIMAGE,
    TWO_OF_THREE,
    coins_of,
    draft_over,
    keys_of,
    knowing,
    locked,
    one_policy,
    shared_key,
)
from tests.ledger.people import ALICE, BOB, CAROL, RULES

PEOPLE = (ALICE, BOB, CAROL)
SECRET = Sha256(sha256(PREIMAGE).digest())

LEAVES = st.one_of(
    st.sampled_from([person.policy for person in PEOPLE]),
    st.just(SECRET),
    st.builds(After, st.integers(0, 20)),
    st.builds(Older, st.integers(0, 20)),
)


def _combined(subs: st.SearchStrategy[Policy]) -> st.SearchStrategy[Policy]:
    some = st.lists(subs, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(All, some),
        st.builds(Any, some),
        some.flatmap(lambda subs: st.builds(Thresh, st.integers(1, len(subs)), st.just(subs))),
    )


POLICIES: st.SearchStrategy[Policy] = st.recursive(LEAVES, _combined, max_leaves=6)


def sufficient(policy: Policy, keys: set[bytes], preimage: bool, height: int, age: int) -> bool:
    """A plain reading of the language."""
    match policy:
        case Thresh(k, subs):
            return sum(sufficient(sub, keys, preimage, height, age) for sub in subs) >= k
        case All(subs):
            return all(sufficient(sub, keys, preimage, height, age) for sub in subs)
        case Any(subs):
            return any(sufficient(sub, keys, preimage, height, age) for sub in subs)
        case After(least):
            return height >= least
        case Older(blocks):
            return age >= blocks
        case Sha256():
            return preimage
        case _:
            return policy.key in keys


@given(
    policy=POLICIES,
    who=st.sets(st.sampled_from(range(3))),
    shown=st.booleans(),
    height=st.integers(5, 20),
)
@settings(max_examples=120, deadline=None)
def test_enough_is_enough_and_the_chain_agrees(
    policy: Policy, who: set[int], shown: bool, height: int
) -> None:
    people = [PEOPLE[n] for n in sorted(who)]
    draft = sign_draft(one_policy(policy, height=5), keys_of(*people), AUX)
    draft = reveal(draft, [PREIMAGE] if shown else [])
    keys = {person.policy.key for person in people}
    (report,) = analyse(draft, height)
    assert report.ready == sufficient(policy, keys, shown, height, height - 5)
    done = finalize(draft, height)
    if not report.ready:
        with pytest.raises(DraftUnfinished):
            extract(done)
        return
    applied = apply_transaction(coins_of(draft), extract(done), height, NO_EFFECTS, RULES)
    assert verify_checks(applied.checks)


def test_what_misses_is_named() -> None:
    (report,) = analyse(one_policy(LATER, height=3), 4)
    assert report.unsigned == (ALICE.policy.key, BOB.policy.key)
    assert (report.hashes, report.heights) == ((SECRET.hash,), (13,))
    assert not report.ready
    draft = reveal(sign_draft(one_policy(LATER, height=3), keys_of(BOB), AUX), [PREIMAGE])
    early, late = analyse(draft, 12)[0], analyse(draft, 13)[0]
    assert (early.ready, early.heights) == (False, (13,))
    assert (late.ready, late.heights, late.hashes) == (True, (), ())
    assert finalize(draft, 12) == draft
    with pytest.raises(DraftUnfinished) as caught:
        extract(draft)
    assert caught.value.facts == {"slots": [0]}


def test_who_is_next() -> None:
    coin = locked([TWO_OF_THREE])
    untold = draft_over(coin)
    draft = draft_over(coin, told=knowing(TWO_OF_THREE))
    half, full = (sign_draft(draft, keys_of(*who), AUX) for who in ([ALICE], [ALICE, BOB]))
    roles = [next_role(analyse(one, 5)) for one in (untold, draft, half, full, finalize(full, 5))]
    assert roles == ["updater", "signer", "signer", "finalizer", "extractor"]


def test_more_signatures_than_needed_are_left_out() -> None:
    draft = sign_draft(one_policy(TWO_OF_THREE), keys_of(*PEOPLE), AUX)
    tx = extract(finalize(draft, 5))
    applied = apply_transaction(coins_of(draft), tx, 5, NO_EFFECTS, RULES)
    assert len(applied.checks) == 2


def test_a_forged_signature_is_not_finished_over() -> None:
    draft = sign_draft(one_policy(TWO_OF_THREE), keys_of(ALICE, BOB), AUX)
    (hers, his) = draft.parts[0].signatures
    forged = type(hers)(hers.key, his.signature)
    with pytest.raises(SignatureForged):
        finalize(draft.with_part(0, signatures=(forged, his)), 5)


def test_signers_of_a_shared_key_are_told_apart() -> None:
    key, signers = shared_key(ALICE, BOB)
    draft = draft_over(locked([key]), told=knowing(key, shared=[signers]))
    (report,) = analyse(draft, 5)
    assert report.no_nonce == report.no_partial == signers
    assert report.unsigned == (key.key,)


def test_an_unfinished_draft_of_many_inputs_names_the_open_ones() -> None:
    both = {**knowing(ALICE.policy), **knowing(BOB.policy)}
    draft: PartiallySigned = draft_over(locked([ALICE.policy]), locked([BOB.policy]), told=both)
    with pytest.raises(Invalid) as caught:
        extract(finalize(sign_draft(draft, keys_of(ALICE), AUX), 5))
    assert caught.value.facts == {"slots": [1]}
