"""Collecting partials: early ones wait, wrong ones are named, memory is bounded."""

import pytest
from msgspec.structs import replace

from bystack.federation.bridge import (
    MAX_JOBS,
    MAX_STASH,
    AskOperation,
    Bridge,
    BridgeMessage,
    Culprit,
    NamedKeyUnknown,
    NamedSignature,
    NamedSignatureInvalid,
    Partials,
    Signature,
)
from bystack.federation.signing import (
    PartialIndexStolen,
    PartialIndexUnknown,
    PartialKeyForeign,
    PartialMessageForeign,
    sign_partial,
)
from bystack.ledger.transactions import Action
from bystack.primitives import bls
from bystack.primitives.codec import decode_union, encode
from bystack.primitives.keys import public_key, sign
from tests.ledger.people import outpoint
from tests.wire import check_wire

from .test_signing import MESSAGE, bad, key, partials


def bridge() -> Bridge:
    return Bridge(key()[0])


def of_seat(seat: int, message: bytes = MESSAGE) -> Partials:
    indices = key()[0].session.roster.members[seat].indices
    return Partials(tuple(partials(message)[index] for index in indices))


def test_partials_of_a_quorum_make_the_groups_signature() -> None:
    made = bridge()
    assert made.signed(MESSAGE, of_seat(0).partials) == ()
    assert made.received(1, of_seat(1)) == ()
    assert made.present(MESSAGE) == (1, 2, 3, 4) and made.signature(MESSAGE) is None
    (found,) = made.received(3, of_seat(3))
    assert isinstance(found, Signature) and found.message == MESSAGE
    assert bls.verify(key()[0].key, MESSAGE, found.signature)
    assert made.signature(MESSAGE) == found.signature
    assert made.received(4, of_seat(4)) == () and made.signature(MESSAGE) == found.signature


def test_early_partials_wait_until_our_signer_has_decided() -> None:
    made = bridge()
    for seat in (1, 2, 3, 4):
        assert made.received(seat, of_seat(seat)) == ()
    assert made.signature(MESSAGE) is None and not made.knows(MESSAGE)
    outputs = made.signed(MESSAGE, of_seat(0).partials)
    assert [type(output) for output in outputs] == [Signature] and made.knows(MESSAGE)


def test_others_alone_never_make_a_signature_here() -> None:
    """Seats 1 to 4 are a quorum, but what they sign is unknown here: it is not even combined."""
    made = bridge()
    for seat in (1, 2, 3, 4):
        made.received(seat, of_seat(seat))
    assert made.signature(MESSAGE) is None and made.again() == () and made._jobs == {}


def test_a_wrong_partial_names_its_member_and_the_rest_signs() -> None:
    made = bridge()
    made.signed(MESSAGE, of_seat(0).partials)
    made.received(2, Partials((bad(5),)))
    made.received(3, of_seat(3))
    outputs = made.received(1, of_seat(1))
    assert outputs[0] == Culprit(2, 5) and isinstance(outputs[1], Signature)
    assert made.received(2, of_seat(2)) == ()  # left out for this message


@pytest.mark.parametrize(
    ("seat", "message", "refusal"),
    [
        (1, of_seat(0), PartialIndexStolen),
        (2, Partials((of_seat(2).partials[0], of_seat(3).partials[0])), PartialIndexStolen),
        (2, Partials((replace(partials()[5], index=8),)), PartialIndexUnknown),
        (2, Partials((replace(partials()[5], key=bytes(32)),)), PartialKeyForeign),
        (0, Partials((partials()[1], partials(b"other")[2])), PartialMessageForeign),
    ],
)
def test_what_no_honest_member_says_is_refused_by_name(seat, message, refusal) -> None:
    for known in (False, True):
        made = bridge()
        if known:
            made.signed(MESSAGE, of_seat(4).partials)
        before = (made.present(MESSAGE), dict(made._stash))
        with pytest.raises(refusal):
            made.received(seat, message)
        assert (made.present(MESSAGE), made._stash) == before


