"""What the built-in modules answer, field by field: registry, exchange, federation."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.rpc import Hash, Hex
from bystack.node.sidechain.rpc.wires import (
    Allowance,
    Decision,
    Rules,
    TermsDecision,
    Work,
)

Quantity = Annotated[int | float | str, Meta(description="decimal: a number if exact, else text")]
Points = Annotated[int, Meta(description="basis points")]
Relayed = Annotated[int, Meta(description="main-chain height, as relayed")]
Name = Annotated[str, Meta(description="a member's name")]


class Endorsement(TypedDict):
    """Who stands for a certificate."""

    owner: Hash
    height: int
    time: Annotated[int, Meta(description="milliseconds")]


class Certificate(TypedDict):
    """`getcertificate`, one of `listcertificates`."""

    status: Annotated[str, Meta(description="valid, expired or revoked")]
    address: str
    digest: Hash
    owner: Hash
    memo: str
    memo_hex: Hex
    height: int
    time: Annotated[int, Meta(description="milliseconds")]
    relayed: Relayed
    transaction: Hash
    expires: Annotated[int, Meta(description="a height; 0 for no end")]
    since: int
    transfers: int
    revoked: Annotated[int, Meta(description="a height; 0 while it is not")]
    reason: Hex
    endorsements: list[Endorsement]
    key: Annotated[str, Meta(description="what a proof is of")]


class RegistryInfo(TypedDict):
    """`getregistryinfo`; fees in base units of the asset."""

    asset: Hash
    fee: int
    byte_fee: int
    certificates: Annotated[int, Meta(description="how many there are")]


class Market(TypedDict):
    """One of `listmarkets`."""

    market: int
    name: str
    amount_step: Quantity
    price_step: str
    maker_bp: Points
    taker_bp: Points


class Level(TypedDict):
    """A price that has orders."""

    price: str
    amount: Quantity
    orders: int


class OrderBook(Market):
    """`getorderbook`."""

    bids: list[Level]
    asks: list[Level]


class Order(TypedDict):
    """`getorder`, one of `listorders`, of `listmyorders`."""

    order: Hash
    market: str
    side: str
    price: str
    amount: Annotated[int | float | str, Meta(description="what is left of it")]
    of: Quantity
    owner: Hash
    height: int
    expires: int
    address: NotRequired[str]


class Trade(TypedDict):
    """One of `listtrades`."""

    number: int
    height: int
    time: Annotated[int, Meta(description="Unix time")]
    side: str
    price: str
    amount: Quantity
    maker: Hash
    taker: Hash


# -- federation


class Seat(TypedDict):
    """A member."""

    name: Name
    weight: int
    identity: Hash
    node: Hash
    recipient: Hash
    key: Annotated[str, Meta(description="of its governance")]


class MemberChange(TypedDict):
    """A change of members or keys in flight."""

    number: int
    kind: str
    epoch: int
    since: Relayed
    expires: Relayed
    charter: Hash
    threshold: int
    members: list[Seat]


class Members(TypedDict):
    """`listmembers`."""

    charter: Hash
    threshold: int
    members: list[Seat]
    nonce: int
    epoch: int
    change: MemberChange | None
    versions: Annotated[list[int], Meta(description="of the members' signers")]
    region: str


class Pauses(TypedDict):
    """`getpauses`: until which main-chain height; 0 for not."""

    claims: int
    burns: int
    batches: int
    signing: int


class MemberPause(TypedDict):
    """A member's last pause."""

    member: Name
    what: int
    since: Relayed
    reason: str
    again: Annotated[int, Meta(description="the height from which it may pause again")]


class PauseList(TypedDict):
    """`listpauses`."""

    pauses: list[MemberPause]


class KeyEpoch(TypedDict):
    """A group key, and who held it."""

    epoch: int
    kind: str
    key: Hex
    session: Hash
    since: Relayed
    threshold: int
    members: Annotated[list[list[str | int]], Meta(description="name and weight each")]


class KeyEpochs(TypedDict):
    """`getkeyepochs`."""

    epochs: list[KeyEpoch]
    coming: KeyEpoch | None
    terms: TermsDecision | None


class Proposal(TypedDict):
    """`getproposal`, one of `listproposals`."""

    number: int
    id: Hash
    kind: str
    state: str
    proposer: Name
    note: str
    since: Relayed
    expires: Relayed
    closed: int
    yes: Annotated[int, Meta(description="weight")]
    needed: Annotated[int, Meta(description="weight; 0 once it is closed")]
    votes: Annotated[list[list[str | int]], Meta(description="name, and 1 for yes")]
    decision: Decision


class Proposals(TypedDict):
    """`listproposals`."""

    proposals: list[Proposal]
    next: int


class Earned(TypedDict):
    """What a member was paid of an asset."""

    asset: Hash
    last: int
    total: int


class MemberWork(TypedDict):
    """What a member did since fees were shared last."""

    member: Name
    weight: int
    points: int
    statements: int
    headers: int
    settlements: int
    proposals: int
    votes: int
    paid: list[Earned]


class FeeReport(TypedDict):
    """`getfeereport`."""

    members: list[MemberWork]
    work: Work


class Freeze(TypedDict):
    """A frozen destination (an encoded lock), and by which rule."""

    id: Hash
    destination: Hex
    rule: str
    reference: str
    number: Annotated[int, Meta(description="of the decision")]
    since: Relayed


class Freezes(TypedDict):
    """`getfreezes`."""

    freezes: list[Freeze]
    region: str


FEDERATION: dict[str, Any] = {
    "getallowances": dict[Name, list[Allowance]],
    "getfederationrules": Rules,
    "getfeereport": FeeReport,
    "getfreezes": Freezes,
    "getkeyepochs": KeyEpochs,
    "getpauses": Pauses,
    "getproposal": Proposal,
    "listmembers": Members,
    "listpauses": PauseList,
    "listproposals": Proposals,
}
"""What the federation's module answers, by query."""
OF: dict[str, dict[str, Any]] = {"federation": FEDERATION}
"""What modules answer whose queries have no method of their own, by module."""
