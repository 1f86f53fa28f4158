"""The manual has a page for every command, in the sections people know, safe for roff."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bystack.client import manual
from bystack.client.cli.main import main as bystack


@click.command("pay")
@click.argument("to")
@click.option("--wait", is_flag=True, help="Tell every stage.")
def pay(to: str, wait: bool) -> None:
    """Pay TO.

    .hidden request, and a back\\slash.

    \b
    bystack pay A
    bystack pay B
    """


PAGE = manual.page(pay, "bystack pay")


def test_a_page_has_its_sections() -> None:
    shown = manual.text(PAGE)
    assert shown.startswith("NAME\n       bystack pay - Pay TO\n")
    assert "SYNOPSIS\n       bystack pay [OPTIONS] TO\n" in shown
    assert "       bystack pay A\n       bystack pay B\n" in shown
    assert "--wait\n              Tell every stage." in shown
    assert all(f"\n{one}\n" in shown for one in ("EXIT STATUS", "FILES", "SEE ALSO"))
    assert max(len(line) for line in shown.splitlines()) <= manual.WIDTH


def test_roff_takes_nothing_for_a_request() -> None:
    lines = manual.roff(PAGE, "1.0").splitlines()
    assert r"\&.hidden request, and a back\eslash." in lines
    assert ".nf" in lines and "bystack pay A" in lines and r"\fB\-\-wait\fR" in lines
    known = (".TH", ".SH", ".PP", ".TP", ".nf", ".fi")
    assert all(line.startswith(known) for line in lines if line.startswith("."))


def test_every_command_has_a_page(tmp_path: Path) -> None:
    named = dict(manual.every(bystack, "bystack"))
    assert {"bystack", "bystack wallet create", "bystack doctor", "bystack key new"} <= set(named)
    assert all(manual.page(command, name).summary != name for name, command in named.items())
    done = CliRunner().invoke(bystack, ["man", "--to", str(tmp_path)])
    assert done.output == f"{tmp_path}: {len(named)} pages\n"
    assert {one.name for one in tmp_path.iterdir()} == {manual.file_name(one) for one in named}


def test_the_page_asked_for_is_shown() -> None:
    shown = CliRunner().invoke(bystack, ["man", "wallet", "create"]).output
    assert shown.startswith("NAME\n       bystack wallet create - Make a wallet")
    lost = CliRunner().invoke(bystack, ["man", "wallet", "nonsense"])
    assert lost.exit_code == 2 and "bystack wallet has no command nonsense" in lost.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("program", ["bystack", "bystackd"])
def test_a_shell_is_told_how_to_finish_words(shell: str, program: str) -> None:
    script = CliRunner().invoke(bystack, ["completion", shell, "--of", program]).output
    assert f"_{program.upper()}_COMPLETE={shell}_complete" in script


def finished(*words: str) -> list[str]:
    environment = {
        "_BYSTACK_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("bystack", *words)),
        "COMP_CWORD": str(len(words)),
    }
    run = CliRunner().invoke(bystack, prog_name="bystack", env=environment)
    return [line.partition(",")[2] for line in run.output.splitlines() if line]


def test_words_are_finished(tmp_path: Path) -> None:
    assert finished("wal") == ["wallet"] and finished("doctor", "--qu") == ["--quiet"]
    assert finished("pegin", "--home", str(tmp_path), "tr") == []
    table = '[[sidechain]]\nname = "trade"\ngenesis = "trade.toml"\n'
    (tmp_path / "bystack.toml").write_text(f'network = "regtest"\n{table}')
    assert finished("pegin", "--home", str(tmp_path), "tr") == ["trade"]
    assert finished("receive", "--home", str(tmp_path), "--chain", "") == ["main", "trade"]
