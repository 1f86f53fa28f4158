"""What is wrong with a node, as `bystack status` sees it: the first thing on its screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

STILL: Final = 120
"""Seconds without a block after which a sidechain stands still; the main chain may take hours."""


def wrongs(told: dict[str, Any], now: float) -> Iterator[str]:
    """A sentence for each thing that asks for somebody, the worst first; `now` in Unix seconds."""
    for row in told["processes"]:
        if row["state"] != "running":
            label = f"{row['role']} {row['name']}".strip()
            yield f"{label} is {row['state']}" + (f" ({row['exit']})" if row.get("exit") else "")
    for whose, rule in told.get("refused", {}).items():
        yield f"{whose}: its key signs nothing ({rule})"
    for name, one in told["chains"].items():
        yield from (f"{_subject(name)}: {text}" for text in _chain(name, one, now, told))
    for name, member in told.get("federations", {}).items():
        yield from (f"member of {name}: {text}" for text in _member(member))
    for name, guard in told.get("guards", {}).items():
        yield from (f"guard of {name}: {text}" for text in _guard(guard))
    for name, text in told.get("warnings", {}).items():
        yield f"{name}: {text}"


def _subject(name: str) -> str:
    return "main chain" if name == "main" else f"sidechain {name}"


def _chain(name: str, one: dict[str, Any], now: float, told: dict[str, Any]) -> Iterator[str]:
    if "time" not in one:
        yield str(one["id"])
        return
    if one.get("reserves_hold") is False:
        yield "the vault does not hold what the sidechain stands for"
    if str(one.get("pegs", "")).startswith("shut"):
        yield f"pegs {one['pegs']}"
    if one["peers"] == 0 and not told.get("mining", {}).get("generate") and not _first(told):
        yield "no peers"
    if name != "main" and now - one["time"] > STILL and name not in told.get("joining", {}):
        yield f"stands still: no block for {now - one['time']:.0f} s"


def _first(told: dict[str, Any]) -> bool:
    """A node of one's own, for a first look: nobody else is on that network."""
    return told.get("network") == "regtest" and list(told["chains"]) == ["main"]


def _member(member: dict[str, Any]) -> Iterator[str]:
    if "error" in member:
        yield str(member["error"])
        return
    signer = member.get("signer") or {}
    if not signer:
        yield "its signer is away"
    if signer.get("stalled"):
        yield f"stalled: {signer['stalled']}"
    if until := member.get("vault_frozen_until"):
        yield f"the guard froze the vault: no payout before main-chain block {until}"


def _guard(guard: dict[str, Any]) -> Iterator[str]:
    if guard.get("error"):
        yield str(guard["error"])
        return
    if not guard["seeing"]:
        yield "it judges nothing, since its node is not up to date"
    if guard["standing"]:
        yield f"alarms stand: {', '.join(guard['standing'])} (bystack guard alarms)"
    if not guard["sponsor"]["balance"]:
        yield f"no coins for fees: send some to {guard['sponsor']['address']}"
