"""Key files: sealed, private, of one kind; every refusal by name and no secret in any of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bystack.node import keyfiles as k
from bystack.node.store import files

SECRET = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "a.key"


def test_sealed_key_opens_with_its_password_only(path: Path) -> None:
    k.write_key(path, "validator", SECRET, "correct horse", cheap=True)
    assert k.read_key(path, "validator", "correct horse", cheap=True) == SECRET
    assert k.is_sealed(path)
    assert SECRET.hex() not in path.read_text()
    with pytest.raises(k.WrongPassword):
        k.read_key(path, "validator", "battery staple", cheap=True)
    with pytest.raises(k.KeyFileSealed):
        k.read_key(path, "validator", cheap=True)


def test_strong_parameters_are_the_default_and_cheap_ones_are_refused(path: Path) -> None:
    k.write_key(path, "share", SECRET, "pw")
    assert json.loads(path.read_text().splitlines()[0])["seal"]["n"] == 2**16
    assert k.read_key(path, "share", "pw") == SECRET
    k.write_key(path, "share", SECRET, "pw", cheap=True, replace=True)
    with pytest.raises(k.KeyFileWeak):
        k.read_key(path, "share", "pw")


def test_clear_key_is_read_without_password_and_checked(path: Path) -> None:
    k.write_key(path, "node", SECRET, None)
    assert k.read_key(path, "node") == SECRET
    assert not k.is_sealed(path)
    first, _, _ = path.read_text().partition("\n")
    path.write_text(first + "\n" + bytes(32).hex() + "\n")
    with pytest.raises(k.KeyFileMalformed, match="checksum"):
        k.read_key(path, "node")


def test_mode_is_private_whatever_the_umask(path: Path) -> None:
    old = os.umask(0)
    try:
        k.write_key(path, "node", SECRET, None)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_key_is_never_written_over_by_accident(path: Path) -> None:
    k.write_key(path, "node", SECRET, None)
    with pytest.raises(k.KeyFileExists):
        k.write_key(path, "node", bytes(32), None)
    assert k.read_key(path, "node") == SECRET
    assert [p.name for p in path.parent.iterdir()] == ["a.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_loose_permissions_are_refused(path: Path, mode: int) -> None:
    k.write_key(path, "node", SECRET, None)
    path.chmod(mode)
    with pytest.raises(k.KeyFileLoose, match="chmod 600"):
        k.read_key(path, "node")


def test_wrong_kind_and_missing_file_are_named(path: Path) -> None:
    with pytest.raises(k.KeyFileMissing):
        k.read_key(path, "node")
    k.write_key(path, "node", SECRET, None)
    with pytest.raises(k.KeyFileKind, match="node key, not share"):
        k.read_key(path, "share")


def test_header_is_bound_to_the_box(path: Path) -> None:
    k.write_key(path, "node", SECRET, "pw", cheap=True)
    path.write_text(path.read_text().replace('"kind":"node"', '"kind":"share"'))
    with pytest.raises(k.WrongPassword):
        k.read_key(path, "share", "pw", cheap=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"n":16', '"n":1073741824'),
        ('"n":16', '"n":15'),
        ('"r":8', '"r":4096'),
        ('"bystack_key":1', '"bystack_key":2'),
        ('"kdf":"scrypt"', '"kdf":"rot13"'),
        ('"kind"', '"knid"'),
        ("{", "["),
        ("\n", "\nzz"),
    ],
)
def test_hostile_parameters_are_refused_before_any_work(path: Path, old: str, new: str) -> None:
    k.write_key(path, "node", SECRET, "pw", cheap=True)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(k.KeyFileMalformed):
        k.read_key(path, "node", "pw", cheap=True)


def test_no_error_shows_the_secret(path: Path) -> None:
    k.write_key(path, "node", SECRET, None)
    path.write_text(path.read_text().replace('"kind":"node"', '"kind":"share"'))
    with pytest.raises(k.KeyFileMalformed) as caught:
        k.read_key(path, "share")
    assert SECRET.hex()[:8] not in str(caught.value) + repr(caught.value)


def test_replace_keeps_the_old_file_when_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "f"
    files.replace(target, b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.replace(target, b"new")
    assert target.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_argon2id_seals_as_well(path: Path) -> None:
    k.write_key(path, "wallet", SECRET, "pw", kdf="argon2id")
    seal = json.loads(path.read_text().splitlines()[0])["seal"]
    assert (seal["kdf"], seal["memory"]) == ("argon2id", 2**16)
    assert k.is_sealed(path)
    assert k.read_key(path, "wallet", "pw") == SECRET
    with pytest.raises(k.WrongPassword):
        k.read_key(path, "wallet", "other")
    k.write_key(path, "wallet", SECRET, "pw", kdf="argon2id", cheap=True, replace=True)
    with pytest.raises(k.KeyFileWeak):
        k.read_key(path, "wallet", "pw")


@pytest.mark.parametrize("name, value", [("memory", 2**21), ("passes", 17), ("lanes", 9)])
def test_a_hostile_file_cannot_ask_for_more_work(path: Path, name: str, value: int) -> None:
    k.write_key(path, "wallet", SECRET, "pw", kdf="argon2id", cheap=True)
    first, _, box = path.read_text().partition("\n")
    header = json.loads(first)
    header["seal"][name] = value
    path.write_text(json.dumps(header) + "\n" + box)
    with pytest.raises(k.KeyFileMalformed):
        k.read_key(path, "wallet", "pw", cheap=True)


def test_what_is_sealed_need_not_be_a_file() -> None:
    data = k.sealed("backup", SECRET, "pw", cheap=True)
    assert k.is_sealed_text("it", data)
    assert k.unsealed("it", data, "backup", "pw", cheap=True) == SECRET
    with pytest.raises(k.KeyFileKind):
        k.unsealed("it", data, "wallet", "pw", cheap=True)
