"""docs/configuration.md is what the types say."""

from __future__ import annotations

from pathlib import Path

import msgspec
from click.testing import CliRunner

from bystack.node.config import Config
from bystack.node.config.loading import table_of
from bystack.node.config.page import config_page
from bystack.node.main import main

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == config_page(), (
        "run bystackd config docs --markdown > docs/configuration.md"
    )
    said = CliRunner().invoke(main, ["config", "docs", "--markdown"])
    assert (said.exit_code, said.output) == (0, config_page())


def test_every_key_stands_in_its_table_and_every_row_is_whole() -> None:
    parts = config_page().split("\n## ")
    for field in msgspec.structs.fields(Config):
        table = table_of(field.type)
        if table is None:
            continue
        (part,) = (one for one in parts if one.partition("\n")[0].strip("[]") == field.name)
        rows = [line for line in part.splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == [
            one.name for one in msgspec.structs.fields(table)
        ]
        assert all(row.replace("\\|", "").count("|") == 6 for row in rows)
        assert all(row.split("|")[-2].strip() in ("now", "process", "restart") for row in rows)
