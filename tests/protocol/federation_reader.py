"""A second reader of what a federation's members say and sign, written from docs/protocol alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.protocol.pairings import (
    G1_to_pubkey,
    G2_to_signature,
    Suite,
    add,
    curve_order,
    multiply,
    pubkey_to_G1,
    signature_to_G2,
)
from tests.protocol.sidechain_reader import fixed, tagged, write

FRESH, REFRESH, RESHARE = 0, 1, 2


def session_id(session: Sequence[Any]) -> bytes:
    """What everything said in an attempt is bound to."""
    weight = sum(member[3] for member in session[5][1])
    return tagged("dkg/session", fixed(weight, 2), write(session))


def roster_stands(roster: Sequence[Any]) -> bool:
    """The rules of weights."""
    threshold, members = roster
    total, weights = sum(one[3] for one in members), [one[3] for one in members]
    indices = [index for one in members for index in one[4]]
    ordered = indices == sorted(set(indices))
    fair = all(w < threshold and w <= total - threshold for w in weights)
    return ordered and len(indices) == total and threshold <= total < 2 * threshold and fair


def said(session: Sequence[Any], signed: Sequence[Any]) -> bool:
    """Whether a member's word is its own."""
    _, named, sender, body, signature = signed
    digest = tagged("dkg/body", write(body))
    place = fixed(sender, 2) + fixed(body[0], 1)  # a body's tag is its round
    words = tagged("dkg/message", session_id(session), place, digest)
    return named == session_id(session) and holds(session[5][1][sender][1], words, signature)


def holds(identity: bytes, message: bytes, signature: bytes) -> bool:
    """An Ed25519 signature."""
    try:
        Ed25519PublicKey.from_public_bytes(identity).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def promised(session: Sequence[Any], dealer: int, public: Sequence[Any]) -> bytes:
    """What a hello commits to."""
    return tagged("dkg/public", session_id(session), fixed(dealer, 2), write(public))


def knows(session: Sequence[Any], dealer: int, public: Sequence[Any]) -> bool:
    """The proof of knowledge of a dealing's constant."""
    ((nonce, response),), constant = public[2], public[1][0]
    parts = (session_id(session), fixed(dealer, 2), constant, nonce)
    wide = tagged("dkg/proof/0", *parts) + tagged("dkg/proof/1", *parts)
    challenge = int.from_bytes(wide, "big") % curve_order
    right = add(pubkey_to_G1(nonce), multiply(pubkey_to_G1(constant), challenge))
    return Suite.SkToPk(int.from_bytes(response, "big")) == bytes(G1_to_pubkey(right))


def opened(
    session: Sequence[Any], dealer: int, dealing: Sequence[Any], index: int, secret: bytes
) -> int:
    """The share dealt to an index, by its owner's session secret."""
    public, shares = dealing
    (sealed,) = [one for one in shares if one[0] == index]
    private = X25519PrivateKey.from_private_bytes(secret)
    shared = private.exchange(X25519PublicKey.from_public_bytes(sealed[1]))
    place = fixed(dealer, 2) + fixed(public[0], 2) + fixed(index, 2)
    own = private.public_key().public_bytes_raw()
    info = b"bystack/dkg/share" + place + sealed[1] + own
    key = HKDF(SHA256(), 32, salt=session_id(session), info=info).derive(shared)
    bound = session_id(session) + place + promised(session, dealer, public)
    plain = ChaCha20Poly1305(key).decrypt(bytes(12), sealed[2], bound)
    return int.from_bytes(plain, "big")


def share_key(polynomial: Sequence[bytes], index: int) -> bytes:
    """The public key of a share."""
    total = pubkey_to_G1(polynomial[-1])
    for point in reversed(polynomial[:-1]):
        total = add(multiply(total, index), pubkey_to_G1(point))
    return bytes(G1_to_pubkey(total))


def transcript(session: Sequence[Any], words: Sequence[Sequence[Any]]) -> bytes:
    """The hash that all attest, of an attempt in which nobody left or complained."""
    found = {(word[3][0], word[2]): tagged("dkg/body", write(word[3])) for word in words}
    order = [found[turn, seat] for turn in range(3) for seat in range(len(session[5][1]))]
    return tagged("dkg/transcript", session_id(session), *order)


def attested(certificate: Sequence[Any]) -> bool:
    """Whether every member attests a key's transcript."""
    _, session, hashed, polynomial, attestations, _ = certificate
    words = tagged("dkg/certificate", session_id(session), hashed, *polynomial)
    pairs = zip(session[5][1], attestations, strict=True)
    return all(holds(member[1], words, signature) for member, signature in pairs)


def possessed(certificate: Sequence[Any]) -> bool:
    """Whether the shares made the group key's proof of possession (of a fresh key)."""
    return bool(Suite.PopVerify(certificate[3][0], certificate[5]))


def lagrange(indices: Sequence[int]) -> dict[int, int]:
    """The weight of each share in the value at zero."""
    weights = {}
    for i in indices:
        above = below = 1
        for j in indices:
            if j != i:
                above, below = above * j % curve_order, below * (j - i) % curve_order
        weights[i] = above * pow(below, -1, curve_order) % curve_order
    return weights


def combined(partials: dict[int, bytes]) -> bytes:
    """The group's signature from signatures by shares."""
    weights = lagrange(list(partials))
    parts = [multiply(signature_to_G2(one), weights[i]) for i, one in partials.items()]
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return bytes(G2_to_signature(total))


def action(chain: bytes, kind: int, version: int, body: bytes) -> bytes:
    """What a member signs to approve an action."""
    return tagged("federation/action", chain, fixed(kind), fixed(version), body)


def proposal_id(number: int, decision: Sequence[Any]) -> bytes:
    """What votes name."""
    return tagged("federation/proposal", fixed(number), write(decision))


def audited(lines: Sequence[Sequence[Any]]) -> list[tuple[bytes, bytes]]:
    """What each line of an audit log signs, and the signature; a break in the chain is refused."""
    before, found = bytes(32), []
    for number, line in enumerate(lines):
        record, signature = line
        if record[:2] != (number, before):
            raise ValueError(f"record {number} does not follow")
        found.append((tagged("federation/audit", write(record)), signature))
        before = tagged("federation/audit/record", write(line))
    return found
