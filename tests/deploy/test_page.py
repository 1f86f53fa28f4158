"""docs/deployment.md: its files are there, and its backup brings a node back, line by line."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from bystack.client.backups import key_digests
from bystack.client.cli.main import main as bystack
from bystack.node.config import load_config
from bystack.node.main import main as bystackd
from tests.processes.pages import Part

BACKUP = Part("docs/deployment.md", "Backup and restore", but="^(systemctl|rsync|bystack wallet)")
ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "deployment.md").read_text()
PROGRAMS = {"bystack": bystack, "bystackd": bystackd}
LINES = [line for block in re.findall(r"```\n(.*?)```", PAGE, re.S) for line in block.splitlines()]


def test_the_files_it_names_are_there() -> None:
    named = set(re.findall(r"\bdeploy/[\w@./-]*\w", PAGE))
    assert len(named) > 5
    assert [one for one in named if not (ROOT / one).exists()] == []


def test_the_containers_and_namespaces_it_names_are_there() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "docker" / "compose.yaml").read_text())
    services = {one for line in LINES for one in re.findall(r" exec (\w+) bystack", line)}
    assert services - {"node"} and services - {"node"} <= set(compose["services"])
    files = (ROOT / "deploy" / "kubernetes").glob("*/kustomization.yaml")
    known = {yaml.safe_load(path.read_text())["namespace"] for path in files}
    asked = {one for line in LINES for one in re.findall(r"(?:-n|--namespace) ([a-z-]+)", line)}
    assert asked == known


def test_the_secrets_it_makes_are_those_that_pods_ask_for() -> None:
    made = {one for line in LINES for one in re.findall(r"secret generic (\S+)", line)}
    text = "".join(path.read_text() for path in ROOT.glob("deploy/kubernetes/*/statefulset.yaml"))
    assert made == set(re.findall(r"secretName: ([a-z-]+)", text))


def test_the_unit_runs_where_it_installs() -> None:
    unit = (ROOT / "deploy" / "systemd" / "bystackd@.service").read_text()
    assert "ln -sfn bystack-0.1.0 /opt/bystack" in LINES
    assert "ExecStart=/opt/bystack/bin/bystackd run" in unit


# --- backup and restore -----------------------------------------------------------------------


def said(who: str) -> list[str]:
    """The lines of one machine, in order; its wallet's, which runs, is typed in test_wallet.py."""
    every = [line.removeprefix(f"{who}$ ") for line in LINES if line.startswith(f"{who}$ ")]
    return [line for line in every if not line.startswith("bystack wallet")]


LOOKING = ("bystack doctor", "bystackd check")
"""These look at a node that is not running, and whose sidechain has no true genesis."""


def obey(command: str) -> str:
    """Do what a line says, here for the programs of this project, else in a shell."""
    program, *words = shlex.split(command)
    if program not in PROGRAMS:
        subprocess.run(["bash", "-euc", command], check=True, timeout=300)
        return ""
    done = CliRunner().invoke(PROGRAMS[program], words)
    allowed = (0, 1) if command.startswith(LOOKING) else (0,)
    assert done.exit_code in allowed, f"{command}: {done.output}"
    assert done.exception is None or isinstance(done.exception, SystemExit), command
    return done.output


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Go to the machine of this name; its home. Between machines the folder saved/ is carried."""
    mask = os.umask(0o022)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BYSTACK_HOME", raising=False)

    def at(name: str) -> Path:
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        monkeypatch.setenv("HOME", str(place))
        return place / ".bystack"

    yield at
    os.umask(mask)


def begun(home: Path, network: str) -> Path:
    """A validator's home, not running, with a change of its own in the configuration."""
    obey(f"bystackd init --network {network}")
    obey(f"bystackd key new validator:trade named:tower --home {home} --cheap")
    (home / "sidechains" / "trade.toml").write_text(
        'name = "trade"\ngenesis = "sidechains/trade.genesis.toml"\n'
        'validator_key = "keys/trade.validator.key"\n'
    )
    file = home / "bystack.toml"
    file.write_text(file.read_text().replace("cache_mb = 64", "cache_mb = 65"))
    return home


def contents(home: Path) -> dict[str, bytes]:
    """Configuration, and the genesis of a network of one's own."""
    return {path.name: path.read_bytes() for path in home.glob("*.toml")}


def test_all_of_it_is_done() -> None:
    done = said("node") + said("new")
    assert [line.words for line in BACKUP.lines] == [re.sub(r" +# .*", "", one) for one in done]


@pytest.mark.parametrize("network", ["regtest", str(ROOT / "configs/private/network.toml")])
def test_a_node_is_brought_back_from_what_was_saved(
    machine: Callable[[str], Path], network: str
) -> None:
    node = begun(machine("node"), network)
    for command in said("node"):
        obey(command)
    home = machine("new")
    told = [obey(command) for command in said("new")]
    faults = [line for line in told[-1].splitlines() if line.startswith("FAIL")]
    assert [line for line in faults if "trade" not in line and "disk" not in line] == []
    assert load_config(home) == load_config(node)
    assert load_config(home).mainchain.cache_mb == 65 and load_config(home).sidechain
    assert contents(home) == contents(node)
    assert key_digests(home) == key_digests(node) and len(key_digests(home)) >= 3
    for path in (home / "keys").iterdir():
        assert path.stat().st_mode & 0o077 == 0
