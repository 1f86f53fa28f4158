"""What a state snapshot is: a final header, the roots under it, and the hashes of its chunks.

The content of a snapshot is one stream of rows (see `rows`), cut into chunks of one size. It
depends on the chain alone, so honest nodes name the same manifest for the same block and any of
them can give any chunk. The certificate stands beside it: nodes may hold different ones.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import U63, Bytes32, Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged
from bystack.primitives.multiset import SIZE, multiset_digest
from bystack.sidechain.blocks import Header
from bystack.sidechain.state import state_root

CHUNK = 1 << 20
"""Bytes of every chunk but the last."""
MAX_CHUNKS = 30_000
MAX_MANIFEST = MAX_CHUNKS * 34 + 4_000

_manifest_id = tagged("snapshot/manifest")
_chunk_hash = tagged("snapshot/chunk")


class ManifestChain(Invalid):
    """The snapshot is of another chain."""


class ManifestRoot(Invalid):
    """The roots that a snapshot names do not make its header's state root."""


class ManifestSize(Invalid):
    """The number of a snapshot's chunks does not fit its size."""


class Manifest(Wire, dict=True):
    """A snapshot of the state after `header`: the trie's root and the coin multiset's state, both
    made of the content; `size` of the content in bytes; the hash of each chunk.
    """

    header: Header
    system_root: Bytes32
    multiset: Annotated[bytes, Meta(min_length=SIZE, max_length=SIZE)]
    size: U63
    chunks: Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=MAX_CHUNKS)]

    @cached_property
    def id(self) -> bytes:
        """What a snapshot is asked for by."""
        return _manifest_id(encode(self))

    def length(self, index: int) -> int:
        """The bytes of a chunk."""
        return min(CHUNK, self.size - index * CHUNK)


def chunk_hash(data: bytes) -> bytes:
    """What a manifest names a chunk by."""
    return _chunk_hash(data)


def check_manifest(manifest: Manifest, chain: bytes) -> None:
    """Refuse a manifest that contradicts itself, before anything is fetched on its word.

    Raises `ManifestChain`, `ManifestRoot`, `ManifestSize`.
    """
    header = manifest.header
    if header.chain != chain:
        raise ManifestChain(chain=header.chain, expected=chain)
    root = state_root(manifest.system_root, multiset_digest(manifest.multiset))
    if root != header.state_root:
        raise ManifestRoot(given=root, header=header.state_root)
    if len(manifest.chunks) != -(-manifest.size // CHUNK):
        raise ManifestSize(chunks=len(manifest.chunks), size=manifest.size)
