"""Every command of `bystackd` tells its result as JSON too, or has a reason not to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Final

import click
from click.testing import CliRunner

from bystack.node.main import main

NO_JSON: Final = MappingProxyType({
    "run": "it runs; run/bystackd.json tells how",
    "config show": "TOML, to be read back",
    "config docs": "pages for people",
    "key new": "always JSON",
    "key consent": "always JSON, the file that stake register takes",
    "key sign": "NAME=SIGNATURE, as vault submit takes it",
})  # fmt: skip


def every(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from every(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def options(command: click.Command) -> set[str]:
    return {one for param in command.params for one in param.opts}


def test_every_command_has_json_or_a_reason() -> None:
    found = {name for name, command in every(main) if "--json" not in options(command)}
    assert found == set(NO_JSON)


def test_what_was_done_is_told_as_json(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "chain"

    def told(*words: str) -> dict[str, object]:
        done = CliRunner().invoke(main, [*words, "--json"], env={"BYSTACK_HOME": str(home)})
        assert done.exit_code == 0, done.output
        found: dict[str, object] = json.loads(done.stdout)
        return found

    toml = str(home / "bystack.toml")
    made = {"home": str(home), "network": "regtest", "configuration": toml}
    assert told("init") == made
    assert told("config", "check") == {"file": toml, "errors": [], "network": "regtest"}
    assert set(told("version")) == {"version"}
    exported = told("export", "--file", str(file))
    assert exported == {"path": str(file), "first": 1, "last": 0, "bytes": file.stat().st_size}
    taken = told("import", "--file", str(file))
    assert taken == {"path": str(file), "read": 0, "known": 0, "height": 0}


def test_every_command_takes_the_home_of_the_shell(tmp_path: Path) -> None:
    """As in `export BYSTACK_HOME=…` of the pages: it goes for each command that has --home."""
    homes = [
        param
        for _, command in every(main)
        for param in command.params
        if isinstance(param, click.Option) and "--home" in param.opts
    ]
    assert len(homes) > 9
    assert all(one.envvar == "BYSTACK_HOME" and not one.required for one in homes)
    keys = CliRunner().invoke(
        main, ["key", "new", "named:r1", "--cheap"], env={"BYSTACK_HOME": str(tmp_path / "h")}
    )
    assert keys.exit_code == 0 and (tmp_path / "h" / "keys" / "r1.named.key").exists()
    none = ("key", "consent", "trade", "--operator", "x", "--home", str(tmp_path / "none"))
    gone = CliRunner().invoke(main, none)
    assert gone.exit_code == 2 and "BYSTACK_HOME" in gone.output
