"""`bystack demo`: a network in a temporary directory, the walk, and nothing left behind."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bystack.client.demo.walk import walk
from bystack.client.devnet.network import USUAL, NoDevnet, down, up
from bystack.client.report import Steps


def run_demo(steps: Steps, *, keep: bool = False) -> dict[str, Any]:
    """The whole demo: `{"ok", "steps", "reserves"}`. With `keep`, the network's files stay."""
    folder = Path(tempfile.mkdtemp(prefix="bystack-demo-"))
    result: dict[str, Any] = {"ok": False, "steps": steps.done, "reserves": {}}
    try:
        net = up(folder, USUAL, steps)
        result["reserves"] = walk(net, steps)
        result["ok"] = all(step["ok"] for step in steps.done)
    # The boundary of the command: whatever went wrong is shown with its step, then all is removed.
    except Exception as error:
        steps.failed(error)
    finally:
        _clean(folder, keep=keep)
    return result


def _clean(folder: Path, *, keep: bool) -> None:
    try:
        down(folder, remove=not keep)
    except NoDevnet:
        folder.rmdir()
