"""K09 GG20, 2026: a newcomer watches many signings, records everything, sends malformed messages.

BLS shares sign in one round without nonces, so there is nothing to gather: a partial is what its
public share key and the message determine. Before its epoch is in force the newcomer's words
count for nothing. The invariant: a hundred signings more tell as much as one; nobody waits.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.federation.bridge import Bridge, Partials
from bystack.federation.signing import (
    PartialIndexStolen,
    PartialKeyForeign,
    PartialMessageForeign,
    sign_partial,
)
from bystack.primitives import bls
from bystack.primitives.codec import decode, encode
from bystack.primitives.curve import evaluate_commitments
from bystack.primitives.errors import Invalid
from tests.federation.stage import Network, changed, holdings, session

SEATS = ((0, 1), (1, 1), (2, 1), (3, 1), (4, 1))


@pytest.fixture(scope="module")
def networks() -> tuple[Network, Network]:
    """Before and after the member in seat 4 joins four others."""
    old = Network(session((1, 1, 1, 1), 3))
    old.run()
    new = Network(changed(old.result(0), SEATS, 4), shares=holdings(old))
    new.run()
    return old, new


def partials(network: Network, seat: int, message: bytes):
    return sign_partial(network.result(seat).shares, message)


def test_what_it_records_is_what_anybody_can_check_and_the_same_whenever(networks) -> None:
    _, new = networks
    polynomial = new.result(0).certificate.polynomial
    for number in range(20):
        message = b"order %d" % number
        for seat in range(4):
            (first,), (again,) = partials(new, seat, message), partials(new, seat, message)
            assert first == again  # nothing of a signing depends on chance
            assert bls.verify(evaluate_commitments(polynomial, seat + 1), message, first.signature)


def test_before_its_epoch_is_in_force_its_share_counts_for_nothing(networks) -> None:
    old, new = networks
    bridge = Bridge(old.result(0).certificate, newcomers=(new.session.parties[4].node,))
    bridge.signed(b"order", partials(old, 0, b"order"))
    with pytest.raises(PartialKeyForeign):
        bridge.received(4, Partials(partials(new, 4, b"order")))
    (own,) = partials(new, 4, b"order")
    label = replace(own, key=old.result(0).certificate.key_id, index=2)
    with pytest.raises(PartialIndexStolen):
        bridge.received(4, Partials((label,)))
    for seat in (1, 2):
        bridge.received(seat, Partials(partials(old, seat, b"order")))
    assert bridge.signature(b"order") is not None


def test_its_malformed_messages_are_refused_and_hold_nobody_up(networks) -> None:
    _, new = networks
    bridge = Bridge(new.result(0).certificate)
    bridge.signed(b"order", partials(new, 0, b"order"))
    (own,) = partials(new, 4, b"order")
    data = encode(Partials((own,)))
    refused = 0
    for bit in range(0, len(data) * 8, 5):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            bridge.received(4, decode(Partials, bytes(flipped), 10_000))
        except Invalid:
            refused += 1
    assert refused
    two = (own, *partials(new, 4, b"another"))
    with pytest.raises(PartialMessageForeign):
        bridge.received(4, Partials(two))
    for seat in (1, 2, 3):
        bridge.received(seat, Partials(partials(new, seat, b"order")))
    assert bridge.signature(b"order") is not None
