"""The documents tell the truth: links lead somewhere, commands exist, decisions are listed."""

import ast
import re
import shlex
from pathlib import Path

import click
import pytest

from bystack.client.cli.main import main as bystack
from bystack.node.main import main as bystackd

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = {"bystack": bystack, "bystackd": bystackd}
LINK = re.compile(r"\]\(([^)#:]+)\)")
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.S | re.M)
TYPED = re.compile(r"^ *(?:\w*\$ )?(bystackd? .+)$", re.M)
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


def typed(path: Path) -> list[str]:
    """The command lines of a document's blocks, without prompt, comment, pipe and redirection."""
    text = path.read_text().replace("\\\n", " ")
    found = [line for _, block in FENCED.findall(text) for line in TYPED.findall(block)]
    return [re.sub(r"\s+#(?!token).*$|\s*[|>&].*$", "", line) for line in found]


def refusal(line: str) -> str:
    """Empty, or what the program holds against a command line before it does anything."""
    name, *words = shlex.split(re.sub(r"\$\(.+?\)", "INNER", line))
    command, context = COMMANDS[name], click.Context(COMMANDS[name], info_name=name)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        word = words.pop(0)
        found = command.get_command(context, word)
        if found is None:
            return f"{line}: there is no {word}"
        command, context = found, click.Context(found, parent=context, info_name=word)
    if isinstance(command, click.Group):
        return ""
    try:
        command.make_context(command.name, words, parent=context.parent)
    except click.ClickException as error:
        return f"{line}: {error.format_message()}"
    return ""


def test_programs_for_clients_are_python() -> None:
    page = (ROOT / "docs" / "rpc-clients.md").read_text()
    programs = [block for _, block in FENCED.findall(page) if "async with" in block]
    assert len(programs) == 2
    for program in programs:
        compile(program, "rpc-clients.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_commands_are_typed_as_the_program_takes_them(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Arguments, options and their values; files that a page speaks of need not be here."""
    monkeypatch.setattr(click.Path, "convert", lambda _, value, *rest: value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deed.txt").touch()  # whose digest is taken as the words are read
    assert [said for line in typed(path) if (said := refusal(line))] == []


def test_a_command_that_is_typed_wrongly_is_seen() -> None:
    for line in (
        "bystack pegin trade",
        "bystack pegin trade 1 --wiat",
        "bystack federation join trade one",
        "bystack sidechain new",
        "bystack devnet up --dir d --members 2",
        "bystackd key shred x",
    ):
        assert refusal(line), line
    assert sum(len(typed(path)) for path in DOCUMENTS) > 300


def test_the_readme_shows_commands() -> None:
    assert sum(bool(CALL.search(piece)) for piece in pieces(ROOT / "README.md")) > 10


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    missing = [one.name for one in folder.glob("*.md") if f"({one.name})" not in index]
    assert [name for name in missing if name != "README.md"] == []
