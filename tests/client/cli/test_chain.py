"""`bystack rpc`: what stands on the command line is what the method is given."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from bystack.client.cli import chain
from bystack.client.cli.main import main

ASKED: list[Any] = []


class Node:
    """Keeps what it is asked."""

    def call(self, *words: Any, path: str) -> None:
        ASKED.append((*words, path))


def run(patch: pytest.MonkeyPatch, *words: str) -> Result:
    ASKED.clear()
    patch.setattr(chain, "node", lambda home: Node())
    return CliRunner().invoke(main, ["rpc", *words])


def test_words_are_json_or_else_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("send", "rm1", "1.5", "true", '["a"]', "--path", "/sidechain/trade")
    assert run(monkeypatch, *words).exit_code == 0
    assert ASKED == [("send", "rm1", 1.5, True, ["a"], "/sidechain/trade")]


def test_a_number_below_zero_is_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "getnetworkhashps", "-1", "-0.5", "--path", "/x").exit_code == 0
    assert ASKED == [("getnetworkhashps", -1, -0.5, "/x")]


def test_a_mistyped_option_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, "getblockcount", "--paht", "/x")
    assert (done.exit_code, ASKED) == (2, []) and "--path" in done.output
