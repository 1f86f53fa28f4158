"""The HTTP face over fake processes: admission, limits, states, hostile bytes."""

from __future__ import annotations

import base64
import os
import re
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.lowlevel
import trio.testing
from hypercorn.config import Config as ServerConfig
from prometheus_client.parser import text_string_to_metric_families

from bystack.node.config import Rpc
from bystack.node.ipc import PING, RemoteError, TimedOut, Unanswered, Unavailable
from bystack.node.metrics.exposition import Reading, exposition
from bystack.node.metrics.families import WEB
from bystack.node.rpc import Methods
from bystack.node.rpc.batching import answers
from bystack.node.web import access
from bystack.node.web.admitting import Door
from bystack.node.web.app import Page
from bystack.node.web.guessing import ATTEMPTS
from bystack.node.web.server import MAX_CONNECTIONS, _Connections, serve

CREDENTIALS = (
    access.Credential("__cookie__", "c" * 64, "admin"),
    access.Credential("explorer", "e" * 64, "read"),
)


class FakeProcess:
    def __init__(self, label: str) -> None:
        self.label = label
        self.calls = 0

    async def call(self, method: str, *params: Any, timeout: float = 0) -> Any:
        if method == PING:
            return None
        name, given, scope, *where = params
        if isinstance(name, list):
            if self.label == "sidechain-dead":
                raise Unavailable("down")
            return await answers(partial(self.one, where), name, scope)
        return await self.one(where, name, given, scope)

    async def one(self, where: list[Any], name: str, given: Any, scope: str) -> Any:
        chain, *wallet = where
        self.calls += 1
        match name:
            case "who" | "getbalance" | "createvault":
                return [self.label, given, scope, chain, *wallet]
            case "refuse":
                raise RemoteError(-26, "BucketExceeded: no", {"rule": "BucketExceeded"})
            case "slow":
                raise TimedOut("no answer")
            case "lost":
                raise Unanswered("the other side closed the connection")
            case "nan":
                return {1: {2, 3}, "x": object()}
            case "hang":
                await trio.sleep_forever()
            case "help":
                return f"help of {self.label}"
            case "rpc.discover" if self.label != "sidechain-dead":
                methods = Methods()
                methods.add(f"of{self.label.replace('-', '')}", lambda: 1, help="Counts.")
                return methods.document()
        if self.label == "sidechain-dead":
            raise Unavailable("down")
        raise RemoteError(-32601, "no such method")


class FakeNode:
    def __init__(self) -> None:
        labels = ("mainchain", "wallet", "sidechain-trade", "sidechain-dead")
        self.processes = {label: FakeProcess(label) for label in labels}

    def client(self, label: str) -> FakeProcess | None:
        return self.processes.get(label)

    def amiss(self) -> tuple[str, ...]:
        return ("sidechain-dead is failed",)

    def paths(self) -> tuple[str, ...]:
        return ("", "/sidechain/trade", "/sidechain/dead")

    async def metrics(self) -> bytes:
        figures = {"height": 7, "bad name": 1, "evil\n": 1, "text": "x"}
        return exposition([Reading("sidechain", "trade", {"process_up": 1, **figures})])


