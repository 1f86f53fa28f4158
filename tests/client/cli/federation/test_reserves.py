"""`bystack federation audit`: people read units, programs smallest ones."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner

from bystack.client.cli.federation import reserves
from bystack.client.cli.main import main

TERMS = {**dict.fromkeys((*reserves.TERMS, "difference"), 0), "vault": 512_345_678, "owed": 5}
ANSWERS: dict[str, Any] = {
    "getreserves": {
        "holds": True, "height": 9, "sidechain_height": 40,
        "assets": {"BTM": {"asset": "ff" * 32, **TERMS}, "SHARE": {"asset": "aa" * 32, **TERMS}},
        "statements": {"lately": 3, "agree": 3, "hold": True, "newest": 9},
    },
    "getsidechaininfo": {
        "assets": [
            {"asset": "ff" * 32, "name": "BTM", "decimals": 8},
            {"asset": "aa" * 32, "name": "SHARE", "decimals": 0},
        ]
    },
}  # fmt: skip


class Node:
    def side(self, chain: str, method: str, *params: Any) -> Any:
        return ANSWERS[method]


def audit(monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setattr(reserves, "reach", lambda where, patience: Node())
    done = CliRunner().invoke(main, ["federation", "audit", "trade", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_people_read_amounts_in_units_of_each_asset(monkeypatch: pytest.MonkeyPatch) -> None:
    said = audit(monkeypatch)
    assert re.search(r"^BTM +5\.12345678 +0\.0 +0\.0 +0\.00000005 ", said, re.M), said
    assert re.search(r"^SHARE +512345678 +0 +0 +5 ", said, re.M), said


def test_programs_read_smallest_units_and_decimals(monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.loads(audit(monkeypatch, "--json"))
    assert found["assets"] == {"BTM": TERMS, "SHARE": TERMS}
    assert found["decimals"] == {"BTM": 8, "SHARE": 0}
