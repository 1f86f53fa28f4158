"""Whether the other end is a node of our chain, and which: the channel-bound mutual signature.

Both sides send a `Hello`, then sign, with their Ed25519 node key, a tagged hash of their role, the
digest of the TLS certificate shown on this connection, and both hellos, the signer's first
(node.md section 6; the binding is "tls-server-end-point" of RFC 5929). A man in the middle shows
another certificate, so a relayed signature fails; nonces defeat replay; role and own key defeat
reflection.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final

from msgspec import Meta

from bystack.p2p.identity import Identity, NodeId, node_id, verify
from bystack.primitives.codec import U16, Bytes32, Bytes64, Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged

VERSION: Final = 1
MAX_ADDRESS: Final = 255
Magic = Annotated[bytes, Meta(min_length=4, max_length=4)]
AddressBytes = Annotated[bytes, Meta(max_length=MAX_ADDRESS)]

_digest = tagged("p2p/handshake")


class WrongVersion(Invalid):
    """The peer speaks another version of the peer protocol."""


class WrongNetwork(Invalid):
    """The peer belongs to another network."""


class WrongChain(Invalid):
    """The peer follows another chain."""


class SelfConnection(Invalid):
    """The peer shows our own node key: we reached ourselves."""


class Reflected(Invalid):
    """The peer sent our own hello back."""


class NotAllowed(Invalid):
    """The peer is not on the allow-list."""


class UnexpectedPeer(Invalid):
    """The address belongs to another node than the one we dialled."""


class BadProof(Invalid):
    """The peer did not sign this handshake on this connection with the key it shows."""


class Role(IntEnum):
    """Which end of a connection a node is."""

    DIALER = 0
    LISTENER = 1

    @property
    def other(self) -> Role:
        """The opposite end."""
        return Role(1 - self)


class Hello(Wire):
    """What each side says first; `listen` is "host:port" in ASCII, or empty."""

    version: U16
    magic: Magic
    chain: Bytes32
    key: Bytes32
    nonce: Bytes32
    listen: AddressBytes


class Proof(Wire):
    """The signature that binds a hello's key to this connection."""

    signature: Bytes64


@dataclass(frozen=True)
class Channel:
    """One connection before it is trusted: our end, and the SHA-256 of the certificate on it."""

    role: Role
    certificate: bytes


@dataclass(frozen=True)
class Admission:
    """Whom we accept: any node, those allowed, or the one expected at the address we dialled."""

    allow: frozenset[bytes] | None = None
    expect: bytes | None = None


def check_hello(ours: Hello, theirs: Hello, admission: Admission) -> NodeId:
    """The node id a hello claims; raises the reason why we would not talk to that node."""
    if theirs == ours:
        raise Reflected()
    if theirs.version != ours.version:
        raise WrongVersion(version=theirs.version, expected=ours.version)
    if theirs.magic != ours.magic:
        raise WrongNetwork(magic=theirs.magic, expected=ours.magic)
    if theirs.chain != ours.chain:
        raise WrongChain(chain=theirs.chain, expected=ours.chain)
    if theirs.key == ours.key:
        raise SelfConnection(key=theirs.key)
    return _admit(node_id(theirs.key), admission)


def _admit(peer: NodeId, admission: Admission) -> NodeId:
    if admission.expect is not None and peer != admission.expect:
        raise UnexpectedPeer(peer=peer, expected=admission.expect)
    if admission.allow is not None and peer not in admission.allow:
        raise NotAllowed(peer=peer)
    return peer


def prove(identity: Identity, channel: Channel, ours: Hello, theirs: Hello) -> Proof:
    """Our signature over this handshake."""
    return Proof(identity.sign(_bound(channel.role, channel.certificate, ours, theirs)))


def check_proof(channel: Channel, ours: Hello, theirs: Hello, proof: Proof) -> None:
    """Raises `BadProof` unless the peer signed this very handshake in the other role."""
    digest = _bound(channel.role.other, channel.certificate, theirs, ours)
    if not verify(theirs.key, digest, proof.signature):
        raise BadProof(key=theirs.key)


def _bound(role: Role, certificate: bytes, sender: Hello, receiver: Hello) -> bytes:
    """The digest the sender signs: every part is of fixed length or preceded by its length."""
    first, second = encode(sender), encode(receiver)
    return _digest(
        fixed(role, 1), certificate, fixed(len(first), 4), first, fixed(len(second), 4), second
    )
