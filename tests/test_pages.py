"""Every command of README and docs/ is typed by a test, or stands here with the reason why not."""

from __future__ import annotations

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

from tests.processes.pages import FENCED, Line, Part, lines

ROOT = Path(__file__).parents[1]
PAGES = [
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
]
MACHINE = "needs systemd as the machine's manager, and root there; tests/deploy judge the units"
ENGINE = "needs a container engine, images; scripts/deployment types it, as a test of it sees"
CLUSTER = "needs a cluster; tests/deploy judge the manifests"
TESTS = "runs these tests"
CHECK = "is the lane `checks` of scripts/test"
EXCEPTIONS: dict[str, dict[str, str]] = {
    "README.md": {"scripts/test$": TESTS},
    "docs/contribute.md": {"scripts/test$": TESTS, "scripts/check$": CHECK},
    "docs/deployment.md": {
        "systemctl |journalctl ": MACHINE,
        "docker ": ENGINE,
        "kubectl (apply|exec|cp) ": CLUSTER,
    },
}
"""By page: how a command that no test types begins, and why none does."""


def excepted(page: str, line: Line) -> bool:
    return any(re.match(start, line.words) for start in EXCEPTIONS.get(page, {}))


def typed() -> dict[str, Counter[Line]]:
    """The lines that tests type, by page, as those tests say."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        if "Part(" in path.read_text():
            import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found = {page: Counter[Line]() for page in PAGES}
    for part in Part.every:
        found[part.page].update(part.lines)
    return found


def test_every_command_of_every_page_is_typed_by_a_test() -> None:
    done = typed()
    left = {
        page: [
            line.words for line in (Counter(lines(page)) - done[page]) if not excepted(page, line)
        ]
        for page in PAGES
    }
    assert {page: words for page, words in left.items() if words} == {}


def test_no_command_stands_in_an_indented_block() -> None:
    """Markdown shows one as code too, and nobody would miss it here."""
    apart = {page: FENCED.sub("", (ROOT / page).read_text()) for page in PAGES}
    found = {page: re.findall(r"^ {4,}\w*\$ .*$", text, re.M) for page, text in apart.items()}
    assert {page: shown for page, shown in found.items() if shown} == {}


def test_an_exception_is_of_a_command_that_stands_there_and_that_nobody_types() -> None:
    done = typed()
    for page, starts in EXCEPTIONS.items():
        for start in starts:
            found = [line for line in lines(page) if re.match(start, line.words)]
            assert found, (page, start)
            assert not [line.words for line in found if line in done[page]], (page, start)


def test_the_check_is_a_lane() -> None:
    lanes = re.findall(r"^start (\w+) (?:calmly )?(.*)$", (ROOT / "scripts/test").read_text(), re.M)
    assert ("checks", "scripts/check") in lanes


def test_the_exceptions_are_few() -> None:
    every = [(page, line) for page in PAGES for line in lines(page)]
    apart = [one for one in every if excepted(*one)]
    assert len(every) > 500 and len(apart) < 24
    assert {page for page, _ in apart} == set(EXCEPTIONS)
