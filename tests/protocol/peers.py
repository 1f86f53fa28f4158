"""Frames, the handshake and compact blocks, after docs/protocol/peers.md alone."""

from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.protocol.pages import PAGES
from tests.protocol.reader import Refused, read, write
from tests.protocol.trees import h, u32, u64

Value = dict[str, Any]


def caps() -> dict[int, tuple[str, int]]:
    """Kinds of the main chain's network, from the tables of the page: message and cap."""
    found = {32: ("GossipMessage", 2_000_064)}
    for line in PAGES.text["peers"].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0].isdigit() and cells[1].startswith("`"):
            name, cap = cells[1].strip("`"), cells[2].split()[0].rstrip(",").replace(",", "")
            found[int(cells[0])] = (name, int(cap))
    return found


CAPS = caps()


def frame(kind: int, payload: bytes) -> bytes:
    body = write({"type": "Frame", "kind": kind, "payload": payload})
    return u32(len(body)) + body


def unframed(data: bytes) -> tuple[str, Value]:
    """The message in one frame of the main chain's network."""
    length, body = int.from_bytes(data[:4], "big"), data[4:]
    if length != len(body):
        raise Refused("FrameMalformed")
    whole = read("Frame", body)
    if whole["kind"] not in CAPS:
        raise Refused("UnknownKind")
    name, cap = CAPS[whole["kind"]]
    if length > cap + 8:
        raise Refused("FrameTooLong")
    return name, read(name, whole["payload"], cap)


def node_id(key: bytes) -> bytes:
    return h("p2p/node", key)


def handshake_digest(role: int, certificate: bytes, own: Value, other: Value) -> bytes:
    first, second = write(own), write(other)
    parts = bytes([role]), certificate, u32(len(first)), first, u32(len(second)), second
    return h("p2p/handshake", *parts)


def whereabouts_digest(chain: bytes, said: Value) -> bytes:
    return h("p2p/whereabouts", chain, said["key"], u64(said["at"]), said["address"])


def ed25519(key: bytes, digest: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, digest)
    except (InvalidSignature, ValueError):
        return False
    return True


def compact_key(header: Value, salt: bytes) -> bytes:
    return h("mainchain/compact/key", write(header), salt)


def short_id(key: bytes, witness: bytes) -> bytes:
    return h("mainchain/compact/short", key, witness)[:8]
