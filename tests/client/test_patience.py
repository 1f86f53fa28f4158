"""A silent command says that it works, ever more rarely; what shows something is left alone."""

from __future__ import annotations

import io
import threading

import click
import pytest
from click.testing import CliRunner

from bystack.client import patience
from bystack.client.cli.main import Root
from bystack.client.patience import Patience

SAY = Patience._say


@pytest.fixture(autouse=True)
def _said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patience, "_say", SAY)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def told(mine: Patience, out: io.StringIO, clock: Clock, seconds: float) -> list[str]:
    """The lines after so many seconds, looked at every tenth of one."""
    for _ in range(int(seconds * 10)):
        clock.now += 0.1
        mine.look()
    return out.getvalue().splitlines()


def test_silence_is_broken_ever_more_rarely(clock: Clock) -> None:
    out = io.StringIO()
    mine = Patience(out, clock)
    assert told(mine, out, clock, 1.9) == []
    mine.at("the node's answer to getblock")
    lines = told(mine, out, clock, 110)
    assert lines[0] == "still working after 2 s: the node's answer to getblock"
    assert [line.split()[3] for line in lines] == ["2", "10", "30", "60", "90"]


def test_what_speaks_for_itself_is_left_alone(clock: Clock) -> None:
    out = io.StringIO()
    mine = Patience(out, clock)
    for _ in range(10):
        assert told(mine, out, clock, 1.5) == []
        mine.spoke()
    mine.hush(1)
    assert told(mine, out, clock, 60) == []
    mine.hush(-1)
    assert told(mine, out, clock, 1.5) == [] and len(told(mine, out, clock, 1)) == 1


def test_nobody_reading_ends_no_work(clock: Clock) -> None:
    out = io.StringIO()
    mine = Patience(out, clock)
    out.close()
    clock.now += 60
    assert mine.look() > 0


def test_every_command_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSES", (0.0, 60.0))
    spoken = threading.Event()

    def heard(mine: Patience, seconds: float) -> None:
        SAY(mine, seconds)
        spoken.set()

    monkeypatch.setattr(Patience, "_say", heard)

    @click.group(cls=Root)
    def root() -> None: ...

    @root.command()
    def slow() -> None:
        assert spoken.wait(60)
        click.echo("done")

    done = CliRunner().invoke(root, ["slow"])
    assert done.exit_code == 0 and done.stdout == "done\n"
    assert "still working after 0 s" in done.stderr
    assert patience._now is None


def test_colour_is_left_out_for_who_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.group(cls=Root)
    def root() -> None: ...

    @root.group()
    def inner() -> None: ...

    @inner.command()
    def red() -> None:
        click.echo(click.style("red", fg="red"))

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m" in CliRunner().invoke(root, ["inner", "red"], color=True).output
    monkeypatch.setenv("NO_COLOR", "1")
    assert CliRunner().invoke(root, ["inner", "red"], color=True).output == "red\n"
