import pytest

from bystack.p2p.handshake import (
    Admission,
    BadProof,
    Channel,
    NotAllowed,
    Proof,
    Reflected,
    Role,
    SelfConnection,
    UnexpectedPeer,
    WrongChain,
    WrongNetwork,
    WrongVersion,
    check_hello,
    check_proof,
    prove,
)
from bystack.primitives.errors import Invalid
from tests.p2p.people import ALICE, ANYONE, BOB, CERTIFICATE, MALLORY, hello

DIALER = Channel(Role.DIALER, CERTIFICATE)
LISTENER = Channel(Role.LISTENER, CERTIFICATE)


def test_a_hello_names_the_node() -> None:
    assert check_hello(hello(ALICE), hello(BOB), ANYONE) == BOB.node_id


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"version": 2}, WrongVersion),
        ({"magic": b"main"}, WrongNetwork),
        ({"chain": b"x" * 32}, WrongChain),
        ({"key": ALICE.public}, SelfConnection),
    ],
)
def test_a_hello_of_another_world_is_refused(
    changes: dict[str, object], refusal: type[Invalid]
) -> None:
    with pytest.raises(refusal):
        check_hello(hello(ALICE), hello(BOB, **changes), ANYONE)


def test_our_own_hello_sent_back_is_refused() -> None:
    with pytest.raises(Reflected):
        check_hello(hello(ALICE), hello(ALICE), ANYONE)


def test_the_allow_list() -> None:
    admission = Admission(allow=frozenset({BOB.node_id}))
    assert check_hello(hello(ALICE), hello(BOB), admission) == BOB.node_id
    with pytest.raises(NotAllowed):
        check_hello(hello(ALICE), hello(MALLORY), admission)


def test_another_node_at_the_address_dialled() -> None:
    with pytest.raises(UnexpectedPeer):
        check_hello(hello(ALICE), hello(MALLORY), Admission(expect=BOB.node_id))


def test_both_prove() -> None:
    alice, bob = hello(ALICE), hello(BOB)
    check_proof(LISTENER, bob, alice, prove(ALICE, DIALER, alice, bob))
    check_proof(DIALER, alice, bob, prove(BOB, LISTENER, bob, alice))


def test_a_proof_is_bound_to_the_certificate() -> None:
    """A man in the middle shows each side a certificate of its own."""
    alice, bob = hello(ALICE), hello(BOB)
    relayed = prove(BOB, LISTENER, bob, alice)
    with pytest.raises(BadProof):
        check_proof(Channel(Role.DIALER, b"e" * 32), alice, bob, relayed)


def test_a_proof_is_bound_to_the_role() -> None:
    alice, bob = hello(ALICE), hello(BOB)
    with pytest.raises(BadProof):
        check_proof(DIALER, alice, bob, prove(BOB, DIALER, bob, alice))


def test_a_proof_sent_back_is_refused() -> None:
    """Mallory shows Alice's key and returns Alice's own signature."""
    alice = hello(ALICE)
    mirrored = hello(ALICE, nonce=b"m" * 32)
    with pytest.raises(SelfConnection):
        check_hello(alice, mirrored, ANYONE)
    with pytest.raises(BadProof):
        check_proof(LISTENER, alice, mirrored, prove(ALICE, LISTENER, alice, mirrored))


@pytest.mark.parametrize("side", [0, 1])
def test_a_proof_is_bound_to_both_nonces(side: int) -> None:
    """A recorded handshake replayed meets a fresh nonce."""
    alice, bob = hello(ALICE), hello(BOB)
    old = prove(BOB, LISTENER, bob, alice)
    fresh = (hello(ALICE, nonce=b"n" * 32), bob) if side == 0 else (alice, hello(BOB, listen=b"x"))
    with pytest.raises(BadProof):
        check_proof(DIALER, *fresh, old)


def test_a_proof_by_another_key() -> None:
    alice, bob = hello(ALICE), hello(BOB)
    with pytest.raises(BadProof):
        check_proof(DIALER, alice, bob, prove(MALLORY, LISTENER, bob, alice))
    with pytest.raises(BadProof):
        check_proof(DIALER, alice, bob, Proof(bytes(64)))
