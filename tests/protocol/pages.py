"""The pages of docs/protocol as data: their tables of fields, unions, constants and words.

Part of the second implementation, so nothing of the program is imported here.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "protocol"
MINE = ("README", "encoding", "ledger", "mainchain", "peers")

TITLE = re.compile(r"^\*\*`([\w.]+)`\*\*(?: \(tag (\d+)\))?")
UNION = re.compile(r"^\*\*`(\w+)`\*\* is one of (.*)$")
NAME = re.compile(r"`([\w.]+)`")
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.*) \|$")
CONSTANT = re.compile(r"`((?:\w+\.)?[A-Z][A-Z0-9_]+) = ([0-9_]+)`")
PATTERN = re.compile(r"`(\[[^`]*[]*+])`")


@dataclass(frozen=True)
class Field:
    """One line of a table."""

    name: str
    type: str
    pattern: str = ""


@dataclass(frozen=True)
class Table:
    """A wire type as its page shows it; `tag` is -1 for one that has none."""

    page: str
    name: str
    tag: int
    fields: tuple[Field, ...]


@dataclass
class Pages:
    """What the pages say, and their text with each paragraph on one line."""

    tables: dict[str, Table] = field(default_factory=dict)
    unions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    constants: list[tuple[str, str, int]] = field(default_factory=list)
    text: dict[str, str] = field(default_factory=dict)


def joined(text: str) -> list[str]:
    """Paragraphs, each on one line; tables and code keep their lines."""
    parts = re.split(r"\n\n+", text.strip())
    return [part if part.startswith(("|", "    ")) else " ".join(part.split()) for part in parts]


def read_page(pages: Pages, name: str) -> None:
    parts = joined((FOLDER / f"{name}.md").read_text())
    pages.text[name] = "\n\n".join(parts)
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        pages.constants += [
            (name, one, int(value.replace("_", ""))) for one, value in CONSTANT.findall(part)
        ]
        if union := UNION.match(part):
            pages.unions[union[1]] = tuple(NAME.findall(union[2]))
        elif title := TITLE.match(part):
            rows = following.splitlines() if following.startswith("| field | type |") else []
            table = Table(name, title[1], int(title[2] or -1), fields(rows))
            assert table.name not in pages.tables, table.name
            pages.tables[table.name] = table


def fields(rows: list[str]) -> tuple[Field, ...]:
    found = []
    for row in rows[2:]:
        line = ROW.match(row)
        assert line, row
        pattern = PATTERN.search(line[3]) if line[2].startswith("str") else None
        found.append(Field(line[1], line[2], pattern[1] if pattern else ""))
    return tuple(found)


def read_pages() -> Pages:
    pages = Pages()
    for name in MINE:
        read_page(pages, name)
    return pages


PAGES = read_pages()
