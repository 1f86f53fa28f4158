"""From keys to a membership's files, by `federation init` or by `bystackd key new`, alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bystack.client.devnet.processes import bystackd
from bystack.client.joining import JoiningRefused, make_keys, own_recipient, parts_path, take_files
from bystack.client.sidechain_new.choices import Choices
from bystack.client.sidechain_new.operators import read_operators
from bystack.client.sidechain_new.writing import written
from bystack.federation.roster_file import parse_roster
from tests.client.sidechain_new.founders import BTM, KEYS, NAME, parts, thrown

NOBODY: Any = None
"""A node is not asked when the recipient is given."""


@pytest.fixture
def founders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One operator by `init`, one by `key new`, two more; the founders' files lie in the folder."""
    monkeypatch.chdir(tmp_path)
    made = make_keys(
        Path("one"), NAME, NOBODY, "one", ("super-1",), None, thrown("r1"), None, True
    )  # fmt: skip
    assert made == tmp_path / f"{NAME}.one.json"
    printed = bystackd("key", "new", f"validator:{NAME}", f"member:{NAME}", "named:super-2",
                       "--home", "two", "--cheap")  # fmt: skip
    facts = {"name": "two", "recipient": thrown("r2"), **msgspec.json.decode(printed)}
    Path("two.json").write_bytes(msgspec.json.encode(facts))
    for other in parts()[2:]:
        Path(f"{other['name']}.json").write_bytes(msgspec.json.encode(other))
    files = [Path(f"{NAME}.one.json"), *map(Path, ("two.json", "op3.json", "op4.json"))]
    choices = Choices(
        NAME, "regtest", assets=(BTM,), operators=tuple(read_operators(files)), keys=KEYS
    )
    done = written(choices, 0)
    Path("charter").write_text(done.charter)
    Path("roster").write_text(done.roster)
    return tmp_path


def join(home: str, parts: Path | None = None) -> Any:
    return take_files(Path(home), NAME, Path("charter"), Path("roster"), parts)


@pytest.mark.parametrize("root", ["alice", "ab" * 31, "AB" * 32, "zz" * 32, "ab" * 32 + "\n"])
def test_a_recipient_that_is_no_policy_root_is_refused_before_any_key_is_made(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JoiningRefused, match="no policy root, which is 64 hex digits"):
        make_keys(Path("one"), NAME, NOBODY, "one", (), None, root, None, True)
    assert not list(tmp_path.iterdir())


def test_both_ways_of_making_keys_end_in_the_same(founders: Path) -> None:
    one, two = join("one"), join("two", Path("two.json"))
    assert (one.charter, one.roster, one.quorum) == (two.charter, two.roster, two.quorum)
    assert (one.member, one.weight, two.member, two.weight) == ("one", 2, "two", 2)
    for home in ("one", "two"):
        assert parts_path(Path(home), NAME).exists()
        for kind in ("charter", "roster"):
            kept = Path(home) / f"federations/{NAME}.{kind}.toml"
            assert kept.read_bytes() == Path(kind).read_bytes()
    assert own_recipient(Path("one"), NAME) == thrown("r1")
    assert (own_recipient(Path("two"), NAME), own_recipient(Path("three"), NAME)) == (
        thrown("r2"), "",
    )  # fmt: skip
    by_init, by_hand, *_ = parse_roster(Path("roster").read_bytes()).member
    assert by_init.holds == ["super-1"] and by_hand.holds == ["super-2"]
    assert join("two") == two, "said once, it is known"


def test_what_is_missing_is_named_with_what_gives_it(founders: Path) -> None:
    with pytest.raises(JoiningRefused, match="--parts"):
        join("two")
    with pytest.raises(JoiningRefused, match="bystack federation init"):
        join("three")
    Path("one", "federations", f"{NAME}.parts.json").unlink()
    with pytest.raises(JoiningRefused, match="--parts"):
        join("one")
    assert not list(founders.glob("*/federations/*.toml")), "nothing was written"


def test_files_of_others_are_refused(founders: Path) -> None:
    stranger = {**parts()[0], "member": {"other": parts()[0]["member"][NAME]}}  # type: ignore[index]
    Path("stranger.json").write_bytes(msgspec.json.encode(stranger))
    with pytest.raises(JoiningRefused, match="of another federation"):
        join("two", Path("stranger.json"))
    Path("op1.json").write_bytes(msgspec.json.encode(parts()[0]))
    with pytest.raises(JoiningRefused, match="the founder lacks op1"):
        join("two", Path("op1.json"))
    Path("roster").write_bytes(b"[" * 100)
    with pytest.raises(JoiningRefused, match="again from the founder"):
        join("one")
    assert not os.path.exists("two/federations")


def test_no_keys_are_made_where_their_public_part_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(JoiningRefused, match=r"trade\.one\.json cannot be written; go to"):
        make_keys(Path("one"), "trade", NOBODY, "one", (), None, thrown("r1"), None, True)
    assert not Path("one").exists()
