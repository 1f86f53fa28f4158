"""How a devnet stands, told without waiting for a node that hangs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import msgspec
import pytest

from bystack.client.devnet import network, processes
from bystack.client.devnet.founding import Devnet
from bystack.client.rpc import Rpc

NODE = SimpleNamespace(name="node1", home="/nowhere/node1")
NET = cast(Devnet, SimpleNamespace(layout=SimpleNamespace(everyone=[NODE], chains=["trade"])))


@pytest.mark.parametrize("hangs", ["help", "getblockcount", ""])
def test_a_node_that_hangs_is_asked_once(monkeypatch: pytest.MonkeyPatch, hangs: str) -> None:
    heard: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        method = msgspec.json.decode(request.content)["method"]
        heard.append(method)
        if method == hangs:
            raise httpx.ReadTimeout("hangs")
        return httpx.Response(200, json={"result": 7, "error": None, "id": 1})

    def connect(_: Rpc) -> httpx.Client:
        return httpx.Client(base_url="http://node", transport=httpx.MockTransport(handler))

    facts: dict[str, Any] = {"pid": 1, "url": "http://node"}
    monkeypatch.setattr(Rpc, "_connect", connect)
    monkeypatch.setattr(processes, "running", lambda node: True)
    monkeypatch.setattr(processes, "facts_of", lambda node: facts)
    (row,) = network.status(NET)["nodes"]
    assert row["home"] == str(Path("/nowhere/node1"))
    for tip in row["chains"].values():
        assert (tip["height"] == 7) is (not hangs)
        assert hangs in tip.get("error", "")
    assert heard.count("help") == 1
    assert heard.count("getblockcount") == (0 if hangs == "help" else 2)
