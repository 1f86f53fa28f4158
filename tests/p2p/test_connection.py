import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.p2p.connection import (
    Connection,
    FrameLate,
    HandshakeLate,
    OutOfTurn,
    Silent,
    State,
    addresses,
    goodbye,
    message,
    text,
)
from bystack.p2p.events import (
    AddressesAsked,
    AddressesGiven,
    Established,
    Farewell,
    Received,
    RoundTrip,
)
from bystack.p2p.frames import FrameTooLong, UnknownKind, frame
from bystack.p2p.handshake import BadProof, Channel, Hello, Role, WrongChain
from bystack.p2p.messages import Kind, Pong
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid, Misuse
from tests.p2p.people import ALICE, BOB, CERTIFICATE, end, events, hello, local, opened, said


def test_both_ends_learn_who_the_other_is() -> None:
    alice = end(ALICE, Role.DIALER)
    bob = Connection(
        local(BOB, listen=b"127.0.0.1:9"), Channel(Role.LISTENER, CERTIFICATE), now=0.0
    )
    first = said(bob)
    assert events(bob, said(alice)) == []
    [established] = events(alice, first + said(bob))
    assert established == Established(BOB.node_id, BOB.public, "127.0.0.1:9")
    assert events(bob, said(alice)) == [Established(ALICE.node_id, ALICE.public, "")]
    assert alice.proved and bob.proved


def test_a_man_in_the_middle_who_relays_everything() -> None:
    """TLS ends at Mallory, so the two sides saw different certificates."""
    alice, bob = end(ALICE, Role.DIALER, b"1" * 32), end(BOB, Role.LISTENER, b"2" * 32)
    to_bob, to_alice = said(alice), said(bob)
    events(alice, to_alice)
    events(bob, to_bob)
    to_bob, to_alice = said(alice), said(bob)
    with pytest.raises(BadProof):
        events(alice, to_alice)
    with pytest.raises(BadProof):
        events(bob, to_bob)
    assert not alice.proved and alice.state is State.OVER


def test_any_split_of_a_whole_conversation() -> None:
    alice, bob = opened()
    stream = b"".join(bob.send(16, bytes([i]) * i) for i in range(20))
    for size in (1, 2, 3, 5, 7, 64):
        receiver, _ = opened()
        got = []
        for start in range(0, len(stream), size):
            got += events(receiver, stream[start : start + size])
        assert got == [Received(16, bytes([i]) * i) for i in range(20)]
    assert events(alice, stream) == [Received(16, bytes([i]) * i) for i in range(20)]


def handshake_bytes() -> bytes:
    """What Bob says to Alice in a whole handshake, and one message."""
    alice, bob = end(ALICE, Role.DIALER), end(BOB, Role.LISTENER)
    to_alice, to_bob = said(bob), said(alice)
    events(bob, to_bob)
    events(alice, to_alice)
    to_alice += (more := said(bob))
    events(bob, said(alice))
    assert more
    return to_alice + bob.send(16, b"hello")


SPOKEN = handshake_bytes()


def test_each_prefix_waits_and_then_is_too_late() -> None:
    for length in range(len(SPOKEN) - len(message(16, b"hello"))):
        alice = end(ALICE, Role.DIALER)
        assert events(alice, SPOKEN[:length]) == []
        assert alice.deadline() == 5.0
        alice.tick(4.9)
        with pytest.raises(HandshakeLate):
            alice.tick(5.0)


