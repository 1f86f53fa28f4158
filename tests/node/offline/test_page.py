"""docs/storage.md, typed line by line on a home whose store is damaged and repaired."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bystack.node.main import main
from tests.node.offline.test_commands import COUNT, home
from tests.processes.pages import Line, Part, Reader, reading

__all__ = ["home"]

PAGE = Part("docs/storage.md", but="^bystack rpc")


@pytest.fixture
def reader(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Somebody whose home has five blocks, in a table of LevelDB; another home is new."""
    monkeypatch.chdir(tmp_path)
    (home / "data/wallet/default").mkdir()
    (home / "data/wallet/w").rename(home / "data/wallet/default/chains")
    reader = Reader({"~/.bystack": str(home), "/srv/other": str(tmp_path / "other")})
    reader.obey(Line("bystackd init --home /srv/other", ()))
    return reader


def damaged(home: Path) -> tuple[Path, bytes]:
    """Flip a bit in the chain's table; the file, and what it was."""
    (table,) = (home / "data/mainchain/chain").glob("*.ldb")
    before = table.read_bytes()
    table.write_bytes(before[:60] + bytes([before[60] ^ 1]) + before[61:])
    return table, before


def test_a_store_is_checked_repaired_and_carried_to_another_home(
    home: Path, reader: Reader, tmp_path: Path
) -> None:
    with reading(reader, PAGE) as page:
        page.type("bystackd check")
        table, before = damaged(home)
        page.type("bystackd check", code=1)
        assert "repaired; the node may run" in page.unseen("bystackd check")
        assert CliRunner().invoke(main, ["check", "--home", str(home)]).exit_code == 0
        for file in (home / "data/mainchain/chain").glob("*.ldb"):
            file.unlink()
        table.write_bytes(before)
        CliRunner().invoke(main, ["check", "--home", str(home), "--repair"])
        page.type("bystackd export")
        page.type("bystackd import")
        whole = (tmp_path / "main.chain").read_bytes()
        (tmp_path / "cut.chain").write_bytes(whole[:-30])
        said = page.type("bystackd import", code=1)
        assert f"height {COUNT}" in said
