"""Drafts and files at the command line: what is asked of the node, what is written and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bystack.client.cli import drafts
from bystack.client.cli.main import main

SIGNED = {
    "pst": "bystack-pst:AA",
    "signed_by": ["ab" * 32],
    "gains": {},
    "coins_not_looked_up": 0,
    "next": "signer",
}


class Node:
    """Answers one thing and remembers what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []

    def call(self, method: str, *params: Any, path: str = "/") -> Any:
        self.asked.append((path, method, *params))
        return self.answer


def run(monkeypatch: pytest.MonkeyPatch, answer: Any, *words: str) -> tuple[Node, Result]:
    node = Node(answer)
    monkeypatch.setattr(drafts, "node", lambda home: node)
    return node, CliRunner().invoke(main, list(words))


def test_a_signature_goes_back_into_the_file_or_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = tmp_path / "a.pst", tmp_path / "b.pst"
    file.write_text("bystack-pst:\n")
    for words in (["wallet", "sign"], ["pst", "sign"]):
        node, result = run(monkeypatch, SIGNED, *words, str(file), "--out", str(out), "--offline")
        assert result.exit_code == 0, result.output
        assert node.asked == [
            ("/", "walletprocesspst", "bystack-pst:\n", True, [], True, False, False)
        ]
        assert out.read_text() == "bystack-pst:AA\n"
        assert file.read_text() == "bystack-pst:\n"
    assert "we gain: nothing" in result.stdout
    run(monkeypatch, SIGNED, "pst", "sign", str(file))
    assert file.read_text() == "bystack-pst:AA\n"


def test_the_wallet_named_is_the_one_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.pst"
    file.write_text("x")
    node, _ = run(monkeypatch, "txid", "pst", "send", str(file), "--wallet", "ben")
    assert node.asked == [("/wallet/ben", "sendpst", "x")]


def test_coins_nobody_looked_up_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.pst"
    file.write_text("x")
    answer = {**SIGNED, "coins_not_looked_up": 2, "gains": {"BTM": -1.5}}
    _, result = run(monkeypatch, answer, "pst", "sign", str(file))
    assert "coins not looked up: 2" in result.stdout
    assert "we gain: BTM -1.5" in result.stdout


def test_a_file_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.pst"
    with file.open("wb") as long:
        long.truncate(drafts.MAX_FILE + 1)
    node, result = run(monkeypatch, {}, "pst", "show", str(file))
    assert result.exit_code == 1
    assert "too long" in result.output
    assert node.asked == []


def test_combining_names_the_file_to_write_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "a.pst", tmp_path / "b.pst"]
    for number, file in enumerate(files):
        file.write_text(str(number))
    words = ["pst", "combine", str(tmp_path / "out.pst"), *map(str, files)]
    node, result = run(monkeypatch, "both", *words)
    assert result.exit_code == 0, result.output
    assert node.asked == [("/", "combinepst", ["0", "1"])]
    assert (tmp_path / "out.pst").read_text() == "both\n"
    missing = run(monkeypatch, "both", *words, str(tmp_path / "none"))[1]
    assert missing.exit_code == 2
