"""Long work on a terminal: a bar with rate and time left; elsewhere a plain line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final, Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


PATIENCE: Final = 2.0
"""Seconds between lines where no terminal is, before the first one too; each pause is twice the
last."""


class Bar:
    """Shows progress on standard error; used with `with`, called with what, done and total."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate())
        console = Console(stderr=True)
        hidden = not sys.stderr.isatty()
        self._bar = Progress(*columns, TimeRemainingColumn(), console=console, disable=hidden)
        self._tasks: dict[str, TaskID] = {}
        self._hidden, self._pause = hidden, PATIENCE
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """So many of `total` are done; a total of 0 is not known."""
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total or None)
        self._bar.update(self._tasks[what], completed=done, total=total or None)
        if self._hidden and time.monotonic() - self._said >= self._pause:
            self._said, self._pause = time.monotonic(), 2 * self._pause
            of = f" of {total:,}" if total else ""
            click.echo(f"{what}: {done:,}{of} after {self.seconds:.0f} s", err=True)

    @property
    def seconds(self) -> float:
        """Since the work began."""
        return time.monotonic() - self._began

    def rate(self, count: int) -> str:
        """A count and its rate, in words."""
        seconds = max(self.seconds, 0.001)
        return f"in {seconds:.1f} s ({count / seconds:,.0f} a second)"
