"""Charter and roster files: strict, every member derives the same session and terms from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from bystack.federation.members import InvalidRoster, MemberRepeated
from bystack.federation.messages import KeyCertificate
from bystack.ledger.terms import keys_of
from bystack.node import federation_files as ff
from tests.federation.charters import ASSETS, KEYS, TRADE
from tests.federation.stage import SUPERS, dice


def table() -> dict[str, Any]:
    members = [
        {
            "name": f"m{n}",
            "weight": weight,
            **{k: dice(k, n).hex() for k in ("identity", "node", "governance", "recipient")},
        }
        for n, weight in enumerate(SUPERS)
    ]
    keys = {name: key.hex() for name, key in KEYS.items() if name != "operations"}
    assets = {n: {"id": a.id.hex(), "decimals": a.decimals} for n, a in ASSETS.items()}
    return {"threshold": 5, "member": members, "keys": keys, "assets": assets}


def written(folder: Path, content: dict[str, Any] | bytes) -> Path:
    path = folder / "trade.roster.toml"
    data = content if isinstance(content, bytes) else tomli_w.dumps(content).encode()
    path.write_bytes(data)
    return path


def read(folder: Path, content: dict[str, Any] | bytes) -> ff.RosterFile:
    return ff.read_roster(written(folder, content))


def charter(folder: Path, text: bytes = TRADE) -> Any:
    path = folder / "trade.charter.toml"
    path.write_bytes(text)
    return ff.read_charter(path)


def test_the_files_say_who_signs_and_what_for(tmp_path: Path) -> None:
    file, held = read(tmp_path, table()), charter(tmp_path)
    roster = ff.roster_of(file)
    assert [m.indices for m in roster.members] == [(1, 2), (3, 4), (5,), (6,), (7,)]
    session = ff.session_of(b"\x01" * 32, held, file, 3)
    assert (session.chain, session.federation, session.attempt) == (b"\x01" * 32, held.hash, 3)
    group = KEYS["operations"]
    terms = ff.terms_of(held, file, group)
    assert terms.note == held.hash and group in keys_of(terms.tiers[0].policy)
    polynomial = (group, *(group for _ in range(4)))
    certificate = KeyCertificate(session, b"\x02" * 32, polynomial, (), b"\x03" * 96)
    config = ff.module_config(held, file, certificate)
    assert config.standing.roster == config.key.roster == roster
    assert [s.governance for s in config.standing.seats] == [
        dice("governance", n) for n in range(len(SUPERS))
    ]
    assert (config.main, config.standing.charter) == (b"\x01" * 32, held.hash)
    assert (config.key.session, config.key.polynomial) == (session.id, polynomial)


def test_comments_and_order_do_not_matter_members_do(tmp_path: Path) -> None:
    held, file = charter(tmp_path), read(tmp_path, table())
    same = read(tmp_path, b"# hello\n" + tomli_w.dumps(dict(reversed(table().items()))).encode())
    assert ff.session_of(b"c" * 32, held, file, 0) == ff.session_of(b"c" * 32, held, same, 0)
    other = table()
    other["member"] = other["member"][::-1]
    swapped = read(tmp_path, other)
    assert (
        ff.session_of(b"c" * 32, held, file, 0).id != ff.session_of(b"c" * 32, held, swapped, 0).id
    )


def changed(**fields: Any) -> dict[str, Any]:
    made = table()
    made["member"][0] |= fields
    return made


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"threshold = 5\n",
        b"\xff\xfe",
        b"threshold = ",
        b"# " + b"x" * (ff.MAX_FILE + 1),
        changed(identity="ab" * 31),
        changed(identity="AB" * 32),
        changed(node="zz" * 32),
        changed(identity="ab" * 32 + "\n"),
        changed(weight=0),
        changed(weight=129),
        changed(name=""),
        changed(name="x" * 33),
        changed(surplus=1),
        {**table(), "surplus": 1},
        {**table(), "threshold": 0},
        {**table(), "keys": {"super-1": "00"}},
        {**table(), "assets": {"BTC": {"id": "00" * 32, "decimals": 19}}},
        {**table(), "member": []},
    ],
)
def test_what_is_no_roster_is_refused_naming_the_file(tmp_path: Path, content: Any) -> None:
    with pytest.raises(ff.FederationFileError, match=r"trade\.roster\.toml"):
        read(tmp_path, content)


@pytest.mark.parametrize("field", ["name", "identity", "node", "governance"])
def test_two_members_share_nothing(tmp_path: Path, field: str) -> None:
    """One governance key in two seats would let one person be a quorum of two."""
    with pytest.raises(MemberRepeated) as refused:
        ff.roster_of(read(tmp_path, changed(**{field: table()["member"][1][field]})))
    assert refused.value.field == field


def test_an_operator_who_could_sign_or_block_alone_is_refused(tmp_path: Path) -> None:
    alone = {
        "OperatorSigns": {**changed(weight=6), "threshold": 6},
        "OperatorBlocks": {**table(), "threshold": 6},
    }
    for rule, content in alone.items():
        with pytest.raises(InvalidRoster, match=rule):
            ff.roster_of(read(tmp_path, content))


def test_a_missing_or_faulty_charter_names_every_fault(tmp_path: Path) -> None:
    with pytest.raises(ff.FederationFileError, match="every member needs the same file"):
        ff.read_charter(tmp_path / "none.toml")
    with pytest.raises(ff.FederationFileError, match=r"trade\.charter\.toml") as refused:
        charter(
            tmp_path, TRADE.replace(b"delay = 8064", b"delay = 0").replace(b"idle = 210240", b"")
        )
    assert "govern" in str(refused.value) and "recover" in str(refused.value)


def test_paths() -> None:
    assert ff.charter_path("trade") == "federations/trade.charter.toml"
    assert ff.roster_path("trade") == "federations/trade.roster.toml"
