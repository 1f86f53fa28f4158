"""Who a node is on the peer network: an Ed25519 key (RFC 8032), and the hash that names it.

Node keys sign handshakes only; coins and votes have keys of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NewType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bystack.primitives.errors import Misuse
from bystack.primitives.hashes import tagged

NodeId = NewType("NodeId", bytes)
SEED_SIZE = 32

_name = tagged("p2p/node")


@dataclass(frozen=True, eq=False)
class Identity:
    """A node's key pair; `public` is 32 bytes, `node_id` the 32-byte name others know it by."""

    public: bytes
    node_id: NodeId
    _key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> Identity:
        """The identity of a 32-byte secret seed; the caller keeps the seed (a 0600 file)."""
        if len(seed) != SEED_SIZE:
            raise Misuse(f"a node seed is {SEED_SIZE} bytes, not {len(seed)}")
        key = Ed25519PrivateKey.from_private_bytes(seed)
        public = key.public_key().public_bytes_raw()
        return cls(public, node_id(public), key)

    def sign(self, digest: bytes) -> bytes:
        """The 64-byte signature over a 32-byte digest."""
        return self._key.sign(digest)


def node_id(public: bytes) -> NodeId:
    """The name of the node that holds a 32-byte public key."""
    return NodeId(_name(public))


def verify(public: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether `signature` is the key's over `digest`; never raises on bytes from outside."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, digest)
    except (InvalidSignature, ValueError):
        return False
    return True