class Web:
    """The served page, with a client of its own."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = httpx.AsyncClient(base_url=f"http://{address}", timeout=180)

    async def post(self, body: Any, path: str = "/", secret: str = "c" * 64, **headers: str) -> Any:
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        auth = {"Authorization": f"Bearer {secret}"} if secret else {}
        return await self.http.post(path, headers=auth | headers, **content)

    async def raw(self, data: bytes) -> bytes:
        host, _, port = self.address.rpartition(":")
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            received = b""
            try:
                await stream.send_all(data)
                await stream.send_eof()
                async for part in stream:
                    received += part
            except (trio.BrokenResourceError, OSError):
                return received
            return received


def run(
    body: Callable[[Web], Awaitable[None]], node: FakeNode | None = None, **config: Any
) -> None:
    async def main() -> None:
        settings = Rpc(**({"listen": "127.0.0.1:0", "max_body_kb": 64} | config))
        with trio.fail_after(180):
            async with trio.open_nursery() as nursery:
                address = await nursery.start(
                    serve, node or FakeNode(), Door(settings, CREDENTIALS)
                )
                web = Web(address)
                async with web.http:
                    await body(web)
                nursery.cancel_scope.cancel()

    trio.run(main)


WHO = {"jsonrpc": "2.0", "id": 1, "method": "who", "params": [5]}


def test_paths_and_wallet_methods_find_their_process() -> None:
    async def body(web: Web) -> None:
        for path, method, label, chain in (
            ("/", "who", "mainchain", "main"),
            ("/sidechain/trade", "who", "sidechain-trade", "trade"),
        ):
            answer = (await web.post({**WHO, "method": method}, path)).json()
            assert answer["result"] == [label, [5], "admin", chain]
        for path, method, expected in (
            ("/wallet/savings", "getbalance", ["wallet", [5], "admin", "main", "savings"]),
            (
                "/wallet/savings/sidechain/trade",
                "getbalance",
                ["wallet", [5], "admin", "trade", "savings"],
            ),
            (
                "/sidechain/trade/wallet/savings",
                "getbalance",
                ["wallet", [5], "admin", "trade", "savings"],
            ),
            ("/wallet/savings", "who", ["mainchain", [5], "admin", "main"]),
            ("/wallet/wallet", "getbalance", ["wallet", [5], "admin", "main", "wallet"]),
        ):
            answer = (await web.post({**WHO, "method": method}, path)).json()
            assert answer["result"] == expected
        for path in (
            "/nowhere",
            "/sidechain/games",
            "/sidechain/",
            "/federation/trade/x",
            "/wallet/a/b",
            "/wallet/a/sidechain/trade/wallet/b",
            "/sidechain/games/wallet/a",
            "/sidechain/trade/wallet",
        ):
            assert (await web.post(WHO, path)).status_code == 404
        text = (await web.post({"method": "help"})).json()["result"]
        assert text == "help of mainchain\n\nhelp of wallet"
        for params in (["getbalance"], {"command": "getbalance"}):
            answer = await web.post({"method": "help", "params": params})
            assert answer.json()["result"] == "help of wallet"
        for odd in ([[]], [{}], {"command": []}):  # no name, and nothing that can be looked up
            assert (await web.post({"method": "help", "params": odd})).status_code == 200

    run(body)


def test_a_node_without_wallets_knows_none_of_their_methods() -> None:
    """As Bitcoin Core: it is no process that might come up in a moment."""

    class Bare(FakeNode):
        def client(self, label: str) -> FakeProcess | None:
            return None if label == "wallet" else super().client(label)

    async def body(web: Web) -> None:
        for path in ("/", "/wallet/a/sidechain/trade"):
            answer = await web.post({"method": "getbalance", "id": 1, "jsonrpc": "2.0"}, path)
            error = answer.json()["error"]
            assert answer.status_code == 200 and error["code"] == -32601
            assert "this node keeps no wallets" in error["message"]
        both = await web.post([{"method": "getbalance", "id": 1}, WHO])
        assert [bool(one.get("error")) for one in both.json()] == [True, False]

    run(body, Bare())


def test_vault_methods_on_the_root_are_the_only_members() -> None:
    class Member(FakeNode):
        others: tuple[str, ...] = ()

        def paths(self) -> tuple[str, ...]:
            return ("", "/federation/trade", *self.others)

    node = Member()
    node.processes["federation-trade"] = FakeProcess("federation-trade")

    async def body(web: Web) -> None:
        call = {**WHO, "method": "createvault"}
        for answer in ((await web.post(call)).json(), (await web.post([call])).json()[0]):
            assert answer["result"][0] == "federation-trade"
        explained = await web.post({"method": "help", "params": ["createvault"]})
        assert explained.json()["result"] == "help of federation-trade"

    async def nobody(web: Web) -> None:
        error = (await web.post({**WHO, "method": "createvault"})).json()["error"]
        assert error["code"] == -32601 and "federation member" in error["message"]

    async def several(web: Web) -> None:
        explained = await web.post({"method": "help", "params": ["createvault"]})
        assert explained.json()["result"] == "help of federation-trade"
        answer = (await web.post({**WHO, "method": "createvault"})).json()
        assert "/federation/trade or /federation/games" in answer["error"]["message"]

    run(body, node)
    run(nobody)
    node.others = ("/federation/games",)
    run(several, node)


def test_dead_process_is_503_on_its_own_path_only() -> None:
    async def body(web: Web) -> None:
        dead = await web.post({"jsonrpc": "2.0", "id": 1, "method": "x"}, "/sidechain/dead")
        assert dead.status_code == 503
        assert dead.json()["error"]["code"] == -28
        assert (await web.post([{"id": 1, "method": "x"}], "/sidechain/dead")).status_code == 503
        assert (await web.post(WHO)).status_code == 200
        for method in ("slow", "lost"):  # not 503, upon which clients ask again
            unsure = await web.post({"method": method})
            assert unsure.status_code == 504
            assert "may have been done" in unsure.json()["error"]["message"]

    run(body)


def test_hanging_process_fills_only_its_own_room() -> None:
    async def body(web: Web) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(web.post, {"method": "hang"}, "/sidechain/trade")
            await trio.testing.wait_all_tasks_blocked(0.2)
            for _ in range(5):
                assert (await web.post(WHO)).status_code == 200
            nursery.cancel_scope.cancel()

    run(body, concurrency=2)


def test_calls_in_flight_to_one_process_are_bounded() -> None:
    node = FakeNode()

    async def body(web: Web) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(web.post, {"method": "hang"}, "/sidechain/trade")
            while node.processes["sidechain-trade"].calls < 2:
                await trio.lowlevel.checkpoint()
            assert (await web.post(WHO)).status_code == 200
            await trio.testing.wait_all_tasks_blocked(0.2)
            assert node.processes["sidechain-trade"].calls == 2
            nursery.cancel_scope.cancel()

    run(body, node, concurrency=2)


def test_fault_in_one_connection_stays_there() -> None:
    connections = _Connections(Page(FakeNode(), Door(Rpc(), CREDENTIALS)), ServerConfig())

    async def fault(stream: trio.SocketStream) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise trio.BusyResourceError("two senders")

    async def main() -> None:
        connections._server = fault  # type: ignore[assignment]
        a, b = socket.socketpair()
        with a, b:
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(a))
            await connections.answer(stream)
            await connections.answer(stream)

    trio.run(main)
    assert connections._open == 0


def test_connections_are_bounded() -> None:
    async def body(web: Web) -> None:
        host, _, port = web.address.rpartition(":")
        streams = [await trio.open_tcp_stream(host, int(port)) for _ in range(MAX_CONNECTIONS)]
        await trio.testing.wait_all_tasks_blocked(0.05)
        extra = await trio.open_tcp_stream(host, int(port))
        assert await ends(extra)
        for stream in streams:
            await stream.aclose()
        while not await served(web):
            await trio.lowlevel.checkpoint()

    run(body)


async def served(web: Web) -> bool:
    try:
        return bool((await web.post(WHO)).status_code == 200)
    except httpx.TransportError:
        return False


async def ends(stream: trio.SocketStream) -> bool:
    async with stream:
        try:
            return await stream.receive_some(1) == b""
        except trio.BrokenResourceError:
            return True


def test_states_and_errors_follow_bitcoin_core() -> None:
    async def body(web: Web) -> None:
        old = await web.post({"id": 1, "method": "refuse"})
        assert old.status_code == 500
        assert old.json()["error"]["data"]["rule"] == "BucketExceeded"
        assert (await web.post({"id": 1, "method": "nothing"})).status_code == 404
        new = await web.post({"jsonrpc": "2.0", "id": 1, "method": "refuse"})
        assert (new.status_code, new.json()["error"]["code"]) == (200, -26)
        assert (await web.post({"jsonrpc": "2.0", "method": "who"})).status_code == 204
        bad = await web.post(b"{")
        assert (bad.status_code, bad.json()["error"]["code"]) == (400, -32700)
        assert (await web.post({"method": "nan"})).status_code == 500

    run(body)


def test_batch_keeps_its_order_and_drops_notifications() -> None:
    async def body(web: Web) -> None:
        batch = [{**WHO, "id": n, "params": [n]} for n in range(100)]
        batch[50] = {"jsonrpc": "2.0", "method": "who"}
        batch[51] = 3  # type: ignore[call-overload]
        batch[52] = {**WHO, "params": [[2**64]]}
        answer = (await web.post(batch)).json()
        assert len(answer) == 99
        assert [a["id"] for a in answer[:50]] == list(range(50))
        assert answer[50]["error"]["code"] == -32600
        assert "64 bits" in answer[51]["error"]["message"]
        assert [a["result"][1] for a in answer[52:]] == [[n] for n in range(53, 100)]
        assert (await web.post([WHO] * 1001)).status_code in (400, 413)

    run(body)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("", 401),
        ("Bearer " + "x" * 64, 401),
        ("Bearer", 401),
        ("Basic !!!", 401),
        ("Digest abc", 401),
        ("Basic " + base64.b64encode(b"__cookie__:" + b"c" * 64).decode(), 200),
        ("Basic " + base64.b64encode(b"explorer:" + b"c" * 64).decode(), 401),
        ("Basic " + base64.b64encode(b"__cookie__:").decode(), 401),
        ("bearer " + "c" * 64, 200),
    ],
)
def test_credentials(header: str, status: int) -> None:
    async def body(web: Web) -> None:
        answer = await web.post(WHO, secret="", Authorization=header)
        assert answer.status_code == status
        assert ("www-authenticate" in answer.headers) == (status == 401)

    run(body)


@pytest.mark.parametrize(
    ("path", "status", "names"),
    [
        ("/", 200, {"ofmainchain", "ofwallet"}),
        ("/sidechain/trade/", 200, {"ofsidechaintrade", "ofwallet"}),
        ("/wallet/savings/sidechain/trade/", 200, {"ofsidechaintrade", "ofwallet"}),
        ("/sidechain/dead/", 503, set()),
        ("/nowhere/", 404, set()),
    ],
)
def test_the_openrpc_document_of_a_path(path: str, status: int, names: set[str]) -> None:
    async def body(web: Web) -> None:
        assert (await web.http.get(f"{path}openrpc.json")).status_code == 401
        auth = {"Authorization": "Bearer " + "e" * 64}
        answer = await web.http.get(f"{path}openrpc.json", headers=auth)
        assert answer.status_code == status
        if names:
            document = answer.json()
            found = {one["name"] for one in document["methods"]}
            assert found == names | {"help", "rpc.discover"}
            asked = await web.post({**WHO, "method": "rpc.discover", "params": []}, path)
            assert asked.json()["result"] == document

    run(body)


def test_a_token_has_its_rate_and_the_cookie_none() -> None:
    async def body(web: Web) -> None:
        batch = [{**WHO, "id": n} for n in range(900)]
        assert (await web.post(batch, secret="e" * 64)).status_code == 200
        late = await web.post(WHO, secret="e" * 64)
        assert (late.status_code, "rate" in late.text) == (429, True)
        assert int(late.headers["retry-after"]) > 600
        for _ in range(3):
            assert (await web.post(batch)).status_code == 200

    run(body, rate=1, max_body_kb=256)


def test_scope_of_the_token_goes_along() -> None:
    async def body(web: Web) -> None:
        assert (await web.post(WHO, secret="e" * 64)).json()["result"][2] == "read"

    run(body)


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:1", None, 200),
        ("[::1]:9736", None, 200),
        ("evil.example", None, 403),
        ("evil.example:80", None, 403),
        ("", None, 403),
        ("node.example", None, 200),
        ("localhost:1", "http://localhost:1", 200),
        ("localhost:1", "http://evil.example", 403),
        ("localhost:1", "null", 403),
        ("localhost:1", "http://localhost:2", 403),
    ],
)
def test_host_and_origin(host: str, origin: str | None, status: int) -> None:
    async def body(web: Web) -> None:
        headers = {"Host": host} | ({"Origin": origin} if origin is not None else {})
        assert (await web.post(WHO, **headers)).status_code == status
        assert (await web.http.get("/health", headers=headers)).status_code == status

    run(body, hosts=("node.example",))


def test_body_limit_holds_declared_or_not_and_memory_stays() -> None:
    async def body(web: Web) -> None:
        assert (await web.post(b"x" * 70_000)).status_code == 413
        before = resident()

        async def drip() -> Any:
            for _ in range(1000):
                yield b"x" * 65536

        headers = {"Authorization": "Bearer " + "c" * 64}
        try:
            assert (await web.http.post("/", content=drip(), headers=headers)).status_code == 413
        except (httpx.WriteError, httpx.ReadError):
            # The server answered and closed while the client was still sending.
            assert True
        assert resident() - before < 20_000
        assert (await web.post(WHO)).status_code == 200

    run(body)


def resident() -> int:
    """KiB of memory this process holds."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])


