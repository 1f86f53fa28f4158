"""The long run and the replay in small: progress, verdicts, exit codes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation import replay, soak
from tests.simulation.monitor import Violation
from tests.simulation.scenarios import arenas, grouped_world, twins, world


def test_a_soak_counts_and_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--seeds", "3", "--first", "40", "--twins", "2", "--first-twins", "70", "--jobs", "0"]
    assert soak.main(asked) == 0
    assert capsys.readouterr().out == "\rseeds: 43 done\n\rtwins: 72 done\n"


def test_a_soak_that_finds_something_shows_it_and_ends_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.simulation.simulator.liveness_bound", lambda *_: 1)
    assert soak.main(["--seeds", "3", "--twins", "0", "--jobs", "0"]) == 1
    shown = capsys.readouterr().err
    assert "not live" in shown and "python -m tests.simulation.replay 0" in shown


def test_a_soak_that_is_stopped_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(soak, "twins", stopped)
    assert soak.main(["--seeds", "1", "--first", "7", "--jobs", "0"]) == 130
    shown = capsys.readouterr()
    assert "seeds: 8 done" in shown.out and "--seeds 0 --first-twins" in shown.err


def test_chunks_leave_nothing_out() -> None:
    parts = [*soak.chunks(10, 10 + 2 * soak.CHUNK + 7)]
    covered = [seed for first, count in parts for seed in range(first, first + count)]
    assert covered == [*range(10, 10 + 2 * soak.CHUNK + 7)]


@pytest.mark.parametrize("make", [twins, world, grouped_world, lambda n: next(arenas(n))])
def test_whatever_breaks_says_how_to_see_it_again(
    make: Callable[[int], Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise Violation("fork at height 1: node 2")

    monkeypatch.setattr("tests.simulation.monitor.Monitor.decide", broken)
    with pytest.raises(Violation) as caught:
        make(9).run()
    command = str(caught.value).splitlines()[-1].removeprefix("to see all of it: ")
    words = command.removeprefix("python -m tests.simulation.replay ").split()
    assert replay.main(words) == 1
    assert "fork at height 1: node 2; convicted" in capsys.readouterr().out


@pytest.mark.parametrize(
    "asked", [["11"], ["--twins", "77"], ["--bls", "1"], ["--gateways", "4"], ["--games", "0"]]
)
def test_a_replay_shows_who_said_what(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert replay.main(asked) == 0
    shown = capsys.readouterr().out
    assert re.search(r"\d -> \d  PROPOSE 1A view 0\n", shown)
    assert re.search(r"node \d has final 1\w\n", shown)
    assert "every property holds" in shown
