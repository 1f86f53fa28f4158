"""Partial signatures, their lazy combination, and the naming of culprits (W11)."""

from functools import cache
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.federation.messages import PartialSignature
from bystack.federation.signing import (
    Blamed,
    Combination,
    Combined,
    PartialExcluded,
    PartialIndexStolen,
    PartialIndexUnknown,
    PartialKeyForeign,
    PartialMessageForeign,
    check_owner,
    sign_partial,
)
from bystack.primitives import bls
from bystack.primitives.curve import INFINITY, ORDER, lagrange_at_zero
from bystack.primitives.errors import Misuse
from bystack.primitives.hashes import fixed

from .stage import SUPERS, Network, session

MESSAGE = b"order"


@cache
def key():
    """A 5 of 7 key: its certificate and all shares by index."""
    network = Network(session(SUPERS, 5))
    network.run()
    results = [network.result(member) for member in network.honest]
    shares = {share.index: share for result in results for share in result.shares}
    return results[0].certificate, shares


@cache
def partials(message: bytes = MESSAGE) -> dict[int, PartialSignature]:
    _, shares = key()
    return {each.index: each for each in sign_partial(list(shares.values()), message)}


def bad(index: int) -> PartialSignature:
    """A partial of the right form under the wrong share."""
    return replace(partials()[index], signature=bls.sign(fixed(index + 1000, 32), MESSAGE))


def run(order) -> tuple[Combination, list]:
    combination = Combination(key()[0], MESSAGE)
    return combination, [output for each in order for output in combination.add(each)]


def test_the_combined_signature_is_that_of_the_whole_secret():
    certificate, shares = key()
    weights = lagrange_at_zero([1, 2, 3, 4, 5])
    whole = sum(w * int.from_bytes(shares[i].secret, "big") for i, w in weights.items()) % ORDER
    assert bls.sk_to_pk(fixed(whole, 32)) == certificate.key
    expected = bls.sign(fixed(whole, 32), MESSAGE)
    for chosen in combinations(range(1, 8), 5):
        combination, outputs = run([partials()[index] for index in chosen])
        assert outputs == [Combined(expected)] and combination.signature == expected


def test_fewer_than_the_threshold_do_not_combine():
    combination, outputs = run([partials()[index] for index in (1, 2, 3, 4)])
    assert outputs == [] and combination.signature is None
    repeated, outputs = run([partials()[1]] * 9)
    assert outputs == [] and repeated.indices == (1,)


def test_k03_all_ordinary_shares_sign_nothing():
    """Every share of the three ordinary members is stolen: two short of a signature."""
    ordinary = [index for m in key()[0].session.roster.members[2:] for index in m.indices]
    combination, outputs = run([partials()[index] for index in ordinary])
    assert outputs == [] and combination.signature is None
    forged = bls.combine({index: partials()[index].signature for index in ordinary})
    assert not bls.verify(key()[0].key, MESSAGE, forged)


def test_four_shares_know_nothing_of_the_key():
    certificate, shares = key()
    weights = lagrange_at_zero([1, 2, 3, 4])
    whole = sum(w * int.from_bytes(shares[i].secret, "big") for i, w in weights.items()) % ORDER
    assert bls.sk_to_pk(fixed(whole, 32)) != certificate.key


def test_w11_the_culprit_is_named_and_left_out():
    """A bad partial is identified by its index, the rest still sign, and nothing loops."""
    order = [bad(3), *(partials()[index] for index in (1, 2, 4, 5))]
    combination, outputs = run(order)
    assert outputs == [Blamed(3)] and combination.signature is None
    assert [type(output) for output in combination.add(partials()[6])] == [Combined]
    assert combination.blamed == (3,)
    with pytest.raises(PartialExcluded):
        combination.add(partials()[3])


def test_w11_a_majority_of_culprits_only_delays():
    combination, outputs = run([bad(index) for index in (1, 2)])
    assert outputs == []
    outputs = [o for i in (3, 4, 5, 6) for o in combination.add(partials()[i])]
    assert set(outputs) == {Blamed(1), Blamed(2)}
    assert combination.signature is None
    assert isinstance(combination.add(partials()[7])[-1], Combined)


