"""Showing long work step by step: a line each as it happens, or one JSON object at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console

from bystack.client.patience import begin, hushed

SHOWN_ID = 16
LONG_ID = 64


class Steps:
    """Runs named steps, timing each; prints them unless `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.done: list[dict[str, Any]] = []
        self._console = Console(stderr=False, highlight=False, quiet=quiet)
        self._started = time.monotonic()

    def step(
        self,
        name: str,
        work: Callable[[], dict[str, Any]],
        told: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> dict[str, Any]:
        """Do a step; `told` puts its facts for people. What it raises ends the run."""
        begun = time.monotonic()
        row: dict[str, Any] = {"name": name, "ok": False, "seconds": 0.0}
        self.done.append(row)
        try:
            begin(name)
            with self._console.status(f"{name} …"), self._quiet():
                facts = work()
        finally:
            row["seconds"] = round(time.monotonic() - begun, 2)
        row |= {"ok": True, **facts}
        self._show(row, told(facts))
        return facts

    def _quiet(self) -> AbstractContextManager[None]:
        """A terminal has a line that turns; elsewhere the step is named when it takes long."""
        return hushed() if self._console.is_terminal else nullcontext()

    def _show(self, row: dict[str, Any], facts: dict[str, Any]) -> None:
        clock = time.monotonic() - self._started
        short = {name: value for name, value in facts.items() if not isinstance(value, dict)}
        told = "  ".join(f"{name} {_short(value)}" for name, value in short.items())
        self._console.print(
            f"[green]✓[/] {clock:6.1f} s  {row['seconds']:5.1f} s  [bold]{row['name']}[/]  {told}",
            soft_wrap=True,
        )
        for name, value in facts.items():
            if isinstance(value, dict):
                self._nested(name, value)

    def _nested(self, name: str, facts: dict[str, Any]) -> None:
        """A fact with parts of its own: a line for each part."""
        for part, value in facts.items():
            rows = value.items() if isinstance(value, dict) else ()
            told = "  ".join(f"{key} {_short(one)}" for key, one in rows) or _short(value)
            self._console.print(f"{'':21}{name} {part}: {told}", soft_wrap=True)

    def failed(self, error: Exception) -> None:
        """Say which step ended the run, and why."""
        if self.done and not self.done[-1]["ok"]:
            self.done[-1]["error"] = str(error)
            self._console.print(f"[red]✗[/] {self.done[-1]['name']}: {error}", soft_wrap=True)


def _short(value: Any) -> str:
    """Ids by their first digits; lists by their parts."""
    if isinstance(value, list):
        return " ".join(_short(one) for one in value)
    text = str(value)
    return text[:SHOWN_ID] + "…" if len(text) >= LONG_ID else text
