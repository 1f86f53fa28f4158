"""Which process answers a request: by path, and on a chain's path by method name.

A process that is down costs its own path a 503 and nothing else.
"""

from __future__ import annotations

from typing import Any, Protocol

import trio

from bystack.node.announce import label_of
from bystack.node.ipc import RemoteError, Unavailable, traced
from bystack.node.rpc import Request

CALL_SECONDS = 300.0
MAX_WAITING = 256

WALLET_METHODS = frozenset(
    {
        "abandontransaction",
        "abortrescan",
        "acceptswap",
        "analyzepst",
        "backupwallet",
        "bumpfee",
        "cancelorder",
        "combinepst",
        "consolidate",
        "createaccount",
        "createmusig",
        "createpolicyaddress",
        "createpst",
        "createswap",
        "createwallet",
        "decodepst",
        "decodeswap",
        "dumpphrase",
        "encryptwallet",
        "endorsecertificate",
        "finalizepst",
        "getaddressesbylabel",
        "getaddressinfo",
        "getbalance",
        "getbalances",
        "getnewaddress",
        "getnewpublickey",
        "getrawchangeaddress",
        "gettransaction",
        "getwalletinfo",
        "importaddress",
        "importdescriptors",
        "issueasset",
        "listaccounts",
        "listaddresses",
        "listassets",
        "listdescriptors",
        "listlabels",
        "listlockunspent",
        "listmyorders",
        "listmystake",
        "listsinceblock",
        "listtransactions",
        "listunspent",
        "listwalletdir",
        "listwallets",
        "loadwallet",
        "lockunspent",
        "moduleaction",
        "pegin",
        "placeorder",
        "registerdigest",
        "registervalidator",
        "reissueasset",
        "releasepst",
        "renameaccount",
        "rescanblockchain",
        "restorewallet",
        "retireasset",
        "revokecertificate",
        "sendall",
        "sendmany",
        "sendpst",
        "sendtoaddress",
        "sendtomainchain",
        "sendtosidechain",
        "setaddressgap",
        "setlabel",
        "transfercertificate",
        "unjailvalidator",
        "unloadwallet",
        "unregistervalidator",
        "unvotestake",
        "updatevalidator",
        "votestake",
        "walletcreatefundedpst",
        "walletlock",
        "walletpassphrase",
        "walletpassphrasechange",
        "walletprocesspst",
        "withdrawstake",
    }
)


class Unknown(Exception):
    """No process of this node answers on the path."""


class Calls(Protocol):
    """What forwarding needs of a client of a private socket."""

    async def call(self, method: str, *params: Any, timeout: float = ...) -> Any:
        """The result of a call."""


class Clients(Protocol):
    """The node's clients by process label; None for a process that is not configured."""

    def client(self, label: str) -> Calls | None:
        """The client of the process `label`."""


def wallet_named(path: str) -> tuple[str, str]:
    """The wallet that a path begins with (`/wallet/NAME/…`, as Bitcoin Core's), and the rest."""
    match path.strip("/").split("/"):
        case ["wallet", name, *rest] if name:
            return name, "/".join(rest)
        case _:
            return "", path


def target(path: str, method: str) -> tuple[str, str]:
    """The process label that answers `method` on `path`, and the chain it is asked about.

    Raises `Unknown` for a path that means nothing.
    """
    match path.strip("/").split("/"):
        case [""]:
            return ("wallet" if method in WALLET_METHODS else "mainchain"), "main"
        case ["sidechain", name] if name:
            wallet = method in WALLET_METHODS
            return ("wallet" if wallet else label_of("sidechain", name)), name
        case ["federation", name] if name:
            return label_of("federation", name), name
        case ["guard", name] if name:
            return label_of("guard", name), name
        case _:
            raise Unknown(path)


class Forwarder:
    """Carries requests to the processes, at most `room` at one time to each.

    A process that is stopped fills its own room only: calls to the others go on.
    """

    def __init__(self, clients: Clients, room: int) -> None:
        self._clients = clients
        self._room = room
        self._rooms: dict[str, trio.CapacityLimiter] = {}

    async def result(self, path: str, request: Request, scope: str) -> Any:
        """The result of `request` from its process.

        Raises `RemoteError`, `Unavailable` (also when too many wait), `Unknown`.
        """
        if path.strip("/") == "" and request.method == "help":
            return await self._help(request, scope)
        wallet, rest = wallet_named(path)
        label, chain = target(rest, request.method)
        return await self._ask(label, request, scope, chain, wallet)

    async def _ask(
        self, label: str, request: Request, scope: str, chain: str, wallet: str = ""
    ) -> Any:
        client = self._clients.client(label)
        if client is None:
            raise Unknown(label)
        room = self._rooms.setdefault(label, trio.CapacityLimiter(self._room))
        if room.statistics().tasks_waiting >= MAX_WAITING:
            raise Unavailable(f"too many requests wait for {label}")
        named = (wallet,) if wallet and label == "wallet" else ()
        params = (request.method, request.params, scope, chain, *named)
        with traced(""):
            async with room:
                return await client.call("rpc", *params, timeout=CALL_SECONDS)

    async def _help(self, request: Request, scope: str) -> Any:
        """`help` of the root path speaks for the main chain and the wallet together."""
        command = request.params[0] if isinstance(request.params, list) and request.params else ""
        if command in WALLET_METHODS:
            return await self._ask("wallet", request, scope, "main")
        text = await self._ask("mainchain", request, scope, "main")
        if command:
            return text
        try:
            return f"{text}\n\n{await self._ask('wallet', request, scope, 'main')}"
        except (Unavailable, Unknown, RemoteError):
            return text
