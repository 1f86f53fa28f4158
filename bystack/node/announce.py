"""`run/<role>[-name].json`: what a process tells about itself, replaced whole on every change.

Beside it go single letters on the lifeline, which tell the supervisor that a process lives.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import msgspec

from bystack.node.store import files

RUN = "run"

SIGN_SECONDS: Final = 5.0
RUNNING, ALIVE, BEHIND = b"R", b".", b"b"
"""What the lifeline carries: announced; the loop turns; it turns and the chain is far behind."""


def label_of(role: str, name: str = "") -> str:
    """How a process is called in files, logs and metrics: `signer`, `sidechain-trade`."""
    return f"{role}-{name}" if name else role


def socket_of(role: str, name: str = "") -> str:
    """The private socket of a process, relative to the home."""
    return f"{RUN}/{label_of(role, name)}.sock"


def announce(role: str, name: str = "", *, home: files.Path = ".", **facts: Any) -> None:
    """Write `run/<label>.json` in `home`: pid, role, name, state (`running` unless given), facts.

    Facts are JSON values: addresses, node id, height. Each call replaces the file.
    """
    folder = os.path.join(home, RUN)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    facts = {"pid": os.getpid(), "role": role, "name": name, "state": "running"} | facts
    path = os.path.join(folder, f"{label_of(role, name)}.json")
    files.replace(path, msgspec.json.encode(facts) + b"\n", durable=False)


def announced(home: files.Path, role: str, name: str = "") -> dict[str, Any]:
    """What a process last announced; empty if nothing readable is there."""
    path = Path(home) / RUN / f"{label_of(role, name)}.json"
    try:
        facts = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError):
        return {}
    return facts if isinstance(facts, dict) else {}
