"""What an operator is told to do next: never that all is well while his signer signs nothing."""

from __future__ import annotations

from typing import Any

import pytest

from bystack.client.cli.federation.standing import lines, next_step

SIGNER = {"height": 9, "epoch": 0, "frozen": False, "waiting": 0, "stalled": ""}
INFO: dict[str, Any] = {
    "member": "one", "seat": 0, "weight": 1, "threshold": 2, "total": 3, "peers": 2,
    "key": "aa", "keygen": "done", "rotation": {"epoch": 0, "seated": True},
    "sponsor": {"address": "rm1", "balance": 1}, "sidechain": "bb",
}  # fmt: skip


def told(**signer: Any) -> str:
    return next_step("trade", {**INFO, "signer": {**SIGNER, **signer}})


def test_where_nothing_waits_nothing_is_asked() -> None:
    assert told() == "nothing: everything runs" == next_step("trade", {**INFO, "signer": None})


@pytest.mark.parametrize(
    "signer, words",
    [
        ({"stalled": "1 of 2 main-chain nodes agree on the chain: own"}, "upstream_peers"),
        ({"frozen": True}, "bystack peg-status trade"),
        ({"waiting": 3}, "bystack federation requests trade: 3"),
    ],
)
def test_a_signer_that_signs_nothing_is_the_next_step(signer: dict[str, Any], words: str) -> None:
    assert words in told(**signer)


def test_its_line_says_each_reason() -> None:
    info = {**INFO, "signer": {**SIGNER, "frozen": True, "stalled": "1 of 2 agree"}}
    assert "signer   main chain 9, epoch 0; frozen; 1 of 2 agree" in list(lines("trade", info))
