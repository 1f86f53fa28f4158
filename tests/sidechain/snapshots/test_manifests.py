"""A manifest that contradicts itself is refused before anything is fetched on its word."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.primitives.codec import encode
from bystack.sidechain.snapshots.manifests import (
    CHUNK,
    MAX_CHUNKS,
    MAX_MANIFEST,
    Manifest,
    ManifestChain,
    ManifestRoot,
    ManifestSize,
    check_manifest,
)
from tests.sidechain.snapshots.samples import MANIFEST, Taken
from tests.sidechain.world import ready


def test_an_honest_one_holds() -> None:
    manifest = Taken.of(ready()).manifest()
    check_manifest(manifest, manifest.header.chain)
    assert sum(manifest.length(at) for at in range(len(manifest.chunks))) == manifest.size


def test_two_nodes_name_the_same() -> None:
    assert Taken.of(ready()).manifest().id == Taken.of(ready()).manifest().id


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("system_root", b"x" * 32, ManifestRoot),
        ("multiset", b"x" * 384, ManifestRoot),
        ("size", CHUNK + 1, ManifestSize),
        ("size", 0, ManifestSize),
        ("chunks", (b"x" * 32,) * 2, ManifestSize),
    ],
)
def test_what_does_not_fit_is_named(field: str, value: object, error: type[Exception]) -> None:
    manifest = Taken.of(ready()).manifest()
    with pytest.raises(error):
        check_manifest(replace(manifest, **{field: value}), manifest.header.chain)


def test_another_chains_is_refused() -> None:
    with pytest.raises(ManifestChain):
        check_manifest(Taken.of(ready()).manifest(), b"x" * 32)


def test_the_largest_has_room() -> None:
    largest: Manifest = replace(MANIFEST, chunks=(b"c" * 32,) * MAX_CHUNKS)
    assert len(encode(largest)) <= MAX_MANIFEST
