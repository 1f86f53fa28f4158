"""Pages whose commands need files only, typed line by line; and those of the RPC reference."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bystack.client.bench import frame
from bystack.client.bench.frame import Measured
from bystack.client.cli import chain
from bystack.node.catalogue import catalogue
from bystack.node.rpc import arguments
from tests.processes.pages import ROOT, Line, Part, Reader, reading

CHARTER = Part("docs/charter.md")
CONFIGURATION = Part("docs/configuration.md")
LIGHT = Part("docs/light.md", only="^bystackd")
BEGIN = Part("docs/new-sidechain.md", "A node each", only="^bystackd init")
DESCRIBE = Part("docs/new-sidechain.md", "Describe it")
PERFORMANCE = Part("docs/performance.md")
TESTING = Part("docs/testing.md")
REFERENCE = Part("docs/rpc.md")

RECIPIENT = "14" * 32
"""Where fees go; a node with a wallet would say it by itself."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BYSTACK_HOME", raising=False)
    return tmp_path


def test_a_charter_is_checked_explained_and_compared(folder: Path) -> None:
    for name in ("trade.charter.toml", "trade.roster.toml"):
        shutil.copy(ROOT / "configs/member/federations" / name, folder)
    old = (folder / "trade.charter.toml").read_text()
    (folder / "old.charter.toml").write_text(old)
    new = old.replace('BTM = "200"', 'BTM = "300"').replace("delay = 576", "delay = 600")
    (folder / "new.charter.toml").write_text(new)
    with reading(Reader({}), CHARTER) as page:
        page.rest()


def test_a_configuration_is_checked_and_shown(folder: Path) -> None:
    reader = Reader({"--home H": f"--home {folder / 'home'}"})
    reader.obey(Line("bystackd init --home H --network regtest", ()))
    with reading(reader, CONFIGURATION) as page:
        assert "no errors" in page.type("bystackd config check")
        assert re.search(r"^network += +\S*regtest", page.type("bystackd config show"), re.M)
        assert "[mainchain]" in page.type("bystackd config docs")


def test_founders_describe_a_sidechain(folder: Path) -> None:
    reader = Reader({})
    for who in ("alpha", "beta", "gamma", "delta"):
        home = str(folder / who)
        with reading(Reader({"~/.bystack": home}), BEGIN) as page:
            page.rest()
        reader.home = home
        words = DESCRIBE.lines[0].words.replace("alpha", who)
        reader.obey(Line(f"{words} --cheap --recipient {RECIPIENT}", ()))
    apart = {"~/.bystack": str(folder / "apart"), "key new": "key new --cheap"}
    with reading(Reader(apart, folder / "alpha"), DESCRIBE) as page:
        page.line("bystack federation init")  # typed by each of them above
        keys: dict[str, str] = {}
        for _ in range(2):
            made = json.loads(page.type("bystackd key new").splitlines()[-1])["named"]
            keys |= {name: f"--key {name}={one['key']}" for name, one in made.items()}
        line = page.line("bystack sidechain new")
        words = re.sub(r"--key (\S+)=\S+", lambda found: keys[found[1]], line.words)
        said = page.reader.obey(line._replace(words=words), answers="\n" * 40)
    assert "Tier ordinary: bls(operations) may pay out at most 100 BTM" in said
    for file in ("federations/port.charter.toml", "federations/port.roster.toml",
                 "sidechains/port.spec.toml"):  # fmt: skip
        assert (folder / "alpha" / file).is_file()


def test_a_light_node_of_a_member_is_refused(folder: Path) -> None:
    home = folder / "home"
    shutil.copytree(ROOT / "configs/member", home)
    config = home / "bystack.toml"
    config.write_text(config.read_text().replace("[mainchain]\n", '[mainchain]\nmode = "light"\n'))
    with reading(Reader({}, home), LIGHT) as page:
        page.type("bystackd config check", code=2)


def test_benches_are_listed_and_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured is left out here: `tests/client/bench` run the benches themselves."""
    told = Measured({"blocks_per_second": 5.0}, {"raw_per_second": 10.0}, {"raw": 0.5})
    bench = SimpleNamespace(measure=lambda show: told)
    monkeypatch.setattr(frame, "import_module", lambda _: bench)
    with reading(Reader({}), PERFORMANCE) as page:
        assert "consensus" in page.type("bystack bench")
        assert "blocks" in page.type("bystack bench consensus")
        assert '"floor"' in page.type("bystack bench consensus --json")


def test_a_scenario_is_played_again_from_its_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = TESTING.lines
    program, _, module, *words = line.words.split()
    assert program == ".venv/bin/python"
    monkeypatch.setattr(sys, "argv", [module, *words])
    try:
        runpy.run_module(module, run_name="__main__")
    except SystemExit as ended:
        assert not ended.code
    said = capsys.readouterr().out
    assert line.shown[-1] in said.splitlines()
    assert re.search(r"^ *\d+  \d -> \d  COMMIT \w+ view \d+ by \d$", said, re.M)


class Asked:
    """Stands in for a node: keeps what is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, tuple[Any, ...]]] = []

    def call(self, method: str, *params: Any, path: str = "/") -> None:
        self.calls.append((path, method, params))


def test_every_example_of_the_reference_is_a_call_that_its_method_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node, reader = Asked(), Reader({})
    monkeypatch.setattr(chain, "node", lambda _: node)
    for line in REFERENCE.lines:
        code, said = reader.type(reader.meant(line.words))
        assert code == 0, (line.words, said)
    assert len(node.calls) == len(REFERENCE.lines) > 200
    parts = catalogue().values()
    for path, name, params in node.calls:
        methods = [one for part in parts if part.path == path for one in part.all]
        takes = [one for one in methods if one.name == name]
        assert takes, (path, name)
        for method in takes:
            arguments(method, list(params))
