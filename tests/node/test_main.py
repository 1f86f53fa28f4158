"""`bystackd` from its command line: what it makes, says and returns."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bystack.mainchain.params import chain_id
from bystack.node.config import load_config
from bystack.node.main import main
from bystack.node.networks import params_of


def bystackd(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_init_makes_a_private_home_that_checks(tmp_path: Path) -> None:
    home = tmp_path / "h"
    made = bystackd("init", "--home", str(home), "--network", "test")
    assert made.exit_code == 0
    assert "bystackd run --home" in made.output
    assert load_config(home).network == "test"
    for path in (home, home / "keys", home / "data"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "bystack.toml").stat().st_mode) == 0o600
    again = bystackd("init", "--home", str(home))
    assert again.exit_code == 1
    assert "exists already" in again.output
    assert load_config(home).network == "test"
    assert bystackd("config", "check", "--home", str(home)).exit_code == 0
    assert bystackd("check", "--home", str(home)).exit_code == 0


def test_init_copies_a_network_of_ones_own_and_says_what_its_nodes_share(tmp_path: Path) -> None:
    file = Path(__file__).parent.parent.parent / "configs" / "private" / "network.toml"
    home = tmp_path / "h"
    made = bystackd("init", "--home", str(home), "--network", str(file))
    assert made.exit_code == 0
    assert (home / "network.toml").read_bytes() == file.read_bytes()
    assert load_config(home).network == "network.toml"
    params = params_of(str(home / "network.toml"))
    for word in (chain_id(params).hex(), "pm1", "tensority", "network private"):
        assert word in made.output
    checked = bystackd("config", "check", "--home", str(home))
    assert checked.exit_code == 0, checked.output
    bad = tmp_path / "bad.toml"
    bad.write_text(file.read_text().replace("spacing = 60", "spacing = 0"))
    refused = bystackd("init", "--home", str(tmp_path / "i"), "--network", str(bad))
    assert refused.exit_code == 2 and "spacing" in refused.output
    assert not (tmp_path / "i").exists()


def test_wrong_network_and_configuration_are_exit_code_two(tmp_path: Path) -> None:
    assert bystackd("init", "--home", str(tmp_path / "h"), "--network", "x").exit_code == 2
    (tmp_path / "bystack.toml").write_text('netwrok = "main"\n[mining]\nthreads = -1\n')
    for command in (("run",), ("check",), ("config", "check"), ("config", "show")):
        refused = bystackd(*command, "--home", str(tmp_path))
        assert refused.exit_code == 2
        assert "did you mean network?" in refused.output
        assert "threads is -1" in refused.output
    assert bystackd("config", "check", "--home", str(tmp_path / "none")).exit_code == 2


def test_check_names_what_is_missing_or_loose(tmp_path: Path) -> None:
    home = tmp_path / "h"
    bystackd("init", "--home", str(home))
    key = home / "keys" / "trade.key"
    key.touch()
    key.chmod(0o644)
    with (home / "bystack.toml").open("a") as file:
        file.write('[[sidechain]]\nname="a"\ngenesis="g.toml"\nvalidator_key="keys/trade.key"\n')
    checked = bystackd("check", "--home", str(home))
    assert checked.exit_code == 1
    assert "FAIL  genesis of a: g.toml is missing" in checked.output
    assert "FAIL  validator_key of a: keys/trade.key is open to others; chmod 600" in checked.output


def test_show_and_docs_and_version(tmp_path: Path) -> None:
    home = tmp_path / "h"
    bystackd("init", "--home", str(home))
    assert 'mode = "full"' in bystackd("config", "show", "--home", str(home)).output
    assert "validator_key (default" in bystackd("config", "docs").output
    assert bystackd("version").output.startswith("bystackd 0.")


@pytest.mark.parametrize("command", ["", "init", "run", "check", "config", "version"])
def test_help_teaches(command: str) -> None:
    shown = bystackd(*([command] if command else []), "--help")
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) > 4
    assert bystackd("nonsense").exit_code == 2


def test_taken_port_is_one_sentence(tmp_path: Path) -> None:
    import socket

    home = tmp_path / "h"
    bystackd("init", "--home", str(home))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        path = home / "bystack.toml"
        text = path.read_text().replace("127.0.0.1:9736", address).replace("enabled = true", "enabled = false")  # fmt: skip  # noqa: E501
        path.write_text(text.replace('mode = "full"', 'mode = "off"'))
        command = [sys.executable, "-m", "bystack.node.main", "run", "--home", str(home)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 1
    assert f"cannot listen on {address}" in done.stderr
    assert "Traceback" not in done.stderr
