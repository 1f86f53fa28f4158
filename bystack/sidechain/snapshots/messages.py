"""What those who join say to those who have: epochs, snapshots, proofs; each on its own frame kind.

Every question has one answer, which may be empty: what a node no longer has is no fault of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import U32, U63, Bytes32, Wire, decode_union, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.light import EpochProof, FinalHeader
from bystack.sidechain.proofs import MAX_KEY, MAX_STATE_PROOF, StateProof
from bystack.sidechain.snapshots.manifests import CHUNK, MAX_MANIFEST, Manifest

MAX_OFFERS = 2
MAX_EPOCHS = 64
EPOCH_BYTES = 1_000_000
"""An answer ends with the proof that goes beyond this; one proof is always given."""
MAX_FINAL = 600_000
SMALL = 1_000
LARGEST_EPOCHS = EPOCH_BYTES + 1_000_000


class GetEpochs(Wire, tag=0):
    """Give me the proofs of who votes in the epochs after `epoch`, ascending."""

    epoch: U63


class Epochs(Wire, tag=1):
    """The proofs that lead from the epoch asked for to the next, and so on."""

    proofs: Annotated[tuple[EpochProof, ...], Meta(max_length=MAX_EPOCHS)]


class GetSnapshots(Wire, tag=2):
    """Which snapshots have you?"""


class Offer(Wire):
    """A snapshot there is: the height of its block, its manifest's id, bytes of its content."""

    height: U63
    manifest: Bytes32
    size: U63


class Snapshots(Wire, tag=3):
    """The snapshots there are."""

    offers: Annotated[tuple[Offer, ...], Meta(max_length=MAX_OFFERS)]


class GetManifest(Wire, tag=4):
    """Give me this manifest."""

    manifest: Bytes32


class Described(Wire):
    """A manifest, and why its header is final."""

    manifest: Manifest
    final: FinalHeader


class ManifestGiven(Wire, tag=5):
    """The manifest asked for by its id, if there is one."""

    manifest: Bytes32
    found: Annotated[tuple[Described, ...], Meta(max_length=1)]


class GetChunk(Wire, tag=6):
    """Give me a chunk of a snapshot."""

    manifest: Bytes32
    index: U32


class ChunkGiven(Wire, tag=7):
    """A chunk of a snapshot, if there is one."""

    manifest: Bytes32
    index: U32
    data: Annotated[
        tuple[Annotated[bytes, Meta(min_length=1, max_length=CHUNK)], ...], Meta(max_length=1)
    ]


class GetProof(Wire, tag=8):
    """Prove what a key of the state has, under your last final header."""

    key: Annotated[bytes, Meta(max_length=MAX_KEY)]


class ProofGiven(Wire, tag=9):
    """What the key asked for has."""

    proof: StateProof


Request = GetEpochs | GetSnapshots | GetManifest | GetChunk | GetProof
Answer = Epochs | Snapshots | ManifestGiven | ChunkGiven | ProofGiven
Message = Request | Answer

KINDS: Mapping[type[Message], int] = MappingProxyType(
    {
        GetEpochs: 48,
        Epochs: 49,
        GetSnapshots: 50,
        Snapshots: 51,
        GetManifest: 52,
        ManifestGiven: 53,
        GetChunk: 54,
        ChunkGiven: 55,
        GetProof: 56,
        ProofGiven: 57,
    }
)
_TYPES = {kind: message for message, kind in KINDS.items()}

CAPS: Mapping[int, int] = MappingProxyType(
    {kind: SMALL for kind in KINDS.values()}
    | {KINDS[Epochs]: LARGEST_EPOCHS, KINDS[ManifestGiven]: MAX_MANIFEST + MAX_FINAL}
    | {KINDS[ChunkGiven]: CHUNK + SMALL, KINDS[ProofGiven]: MAX_STATE_PROOF}
    | {KINDS[GetProof]: MAX_KEY + SMALL}
)
"""The largest payload of each kind."""


class AidUnknown(Invalid):
    """Those who help others join know no message of this kind."""


def write_aid(message: Message) -> tuple[int, bytes]:
    """The frame kind and the payload of a message."""
    return KINDS[type(message)], encode(message)


def read_aid(kind: int, payload: bytes) -> Message:
    """The message in a frame; raises `AidUnknown` and the codec's errors."""
    if kind not in _TYPES:
        raise AidUnknown(kind=kind)
    message: Message = decode_union(Message, payload, CAPS[kind])
    if type(message) is not _TYPES[kind]:
        raise AidUnknown(kind=kind, found=type(message).__name__)
    return message
