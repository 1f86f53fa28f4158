"""The signer's key files: kinds apart, sealed by the password file, large enough for a ceremony."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bystack.node.keyfiles import KeyFileKind, KeyFileLoose, KeyFileSealed, is_sealed
from bystack.node.signer import keys

SECRET = bytes(range(32))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.makedirs("keys")


def test_a_kind_is_not_another() -> None:
    keys.save("keys/a.key", keys.SHARE, SECRET, cheap=True)
    assert keys.load("keys/a.key", keys.SHARE, cheap=True) == SECRET
    with pytest.raises(KeyFileKind):
        keys.load("keys/a.key", keys.VALIDATOR, cheap=True)


def test_with_a_password_file_everything_is_sealed() -> None:
    Path("keys/password").write_text("correct horse\n")
    os.chmod("keys/password", 0o600)
    keys.save("keys/a.key", keys.SHARE, SECRET, cheap=True)
    assert is_sealed("keys/a.key") and SECRET.hex() not in Path("keys/a.key").read_text()
    assert keys.load("keys/a.key", keys.SHARE, cheap=True) == SECRET
    os.chmod("keys/password", 0o644)
    with pytest.raises(KeyFileLoose):
        keys.load("keys/a.key", keys.SHARE, cheap=True)
    os.unlink("keys/password")
    with pytest.raises(KeyFileSealed):
        keys.load("keys/a.key", keys.SHARE, cheap=True)


def test_a_large_federations_key_generation_fits() -> None:
    """Twelve members' state was 108 kB; a file once held 64 KiB, and the crash was for ever."""
    state = os.urandom(1_000_000)
    keys.save("keys/a.key", keys.CEREMONY, state, cheap=True)
    assert keys.load("keys/a.key", keys.CEREMONY, cheap=True) == state


def test_named_keys_are_found_by_their_files() -> None:
    for name in ("super-1", "a.b"):
        keys.save(f"keys/{name}.named.key", keys.NAMED, SECRET, cheap=True)
    keys.save(keys.share_path("trade", 0, 0, 3), keys.SHARE, SECRET, cheap=True)
    assert dict(keys.named_keys(cheap=True)) == {"a.b": SECRET, "super-1": SECRET}
    assert os.path.exists("keys/trade-epoch-0-share-3.key")
