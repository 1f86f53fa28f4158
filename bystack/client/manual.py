"""Pages of a manual made from the commands themselves, as text and as roff (`man`).

A page has the sections that people know from `man`: name, synopsis, description, options,
commands below, exit status, environment, files, see also.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Final, NamedTuple

import click

WIDTH: Final = 80
INDENT: Final = 7
VERBATIM: Final = "\b"
"""Click's mark: the paragraph after it keeps its lines."""
EXITS: Final = (
    ("0", "done"),
    ("1", "refused or failed: a sentence on standard error says why, and what to do"),
    ("2", "the command line is wrong"),
    ("130", "ended by Ctrl-C while it only watched"),
)
ENVIRONMENT: Final = (
    ("BYSTACK_HOME", "the home of the node to talk to, for --home"),
    ("BYSTACK_WALLET", "which wallet, for --wallet"),
    ("NO_COLOR", "no colours; there are none either where no terminal is"),
)
FILES: Final = (
    ("HOME/bystack.toml", "the node's configuration"),
    ("HOME/.cookie", "what opens its RPC; new at each start"),
)

Entry = tuple[str, str]


class Section(NamedTuple):
    """A heading, paragraphs (verbatim ones begin with `VERBATIM`), and entries with their words."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()


class Page(NamedTuple):
    """A command's page: its words joined by spaces, one sentence, sections."""

    name: str
    summary: str
    sections: tuple[Section, ...]


def page(command: click.Command, name: str) -> Page:
    """The page of a command called by `name` (for example `bystack wallet create`)."""
    context = click.Context(command, info_name=name)
    said = _paragraphs(command.help or "")
    summary = said[0].rstrip(".") if said else name
    below = _below(command, context)
    synopsis = " ".join([name, *command.collect_usage_pieces(context)])
    sections = [
        Section("NAME", (f"{name} - {summary}",)),
        Section("SYNOPSIS", (synopsis,)),
        Section("DESCRIPTION", said or (summary,)),
        Section("OPTIONS", (), _options(command, context)),
        Section("COMMANDS", (), below),
        Section("EXIT STATUS", (), EXITS),
        Section("ENVIRONMENT", (), ENVIRONMENT),
        Section("FILES", (), FILES),
        Section("SEE ALSO", (_see_also(name, below),)),
    ]
    return Page(name, summary, tuple(one for one in sections if one.paragraphs or one.entries))


def every(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """A command and all those below it, by their whole names."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            if below is not None and not below.hidden:
                yield from every(below, f"{name} {word}")


def found(command: click.Command, name: str, words: tuple[str, ...]) -> tuple[str, click.Command]:
    """The command that `words` lead to; raises `UsageError` for a word that leads nowhere."""
    for word in words:
        context = click.Context(command, info_name=name)
        inner = command.get_command(context, word) if isinstance(command, click.Group) else None
        if inner is None:
            raise click.UsageError(f"{name} has no command {word}")
        name, command = f"{name} {word}", inner
    return name, command


def text(page: Page, width: int = WIDTH) -> str:
    """A page as plain text."""
    lines: list[str] = []
    for section in page.sections:
        lines += [section.heading]
        for paragraph in section.paragraphs:
            lines += [*_set(paragraph, width), ""]
        for term, words in section.entries:
            lines += [" " * INDENT + term, *_filled(words, width, 2 * INDENT), ""]
    return "\n".join(lines).rstrip() + "\n"


def roff(page: Page, version: str) -> str:
    """A page for `man`, section 1."""
    title = page.name.replace(" ", "-").upper()
    lines = [f'.TH "{title}" "1" "" "Bystack {_escaped(version)}" "Bystack"']
    for section in page.sections:
        lines.append(f'.SH "{section.heading}"')
        for paragraph in section.paragraphs:
            lines += [".PP", *_roff_paragraph(paragraph)]
        for term, words in section.entries:
            lines += [".TP", rf"\fB{_escaped(term)}\fR", _escaped(words)]
    return "\n".join(lines) + "\n"


def file_name(name: str) -> str:
    """The file of a page: `bystack-wallet-create.1`."""
    return f"{name.replace(' ', '-')}.1"


def _paragraphs(help: str) -> tuple[str, ...]:
    blocks = re.split(r"\n\s*\n", inspect.cleandoc(help))
    kept = [one for one in blocks if one.strip()]
    return tuple(one if one.startswith(VERBATIM) else " ".join(one.split()) for one in kept)


def _options(command: click.Command, context: click.Context) -> tuple[Entry, ...]:
    options = (one for one in command.get_params(context) if isinstance(one, click.Option))
    records = (one.get_help_record(context) for one in options)
    return tuple((term, " ".join(words.split())) for term, words in filter(None, records))


def _below(command: click.Command, context: click.Context) -> tuple[Entry, ...]:
    if not isinstance(command, click.Group):
        return ()
    named = ((one, command.get_command(context, one)) for one in command.list_commands(context))
    return tuple((one, inner.get_short_help_str(200)) for one, inner in named if inner)


def _see_also(name: str, below: tuple[Entry, ...]) -> str:
    above = name.rpartition(" ")[0]
    pages = [above] if above else []
    pages += [f"{name} {word}" for word, _ in below]
    return ", ".join(f"{one.replace(' ', '-')}(1)" for one in pages) or f"{name} --help"


def _set(paragraph: str, width: int) -> list[str]:
    if paragraph.startswith(VERBATIM):
        return [" " * INDENT + line for line in _kept(paragraph)]
    return _filled(paragraph, width, INDENT)


def _kept(paragraph: str) -> list[str]:
    return [line for line in paragraph.removeprefix(VERBATIM).splitlines() if line.strip()]


def _filled(words: str, width: int, indent: int) -> list[str]:
    room = " " * indent
    return textwrap.wrap(
        words, width, initial_indent=room, subsequent_indent=room, break_on_hyphens=False
    )


def _roff_paragraph(paragraph: str) -> list[str]:
    if paragraph.startswith(VERBATIM):
        return [".nf", *(_escaped(line) for line in _kept(paragraph)), ".fi"]
    return [_escaped(paragraph)]


def _escaped(words: str) -> str:
    """Words that roff takes as they are: no line begins a request."""
    safe = words.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{safe}" if safe.startswith((".", "'")) else safe
