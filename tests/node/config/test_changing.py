"""What a changed configuration does to a running node."""

from __future__ import annotations

import msgspec
import pytest

from bystack.node.config import Config, parse_config
from bystack.node.config.changing import (
    BY_TABLE,
    FIXED,
    LIVE_RPC,
    PROCESSES,
    RESTART,
    TAKEN,
    changes,
    taken_over,
)
from bystack.node.config.tables import Rpc
from bystack.node.processes.plan import plan

BEFORE = 'network = "regtest"\n[[sidechain]]\nname = "trade"\ngenesis = "g"\n'


def became(text: str) -> dict[str, str]:
    return {one.key: one.effect for one in changes(parse_config(BEFORE), parse_config(text))}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BEFORE, {}),
        (BEFORE + "[mempool]\nmax_mb = 9\n", {"[mempool] max_mb": PROCESSES}),
        (BEFORE + '[log]\nlevel = "debug"\n', {"[log] level": PROCESSES}),
        (BEFORE + '[rpc]\nlisten = "127.0.0.1:1"\n', {"[rpc] listen": RESTART}),
        (BEFORE + "[rpc]\nrate = 1\nseconds = 9\n", {"[rpc] rate": TAKEN, "[rpc] seconds": TAKEN}),
        (
            BEFORE + '[rpc]\ntls_certificate = "c"\ntls_key = "k"\n',
            {"[rpc] tls_certificate": RESTART, "[rpc] tls_key": RESTART},
        ),
        (BEFORE + '[rpc.tokens]\na = "read"\n', {"[rpc] tokens": TAKEN}),
        (BEFORE + "[wallet]\nenabled = false\n", {"[wallet] enabled": TAKEN}),
        (BEFORE.replace("trade", "a"), {"[[sidechain]] a": TAKEN, "[[sidechain]] trade": TAKEN}),
        (BEFORE.replace('"g"', '"h"'), {"[[sidechain]] trade": TAKEN}),
        (BEFORE.replace("regtest", "test"), {"network": RESTART}),
    ],
)
def test_each_change_is_named_with_its_effect(text: str, said: dict[str, str]) -> None:
    assert became(text) == said


def test_every_table_has_an_effect() -> None:
    tables = {field.name for field in msgspec.structs.fields(Config)} - set(FIXED)
    assert tables == set(BY_TABLE)
    assert set(LIVE_RPC) <= {field.name for field in msgspec.structs.fields(Rpc)}


@pytest.mark.parametrize("table", sorted(BY_TABLE))
def test_a_table_that_restarts_processes_is_part_of_their_plan(table: str) -> None:
    """What is said of a change must be what the plan makes of it."""
    others = {
        "mainchain": "cache_mb = 9",
        "mining": "threads = 1",
        "mempool": "max_mb = 9",
        "limits": "nice = 1",
        "log": "keep = 1",
        "wallet": "enabled = false",
        "rpc": "concurrency = 9",
    }
    if table in others:
        after = parse_config(f"{BEFORE}[{table}]\n{others[table]}\n")
        moved = plan(parse_config(BEFORE)) != plan(after)
        assert moved is (BY_TABLE[table] != RESTART)


def test_what_the_server_takes_over() -> None:
    old = Rpc(listen="127.0.0.1:1", tls_certificate="a", tls_key="a", rate=1)
    new = Rpc(listen="127.0.0.1:2", tls_certificate="b", tls_key="b", rate=2, subscribers=3)
    assert taken_over(old, new) == Rpc(
        listen="127.0.0.1:1", tls_certificate="b", tls_key="b", rate=2, subscribers=3
    )
    plain = Rpc(rate=2)
    assert taken_over(old, plain) == Rpc(
        listen="127.0.0.1:1", tls_certificate="a", tls_key="a", rate=2
    )
