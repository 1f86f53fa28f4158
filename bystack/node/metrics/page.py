"""docs/metrics.md: the table of every family. `python -m bystack.node.metrics.page` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bystack.node.metrics.families import PLACE, Family, every

PAGE: Final = "docs/metrics.md"
BEGIN: Final = "<!-- made by python -m bystack.node.metrics.page -->"
END: Final = "<!-- end -->"


def table() -> str:
    """The table in Markdown, by name."""
    return "\n".join([BEGIN, "", *_rows(), "", END])


def _rows() -> Iterator[str]:
    yield "| metric | kind | labels | from | what |"
    yield "|---|---|---|---|---|"
    for one in sorted(every()):
        labels = ", ".join(f"`{label}`" for label in (*_place(one), *one.labels))
        roles = ", ".join(one.roles) or "bystackd"
        yield f"| `{one.full}` | {one.kind} | {labels} | {roles} | {one.text} |"


def _place(family: Family) -> tuple[str, ...]:
    return PLACE if family.roles else ()


def renewed(text: str) -> str:
    """A page with the table as it is now between its two marks."""
    before, _, rest = text.partition(BEGIN)
    return before + table() + rest.partition(END)[2]


if __name__ == "__main__":
    path = Path(PAGE)
    path.write_text(renewed(path.read_text()))
