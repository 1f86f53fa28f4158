"""Where deposits and burns stand: a sentence and a table for people, all of it as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from bystack.client.cli import pegs
from bystack.client.cli.main import main

DEPOSIT: dict[str, Any] = {
    "txid": "0d" * 32, "vout": 1, "asset": "BTM", "units": 150_000_000, "name": "BTM",
    "value": 1.5, "recipient": "0e" * 32, "state": "waiting", "height": 9, "blocks_left": 4,
    "waits_for": "4 more main-chain blocks", "about_seconds": 600, "claim": None,
}  # fmt: skip
BURN: dict[str, Any] = {
    "id": "0b" * 32, "state": "requested", "number": 0, "destination": "rm1a",
    "lock": {"kind": "PolicyLock", "root": "0c" * 32},
    "burned": {"asset": "BTM", "units": 3 * 10**8, "name": "BTM", "value": 3.0},
    "payout": {"asset": "BTM", "units": 299_000_000, "name": "BTM", "value": 2.99},
    "tier": 1, "vetoes": 0, "before": 7, "seq": None, "batch_height": None,
    "waits_for": "the next batch of its tier", "wait": "batch", "about_blocks": 0,
    "about_seconds": 60, "paid_in_about_seconds": 900, "signing": None,
}  # fmt: skip
SIGNING = {"weight": 2, "threshold": 3, "missing": ["bob"], "complete": False, "sent": False}


def run(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], *words: str) -> str:
    class Node:
        def side(self, chain: str, method: str, *params: Any) -> Any:
            return answer

    monkeypatch.setattr(pegs, "node", lambda home: Node())
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 0, done.output
    return done.output


def test_a_deposit_is_a_sentence_and_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("pegin-status", "trade", "0d" * 32)
    assert run(monkeypatch, DEPOSIT, *words).splitlines() == [
        "main: in block 9; waits for 4 more main-chain blocks (about 10 min)",
        "state        waiting",
        "amount       1.5 BTM",
        f"deposit      {'0d' * 32}:1, in main-chain block 9",
        "blocks left  4",
        f"recipient    {'0e' * 32}",
    ]
    assert json.loads(run(monkeypatch, DEPOSIT, *words, "--json")) == DEPOSIT


def test_a_burn_is_a_sentence_and_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("pegout-status", "trade", "0b" * 32)
    assert run(monkeypatch, BURN, *words).splitlines() == [
        "trade: requested; waits for the next batch of its tier (about 60 s)",
        "state    requested",
        "burned   3.0 BTM",
        "pays     2.99 BTM to rm1a",
        "paid in  about 15 min",
        "tier     1; 7 before it in the queue",
        f"id       {'0b' * 32}",
    ]
    assert json.loads(run(monkeypatch, BURN, *words, "--json")) == BURN


def test_who_has_not_signed_is_told_until_it_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    batched = {**BURN, "state": "batched", "seq": 4, "batch_height": 40, "signing": SIGNING}
    said = run(monkeypatch, batched, "pegout-status", "trade", "0b" * 32)
    assert "order    4, of sidechain block 40\n" in said and "before it" not in said
    assert "signing  weight 2 of 3 needed; not yet: bob\n" in said
    sent = {**SIGNING, "weight": 3, "complete": True, "sent": True}
    said = run(monkeypatch, {**batched, "signing": sent}, "pegout-status", "trade", "0b" * 32)
    assert "signing  weight 3 of 3 needed; sent to the main chain\n" in said
