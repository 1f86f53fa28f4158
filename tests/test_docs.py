"""The documents tell the truth: links lead somewhere, commands exist, decisions are listed."""

import re
from pathlib import Path

import click
import pytest

from bystack.client.cli.main import main as bystack
from bystack.node.main import main as bystackd

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = {"bystack": bystack, "bystackd": bystackd}
LINK = re.compile(r"\]\(([^)#:]+)\)")
CALL = re.compile(r"\b(bystackd?)((?: +[a-z][a-z-]*)+)((?: +--[a-z-]+)*)")


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_links_lead_to_files(path: Path) -> None:
    broken = [link for link in LINK.findall(path.read_text()) if not (path.parent / link).exists()]
    assert broken == []


def pieces(path: Path) -> list[str]:
    """What a document shows as code: blocks line by line, and words in backquotes."""
    text = path.read_text()
    blocks = re.findall(r"```\n(.*?)```", text, re.S)
    return [line for block in blocks for line in block.splitlines()] + re.findall(
        r"`([^`\n]+)`", text
    )


def resolved(name: str, words: list[str], options: list[str]) -> str:
    """Empty, or what of a command line the program does not know."""
    command: click.Command = COMMANDS[name]
    context = click.Context(command)
    for word in words:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(context, word)
        if found is None:
            return f"{name} has no {word}"
        command = found
    known = {option for one in command.params for option in one.opts}
    unknown = set(options) - known
    return f"{name} {' '.join(words)} has no {unknown}" if unknown else ""


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_commands_exist(path: Path) -> None:
    calls = [call for piece in pieces(path) for call in CALL.findall(piece)]
    faults = [resolved(name, words.split(), options.split()) for name, words, options in calls]
    assert [fault for fault in faults if fault] == []


def test_the_readme_shows_commands() -> None:
    assert sum(bool(CALL.search(piece)) for piece in pieces(ROOT / "README.md")) > 10


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    missing = [one.name for one in folder.glob("*.md") if f"({one.name})" not in index]
    assert [name for name in missing if name != "README.md"] == []
