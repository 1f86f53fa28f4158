"""Which process answers a request: by path, and on a chain's path by method name.

A process that is down costs its own path a 503 and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from bystack.node.announce import label_of
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError, TimedOut, Unavailable, traced
from bystack.node.rpc import DISCOVER, Request, merged
from bystack.node.web.rooms import Calls, Rooms

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
        "proveunclaimable",
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


VAULT_METHODS = frozenset({"buildvaultoperation", "createvault", "submitvaultoperation"})
"""Asked for on the main chain's path, they are the only federation member's of this node."""


class Unknown(Exception):
    """No process of this node answers on the path."""


class NoWallet(Unknown):
    """This node keeps no wallets."""


class Clients(Protocol):
    """The node's clients by process label; None for a process that is not configured."""

    def client(self, label: str) -> Calls | None:
        """The client of the process `label`."""

    def paths(self) -> tuple[str, ...]:
        """The paths somebody answers on."""


def wallet_named(path: str) -> tuple[str, str]:
    """The wallet that a path names, and the rest: before it (`/wallet/NAME/…`, as Bitcoin Core's)
    or after it. Whether there is one of that name only the wallet's process knows."""
    match path.strip("/").split("/"):
        case ["wallet", name, *rest] if name:
            return name, "/".join(rest)
        case [*rest, "wallet", name] if name:
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


class Limits(NamedTuple):
    """How many requests each process is asked at one time, and how long each may take."""

    room: int
    seconds: float


class Forwarder:
    """Carries requests to the processes, within `limits`, which may change from one to the next.

    A process that is stopped fills its own room only: calls to the others go on.
    """

    def __init__(self, clients: Clients, limits: Callable[[], Limits]) -> None:
        self._clients, self._limits = clients, limits
        self._rooms = Rooms(lambda: limits().room)

    async def watch(self) -> None:
        """Find the processes that do not answer any more, until cancelled."""
        await self._rooms.watch(self._clients.client)

    async def result(self, path: str, request: Request, scope: str) -> Any:
        """The result of `request` from its process.

        Raises `RemoteError`, `Unavailable` (also when too many wait), `Unknown`.
        """
        if request.method == DISCOVER:
            return await self.document(path, scope)
        wallet, rest = wallet_named(path)
        label, chain = self._target(rest, request.method)
        if request.method == "help" and _of_chain(label):
            return await self._help(label, request, scope, chain)
        return await self._ask(label, request, scope, chain, wallet)

    def whose(self, path: str, request: Request) -> str:
        """The label of the process that alone answers a request on a path, or nothing."""
        _, rest = wallet_named(path)
        try:
            label, _ = self._target(rest, request.method)
        except (Unknown, RemoteError):
            return ""
        several = request.method == DISCOVER or (request.method == "help" and _of_chain(label))
        return "" if several else label

    async def together(
        self, label: str, path: str, requests: Sequence[Request], scope: str
    ) -> list[Any]:
        """The answers of one process to the first of these requests (see `rpc.batching`).

        Raises as `result`.
        """
        wallet, rest = wallet_named(path)
        _, chain = self._target(rest, requests[0].method)
        asked = [[one.method, one.params] for one in requests]
        found: list[Any] = await self._call(label, asked, None, scope, chain, wallet)
        return found

    async def document(self, path: str, scope: str) -> Any:
        """The OpenRPC document of everything that is answered on a path."""
        _, rest = wallet_named(path)
        label, chain = target(rest, DISCOVER)
        found = [await self._ask(label, _asking(DISCOVER), scope, chain)]
        if _of_chain(label):
            try:
                found.append(await self._ask("wallet", _asking(DISCOVER), scope, chain))
            except (Unavailable, Unknown):
                return found[0]
        return merged(found, f"/{rest.strip('/')}")

    def _target(self, path: str, method: str) -> tuple[str, str]:
        if path.strip("/") or method not in VAULT_METHODS:
            return target(path, method)
        members = self._members()
        if len(members) == 1:
            return target(members[0], method)
        where = " or ".join(members) or "a node with a federation member"
        raise RemoteError(METHOD_UNKNOWN, f"{method} is answered by a member: ask it on {where}")

    def _members(self) -> list[str]:
        return [one for one in self._clients.paths() if one.startswith("/federation/")]

    async def _ask(
        self, label: str, request: Request, scope: str, chain: str, wallet: str = ""
    ) -> Any:
        return await self._call(label, request.method, request.params, scope, chain, wallet)

    async def _call(
        self, label: str, asked: Any, params: Any, scope: str, chain: str, wallet: str
    ) -> Any:
        client = self._clients.client(label)
        if client is None:
            raise NoWallet(label) if label == "wallet" else Unknown(label)
        named = (wallet,) if wallet and label == "wallet" else ()
        given = (asked, params, scope, chain, *named)
        seconds = self._limits().seconds
        call = partial(client.call, "rpc", *given, timeout=seconds)
        with traced(""):
            try:
                return await self._rooms.of(label).within(call)
            except TimedOut:
                text = f"no answer from {label} within {seconds:g} s ([rpc] seconds)"
                raise TimedOut(text) from None

    async def _help(self, label: str, request: Request, scope: str, chain: str) -> Any:
        """`help` of a chain's path speaks for the chain and the wallet together."""
        command = _about(request.params)
        if command in WALLET_METHODS:
            return await self._ask("wallet", request, scope, chain)
        if command in VAULT_METHODS and label == "mainchain" and (members := self._members()):
            label, chain = target(members[0], command)  # every member's are the same
        text = await self._ask(label, request, scope, chain)
        if command:
            return text
        try:
            return f"{text}\n\n{await self._ask('wallet', request, scope, chain)}"
        except (Unavailable, Unknown, RemoteError):
            return text


def _about(params: Any) -> str:
    """The method that `help` is asked about, by position or by name; empty for all of them."""
    match params:
        case [str(command), *_] | {"command": str(command)}:
            return command
        case _:
            return ""


def _of_chain(label: str) -> bool:
    """Whether a process answers for a chain, whose wallet methods the wallet answers."""
    return label == "mainchain" or label.startswith("sidechain-")


def _asking(method: str) -> Request:
    return Request(method, [], None, 2)
