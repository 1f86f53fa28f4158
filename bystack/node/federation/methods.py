"""The member's RPC methods; each becomes a request in its inbox."""

from __future__ import annotations

from typing import Annotated, Any

import trio
from msgspec import Meta

from bystack.federation.module.actions import (
    GOVERN,
    PAUSE,
    REFUND,
    RESUME,
    Govern,
    MemberApproval,
    Pause,
    RefundRequests,
    Resume,
)
from bystack.federation.module.application import FederationModule
from bystack.federation.module.pauses import EVERYTHING, SWITCHES
from bystack.federation.module.records import SIGNER_VERSION
from bystack.ledger.transactions import VERSION, Action, Approval, Transaction, TransactionBody
from bystack.node.federation.events import Ask, Event
from bystack.node.federation.links import Links
from bystack.node.federation.operating.building import NO_PARAMS, Params
from bystack.node.rpc import Hash, Hex, Methods
from bystack.primitives.codec import Wire, decode, encode
from bystack.sidechain.parameters import (
    DECIDED,
    IN_FORCE,
    MAX_PARAMETERS,
    Parameters,
    changed,
    check_change,
)
from bystack.sidechain.params import Genesis
from bystack.sidechain.specification import GenesisSpec

PAUSES = {**SWITCHES, "all": EVERYTHING}
_KINDS = {Pause: PAUSE, Resume: RESUME, RefundRequests: REFUND, Govern: GOVERN}

What = Annotated[
    str, Meta(pattern="^(claims|burns|batches|signing|all)$", description="what to pause")
]
VaultOperation = Annotated[
    str,
    Meta(
        pattern="^(create|order|touch|complete|veto|announce|cancel|adopt|freeze|replace|recover"
        "|consolidate)$",
        description="an operation of the vault",
    ),
]
Proposal = Annotated[
    str, Meta(pattern="^(resume|refund|govern)$", description="resume, refund or govern")
]
Changes = dict[str, int]


class Requests:
    """Asks the member's task and waits for its answer."""

    def __init__(self, inbox: trio.MemorySendChannel[Event]) -> None:
        self._inbox = inbox

    async def ask(self, method: str, *params: Any) -> Any:
        """The member's answer; raises what it raised."""
        send, receive = trio.open_memory_channel[Any](1)
        await self._inbox.send(Ask(method, params, send))
        result = await receive.receive()
        if isinstance(result, Exception):
            raise result
        return result


class Actions:
    """Member actions on the sidechain: approved by signers, sent to the own sidechain process."""

    def __init__(self, links: Links, requests: Requests, seat: int) -> None:
        self._links, self._requests, self._seat = links, requests, seat

    async def pause(self, what: What, reason: str = "") -> str:
        """Pause claims, burns, batches, signing or all for a while; this member's word."""
        action = Pause(await self._nonce(), PAUSES[what], reason)
        return await self._send(action, [await self._approve(action)])

    async def propose(
        self, kind: Proposal, ids: list[Hash] | None = None, changes: Changes | None = None
    ) -> dict[str, Any]:
        """Draft a quorum's action; each member signs it with `vote`, any one sends it with
        `submitaction`. `changes`: of `govern`, the parameters to be others from the next epoch on.
        """
        action = await self._drafted(kind, ids or [], changes or {})
        return {
            "kind": kind,
            "ids": ids or [],
            "changes": changes or {},
            "approval": self._shown(await self._approve(action)),
        }

    async def vote(
        self, kind: Proposal, ids: list[Hash] | None = None, changes: Changes | None = None
    ) -> list[Any]:
        """This member's approval of a proposed action, as [seat, version, signature]."""
        drafted = await self._drafted(kind, ids or [], changes or {})
        return self._shown(await self._approve(drafted))

    async def submitaction(
        self,
        kind: Proposal,
        ids: list[Hash],
        approvals: list[tuple[int, int, Hex]],
        changes: Changes | None = None,
    ) -> str:
        """Send a quorum's action with its approvals; the sidechain transaction's id."""
        action = await self._drafted(kind, ids, changes or {})
        given = [MemberApproval(seat, v, bytes.fromhex(text)) for seat, v, text in approvals]
        return await self._send(action, given)

    async def _drafted(self, kind: str, ids: list[str], changes: Changes) -> Wire:
        nonce = await self._nonce()
        if kind == "resume":
            return Resume(nonce)
        if kind == "govern":
            return Govern(nonce, await self._changed(changes))
        return RefundRequests(nonce, tuple(bytes.fromhex(id) for id in ids))

    async def _changed(self, changes: Changes) -> Parameters:
        """What was decided last, with these changes; raises what the chain would refuse."""
        data = await self._links.side.call("state", IN_FORCE)
        present = decode(Parameters, data, MAX_PARAMETERS)
        waiting = await self._links.side.call("state", DECIDED)
        last = present if waiting is None else decode(Parameters, waiting, MAX_PARAMETERS)
        chosen = changed(last, changes)
        check_change(present, chosen)
        return chosen

    async def _nonce(self) -> int:
        members = await self._links.side.call("module", FederationModule.name, "listmembers", [])
        return int(members["nonce"])

    async def _approve(self, action: Wire) -> MemberApproval:
        kind = _KINDS[type(action)]
        signature = await self._links.signer.call("approve", kind, encode(action))
        return MemberApproval(self._seat, SIGNER_VERSION, signature)

    @staticmethod
    def _shown(approval: MemberApproval) -> list[Any]:
        return [approval.member, approval.version, approval.signature.hex()]

    async def _send(self, action: Wire, approvals: list[MemberApproval]) -> str:
        genesis: Genesis = await self._requests.ask("genesis")
        names = [module.name for module in genesis.modules]
        number = 256 * (names.index(FederationModule.name) + 1)
        kind = number + _KINDS[type(action)]
        wire = Action(kind, encode(action))
        body = TransactionBody(VERSION, (), (), (wire,), 0, 0, b"")
        tx = Transaction(body, (Approval(encode(tuple(approvals)), ()),))
        return str((await self._links.side.call("submit", encode(tx))).hex())


def methods_of(links: Links, requests: Requests, seat: int) -> Methods:
    """The member's methods under their names."""
    methods, actions = Methods(), Actions(links, requests, seat)
    _add_reads(methods, links, requests)
    _add_launch(methods, requests)
    for action in (actions.pause, actions.propose, actions.vote, actions.submitaction):
        methods.add(action.__name__, action, scope="admin")
    return methods


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

    async def listmembers() -> Any:
        """Members and weights as the sidechain knows them."""
        return await links.side.call("module", FederationModule.name, "listmembers", [])

    async def getpauses() -> Any:
        """Until which main-chain height claims, burns and batches are paused."""
        return await links.side.call("module", FederationModule.name, "getpauses", [])

    async def submitconflict(first: Hex, second: Hex) -> dict[str, bool]:
        """Two final headers of the sidechain (`getfinalheader`) that contradict each other: the
        signer, which verifies both, signs no order after that."""
        pair = (bytes.fromhex(first), bytes.fromhex(second))
        return {"frozen": bool(await links.signer.call("compare", *pair))}

    for function in (
        getfederationinfo,
        listpending,
        listvaultoperations,
        listmembers,
        getpauses,
        submitconflict,
    ):
        methods.add(function.__name__, function)


def _add_launch(methods: Methods, requests: Requests) -> None:
    async def keygen(attempt: int = 0) -> dict[str, Any]:
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
        methods.add(function.__name__, function, scope="admin")
    methods.add("createvault", submitvaultoperation, scope="admin")
    methods.add("buildgenesis", buildgenesis)
