"""Keys saved and put back: nothing overwritten, nothing written elsewhere, changes seen."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bystack.client import backups
from bystack.client.backups import BackupRefused


def home(path: Path, **keys: str) -> Path:
    (path / "keys").mkdir(parents=True)
    for name, text in keys.items():
        (path / "keys" / name).write_text(text)
    return path


def test_keys_come_back_as_they_were(tmp_path: Path) -> None:
    one, file = (
        home(tmp_path / "one", a="secret", b="other", password="word"),
        tmp_path / "keys.tar",
    )
    assert backups.save_keys(one, file, 5) == 2
    assert file.stat().st_mode & 0o777 == 0o600 and b"word" not in file.read_bytes()
    two = home(tmp_path / "two", b="other")
    assert backups.restore_keys(two, file, 7) == ["a"]
    assert (two / "keys" / "a").read_text() == "secret"
    assert (two / "keys" / "a").stat().st_mode & 0o777 == 0o600
    assert backups.restore_keys(two, file, 7) == []
    # What was put back lies in the archive; a key beside it was never saved.
    assert backups.noted(two).keys == backups.Saved(7, backups.key_digests(one))
    (two / "keys" / "c").write_text("own")
    assert backups.noted(two).keys.digests != backups.key_digests(two)


def test_a_backup_is_noted_and_goes_stale(tmp_path: Path) -> None:
    one = home(tmp_path / "one", a="secret")
    assert backups.noted(one).keys.when == 0
    backups.save_keys(one, tmp_path / "keys.tar", 5)
    assert backups.noted(one).keys.digests == backups.key_digests(one)
    (one / "keys" / "a").write_text("changed")
    assert backups.noted(one).keys.digests != backups.key_digests(one)
    backups.note_wallet(one, "default", "11", 6)
    note = backups.noted(one)
    assert note.wallets["default"].digests == {"default": "11"} and note.keys.when == 5
    (one / backups.NOTE).write_text("{")
    assert backups.noted(one) == backups.Note()


def test_a_mark_that_follows_the_votes_makes_no_backup_stale(tmp_path: Path) -> None:
    one, file = (
        home(tmp_path / "one", **{"a": "secret", "trade.votes": "vote 5"}),
        tmp_path / "k.tar",
    )
    backups.save_keys(one, file, 5)
    mark = one / "keys" / "trade.votes"
    mark.write_text("vote 9")
    assert backups.noted(one).keys.digests == backups.key_digests(one)
    assert backups.restore_keys(one, file, 7) == [] and mark.read_text() == "vote 9"
    mark.unlink()
    assert backups.restore_keys(one, file, 7) == ["trade.votes"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    one, file = home(tmp_path / "one", a="secret"), tmp_path / "keys.tar"
    backups.save_keys(one, file, 5)
    with pytest.raises(BackupRefused, match="File exists"):
        backups.save_keys(one, file, 6)
    two = home(tmp_path / "two", a="another")
    with pytest.raises(BackupRefused, match="is there and is another"):
        backups.restore_keys(two, file, 7)
    assert (two / "keys" / "a").read_text() == "another"
    with pytest.raises(BackupRefused, match="holds no keys"):
        backups.save_keys(home(tmp_path / "three"), tmp_path / "none.tar", 5)


@pytest.mark.parametrize(
    "name", ["keys/../evil", "/etc/evil", "keys/", "evil", "keys/password", "keys/a/b", "keys/.."]
)
def test_an_archive_writes_keys_only(tmp_path: Path, name: str) -> None:
    file = tmp_path / "evil.tar"
    with tarfile.open(file, "w") as archive:
        for one in ("keys/good", name):
            entry = tarfile.TarInfo(one)
            entry.size = 1
            archive.addfile(entry, io.BytesIO(b"x"))
    one = home(tmp_path / "one")
    with pytest.raises(BackupRefused, match="nothing taken"):
        backups.restore_keys(one, file, 7)
    assert list((one / "keys").iterdir()) == []


def test_links_and_damage_are_refused(tmp_path: Path) -> None:
    file, one = tmp_path / "evil.tar", home(tmp_path / "one")
    with tarfile.open(file, "w") as archive:
        entry = tarfile.TarInfo("keys/link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(BackupRefused, match="nothing taken"):
        backups.restore_keys(one, file, 7)
    file.write_bytes(b"no archive" * 100)
    with pytest.raises(BackupRefused, match="no archive of keys"):
        backups.restore_keys(one, file, 7)


def test_a_wallets_digest_follows_what_its_backup_carries() -> None:
    answers: dict[str, Any] = {
        "getwalletinfo": {"gap": 20},
        "listaccounts": [{"name": "default", "number": 0, "balance": 4}],
        "listdescriptors": {"descriptors": [{"label": "", "desc": "account(…)"}]},
        "listlabels": ["rent"],
        "getaddressesbylabel": {"rm1a": {}},
    }

    def digest(**changes: Any) -> str:
        return backups.wallet_digest(lambda method, *params: {**answers, **changes}[method])

    richer = [{"name": "default", "number": 0, "balance": 9}]
    assert digest() == digest(listaccounts=richer)  # coins are no part of a backup
    named = [{"name": "savings", "number": 0, "balance": 4}]
    changes: tuple[dict[str, Any], ...] = (
        {"listaccounts": named}, {"getwalletinfo": {"gap": 30}}, {"listlabels": []},
        {"getaddressesbylabel": {"rm1b": {}}}, {"listdescriptors": {"descriptors": []}},
    )  # fmt: skip
    assert len({digest(), *(digest(**one) for one in changes)}) == 6
