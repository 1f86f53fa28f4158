"""The processes a configuration asks for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from bystack.node.config import parse_config
from bystack.node.processes.plan import OPTIONS, clean_environment, file_of, plan

FULL = """
network = "regtest"
[limits]
nice = 5
[[sidechain]]
name = "trade"
genesis = "g"
validator_key = "k"
[[sidechain]]
name = "games"
genesis = "g"
[[federation]]
name = "trade"
member_key = "k"
charter = "c"
[[guard]]
name = "trade"
key = "k"
charter = "c"
"""


def labels(text: str) -> list[str]:
    return [spec.label for spec in plan(parse_config(text))]


def test_each_table_is_a_process_keepers_of_keys_first() -> None:
    assert labels(FULL) == [
        "signer",
        "wallet",
        "mainchain",
        "sidechain-trade",
        "sidechain-games",
        "federation-trade",
        "guard-trade",
    ]


def test_least_node() -> None:
    off = 'network = "test"\n[mainchain]\nmode = "off"\n[wallet]\nenabled = false\n'
    assert labels(off) == []
    assert labels('network = "test"') == ["wallet", "mainchain"]
    assert "signer" not in labels('network = "test"\n[[sidechain]]\nname = "a"\ngenesis = "g"')


def test_arguments_paths_and_limits() -> None:
    specs = {spec.label: spec for spec in plan(parse_config(FULL), "/h")}
    trade = specs["sidechain-trade"]
    start = (sys.executable, *OPTIONS, "-m", "bystack.node.roles.sidechain", "--home", "/h")
    assert trade.argv == (*start, "--name", "trade")
    assert trade.limits.nice == 5
    assert specs["mainchain"].limits.nice == 0
    assert [
        specs[label].path for label in ("mainchain", "sidechain-games", "federation-trade")
    ] == [
        "",
        "/sidechain/games",
        "/federation/trade",
    ]
    assert specs["signer"].path is None


def test_only_the_changed_table_changes_its_process() -> None:
    before = {spec.label: spec for spec in plan(parse_config(FULL))}
    after = {spec.label: spec for spec in plan(parse_config(FULL.replace('"games"\ngenesis = "g"', '"games"\ngenesis = "h"')))}  # fmt: skip  # noqa: E501
    changed = {label for label in before if before[label] != after[label]}
    assert changed == {"sidechain-games"}


def test_environment_of_children() -> None:
    outer = {
        "PATH": "/bin",
        "PYTHONPATH": "/x",
        "AWS_SECRET": "s",
        "BYSTACK_FAILPOINT": "a.b",
        "BYSTACK_HOME": "/h",
    }
    assert clean_environment(outer) == {"PATH": "/bin", "PYTHONPATH": "/x"}
    tested = clean_environment(outer | {"BYSTACK_TESTING": "1"})
    assert tested["BYSTACK_FAILPOINT"] == "a.b"
    assert "AWS_SECRET" not in tested


def test_a_signer_is_started_anew_when_another_file_took_the_name(tmp_path: Path) -> None:
    """It may read the old file only: Landlock binds what was there when it was confined."""
    path, config = tmp_path / "bystack.toml", parse_config(FULL)
    path.write_text(FULL)

    def changed(act: Callable[[], object]) -> list[str]:
        before = plan(config, file=file_of(str(path)))
        act()
        after = plan(config, file=file_of(str(path)))
        return [new.label for old, new in zip(before, after, strict=True) if old != new]

    assert changed(lambda: path.write_text(FULL + "# in place\n")) == []
    (tmp_path / "new").write_text(FULL)
    assert changed(lambda: (tmp_path / "new").replace(path)) == ["signer"]
    assert file_of(str(tmp_path / "none")) == ""