def test_our_own_partials_are_said_again_until_the_message_is_done() -> None:
    made = bridge()
    made.signed(MESSAGE, of_seat(0).partials)
    made.signed(b"other", of_seat(0, b"other").partials)
    assert made.again() == (of_seat(0), of_seat(0, b"other"))
    made.done(MESSAGE)
    assert made.again() == (of_seat(0, b"other"),)
    assert not made.knows(MESSAGE) and made.present(MESSAGE) == ()
    made.done(MESSAGE)


SECRETS = (b"\x21" * 32, b"\x22" * 32)
DIGEST = b"\x0d" * 32


def named(secret: bytes, digest: bytes = DIGEST) -> NamedSignature:
    return NamedSignature(digest, public_key(secret), sign(secret, digest, bytes(32)))


def carrying() -> Bridge:
    """One that carries the first two secrets' keys, and whose own signer signed `DIGEST`."""
    made = Bridge(key()[0], frozenset(map(public_key, SECRETS)))
    made.signed(DIGEST, of_seat(0, DIGEST).partials)
    return made


def test_charter_keys_sign_beside_the_group() -> None:
    made, (one, two) = carrying(), SECRETS
    stranger = b"\x23" * 32
    mine = {public_key(secret): named(secret).signature for secret in (one, stranger)}
    made.signed_named(DIGEST, mine)
    assert made.again() == (of_seat(0, DIGEST), named(one)), "no key others would refuse"
    made.named(named(two))
    assert made.signatures(DIGEST) == {
        public_key(secret): named(secret).signature for secret in SECRETS
    }
    made.received(1, of_seat(1, DIGEST))
    (found,) = made.received(3, of_seat(3, DIGEST))
    assert isinstance(found, Signature)
    assert made.signatures(DIGEST)[key()[0].key] == found.signature
    made.done(DIGEST)
    assert made.signatures(DIGEST) == {} and made.again() == () and made._named == {}


def test_a_charter_keys_signature_must_be_one_and_of_something_known() -> None:
    made, (one, two) = carrying(), SECRETS
    for bad_one, refusal in (
        (named(b"\x23" * 32), NamedKeyUnknown),
        (replace(named(one), signature=named(two).signature), NamedSignatureInvalid),
        (replace(named(one, b"\x0e" * 32), digest=DIGEST), NamedSignatureInvalid),
    ):
        with pytest.raises(refusal):
            made.named(bad_one)
    for number in range(2 * MAX_JOBS):
        made.named(named(one, number.to_bytes(32, "big")))
    assert made.signatures(DIGEST) == {} and made._named == {}, "what is early is not kept"
    for number in range(2 * MAX_JOBS):
        message = number.to_bytes(32, "big")
        made.signed(message, ())
        made.named(named(one, message))
    assert len(made._named) == MAX_JOBS


def test_a_flood_is_bounded_and_what_was_pushed_out_comes_again() -> None:
    made = bridge()
    made.received(1, of_seat(1))
    for number in range(2 * MAX_STASH):
        forged = replace(partials()[5], digest=number.to_bytes(32, "big"))
        made.received(2, Partials((forged,)))
    assert len(made._stash) == MAX_STASH
    made.signed(MESSAGE, of_seat(0).partials)
    assert made.present(MESSAGE) == (1, 2)
    made.received(1, of_seat(1))
    assert made.present(MESSAGE) == (1, 2, 3, 4)


def test_open_messages_are_bounded() -> None:
    made = bridge()
    _, shares = key()
    for number in range(MAX_JOBS + 5):
        message = b"%d" % number
        made.signed(message, sign_partial([shares[1]], message))
    assert len(made._jobs) == len(made._own) == MAX_JOBS
    assert not made.knows(b"0") and made.knows(b"%d" % (MAX_JOBS + 4))


def test_bytes() -> None:
    samples = {
        "partials": Partials((replace(bad(1), key=b"\x01" * 32, digest=b"\x02" * 32),)),
        "ask_operation": AskOperation(Action(18, b"touch"), (outpoint(5, 1),), b"charter"),
        "named_signature": NamedSignature(b"\x03" * 32, b"\x04" * 32, b"\x05" * 64),
    }
    for name, sample in samples.items():
        check_wire(f"federation_{name}", sample)
        assert decode_union(BridgeMessage, encode(sample), 1_000) == sample
