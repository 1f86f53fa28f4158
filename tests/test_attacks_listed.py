"""`docs/attacks.md` and `tests/attacks` are one list: no attack without test, no test unlisted."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "tests" / "attacks"
ROW = re.compile(r"^\| ([A-Z][0-9]{2}) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.M)
ROWS = ROW.findall((ROOT / "docs" / "attacks.md").read_text())
PEG = {
    "P": (1, 2, 3, 4, 6, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 21, 23, 24),
    "W": (1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 18, 20),
    "K": (1, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 20, 21),
    "S": (1, 2, 3, 4, 7),
    "V": range(1, 14),
    "R": range(1, 6),
    "B": (1, 2),
}
"""The attacks the pegs must survive; the others were found on the way."""


def files() -> dict[str, list[Path]]:
    """Tests by the id they are named after; `test_P04_sidechain` is a second one of P04."""
    found: dict[str, list[Path]] = {}
    for path in FOLDER.glob("test_*.py"):
        found.setdefault(path.stem.split("_")[1], []).append(path)
    return found


def test_each_is_listed_once_and_has_its_test() -> None:
    listed = [row[0] for row in ROWS]
    assert len(listed) == len(set(listed))
    assert sorted(set(listed) - set(files())) == [], "listed without a test"
    assert sorted(set(files()) - set(listed)) == [], "a test that is not listed"
    assert {f"{letter}{n:02}" for letter, numbers in PEG.items() for n in numbers} <= set(listed)


def test_every_rule_named_is_a_rule() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "bystack").rglob("*.py"))
    known = set(re.findall(r"^class ([A-Z]\w+)", sources, re.M))
    named = {rule for row in ROWS for rule in re.findall(r"`([A-Z]\w+)`", row[2])}
    assert len(named) > 80 and sorted(named - known) == []


def test_a_rule_named_is_asserted_in_its_test() -> None:
    for id, _, refused, _ in ROWS:
        text = "".join(path.read_text() for path in files().get(id, []))
        rules = re.findall(r"`([A-Z]\w+)`", refused)
        assert [rule for rule in rules if text and rule not in text] == [], id


@pytest.mark.parametrize("path", sorted(FOLDER.glob("test_*.py")), ids=lambda path: path.stem)
def test_a_file_says_which_attack_it_is_and_asserts(path: Path) -> None:
    tree = ast.parse(path.read_text())
    id = path.stem.split("_")[1]
    assert (ast.get_docstring(tree) or "").startswith(id)
    tests = [
        one
        for one in ast.walk(tree)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name.startswith("test_")
    ]
    assert tests
    assert any(isinstance(one, ast.Assert) for one in ast.walk(tree)), "nothing is asserted"
