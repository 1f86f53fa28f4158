"""A node that answers a browser as a test says: the real files under their real headers."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from bystack.node.web.showing import HEADERS, shown_files
from tests.processes.browser import Pages

BASE = "http://localhost:9/"
"""Where nobody listens: every request is answered here."""
TOKEN = "f00d"
BTM = "f" * 64
GOLD, FALSE = "a1" * 32, "b2" * 32
"""The asset that the sidechain lists as GOLD, and one that somebody issued as BTM."""
SINCE = 1_000_000_000
"""The node's clock: in 2001, as that of no visitor is."""
ROLES = (("mainchain", ""), ("sidechain", "games"), ("sidechain", "trade"), ("federation", "trade"))
DOWN = object()
"""Instead of an answer: the process is gone."""

Answer = Callable[..., Any]


def hash_of(height: int) -> str:
    """The id of the main chain's block at a height."""
    return f"{height:064x}"


def block(height: int) -> dict[str, Any]:
    return {
        "hash": hash_of(height), "height": height, "time": SINCE - 60 + height, "nTx": 1,
        "size": 300, "difficulty": 1, "confirmations": 1, "bits": "207fffff", "nonce": "00",
    }  # fmt: skip


class Pretended:
    """Answers by chain and method; `tip` is every chain's height; `wait`: nothing is answered.

    `open`: anybody may ask.
    """

    def __init__(self, page: Any) -> None:
        self.tip, self.wait, self.open = 5, False, False
        self.held: list[Any] = []
        self.sockets: list[Any] = []
        self.answers: dict[str, dict[str, Answer] | object] = {
            "main": {
                "getblockcount": lambda: self.tip,
                "getblockhash": hash_of,
                "getblock": lambda id, _=1: block(int(id, 16)),
                "getblockheader": lambda id: block(int(id, 16)),
                "getblockchaininfo": lambda: block(self.tip) | self._main(),
                "getmempoolinfo": lambda: {"size": 0},
                "getnetworkinfo": lambda: {"connections": 3},
                "getnetworkhashps": lambda: 3.5,
            },
            "games": {"getsidechaininfo": lambda: self._side([])},
            "trade": {"getsidechaininfo": lambda: self._side([(GOLD, "GOLD", 2)])},
        }
        self.tab = Pages(page, BASE)
        self._files = shown_files()
        page.route("**/*", self._asked)
        page.route_web_socket("**/ws", lambda socket: self.sockets.append(socket))

    def _main(self) -> dict[str, Any]:
        return {"blocks": self.tip, "headers": self.tip, "bestblockhash": hash_of(self.tip)}

    def _side(self, assets: list[tuple[str, str, int]]) -> dict[str, Any]:
        rows = [{"asset": id, "name": name, "decimals": parts} for id, name, parts in assets]
        facts = {"vault": "c3" * 32, "relay": {"height": self.tip}, "assets": rows, "warnings": ""}
        return self._main() | facts | {"time": SINCE - 1}

    def enter(self) -> Pages:
        """Come with the token."""
        self.tab.enter(TOKEN)
        self.tab.see("#live.on")
        return self.tab

    def event(self) -> None:
        """Tell of a new block."""
        told = {"topic": "blocks", "chain": "main", "event": "connected", "height": self.tip}
        self.sockets[-1].send(json.dumps({"jsonrpc": "2.0", "method": "event", "params": told}))

    def go_on(self) -> None:
        """Answer what waits."""
        self.wait = False
        for route, request in self.held:
            self._asked(route, request)
        self.held.clear()

    def _asked(self, route: Any, request: Any) -> None:
        path = urlsplit(request.url).path
        file = self._files.get(path.removeprefix("/dashboard/") if path != "/" else "index.html")
        if request.method == "GET" and file is not None:
            route.fulfill(body=file.data, headers={"content-type": file.kind, **HEADERS})
        elif not self.open and request.headers.get("authorization") != f"Bearer {TOKEN}":
            route.fulfill(status=401, headers={"WWW-Authenticate": "Bearer"})
        elif path == "/node.json":
            self._told(route)
        elif self.wait:
            self.held.append((route, request))
        else:
            self._answered(route, path.rpartition("/")[2] or "main", request.post_data_json)

    def _told(self, route: Any) -> None:
        rows = [{"role": r, "name": n, "state": "running", "restarts": 0} for r, n in ROLES]
        told = {"network": "regtest", "scope": "read", "processes": rows}
        route.fulfill(json=told, headers={"Date": formatdate(SINCE, usegmt=True)})

    def _answered(self, route: Any, chain: str, asked: list[dict[str, Any]]) -> None:
        methods = self.answers[chain]
        if isinstance(methods, dict):
            route.fulfill(json=[{"id": one["id"], **_result(methods, one)} for one in asked])
        else:
            route.abort()


def _result(methods: dict[str, Answer], one: dict[str, Any]) -> dict[str, Any]:
    known = methods.get(one["method"])
    found = None if known is None else known(*one["params"])
    return {"error": {"code": -5, "message": "not known"}} if found is None else {"result": found}
