"""A wallet that reads its chains: a bar until it is there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import click

from bystack.client.bars import Bar, line
from bystack.client.cli.purses import ask

LOOK_SECONDS: Final = 0.5
ABORT: Final = "to stop: bystack wallet rescan --abort"


def read_up(home: str, wallet: str, chain: str = "") -> Mapping[str, Any]:
    """Wait until a rescan of `chain` is over; with no chain, until every one is read to its end.

    What the wallet says of its chains then. Raises `ClickException` for one it cannot read.
    """
    with Bar("reading") as bar:
        while True:
            told: Mapping[str, Any] = ask(home, wallet, "getwalletinfo")["chains"]
            meant = {name: one for name, one in told.items() if not chain or name == chain}
            behind = {name: one for name, one in meant.items() if _behind(one, rescan=bool(chain))}
            if not behind:
                return told
            for name, one in behind.items():
                if one["trouble"]:
                    raise click.ClickException(f"{name}: {one['trouble']}; {ABORT}")
            name, one = min(behind.items(), key=lambda pair: _done(pair[1]))
            at = f"{one['height']} of {one['target']} blocks of {name}"
            bar.show(_done(one), f"{line('reading', _done(one))}  {at}")
            time.sleep(LOOK_SECONDS)


def _behind(one: Mapping[str, Any], *, rescan: bool) -> bool:
    if one.get("needs_unlocking"):
        return False
    return bool(one["scanning"]) or not (rescan or one["caught_up"])


def _done(one: Mapping[str, Any]) -> float:
    if one["scanning"]:
        return float(one["scanning"]["progress"])
    return float(one["height"] / max(1, one["target"]))
