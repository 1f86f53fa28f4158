"""Waiting for a wallet that reads: one chain's rescan, or all of them to their ends."""

from __future__ import annotations

from typing import Any

import click
import pytest

from bystack.client.cli import reading_up
from bystack.client.cli.reading_up import read_up

THERE = {"height": 9, "target": 9, "caught_up": True, "scanning": False, "trouble": ""}
READS = {**THERE, "height": 3, "caught_up": False}
AGAIN = {**THERE, "scanning": {"progress": 0.5}}


def looks(monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any]) -> list[dict[str, Any]]:
    left = list(answers)
    monkeypatch.setattr(reading_up, "ask", lambda *words: {"chains": left.pop(0)})
    monkeypatch.setattr(reading_up, "LOOK_SECONDS", 0)
    return left


def test_every_chain_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    both = ({"main": READS, "trade": READS}, {"main": THERE, "trade": READS})
    left = looks(
        monkeypatch, *both, {"main": THERE, "trade": AGAIN}, {"main": THERE, "trade": THERE}
    )
    assert read_up("", "w")["trade"] == THERE and left == []


def test_a_rescan_waits_for_its_chain_only(monkeypatch: pytest.MonkeyPatch) -> None:
    left = looks(monkeypatch, {"main": AGAIN, "trade": READS}, {"main": READS, "trade": AGAIN})
    assert read_up("", "w", "main")["main"] == READS and left == []


def test_what_cannot_be_read_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    looks(monkeypatch, {"main": {**READS, "trouble": "block 1 is pruned"}})
    with pytest.raises(click.ClickException, match="main: block 1 is pruned"):
        read_up("", "w")


def test_a_chain_of_a_locked_wallet_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    left = looks(monkeypatch, {"main": {**READS, "needs_unlocking": True}})
    assert read_up("", "w") and left == []
