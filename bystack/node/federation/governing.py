"""Member actions on the sidechain: approved by the signer, sent by the own sidechain process.

Proposals and votes go one by one; a quorum may also sign one decision together and send it at once.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bystack.federation.messages import MESSAGE_LIMIT, KeyCertificate
from bystack.federation.module.actions import (
    NUMBERS,
    CastVote,
    Certify,
    Enact,
    MemberApproval,
    Pause,
    Propose,
)
from bystack.federation.module.decisions import Decision, Proposal, SetParameters, SetPegs
from bystack.federation.module.membership import SeatUnknown
from bystack.federation.module.queries import QUERIES
from bystack.federation.module.records import (
    NAME,
    RULES,
    SIGNER_VERSION,
    STANDING,
    Rules,
    Standing,
    entry_key,
)
from bystack.federation.module.voting import PROPOSAL, ProposalUnknown
from bystack.federation.statements import Statement
from bystack.node.federation.acting import transaction_of
from bystack.node.federation.asking import Requests
from bystack.node.federation.drafting import PAUSES, Details, Present, drafted
from bystack.node.federation.links import Links
from bystack.node.federation.shapes import ANSWERS
from bystack.node.rpc import Hex, Methods
from bystack.node.sidechain.rpc.shapes_modules import FEDERATION
from bystack.primitives.codec import MAX_INT, U16, U32, U63, Wire, decode, encode
from bystack.sidechain import parameters, peg_numbers
from bystack.sidechain.parameters import Parameters
from bystack.sidechain.params import Genesis
from bystack.sidechain.peg_numbers import PegNumbers

What = Annotated[
    str, Meta(pattern="^(claims|burns|batches|signing|all)$", description="what to pause")
]
Kind = Annotated[str, Meta(pattern="^[a-z]{1,16}$", description="what kind of decision")]
Note = Annotated[str, Meta(max_length=200, description="published with it")]
Number = Annotated[int, Meta(ge=0, le=MAX_INT, description="of the proposal")]
Approvals = Annotated[list[tuple[U16, U32, Hex]], Meta(max_length=64)]

NO_DETAILS: Details = {}

_STANDING = entry_key(STANDING)


class Governing:
    """What this member says on its sidechain."""

    def __init__(self, links: Links, requests: Requests, identity: bytes) -> None:
        self._links, self._requests, self._identity = links, requests, identity

    async def pause(self, what: What, reason: str = "") -> str:
        """Pause claims, burns, batches, signing or all for a while; this member's word."""
        action = Pause(await self._nonce(), PAUSES[what], reason)
        return await self._send(action, [await self._approve(action)])

    async def propose(
        self, kind: Kind, details: Details = NO_DETAILS, note: Note = ""
    ) -> dict[str, Any]:
        """Open a proposal; this member votes yes with it. `kind`: add remove reweigh refresh
        newkey cause parameters pegs terms pause resume refund return freeze unfreeze rules
        allowances abandon region; `details`: what that kind is told, see docs/governance.md."""
        decision = await self._drafted(kind, details)
        asked = await self._links.side.call("module", NAME, "listproposals", [])
        action = Propose(int(asked["next"]), decision, note.encode())
        sent = await self._send(action, [await self._approve(action)])
        return {"number": action.number, "kind": kind, "transaction": sent}

    async def unpause(self, note: Note = "") -> dict[str, Any]:
        """Propose to lift every pause and the automatic stops whose condition is gone; this member
        votes yes with it."""
        return await self.propose("resume", NO_DETAILS, note)

    async def vote(self, number: Number, yes: bool = True) -> dict[str, Any]:
        """Vote on a proposal, as it stands on this node's own sidechain."""
        proposal = await self._links.state(Proposal, entry_key(PROPOSAL, number))
        if proposal is None:
            raise ProposalUnknown(number=number)
        action = CastVote(number, proposal.id, int(yes), self._identity)
        sent = await self._send(action, [await self._approve(action)])
        return {"number": number, "kind": proposal.kind, "yes": yes, "transaction": sent}

    async def approvedecision(self, kind: Kind, details: Details = NO_DETAILS) -> list[Any]:
        """This member's approval of a decision that a quorum makes at once, as [seat, version,
        signature]; `submitdecision` sends it with the others'. Nothing else may be decided at
        once in between."""
        return _shown(await self._approve(await self._enacting(kind, details)))

    async def submitdecision(self, kind: Kind, details: Details, approvals: Approvals) -> str:
        """Send a quorum's decision with its approvals; the sidechain transaction's id."""
        action = await self._enacting(kind, details)
        given = [MemberApproval(seat, v, bytes.fromhex(text)) for seat, v, text in approvals]
        return await self._send(action, given)

    async def submitcertificate(self, certificate: Hex) -> str:
        """Show the sidechain the certificate of the change in flight; the transaction's id."""
        shown = decode(KeyCertificate, bytes.fromhex(certificate), MESSAGE_LIMIT)
        return await self._send(Certify(shown), [])

    async def state(self, statement: Statement, signature: bytes) -> str:
        """Send this member's signed statement about the reserves; the transaction's id."""
        seat = (await self._links.state(Standing, _STANDING)).position(self._identity)
        if seat is None:
            raise SeatUnknown(identity=self._identity)
        return await self._send(statement, [MemberApproval(seat, SIGNER_VERSION, signature)])

    async def _enacting(self, kind: str, details: Details) -> Enact:
        """What a quorum decides at once. Refused here is what the chain would refuse: else members
        sign, pass their lines round, and hear of it from the last one."""
        decision = await self._drafted(kind, details)
        match decision:
            case SetParameters(chosen):
                held = await self._links.state(Parameters, parameters.IN_FORCE)
                parameters.check_change(held, chosen)
            case SetPegs(numbers):
                genesis = await self._requests.ask("genesis")
                now = await self._links.state(PegNumbers, peg_numbers.IN_FORCE)
                peg_numbers.check_change(genesis, now, numbers)
        return Enact(await self._nonce(), decision)

    async def _drafted(self, kind: str, details: Details) -> Decision:
        return drafted(kind, details, await self._present())

    async def _present(self) -> Present:
        """What was decided last, in force or not yet: a change is one of that."""
        state = self._links.state
        return Present(
            genesis=await self._requests.ask("genesis"),
            standing=await state(Standing, _STANDING),
            parameters=await state(Parameters, parameters.DECIDED)
            or await state(Parameters, parameters.IN_FORCE),
            pegs=await state(PegNumbers, peg_numbers.DECIDED)
            or await state(PegNumbers, peg_numbers.IN_FORCE),
            rules=await state(Rules, entry_key(RULES)),
        )

    async def _nonce(self) -> int:
        return await self._links.state(U63, entry_key(b"nonce")) or 0

    async def _approve(self, action: Wire) -> MemberApproval:
        kind, standing = NUMBERS[type(action)], await self._links.state(Standing, _STANDING)
        seat = standing.position(self._identity)
        if seat is None:
            raise SeatUnknown(identity=self._identity)
        signature = await self._links.signer.call("approve", kind, encode(action))
        return MemberApproval(seat, SIGNER_VERSION, signature)

    async def _send(self, action: Wire, approvals: list[MemberApproval]) -> str:
        genesis: Genesis = await self._requests.ask("genesis")
        tx = transaction_of(genesis, action, approvals)
        return str((await self._links.side.call("submit", encode(tx))).hex())


def _shown(approval: MemberApproval) -> list[Any]:
    return [approval.member, approval.version, approval.signature.hex()]


def add_governing(methods: Methods, governing: Governing, links: Links) -> None:
    """What a member says, and what anybody may ask the federation's module."""
    for action in (
        governing.pause,
        governing.unpause,
        governing.propose,
        governing.vote,
        governing.approvedecision,
        governing.submitdecision,
        governing.submitcertificate,
    ):
        name = action.__name__
        methods.add(name, action, scope="admin", returns=ANSWERS.get(name))
    for name in QUERIES:
        about, kind = "Asks the federation's module.", FEDERATION[name]
        methods.add(name, _asking(links, name), help=about, returns=kind)


def _asking(links: Links, name: str) -> Any:
    async def ask(params: list[Any] | None = None) -> Any:
        return await links.side.call("module", NAME, name, params or [])

    return ask
