"""What a sidechain answers about its pegs and its solvency, field by field."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.rpc import Hash, Hex
from bystack.node.rpc.wires import Terms
from bystack.node.sidechain.rpc.wires import Destination

Units = Annotated[int, Meta(description="base units")]
Blocks = Annotated[int, Meta(description="main-chain blocks")]
About = Annotated[int, Meta(description="about so many seconds; 0 where nobody can tell")]
Reason = Annotated[str, Meta(description="what it waits for, in words")]


class Sum(TypedDict):
    """An amount of an asset."""

    asset: Annotated[str, Meta(description="BTM, or an asset's id")]
    units: Units
    name: NotRequired[str]
    value: NotRequired[int | float | str]


class Taken(TypedDict):
    """An asset that may be deposited."""

    name: str
    asset: Hash
    minimum: Units
    confirmations: Blocks


class PeginAddress(TypedDict):
    """`getpeginaddress`."""

    mainchain_address: str
    recipient: str
    vault: Hash
    note: Hex
    assets: list[Taken]


class PeginStatus(Sum):
    """`getpeginstatus`."""

    txid: Hash
    vout: int
    recipient: Annotated[str, Meta(description="the policy root that its note names")]
    state: Annotated[
        str,
        Meta(
            description="waiting, claimable, claimed, orphaned, donation, unclaimable, stray,"
            " returning or returned"
        ),
    ]
    height: Annotated[int, Meta(description="of its main-chain block")]
    blocks_left: Blocks
    waits_for: Reason
    about_seconds: About
    claim: Annotated[Hash | None, Meta(description="the transaction that waits to claim it")]


class Since(TypedDict):
    """When a way was shut."""

    height: int
    relay_height: int


class Hold(TypedDict):
    """What holds a way shut."""

    rule: str
    why: str
    since: Annotated[Since | None, Meta(description="null where it was not written down")]
    until: Annotated[int | None, Meta(description="the main-chain height at which it ends")]
    lifts: Annotated[str, Meta(description="what opens the way")]


class Way(TypedDict):
    """One way over the pegs."""

    open: bool
    why: list[Hold]


class PegStatus(TypedDict):
    """`getpegstatus`."""

    sidechain_height: int
    relay_height: int
    pegin: Way
    pegout: Way
    payouts: Way
    signing: Way


class Waiting(TypedDict):
    """What a peg-out waits for, and about how long."""

    waits_for: Reason
    wait: Annotated[str, Meta(description="the same as one word")]
    about_blocks: Blocks
    about_seconds: About
    paid_in_about_seconds: About
    before: Annotated[int, Meta(description="how many stand before it in its queue")]
    tier: int


class PegoutQuote(Waiting):
    """`getpegoutquote`."""

    burned: Sum
    payout: Sum
    pegout_fee: Sum
    basis_points_fee: Sum
    minimum: Sum
    delay: Blocks
    open: Annotated[bool, Meta(description="whether it may be burned now")]
    payouts_open: bool
    why: list[Hold]


class Signing(TypedDict):
    """An order as this node's member knows it."""

    weight: Annotated[int, Meta(description="signed so far")]
    threshold: int
    missing: list[str]
    complete: bool
    sent: bool


class PegoutStatus(Waiting):
    """`getpegoutstatus`."""

    id: Hash
    state: Annotated[
        str,
        Meta(
            description="requested, vetoed, batched, pending, orphaned, settled or refunded",
        ),
    ]
    number: int
    destination: Annotated[str, Meta(description="a main-chain address")]
    lock: Destination
    burned: Sum
    payout: Sum
    vetoes: int
    seq: Annotated[int | None, Meta(description="of its batch; null while it has none")]
    batch_height: int | None
    signing: Signing | None


class ReserveRow(TypedDict):
    """The law's terms for one asset, in base units."""

    asset: Hash
    vault: int
    circulating: int
    pool: int
    owed: int
    unclaimed: int
    surplus: int
    deficit: int
    difference: Annotated[int, Meta(description="0 by the law")]


class Said(TypedDict):
    """What members said of the reserves lately."""

    lately: Annotated[int, Meta(description="how many members")]
    agree: Annotated[int, Meta(description="the most that say the same of one block")]
    hold: bool
    newest: int | None


class Reserves(TypedDict):
    """`getreserves`."""

    height: Annotated[int, Meta(description="of the main chain")]
    sidechain_height: int
    blockhash: Annotated[str, Meta(description="of the sidechain's block")]
    holds: bool
    assets: Annotated[dict[str, ReserveRow], Meta(description="by name")]
    statements: Said


class DraftedStatement(TypedDict):
    """`draftstatement`."""

    statement: Hex
    proofs: Hex


class Statement(TypedDict):
    """What a member stated."""

    sidechain_height: int
    blockhash: Hash
    relay_height: int
    height: int
    main_blockhash: Hash
    version: int
    log: Annotated[str, Meta(description="hash of its signer's audit log")]
    holds: bool
    assets: Annotated[dict[str, ReserveRow], Meta(description="by name")]


class MemberStatement(TypedDict):
    """One of `liststatements`."""

    member: str
    intervals_ago: int | None
    statement: Statement | None


class VaultTerms(TypedDict):
    """`getvaultterms`."""

    vault: Hash
    height: int
    hash: Hash
    terms: Terms
