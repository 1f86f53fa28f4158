"""K13 A removed member signs, or anybody with the shares of an epoch that is over.

The shares of two epochs of one key lie on two polynomials: a partial of the old one is refused by
its name, and would not combine if it were relabelled. The invariant: it counts for nothing, and
the new set signs without it.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.federation.bridge import Bridge, Partials
from bystack.federation.session import Kind
from bystack.federation.signing import PartialIndexUnknown, PartialKeyForeign, sign_partial
from bystack.primitives import bls
from tests.federation.stage import Network, changed, continued, holdings, session

ORDER = b"an order"
WEIGHTS = (1, 1, 1, 1)


def ended(held, shares=None) -> Network:
    network = Network(held, shares=shares)
    network.run()
    return network


def signed(network: Network, seat: int):
    return sign_partial(network.result(seat).shares, ORDER)


@pytest.fixture(scope="module")
def old() -> Network:
    return ended(session(WEIGHTS, 3))


@pytest.fixture(scope="module")
def new(old: Network) -> Network:
    """Member 3 is removed."""
    held = changed(old.result(0), ((0, 1), (1, 1), (2, 1)), 2)
    return ended(held, holdings(old))


def bridge(network: Network) -> Bridge:
    made = Bridge(network.result(0).certificate)
    made.signed(ORDER, signed(network, 0))
    return made


def test_an_old_partial_is_refused_by_name(old: Network, new: Network) -> None:
    collecting = bridge(new)
    for seat in (1, 2):
        with pytest.raises(PartialKeyForeign):
            collecting.received(seat, Partials(signed(old, seat)))
    assert collecting.signature(ORDER) is None
    collecting.received(1, Partials(signed(new, 1)))
    signature = collecting.signature(ORDER)
    assert signature and bls.verify(old.result(0).certificate.key, ORDER, signature)


def test_relabelled_it_is_a_wrong_partial_and_its_owner_is_named(
    old: Network, new: Network
) -> None:
    collecting = bridge(new)
    key = new.result(0).certificate.key_id
    stale = tuple(replace(one, key=key) for one in signed(old, 1))
    (culprit,) = collecting.received(1, Partials(stale))
    assert (culprit.seat, culprit.index) == (1, 2)
    assert collecting.signature(ORDER) is None
    collecting.received(2, Partials(signed(new, 2)))
    assert collecting.signature(ORDER) is not None


def test_the_removed_has_no_index_to_sign_for(old: Network, new: Network) -> None:
    key = new.result(0).certificate.key_id
    stale = tuple(replace(one, key=key) for one in signed(old, 3))
    with pytest.raises(PartialIndexUnknown):
        bridge(new).received(2, Partials(stale))


@pytest.mark.parametrize("stale", [1, 2])
def test_old_and_refreshed_partials_together_are_no_signature(old: Network, stale: int) -> None:
    after = ended(continued(old.result(0), Kind.REFRESH), holdings(old))
    key = old.result(0).certificate.key
    taken = {
        index: signed(old if index <= stale else after, index - 1)[0].signature
        for index in (1, 2, 3)
    }
    assert not bls.verify(key, ORDER, bls.combine(taken))
    whole = {index: signed(after, index - 1)[0].signature for index in (1, 2, 3)}
    assert bls.verify(key, ORDER, bls.combine(whole))