@settings(deadline=None, max_examples=40)
@given(st.permutations(range(1, 8)), st.sets(st.integers(1, 7)))
def test_w11_exactly_the_bad_are_blamed_in_any_order(order, wrong):
    combination, outputs = run([bad(i) if i in wrong else partials()[i] for i in order])
    blamed = {output.index for output in outputs if isinstance(output, Blamed)}
    assert blamed <= wrong and tuple(sorted(blamed)) == combination.blamed
    assert (combination.signature is not None) == (7 - len(wrong) >= 5)
    if combination.signature is None and len(wrong) < 7:
        assert not set(combination.indices) & blamed


@pytest.mark.parametrize(
    "signature", [bytes(96), INFINITY + bytes(48), b"\xc0" + bytes(95), b"\xff" * 96]
)
def test_a_malformed_partial_is_blamed_at_once(signature):
    combination, outputs = run([replace(partials()[1], signature=signature)])
    assert outputs == [Blamed(1)] and combination.blamed == (1,)


def test_two_partials_of_one_index_are_one_too_many():
    _, outputs = run([partials()[1], bad(1)])
    assert outputs == [Blamed(1)]


def test_partials_of_elsewhere_are_refused_by_name_and_change_nothing():
    combination = Combination(key()[0], MESSAGE)
    good = partials()[1]
    cases = [
        (replace(good, key=bytes(32)), PartialKeyForeign),
        (partials(b"another order")[1], PartialMessageForeign),
        (replace(good, index=8), PartialIndexUnknown),
    ]
    for wrong, error in cases:
        with pytest.raises(error):
            combination.add(wrong)
    assert combination.indices == () and combination.blamed == ()


def test_a_partial_under_anothers_index_is_bad():
    """Attack 15: a right signature of share 1 that claims to be of share 2."""
    stolen = replace(partials()[1], index=2)
    _, outputs = run([stolen, *(partials()[i] for i in (1, 3, 4, 5, 6))])
    assert Blamed(2) in outputs and isinstance(outputs[-1], Combined)


def test_nobody_speaks_for_anothers_share():
    roster = key()[0].session.roster
    check_owner(roster, 0, partials()[2])
    with pytest.raises(PartialIndexStolen):
        check_owner(roster, 1, partials()[2])
    with pytest.raises(PartialIndexUnknown):
        check_owner(roster, 1, replace(partials()[2], index=99))


def test_epochs_do_not_mix():
    """Attack 13: a share of another key generation, relabelled, is a bad partial."""
    network = Network(session(SUPERS, 5, attempt=1))
    network.run()
    other = network.result(2).shares
    (foreign,) = sign_partial(other, MESSAGE)
    with pytest.raises(PartialKeyForeign):
        Combination(key()[0], MESSAGE).add(foreign)
    relabelled = replace(foreign, key=key()[0].key_id)
    _, outputs = run([relabelled, *(partials()[i] for i in (1, 2, 3, 4, 6))])
    assert outputs[0] == Blamed(5) and isinstance(outputs[-1], Combined)


def test_what_comes_after_the_signature_is_ignored():
    combination, _ = run([partials()[i] for i in (1, 2, 3, 4, 5)])
    assert combination.add(bad(6)) == () and combination.add(partials()[7]) == ()


def test_a_member_signs_with_all_its_shares_and_always_alike():
    _, shares = key()
    mine = [shares[1], shares[2]]
    assert sign_partial(mine, MESSAGE) == sign_partial(mine, MESSAGE)
    assert [each.index for each in sign_partial(mine, MESSAGE)] == [1, 2]


def test_a_certificate_whose_polynomial_is_not_its_keys_is_our_own_bug():
    certificate, _ = key()
    broken = replace(
        certificate, polynomial=(bls.sk_to_pk(fixed(9, 32)), *certificate.polynomial[1:])
    )
    combination = Combination(broken, MESSAGE)
    combination._proved = {i: partials()[i].signature for i in range(1, 5)}
    combination._waiting = {}
    combination._all_right = lambda indices: True
    with pytest.raises(Misuse):
        combination.add(partials()[5])