@settings(max_examples=300)
@given(st.integers(0, len(SPOKEN) * 8 - 1))
def test_a_flipped_bit_never_passes_for_the_same_handshake(bit: int) -> None:
    data = bytearray(SPOKEN)
    data[bit // 8] ^= 1 << bit % 8
    whole = [Established(BOB.node_id, BOB.public, ""), Received(16, b"hello")]
    with contextlib.suppress(Invalid):
        assert events(end(ALICE, Role.DIALER), bytes(data)) != whole


@given(st.binary(max_size=300))
def test_garbage_raises_invalid_or_waits(data: bytes) -> None:
    for connection in (end(ALICE, Role.DIALER), opened()[0]):
        try:
            events(connection, data)
        except Invalid:
            assert connection.state is State.OVER


@pytest.mark.parametrize(
    "data",
    [
        frame(Kind.PROOF, bytes(66)),  # before a hello
        said(end(BOB, Role.LISTENER)) * 2,  # two hellos
    ],
)
def test_out_of_turn(data: bytes) -> None:
    with pytest.raises(OutOfTurn):
        events(end(ALICE, Role.DIALER), data)


@pytest.mark.parametrize("kind", [Kind.PING, Kind.ADDRESSES, 15, 16])
def test_nothing_but_the_handshake_before_it_is_done(kind: int) -> None:
    with pytest.raises(UnknownKind):
        events(end(ALICE, Role.DIALER), frame(kind, b""))
    with pytest.raises(Misuse):
        end(ALICE, Role.DIALER).send(16, b"")


def test_a_stranger_cannot_announce_a_large_frame() -> None:
    with pytest.raises(FrameTooLong):
        events(end(ALICE, Role.DIALER), (1000).to_bytes(4, "big"))


def test_a_refused_hello_ends_the_connection() -> None:
    alice = end(ALICE, Role.DIALER)
    strange: Hello = hello(BOB, chain=b"x" * 32)
    with pytest.raises(WrongChain):
        events(alice, frame(Kind.HELLO, encode(strange)))
    assert alice.state is State.OVER
    assert events(alice, SPOKEN) == []


@pytest.mark.parametrize("kind", [7, 15, 18, 255])
def test_unknown_kinds_are_refused(kind: int) -> None:
    with pytest.raises(UnknownKind):
        events(opened()[0], frame(kind, b""))


@pytest.mark.parametrize("kind", [Kind.HELLO, Kind.PROOF])
def test_no_second_handshake(kind: int) -> None:
    with pytest.raises(UnknownKind):
        events(opened()[0], frame(kind, bytes(66)))


def test_ping_and_pong() -> None:
    alice, bob = opened()
    assert alice.deadline() == 20.0
    alice.tick(19.0)
    assert said(alice) == b""
    alice.tick(20.0)
    alice.ping(21.0)  # one at a time
    assert events(bob, said(alice)) == []
    assert events(alice, said(bob), now=20.5) == [RoundTrip(0.5)]
    assert alice.deadline() == 40.5


def test_a_silent_peer() -> None:
    alice, _ = opened()
    alice.tick(20.0)
    with pytest.raises(Silent):
        alice.tick(40.0)
    assert alice.state is State.OVER


def test_a_pong_nobody_asked_for() -> None:
    with pytest.raises(OutOfTurn):
        events(opened()[0], frame(Kind.PONG, encode(Pong(0))))
    alice, _ = opened()
    alice.ping(0.0)
    with pytest.raises(OutOfTurn):
        events(alice, frame(Kind.PONG, encode(Pong(9))))


def test_a_frame_dripped_byte_by_byte_is_late() -> None:
    alice, bob = opened()
    data = bob.send(17, bytes(1000))
    for second in range(30):
        assert events(alice, data[second : second + 1], now=float(second)) == []
        alice.tick(float(second))
    with pytest.raises(FrameLate):
        alice.tick(30.0)


def test_each_frame_has_its_own_time() -> None:
    alice, bob = opened()
    data = bob.send(16, b"x")
    for second in range(100):  # the first byte of the next with the last of this
        events(alice, data[1:] + data[:1] if second else data[:1], now=float(second))
        alice.tick(float(second))
    assert alice.state is State.OPEN


def test_time_we_did_not_read_is_excused() -> None:
    alice, bob = opened()
    events(alice, bob.send(16, b"x")[:3], now=0.0)
    alice.excuse(100.0)
    alice.tick(120.0)
    with pytest.raises(FrameLate):
        alice.tick(130.0)


def test_addresses_only_when_asked() -> None:
    alice, bob = opened()
    answer = addresses(("10.0.0.1:1", "[::1]:2"))
    with pytest.raises(OutOfTurn):
        events(alice, answer)
    alice, bob = opened()
    assert events(bob, alice.ask_addresses()) == [AddressesAsked()]
    assert events(alice, answer) == [AddressesGiven(("10.0.0.1:1", "[::1]:2"))]
    with pytest.raises(OutOfTurn):
        events(alice, answer)


def test_goodbye_is_the_last_word() -> None:
    alice, bob = opened()
    data = goodbye("WrongChain\n\x1b[31m") + bob.send(16, b"after")
    assert events(alice, data) == [Farewell("WrongChain..[31m")]
    assert alice.state is State.OVER
    early = end(ALICE, Role.DIALER)
    assert events(early, goodbye("x" * 200)) == [Farewell("x" * 64)]


def test_text_is_safe_to_show() -> None:
    assert text(b"a\x00\xff\x7f~") == "a...~"


def test_low_kinds_are_not_for_applications() -> None:
    with pytest.raises(Misuse):
        message(15, b"")
