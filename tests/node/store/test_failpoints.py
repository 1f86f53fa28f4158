"""Crash points fire only under tests, only where armed, once per mark."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bystack.node.store import failpoints


class Killed(BaseException):
    """Stands in for SIGKILL."""


@pytest.fixture(autouse=True)
def _no_death(monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(pid: int, sig: int) -> None:
        raise Killed

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(failpoints, "_label", "sidechain-trade")
    failpoints._hits.clear()


@pytest.mark.parametrize(
    ("spec", "fires_at"),
    [
        ("a.b", 1),
        ("a.b:3", 3),
        ("sidechain/a.b:2", 2),
        ("sidechain-trade/a.b", 1),
        ("other.point,a.b:2", 2),
        ("sidechain-games/a.b", None),
        ("signer/a.b", None),
        ("a.c", None),
    ],
)
def test_fires_where_armed(
    monkeypatch: pytest.MonkeyPatch, spec: str, fires_at: int | None
) -> None:
    monkeypatch.setenv("BYSTACK_TESTING", "1")
    monkeypatch.setenv("BYSTACK_FAILPOINT", spec)
    for passage in range(1, 5):
        if passage == fires_at:
            with pytest.raises(Killed):
                failpoints.failpoint("a.b")
        else:
            failpoints.failpoint("a.b")


def test_never_outside_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BYSTACK_TESTING", raising=False)
    monkeypatch.setenv("BYSTACK_FAILPOINT", "a.b")
    failpoints.failpoint("a.b")


def test_mark_is_written_and_disarms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    monkeypatch.setenv("BYSTACK_TESTING", "1")
    monkeypatch.setenv("BYSTACK_FAILPOINT", "a.b")
    monkeypatch.setenv("BYSTACK_FAILPOINT_MARK", str(mark))
    with pytest.raises(Killed):
        failpoints.failpoint("a.b")
    assert mark.read_text().split()[:2] == ["a.b", "sidechain-trade"]
    failpoints._hits.clear()
    failpoints.failpoint("a.b")
