"""Named crash points: under tests a process kills itself at a persist point; else they do nothing.

Armed by `BYSTACK_FAILPOINT="[role/]name[:nth]"` together with `BYSTACK_TESTING=1`; several are
separated by commas. `role` is a role (`sidechain`) or one instance (`sidechain-trade`). Before the
kill the file named by `BYSTACK_FAILPOINT_MARK` is written, so that a test knows the kill hit inside
the step; while it exists nothing fires, so that the restarted process lives.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Mapping

PASSED_ON = ("BYSTACK_TESTING", "BYSTACK_FAILPOINT", "BYSTACK_FAILPOINT_MARK")

_hits: Counter[str] = Counter()
_label = ""


def name_process(label: str) -> None:
    """Say which role this process is (`signer`, `sidechain-trade`), for points armed per role."""
    global _label
    _label = label


def armed(specs: str, label: str) -> Mapping[str, int]:
    """The points that `specs` arms in the process `label`: name → which passage kills (from 1)."""
    points: dict[str, int] = {}
    for spec in filter(None, specs.split(",")):
        role, _, rest = spec.rpartition("/")
        name, _, nth = rest.partition(":")
        if role in ("", label, label.partition("-")[0]):
            points[name] = int(nth or 1)
    return points


def failpoint(name: str) -> None:
    """Die here by SIGKILL if this point is armed and this is its nth passage."""
    specs = os.environ.get("BYSTACK_FAILPOINT")
    if not specs or os.environ.get("BYSTACK_TESTING") != "1":
        return
    _hits[name] += 1
    mark = os.environ.get("BYSTACK_FAILPOINT_MARK", "")
    if armed(specs, _label).get(name) == _hits[name] and not (mark and os.path.exists(mark)):
        _die(name, mark)


def _die(name: str, mark: str) -> None:
    if mark:
        with open(mark, "w") as file:
            file.write(f"{name} {_label} {os.getpid()}\n")
            file.flush()
            os.fsync(file.fileno())
    os.kill(os.getpid(), signal.SIGKILL)
