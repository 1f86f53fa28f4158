"""docs/ is a book: it builds without a warning, leads a stranger through, and asks nobody else."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PICTURES = sorted((DOCS / "pictures").glob("*.svg"))
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
FETCHED = {
    "script": "src", "img": "src", "source": "src", "iframe": "src", "video": "src",
    "audio": "src", "embed": "src", "link": "href", "object": "data", "use": "href",
}  # fmt: skip
"""What a browser fetches by itself, and the attribute that says from where."""
OUTSIDE = re.compile(r"^\s*(?:[a-z]+:)?//", re.I)
IN_STYLES = re.compile(r"(?:url\(|@import)\s*['\"]?\s*((?:https?:)?//[^'\")\s]+)", re.I)


class Fetches(HTMLParser):
    """Addresses that a page makes a browser ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if (name := FETCHED.get(tag)) is not None:
            self.found += [value for key, value in attrs if key == name and value]


def fetched(page: str) -> list[str]:
    """Addresses elsewhere that a page makes a browser ask for, its styles included."""
    reader = Fetches()
    reader.feed(page)
    return [one for one in reader.found if OUTSIDE.match(one)] + IN_STYLES.findall(page)


def test_what_a_browser_asks_elsewhere_is_seen() -> None:
    for hostile in (
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/css">',
        '<style>@import "https://fonts.example/css";</style>',
        "<style>body { background: url(https://pictures.example/x.png) }</style>",
    ):
        assert fetched(hostile), hostile
    assert fetched('<a href="https://elsewhere.example/">a link is no request</a>') == []


def test_it_builds_strictly_and_asks_nobody_else(tmp_path: Path) -> None:
    # Not --quiet: mkdocs then counts no warning, and strictness is gone.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr + built.stdout
    pages = [*tmp_path.rglob("*.html"), *tmp_path.rglob("*.css")]
    assert len(pages) > 60
    asked = {str(one.relative_to(tmp_path)): fetched(one.read_text()) for one in pages}
    assert {page: found for page, found in asked.items() if found} == {}
    assert (tmp_path / "search" / "search_index.json").stat().st_size > 100_000
    # A link to a file of the repository leads to a copy that every browser shows.
    example = "files/configs/member/federations/trade.charter.toml.txt"
    assert example in (tmp_path / "charter.html").read_text() and (tmp_path / example).is_file()


def test_a_link_that_leads_nowhere_ends_the_check() -> None:
    (step,) = re.findall(r'"(mkdocs [^"]*)"', (ROOT / "scripts" / "check").read_text())
    assert step == "mkdocs build --strict"
    asked = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["validation"]
    assert {level for kind in asked.values() for level in kind.values()} == {"warn"}


# --- its order --------------------------------------------------------------------------------


def leaves(nav: Any) -> Iterator[str]:
    """The pages of a table of contents, in its order."""
    match nav:
        case str():
            yield nav
        case list():
            for one in nav:
                yield from leaves(one)
        case dict():
            for one in nav.values():
                yield from leaves(one)


NAV = list(leaves(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))


def test_every_page_has_one_place() -> None:
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    apart = {page for page in pages if page.startswith("decisions/")} - {"decisions/README.md"}
    assert len(NAV) == len(set(NAV))
    assert set(NAV) == pages - apart


def test_the_readme_lists_the_pages_in_the_order_of_the_book() -> None:
    text = (ROOT / "README.md").read_text().partition("Read on:")[2].partition("\n## ")[0]
    listed = re.findall(r"\]\(docs/([^)#]+\.md)\)", text)
    # The protocol's pages are listed by their index.
    apart = [page for page in NAV if page.startswith("protocol/")][1:]
    assert listed == [page for page in NAV if page not in apart]


def test_a_page_has_one_title_first() -> None:
    for page in NAV:
        text = re.sub(r"^ *```.*?^ *```", "", (DOCS / page).read_text(), flags=re.S | re.M)
        titles = re.findall(r"^# .+", text, re.M)
        assert text.startswith("# ") and len(titles) == 1, (page, titles)


# --- its pictures -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_a_picture_is_readable_in_light_and_dark_and_holds_nothing_foreign(path: Path) -> None:
    text = path.read_text()
    assert "<title>" in text and "<desc>" in text
    assert 'class="card"' in text and "prefers-color-scheme: dark" in text
    assert "<script" not in text and "<foreignObject" not in text
    assert re.findall(r"https?://[^\"\s]+", text) == ["http://www.w3.org/2000/svg"]
    drawn = {name for names in re.findall(r'class="([\w ]+)"', text) for name in names.split()}
    light, _, dark = text.partition("@media")
    for name in drawn:
        assert f".{name} {{" in light and f".{name} {{" in dark, name


def test_every_picture_is_shown_and_told_in_words() -> None:
    shown = {}
    for page in NAV:
        for words, target in PICTURE.findall((DOCS / page).read_text()):
            assert len(words) >= 8, (page, target)
            shown[((DOCS / page).parent / target).resolve()] = words
    assert {path.resolve() for path in PICTURES} <= set(shown)
    assert all(len(shown[path.resolve()]) > 60 for path in PICTURES)