HOSTILE = [
    b"\x00" * 1000,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    b"GET /%00%ff/../.. HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /sidechain/\xff HTTP/1.1\r\nHost: localhost\r\nAuthorization: \xff\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500,
]


def test_hostile_bytes_are_refused_and_the_server_lives() -> None:
    async def body(web: Web) -> None:
        for data in HOSTILE:
            answer = await web.raw(data)
            assert b" 200 " not in answer.partition(b"\r\n")[0], data[:40]
        assert (await web.post(WHO)).status_code == 200

    run(body)


def test_connection_survives_more_than_a_thousand_requests() -> None:
    async def body(web: Web) -> None:
        for _ in range(1100):
            assert (await web.http.get("/health")).status_code == 200
        pool = web.http._transport._pool  # type: ignore[attr-defined]
        assert len(pool.connections) == 1
        assert pool.connections[0]._connection._request_count == 1100

    run(body)


def test_ready_and_metrics() -> None:
    async def body(web: Web) -> None:
        unready = await web.http.get("/ready")
        assert (unready.status_code, unready.text) == (503, "not ready\n")
        assert (await web.http.get("/metrics")).status_code == 401
        headers = {"Authorization": "Bearer " + "e" * 64}
        why = (await web.http.get("/ready", headers=headers)).text
        assert why == "not ready\nsidechain-dead is failed\n"
        assert (await web.post({"method": "who"})).status_code == 200
        calls = [{"jsonrpc": "2.0", "id": 1, "method": one} for one in ("who", "who", "nobody")]
        assert (await web.post(calls)).status_code == 200
        text = (await web.http.get("/metrics", headers=headers)).text
        found = {f.name: f.samples for f in text_string_to_metric_families(text)}
        own = {one.full.removesuffix("_total") for one in WEB}
        assert set(found) == {"bystack_height", "bystack_process_up", *own}
        assert {one.labels["outcome"]: one.value for one in found["bystack_rpc_calls"]} == {
            "ok": 3,
            "error": 1,
        }
        requests = {
            (one.labels["endpoint"], one.labels["status"]): one.value
            for one in found["bystack_http_requests"]
        }
        assert requests == {("ready", "503"): 2, ("metrics", "401"): 1, ("rpc", "200"): 2}
        taken = {s.labels["endpoint"] for s in found["bystack_http_request_seconds"]}
        assert taken == {"ready", "metrics", "rpc"}
        assert found["bystack_height"][0].labels == {"role": "sidechain", "name": "trade"}
        assert found["bystack_height"][0].value == 7

    run(body)


