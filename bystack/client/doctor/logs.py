"""What the processes' logs last said against each key: what was healed since is not told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

TAIL: Final = 4 * 1024**2
"""Bytes at a log's end that are read: hours of it."""
MAX_SENTENCE: Final = 400
MAX_WORDS: Final = 4 * 1024

SERVED, NOT_SERVED = "key served", "key not served"
AGAINST: Final = frozenset(
    {
        "not voting: the signer refuses",
        "this key votes no more",
        "not voting yet: the chain must catch up",
        "not signed: the signer is away",
    }
)
VOTING: Final = frozenset({"voting where elected", "voting"})
CATCHING_UP: Final = "not voting yet: the chain must catch up"


class Trouble(NamedTuple):
    """The rule that speaks against a key, and the sentence."""

    rule: str = ""
    says: str = ""


def records(path: Path) -> list[Mapping[str, Any]]:
    """The JSON objects at a log's end, oldest first; lines of another form are left out."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL))
            lines = file.read(TAIL).splitlines()
    except OSError:
        return []
    found: list[Mapping[str, Any]] = []
    for line in lines:
        try:
            one = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        if isinstance(one, dict):
            found.append(one)
    return found


def not_served(signer: Iterable[Mapping[str, Any]], socket: str) -> Trouble:
    """What the signer's log last said of the key on `socket`; empty when it serves it."""
    last = Trouble()
    for one in signer:
        if one.get("socket") == socket and one.get("event") in (SERVED, NOT_SERVED):
            served = one["event"] == SERVED
            last = Trouble() if served else Trouble(_text(one, "rule"), _text(one, "error"))
    return last


def not_voting(sidechain: Iterable[Mapping[str, Any]]) -> Trouble:
    """What a sidechain's log last said against its validator's voting; empty when it votes."""
    last = Trouble()
    for one in sidechain:
        event = one.get("event")
        if event in AGAINST:
            rule = "ChainBehind" if event == CATCHING_UP else _text(one, "rule")
            last = Trouble(rule, _text(one, "reason") or str(event))
        elif event in VOTING:
            last = Trouble()
    return last


def last_error(log: Iterable[Mapping[str, Any]]) -> str:
    """The last error of a log in one sentence; empty for none."""
    last = ""
    for one in log:
        if one.get("level") in ("error", "critical"):
            reason = _text(one, "error") or _text(one, "reason")
            last = f"{_text(one, 'event')}{': ' if reason else ''}{reason}"
    return last[:MAX_SENTENCE]


def last_words(path: Path) -> str:
    """The last line of a log that ends in something else than a record: what a process said that
    could not even begin. Empty for a log that ends in a record."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - MAX_WORDS))
            lines = file.read(MAX_WORDS).split(b"\n")
    except OSError:
        return ""
    last = next((line for line in reversed(lines) if line.strip()), b"")
    return "" if last.startswith(b"{") else last.decode(errors="replace")[:MAX_SENTENCE].strip()


def _text(record: Mapping[str, Any], key: str) -> str:
    return str(record.get(key, ""))[:MAX_SENTENCE]
