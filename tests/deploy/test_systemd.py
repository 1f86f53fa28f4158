"""The units under deploy/systemd: what they promise, and what systemd itself says of them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bystack.node.main import main as bystackd
from bystack.node.processes import supervisor
from tests.deploy.units import Unit, read_unit

SYSTEMD = Path(__file__).parent.parent.parent / "deploy" / "systemd"
SERVICE = SYSTEMD / "bystackd@.service"
INSTALLED = "/opt/bystack/bin/"
EXPOSED = 20
"""Tenths of `systemd-analyze security`: 1.2 are the network, local sockets and the like."""

analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine"
)


@pytest.fixture
def unit() -> Unit:
    return read_unit(SERVICE)


def only(unit: Unit, key: str) -> str:
    (value,) = unit["Service"][key]
    return value


def test_it_runs_commands_that_exist(unit: Unit) -> None:
    program, *words = only(unit, "ExecStart").split()
    command: click.Command | None = bystackd
    assert program == f"{INSTALLED}bystackd"
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
        assert command is not None, word
    assert command is not None and "BYSTACK_HOME" in {
        one.envvar for one in command.params
    }  # as Environment= names it
    assert only(unit, "Environment").startswith("BYSTACK_HOME=")


def test_a_node_keeps_to_a_home_of_its_own(unit: Unit) -> None:
    home = f"%S/{only(unit, 'StateDirectory')}"
    assert only(unit, "StateDirectory").endswith("/%i")
    assert only(unit, "Environment") == f"BYSTACK_HOME={home}"
    assert only(unit, "WorkingDirectory") == home
    assert (only(unit, "StateDirectoryMode"), only(unit, "UMask")) == ("0700", "0077")


def test_the_daemon_tells_what_the_unit_waits_for(unit: Unit) -> None:
    """A unit of type notify would never be up under a daemon that tells nothing."""
    tells = hasattr(supervisor, "Notifier")
    assert only(unit, "Type") == ("notify" if tells else "exec")
    assert ("WatchdogSec" in unit["Service"]) == tells


def test_a_wrong_configuration_is_not_started_again(unit: Unit, tmp_path: Path) -> None:
    """systemd 252 was tried: the code of a command that runs before the main one is not heeded."""
    assert only(unit, "Restart") == "always" and "ExecStartPre" not in unit["Service"]
    (tmp_path / "bystack.toml").write_text('network = "regtest"\n[mainchain]\ncache_mb = "many"\n')
    words = only(unit, "ExecStart").split()[1:]
    done = CliRunner().invoke(bystackd, words, env={"BYSTACK_HOME": str(tmp_path)})
    assert str(done.exit_code) in only(unit, "RestartPreventExitStatus").split()
    assert 'cache_mb is "many"' in done.output


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateDevices", "yes"),
        ("PrivateUsers", "yes"),
        ("RestrictNamespaces", "yes"),
        ("LimitCORE", "0"),  # a core dump would hold keys
    ],
)
def test_it_is_hardened(unit: Unit, key: str, value: str) -> None:
    assert only(unit, key) == value


def test_the_daemon_may_still_confine_its_processes(unit: Unit) -> None:
    allowed = set(unit["Service"]["SystemCallFilter"][0].split())
    assert {f"landlock_{one}" for one in ("create_ruleset", "add_rule", "restrict_self")} <= allowed
    denied = [one for one in unit["Service"]["SystemCallFilter"] if one.startswith("~")]
    assert not any("@resources" in one for one in denied)  # it sets its processes' limits


def test_pages_may_be_written_and_run(unit: Unit) -> None:
    """With the setting each process ends at its start: a kernel that refused it was tried."""
    assert "MemoryDenyWriteExecute" not in unit["Service"]


def test_the_user_of_the_unit_is_made(unit: Unit) -> None:
    lines = (SYSTEMD / "bystack.sysusers.conf").read_text().splitlines()
    (user,) = [line.split() for line in lines if not line.startswith("#")]
    assert user[:2] == ["u", only(unit, "User")] and user[-1].endswith("nologin")


def here(folder: Path) -> Path:
    """The unit with the program where this environment has it, as an instance of its own."""
    found = folder / "bystackd@one.service"
    own = f"{os.path.dirname(sys.executable)}/"
    found.write_text(SERVICE.read_text().replace(INSTALLED, own))
    return found


@analyze
def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here(tmp_path))],
        capture_output=True,
        text=True,
        timeout=300,
    )
    faults = [line for line in done.stderr.splitlines() if "bystackd@" in line]
    assert faults == []


@analyze
def test_systemd_finds_it_little_exposed(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=yes",
            "--no-pager",
            f"--threshold={EXPOSED}",
            str(here(tmp_path)),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-300:]
