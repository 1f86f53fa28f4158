"""What the client asks again: only what nobody heard. A payment is not to be made twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from bystack.client.rpc import Glance, NodeDown, NotRun, Rpc, RpcFailed, Unsure

ANSWER = httpx.Response(200, json={"result": "paid", "error": None, "id": 1})


def failing(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return handler


def answering(status: int, code: int = -28) -> Callable[[httpx.Request], httpx.Response]:
    fault = {"result": None, "error": {"code": code, "message": "no"}, "id": 1}
    return lambda request: httpx.Response(status, json=fault)


def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: Callable[..., httpx.Response]
) -> tuple[Rpc, list[str]]:
    """A client whose first request meets `first`, and every later one an answer."""
    heard: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        heard.append(request.url.path)
        return first(request) if len(heard) == 1 else ANSWER

    def connect(_: Rpc) -> httpx.Client:
        return httpx.Client(base_url="http://node", transport=httpx.MockTransport(handler))

    monkeypatch.setattr(Rpc, "_connect", connect)
    return Rpc(tmp_path, patience=60), heard


@pytest.mark.parametrize(
    "first",
    [
        failing(httpx.ConnectError("nobody listens")),
        answering(503),
        lambda request: httpx.Response(503, text="busy"),
        lambda request: httpx.Response(401, text="another cookie"),
    ],
)
def test_what_nobody_heard_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: Callable[..., httpx.Response]
) -> None:
    rpc, heard = told(tmp_path, monkeypatch, first)
    assert rpc.call("sendtoaddress", "rm1", 1) == "paid"
    assert len(heard) == 2


@pytest.mark.parametrize(
    "first",
    [
        failing(httpx.ReadTimeout("slow")),
        failing(httpx.RemoteProtocolError("the server disconnected")),
        failing(httpx.ReadError("reset")),
        lambda request: httpx.Response(500, text="Internal Server Error"),
    ],
)
def test_what_may_have_been_done_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: Callable[..., httpx.Response]
) -> None:
    rpc, heard = told(tmp_path, monkeypatch, first)
    with pytest.raises(Unsure):
        rpc.call("sendtoaddress", "rm1", 1)
    assert len(heard) == 1
    assert issubclass(Unsure, NodeDown)  # and is told as such


@pytest.mark.parametrize(("status", "code"), [(504, -1), (500, -4), (200, -6)])
def test_a_refusal_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    rpc, heard = told(tmp_path, monkeypatch, answering(status, code))
    with pytest.raises(RpcFailed) as refused:
        rpc.call("sendtoaddress", "rm1", 1)
    assert (refused.value.code, len(heard)) == (code, 1)


def test_a_name_the_node_does_not_run_is_told_with_those_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    rows = [{"role": "sidechain", "name": one} for one in ("trade", "games")]
    facts = {"processes": [*rows, {"role": "federation", "name": "dock"}]}
    (tmp_path / "run" / "bystackd.json").write_text(json.dumps(facts))
    nowhere = httpx.Response(404, text="nobody answers here")
    asked = [f"{place}/sidechain/port" for place in ("", "/wallet/ann", "/wallet/guard")]
    for path in (*asked, "/sidechain/port/wallet/ann"):
        rpc, heard = told(tmp_path, monkeypatch, lambda request: nowhere)
        with pytest.raises(NotRun, match=r"node runs no sidechain port; it runs games, trade$"):
            rpc.call("getpegstatus", path=path)
        assert len(heard) == 1
    rpc, _ = told(tmp_path, monkeypatch, lambda request: nowhere)
    with pytest.raises(NotRun, match=r"nobody answers at /harbour: a path is / or one of /sidech"):
        rpc.call("getpegstatus", path="/harbour")


def test_a_glance_asks_a_silent_path_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        heard.append(request.url.path)
        if request.url.path == "/federation/trade":
            raise httpx.ReadTimeout("hangs")
        return ANSWER

    def connect(_: Rpc) -> httpx.Client:
        return httpx.Client(base_url="http://node", transport=httpx.MockTransport(handler))

    monkeypatch.setattr(Rpc, "_connect", connect)
    look = Glance(tmp_path)
    for _ in range(3):
        with pytest.raises(NodeDown, match="/federation/trade did not answer getfederationinfo"):
            look.federation("trade", "getfederationinfo")
    assert look.call("help") == "paid" and heard == ["/federation/trade", "/"]
