"""What makes a node unready, each in a sentence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bystack.node.processes.standing import LEAST_FREE, SILENT, amiss

FINE = {"state": "running", "exit": "", "silent": 0.0, "behind": False}


def child(role: str, **facts: Any) -> Any:
    return SimpleNamespace(spec=SimpleNamespace(role=role, label=role), **{**FINE, **facts})


@pytest.mark.parametrize(
    ("facts", "connected", "said"),
    [
        ({}, True, []),
        ({"silent": SILENT - 5}, True, []),
        ({"silent": SILENT}, True, ["wallet shows no sign of life for 15 s"]),
        ({}, False, ["wallet does not answer"]),
        ({"behind": True}, True, ["wallet is far behind its chain"]),
        ({"state": "backoff"}, True, ["wallet is backoff"]),
        ({"state": "failed", "exit": "code 2"}, False, ["wallet was given up: code 2"]),
    ],
)
def test_a_process(facts: dict[str, Any], connected: bool, said: list[str]) -> None:
    assert list(amiss([(child("wallet", **facts), connected)], LEAST_FREE)) == said


def test_the_signer_has_no_socket_for_us() -> None:
    assert list(amiss([(child("signer"), False)], LEAST_FREE)) == []


def test_a_disk_without_room() -> None:
    assert list(amiss([], LEAST_FREE - 1)) == ["127 MiB of disk are free, 128 are needed"]
