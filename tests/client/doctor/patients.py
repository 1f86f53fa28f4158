"""A node with nothing wrong, as facts: each test spoils what it is about."""

from __future__ import annotations

from typing import Any

from bystack.client.doctor.facts import (
    Chain,
    Charter,
    Clock,
    Facts,
    Keys,
    Listener,
    Machine,
    Process,
    Signing,
)
from bystack.client.doctor.findings import Finding, Level

NOW = 1_800_000_000.0
GIB = 1024**3
MAIN = Chain("main", "", 7, 7, 1_799_999_000, 3, 2, {}, "regtest", version="1.0")
TRADE = Chain(
    "trade", "", 40, 41, 1_799_999_999, 3, 3, {}, "trade", "regtest", validator=True, version="1.0"
)
VALIDATOR = Signing("validator of trade", "run/signer-validator-trade.sock", True)
CHARTER = Charter("member of trade", "federations/trade.charter.toml", "aa", "", "aa", "aa")

HEALTHY = Facts(
    home="/home/node",
    clock=Clock(NOW, True),
    machine=Machine(50 * GIB, 100 * GIB, GIB, 4096, 2048),
    listeners=(Listener("[rpc]", "127.0.0.1:9736", True, False),),
    keys=Keys({"a.key": "11"}, {"a.key": "11"}, 1, {"default": "22"}, {"default": "22"}),
    installed="1.0",
    config={"network": "regtest"},
    processes=(Process("mainchain", "running", 0, ""),),
    chains=(MAIN, TRADE),
    signing=(VALIDATOR,),
    charters=(CHARTER,),
)


def spoilt(**changes: Any) -> Facts:
    """The healthy node with some facts replaced."""
    return HEALTHY._replace(**changes)


def wrong(found: tuple[Finding, ...]) -> list[tuple[str, Level, str]]:
    """What is not good: subject, level, sentence. Nothing of that is without a cure."""
    told = [one for one in found if one.level is not Level.GOOD]
    assert all(one.cure for one in told)
    return [(one.subject, one.level, one.says) for one in told]