def test_wrong_credentials_are_bounded_and_counted() -> None:
    async def body(web: Web) -> None:
        for _ in range(ATTEMPTS):
            assert (await web.post(WHO, secret="x" * 64)).status_code == 401
        barred = await web.post(WHO, secret="x" * 64)
        assert barred.status_code == 429 and int(barred.headers["retry-after"]) >= 1
        assert "www-authenticate" in barred.headers
        assert (await web.post(WHO)).status_code == 200  # the cookie, from the same address
        headers = {"Authorization": "Bearer " + "e" * 64}
        text = (await web.http.get("/metrics", headers=headers)).text
        assert f'bystack_rpc_logins_refused_total{{outcome="wrong"}} {ATTEMPTS}.0' in text
        assert 'bystack_rpc_logins_refused_total{outcome="barred"} 1.0' in text

    run(body)


def test_cookie_and_tokens_are_private_and_stable(tmp_path: Path) -> None:
    first, second = access.make_cookie(tmp_path), access.make_cookie(tmp_path)
    assert first.secret != second.secret
    assert (tmp_path / ".cookie").read_text() == f"__cookie__:{second.secret}"
    (made,) = access.load_tokens(tmp_path, {"explorer": "read"})
    assert access.load_tokens(tmp_path, {"explorer": "read"}) == (made,)
    assert made.secret not in repr(made)
    for path in (".cookie", "tokens/explorer"):
        assert (tmp_path / path).stat().st_mode & 0o777 == 0o600
    os.chmod(tmp_path / "tokens/explorer", 0o644)
    with pytest.raises(access.read_private.__globals__["KeyFileLoose"]):
        access.load_tokens(tmp_path, {"explorer": "read"})


def test_listening_everywhere_accepts_addresses_never_names() -> None:
    assert access.accepts_host("10.0.0.5:9736", "0.0.0.0:9736", ())
    assert not access.accepts_host("evil.example:9736", "0.0.0.0:9736", ())
    assert not access.accepts_host("10.0.0.5:9736", "127.0.0.1:9736", ())


def test_nothing_but_loopback_is_bound_by_default() -> None:
    assert Rpc().listen.startswith("127.0.0.1:")
    assert socket.inet_aton("127.0.0.1")
