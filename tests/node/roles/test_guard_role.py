"""The guard's process before it can guard: what it says to who asks too early."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from bystack.node.ipc import RemoteError, connect
from bystack.node.roles import guard
from bystack.node.rpc import IN_WARMUP


def test_who_asks_too_early_is_told_to_ask_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    up = trio.Event()
    table = SimpleNamespace(name="trade")
    config = SimpleNamespace(guard=(table,))
    context: Any = SimpleNamespace(
        name="trade", config=config, socket="guard.sock", announce=up.set
    )

    async def body() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(guard.main, context)  # waits for a genesis that does not come
            await up.wait()
            async with connect("guard.sock") as client:
                with pytest.raises(RemoteError, match="the guard of trade starts") as refused:
                    await client.call("rpc", "getguardinfo", [], "admin", "")
                assert refused.value.code == IN_WARMUP
            nursery.cancel_scope.cancel()

    trio.run(body)
