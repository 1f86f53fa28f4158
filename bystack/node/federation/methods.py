"""The member's RPC methods; each becomes a request in its inbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta

from bystack.node.config import Scope
from bystack.node.federation.asking import Requests
from bystack.node.federation.auditing import add_auditing
from bystack.node.federation.governing import Governing, add_governing
from bystack.node.federation.links import Links
from bystack.node.federation.operating.building import NO_PARAMS, Params
from bystack.node.federation.shapes import ANSWERS
from bystack.node.rpc import Hex, Methods
from bystack.primitives.codec import U32
from bystack.sidechain.specification import GenesisSpec

VaultOperation = Annotated[
    str,
    Meta(
        pattern="^(create|order|touch|complete|veto|announce|cancel|adopt|freeze|replace|recover"
        "|consolidate)$",
        description="an operation of the vault",
    ),
]

Attempt = Annotated[U32, Meta(description="which one, from 0")]


def methods_of(links: Links, requests: Requests, identity: bytes) -> Methods:
    """The member's methods under their names; `identity`: the member's."""
    methods = Methods("federation")
    _add_reads(methods, links, requests)
    _add_launch(methods, requests)
    add_auditing(methods, links)
    add_governing(methods, Governing(links, requests, identity), links)
    return methods


def _add(methods: Methods, function: Callable[..., Any], scope: Scope = "read") -> None:
    name = function.__name__
    methods.add(name, function, scope=scope, returns=ANSWERS.get(name))


def _add_reads(methods: Methods, links: Links, requests: Requests) -> None:
    async def getfederationinfo() -> dict[str, Any]:
        """How the membership stands: key, vault, sponsor's purse, signer."""
        return dict(await requests.ask("info"))

    async def listpending() -> list[dict[str, Any]]:
        """Orders and touches being signed: who has signed, who is missing."""
        return list(await requests.ask("pending"))

    async def listvaultoperations() -> list[dict[str, Any]]:
        """The vault operations built here: who must sign, who has."""
        return list(await requests.ask("operations"))

    async def submitconflict(first: Hex, second: Hex) -> dict[str, bool]:
        """Two final headers of the sidechain (`getfinalheader`) that contradict each other: the
        signer, which verifies both, signs no order after that."""
        pair = (bytes.fromhex(first), bytes.fromhex(second))
        return {"frozen": bool(await links.signer.call("compare", *pair))}

    for function in (
        getfederationinfo,
        listpending,
        listvaultoperations,
        submitconflict,
    ):
        _add(methods, function)


def _add_launch(methods: Methods, requests: Requests) -> None:
    async def keygen(attempt: Attempt = 0) -> dict[str, Any]:
        """Take part in the generation of the group key; every member's operator starts it."""
        return dict(await requests.ask("keygen", attempt))

    async def giveupkeygen() -> dict[str, Any]:
        """End a key generation whose round lasts too long; begin again with the next attempt."""
        return dict(await requests.ask("giveup"))

    async def buildvaultoperation(
        operation: VaultOperation, params: Params = NO_PARAMS
    ) -> dict[str, Any]:
        """Build a vault operation and have the members sign it where that is theirs: the digests,
        who must sign and who has, and from which height on a block may hold it. `params`: `tier`
        (touch), `seq` (order), `coin` (veto, complete), `asset` (consolidate), `charter` as text
        and a group `key` of your own (announce, adopt, replace, recover)."""
        return dict(await requests.ask("build", operation, params))

    async def submitvaultoperation(
        signatures: dict[str, Hex] | None = None, operation: str = ""
    ) -> dict[str, Any]:
        """Complete and send what was built last, or the `operation` of this name or id;
        `signatures` by charter key name (guards, recovery)."""
        return dict(await requests.ask("submit", signatures or {}, operation))

    async def buildgenesis(spec: GenesisSpec) -> dict[str, Any]:
        """The sidechain's genesis for the founded vault, as plain data, and its id."""
        return dict(await requests.ask("buildgenesis", spec))

    for function in (keygen, giveupkeygen, buildvaultoperation, submitvaultoperation):
        _add(methods, function, scope="admin")
    methods.add("createvault", submitvaultoperation, scope="admin", returns=ANSWERS["createvault"])
    _add(methods, buildgenesis)
