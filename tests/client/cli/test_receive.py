"""`bystack receive`: an address, its code as scanners read it, and word of what arrives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bystack.client.cli import following, purses
from bystack.client.cli.main import main as bystack
from bystack.client.cli.receive import code, uri

ROW = {"address": "rm1new", "category": "receive", "amount": 2.5, "name": "BTM"}


class Node:
    """Hands out an address, and what it is told was paid to it, look by look."""

    def __init__(self, *looks: list[dict[str, Any]]) -> None:
        self.looks, self.asked = list(looks), []  # type: ignore[var-annotated]

    def call(self, method: str, *params: Any) -> Any:
        self.asked.append((method, *params))
        return "rm1new" if method == "getnewaddress" else self.looks.pop(0)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    def invoke(node: Node, *words: str) -> Result:
        monkeypatch.setattr(purses, "node", lambda home: node)
        monkeypatch.setattr(following.follow, "__defaults__", (0,))
        return CliRunner().invoke(bystack, ["receive", *words])

    return invoke


def test_the_code_is_what_bip_21_says() -> None:
    assert uri("rm1new") == "bystack:rm1new"
    assert uri("rm1new", "2.5", "GOLD", "rent & more") == (
        "bystack:rm1new?amount=2.5&asset=GOLD&label=rent%20%26%20more"
    )


def test_the_drawing_has_the_squares_of_the_code() -> None:
    """Three finder patterns: their dark outer sides are in the drawing's first and last lines."""
    lines = [line for line in code(uri("rm1new")).splitlines() if line.strip()]
    widths = {len(line) for line in lines}
    assert len(lines) >= 12 and len(widths) == 1 and "\t" not in "".join(lines)


def test_an_address_alone_goes_into_a_pipe(run: Callable[..., Result], tmp_path: Path) -> None:
    node = Node()
    assert run(node, "--label", "rent", "--chain", "trade").output == "rm1new\n"
    assert node.asked == [("getnewaddress", "rent", "", "trade", "")]
    told = json.loads(run(Node(), "--amount", "2.5", "--json").output)
    assert told == {"address": "rm1new", "chain": "main", "uri": "bystack:rm1new?amount=2.5"}
    for name in ("code.svg", "code.png"):
        assert run(Node(), "--qr-file", str(tmp_path / name)).exit_code == 0
    assert (tmp_path / "code.svg").read_bytes().startswith(b"<?xml")
    assert (tmp_path / "code.png").read_bytes().startswith(b"\x89PNG")
    assert run(Node(), "--qr-file", str(tmp_path / "code.png")).exit_code == 1


@pytest.mark.parametrize("words", [("--amount", "-1"), ("--amount", "x"), ("--qr-file", "a.gif")])
def test_nonsense_takes_no_address(run: Callable[..., Result], words: tuple[str, ...]) -> None:
    node = Node()
    assert run(node, *words).exit_code == 2 and node.asked == []


def test_what_arrives_is_told(run: Callable[..., Result]) -> None:
    other = {**ROW, "address": "rm1old", "confirmations": 4}
    coming, there = {**ROW, "confirmations": 0}, {**ROW, "confirmations": 1}
    done = run(Node([other], [other, coming], [other, there]), "--wait")
    assert done.output.splitlines() == [
        "rm1new",
        "main: nothing yet at rm1new",
        "main: 2.5 BTM on its way, waits for a block",
        "main: 2.5 BTM arrived",
    ]
