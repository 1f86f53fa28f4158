"""Every wire type of the federation: its golden bytes, and no other bytes for it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.federation.messages import (
    MESSAGE_LIMIT,
    Acknowledge,
    Certify,
    Deal,
    Hello,
    KeyCertificate,
    Open,
    PartialSignature,
    SenderUnknown,
    SessionForeign,
    SignatureForged,
    Signed,
    Transcript,
    check_signed,
    decode_message,
    receipt_holds,
    sign_message,
)
from bystack.federation.signing import sign_partial
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid

from .stage import SUPERS, Network, secret, session
from .villains import WrongShare

VECTORS = Path(__file__).parents[1] / "vectors" / "bystack"


def samples() -> dict[str, object]:
    """One message of each kind, from ceremonies with fixed randomness."""
    good, disputed = Network(session()), Network(session(), WrongShare(session(), 1))
    sent = [message for _, message in good.wires]
    for network in (good, disputed):
        while network.wires:
            network.deliver()
            sent += [message for _, message in network.wires]
    kinds = {type(m.body).__name__.lower(): m for m in reversed(sent) if isinstance(m, Signed)}
    done = good.result(0)
    named = {f"dkg_{kind}": message for kind, message in kinds.items()}
    return {
        **named,
        "partial_signature": sign_partial(done.shares, b"golden")[0],
        "key_certificate": done.certificate,
        "dkg_transcript": replace(disputed.machines[0].transcript, messages=(sent[0],)),
    }


SAMPLES = samples()
STATES = {"dkg_session": session(SUPERS, 5), "roster": session(SUPERS, 5).roster}


def golden(name: str, value: object) -> None:
    assert encode(value).hex() == (VECTORS / f"federation_{name}.hex").read_text().strip()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_messages_have_their_golden_bytes(name):
    golden(name, SAMPLES[name])
    assert decode_message(encode(SAMPLES[name])) == SAMPLES[name]


@pytest.mark.parametrize("name", sorted(STATES))
def test_agreements_have_their_golden_bytes(name):
    golden(name, STATES[name])
    assert decode(type(STATES[name]), encode(STATES[name]), 10_000) == STATES[name]


def test_there_is_a_sample_of_every_kind():
    bodies = {type(each.body) for each in SAMPLES.values() if isinstance(each, Signed)}
    assert bodies == {Hello, Deal, Acknowledge, Open, Certify}
    assert {type(each) for each in SAMPLES.values()} == {
        Signed,
        PartialSignature,
        KeyCertificate,
        Transcript,
    }


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_no_prefix_is_a_message(name):
    data = encode(SAMPLES[name])
    for length in range(0, len(data), max(1, len(data) // 400)):
        with pytest.raises(Invalid):
            decode_message(data[:length])
    with pytest.raises(Invalid):
        decode_message(data + b"\0")


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(SAMPLES)), st.integers(0, 2**20))
def test_no_flipped_bit_gives_the_same_message_or_passes_its_signature(name, bit):
    data = bytearray(encode(SAMPLES[name]))
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    try:
        changed = decode_message(bytes(data))
    except Invalid:
        return
    assert changed != SAMPLES[name] and encode(changed) == bytes(data)
    if isinstance(changed, Signed):
        with pytest.raises(Invalid):
            check_signed(session(), changed)


def test_hostile_lengths_are_refused():
    for data in (b"\xdd\xff\xff\xff\xff", b"\x93\x03\xc6\xff\xff\xff\xff", b"\x91" * 5000):
        with pytest.raises(Invalid):
            decode_message(data)
    with pytest.raises(Invalid, match="TooLong"):
        decode_message(bytes(MESSAGE_LIMIT + 1))


def test_a_signature_binds_session_seat_round_and_body():
    held, hello = session(), Hello(bytes(32), (bytes(32),))
    signed = sign_message(held, 1, hello, secret(1))
    check_signed(held, signed)
    for wrong, error in (
        (replace(signed, session=bytes(32)), SessionForeign),
        (replace(signed, sender=3), SenderUnknown),
        (replace(signed, sender=2), SignatureForged),
        (replace(signed, body=Hello(bytes(32), ())), SignatureForged),
        (replace(signed, signature=bytes(64)), SignatureForged),
        (sign_message(held, 1, hello, secret(2)), SignatureForged),
    ):
        with pytest.raises(error):
            check_signed(held, wrong)
    relabelled = replace(signed, session=session(attempt=1).id)
    with pytest.raises(SignatureForged):
        check_signed(session(attempt=1), relabelled)


def test_a_receipt_is_of_one_round():
    held = session()
    signed = sign_message(held, 1, Hello(bytes(32), ()), secret(1))
    assert receipt_holds(held, 1, 0, signed.receipt)
    assert not receipt_holds(held, 1, 1, signed.receipt)
    assert not receipt_holds(held, 0, 0, signed.receipt)
