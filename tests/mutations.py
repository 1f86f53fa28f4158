"""`scripts/soak mutations`: each rule that refuses an attack is taken away; its test must notice.

In a copy of the project, one rule after another: every statement that raises a rule which
`docs/attacks.md` names for an id is dropped, or one of `EDITS` is made where what refuses raises
nothing; then the tests of that id run. A mutation they survive is printed, and the exit code is 1.
`--only P14 V09` takes these ids. Tests marked `processes` start the project's own code and not the
copy's, so ids that have no others (`APART`) are left out. About half an hour on one core.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| ([A-Z][0-9]{2}) \| [^|]+ \| ([^|]+) \| [^|]+ \|$", re.M)
APART = {"S02", "W06", "W07"}
"""Their tests are all of processes."""
PLAYED = {"K04", "K14", "K19"}
"""Played with many rules at once; nothing single refuses."""
COPIED = ("bystack", "tests", "docs", "scripts", "pyproject.toml", "README.md")


class Edit(NamedTuple):
    """A text that stands once in a file, and what takes the rule away."""

    path: str
    old: str
    new: str


_EVIDENCE = "bystack/sidechain/consensus/evidence.py"
_SIGNING = "bystack/federation/signing.py"
_WORTH = "bystack/mainchain/sync/worth.py"
_ORPHANS = "bystack/node/pool/orphans.py"
EDITS: dict[str, list[Edit]] = {
    "C01": [
        Edit(
            "bystack/node/store/coinstore.py",
            "while self.coins and self.memory > bound:",
            "while False:",
        )
    ],
    "E01": [
        Edit(
            _EVIDENCE,
            "return _place(a) == _place(b) and (a.block, a.justify) != (b.block, b.justify)",
            "return False",
        )
    ],
    "E02": [Edit(_EVIDENCE, "return a.index == b.index and _apart(a, b)", "return False")],
    "E03": [Edit(_EVIDENCE, "return a.index == b.index and _apart(a, b)", "return False")],
    "E04": [
        Edit(
            _EVIDENCE,
            "return a.index == b.index and _place(a) == _place(b) and a.high != b.high",
            "return False",
        )
    ],
    "E05": [
        Edit(
            _EVIDENCE,
            "return c.index == t.index and _later(c, t) and c.view > t.high",
            "return False",
        )
    ],
    "E06": [
        Edit(
            _EVIDENCE,
            "return _apart(a, b) and _bits(a.bitmap) & _bits(b.bitmap) != 0",
            "return False",
        )
    ],
    "E07": [
        Edit(
            _EVIDENCE,
            "return named and not justifies(t, c.height, c.view, c.block)",
            "return False",
        )
    ],
    "G04": [
        Edit(
            "bystack/sidechain/consensus/carriers.py",
            "    return max((g for g in known if g != m.me), key=lambda g: known[g], default=-1)",
            "    return -1",
        )
    ],
    "G06": [
        Edit(
            "bystack/sidechain/consensus/ballots.py",
            "starved = vote.kind == COMMIT and m.round.height <= m.starved",
            "starved = False",
        )
    ],
    "G07": [
        Edit(
            "bystack/sidechain/consensus/tally.py",
            "new = [p for p in taken if not {p} <= self._verified.get(p, frozenset()) <= {*taken}]",
            "new = [p for p in taken if p not in self._verified]",
        )
    ],
    "H01": [
        Edit(
            _WORTH,
            "self._floor(self._connected.tip) and beside < BESIDE",
            "self._floor(self._connected.tip)",
        ),
        Edit(_WORTH, "return stored > 2 * longest.header.height + SPARE", "return False"),
    ],
    "K18": [
        Edit(
            "bystack/federation/guarding/machine.py",
            "return self.vault.known and self._heard.caught_up and self._conditions.seeing",
            "return self.vault.known and self._conditions.seeing",
        ),
        Edit(
            "bystack/federation/guarding/machine.py",
            "return self.vault.known and self._heard.caught_up and self._conditions.seeing",
            "return self.vault.known and self._heard.caught_up",
        ),
    ],
    "M01": [
        Edit(_ORPHANS, "if len(self._of.get(peer, ())) >= self._per_peer:", "if False:"),
        Edit(_ORPHANS, "if len(self._waiting) >= self._most:", "if False:"),
    ],
    "M05": [Edit(_WORTH, "if work_of_entry(last) >= self._floor(best):", "if True:")],
    "T01": [Edit("bystack/mainchain/actions.py", "raise CoinbaseHeight(", "CoinbaseHeight(")],
    "W10": [
        Edit(
            _SIGNING,
            "while len(self.indices) >= self.threshold:",
            "while len(self.indices) == self.certificate.session.roster.total:",
        )
    ],
    "W11": [
        Edit(
            _SIGNING, "outputs += [self._exclude(index) for index in self._search(chosen)]", "break"
        )
    ],
}
"""What refuses without raising: the rule that is told, the bound that is kept."""


def rules() -> dict[str, list[str]]:
    """The rules that `docs/attacks.md` names, by id."""
    rows = ROW.findall((ROOT / "docs" / "attacks.md").read_text())
    return {id: re.findall(r"`([A-Z]\w+)`", refused) for id, refused in rows}


def _raised(node: ast.AST) -> str:
    """The class whose error a statement raises or yields, by name; empty for anything else."""
    match node:
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name)) | ast.Name(id=name)):
            return name
        case ast.Expr(value=ast.Yield(value=ast.Call(func=ast.Name(id=name)))):
            return name
        case ast.Raise(exc=ast.Call(func=ast.Attribute(attr=name))):
            return name
    return ""


def without(source: str, rule: str) -> str:
    """The module without the statements that raise a rule."""
    lines = source.splitlines(keepends=True)
    found = [node for node in ast.walk(ast.parse(source)) if _raised(node) == rule]
    for node in sorted(found, key=lambda one: -one.lineno):  # type: ignore[attr-defined]
        head = lines[node.lineno - 1].encode()[: node.col_offset].decode()  # type: ignore[attr-defined]
        lines[node.lineno - 1 : node.end_lineno] = [f"{head}pass\n"]  # type: ignore[attr-defined]
    return "".join(lines)


def dropped(root: Path, rule: str) -> dict[Path, str]:
    """The modules that raise a rule, as they are without it."""
    texts = {path: path.read_text() for path in (root / "bystack").rglob("*.py")}
    holding = {path: text for path, text in texts.items() if f"{rule}(" in text}
    made = {path: without(text, rule) for path, text in holding.items()}
    return {path: text for path, text in made.items() if text != texts[path]}


def mutations(root: Path, id: str) -> Iterator[tuple[str, dict[Path, str]]]:
    """What is taken away for an id: its name, and the modules without it."""
    for rule in rules().get(id, []):
        if changed := dropped(root, rule):
            yield rule, changed
    for edit in EDITS.get(id, []):
        path = root / edit.path
        yield f"{edit.path}: {edit.old}", {path: path.read_text().replace(edit.old, edit.new)}


def killed(root: Path, id: str, changed: dict[Path, str]) -> bool:
    """Whether the tests of an id fail under these modules; they are put back afterwards."""
    before = {path: path.read_text() for path in changed}
    tests = sorted(str(path) for path in (root / "tests" / "attacks").glob(f"test_{id}*.py"))
    words = ["-m", "pytest", "-x", "-p", "no:cacheprovider", "-m", "not processes", *tests]
    try:
        for path, text in changed.items():
            path.write_text(text)
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *words], cwd=root, env=environment, capture_output=True, check=False
        ).returncode in (1, 2)
    finally:
        for path, text in before.items():
            path.write_text(text)


def copied(root: Path) -> Path:
    """A copy of the project to change."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, root / name)
    return root


def main() -> int:
    """Take every rule away in turn; 1 when a test did not notice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="ids, as P14 V09")
    only = set(parser.parse_args().only)
    survived = 0
    with tempfile.TemporaryDirectory(prefix="bystack-mutations-") as folder:
        root = copied(Path(folder))
        for id in (id for id in rules() if id not in APART and (not only or id in only)):
            for name, changed in mutations(root, id):
                noticed = killed(root, id, changed)
                survived += not noticed
                print(id, "noticed " if noticed else "SURVIVED", name, flush=True)
    print(f"{survived} mutations survived")
    return min(survived, 1)


if __name__ == "__main__":
    sys.exit(main())
