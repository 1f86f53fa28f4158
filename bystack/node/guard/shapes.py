"""What a guard's methods answer, field by field: for help and the OpenRPC document."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from msgspec import Meta

from bystack.node.rpc import Hash, Hex

Height = Annotated[int, Meta(description="main-chain height")]
Outpoint = Annotated[str, Meta(description="TXID:N")]


class Sponsor(TypedDict):
    """The purse for fees."""

    address: str
    balance: Annotated[int, Meta(description="base units")]
    coins: int


class Announced(TypedDict):
    """Terms that are announced."""

    terms: Hash
    ripe: Height


class PendingPayout(TypedDict):
    """A payout that waits for its delay."""

    outpoint: Outpoint
    seq: int
    asset: Hash
    units: Annotated[int, Meta(description="base units")]
    mature: Height


class GuardedVault(TypedDict):
    """The vault as it stands."""

    id: Hash
    terms: Hash
    seq: int
    turn: int
    since: int
    frozen_until: Height
    freeze_from: Height
    touched: Height
    recovery_from: Height
    announced: list[Announced]
    pending: list[PendingPayout]


class GuardInfo(TypedDict):
    """`getguardinfo`."""

    name: str
    key: Hash
    seeing: Annotated[bool, Meta(description="it sees enough of both chains to judge")]
    main_height: int
    sidechain_height: Annotated[int, Meta(description="-1 while unseen")]
    relay_height: int
    act: Annotated[list[str], Meta(description="what it does by itself")]
    sponsor: Sponsor
    unjudged: Annotated[int, Meta(description="orders it could not judge yet")]
    acts: int
    vault: GuardedVault | None
    standing: Annotated[list[str], Meta(description="kinds of alarms that stand")]
    alarms: int


class Alarm(TypedDict):
    """One of `listalarms`."""

    kind: str
    subject: Hex
    standing: bool
    height: int
    time: Annotated[int, Meta(description="Unix time")]
    facts: Annotated[dict[str, Any], Meta(description="by name; which, follows from the kind")]


class Request(TypedDict):
    """What a colleague carries to his key."""

    federation: str
    operation: str
    vault: Hash
    chain: Hash
    bytes: Hex
    terms: Hex


class ActState(TypedDict):
    """One of `listacts`; what an act by hand answers."""

    act: str
    digest: Hash
    turn: int
    outpoint: Annotated[str, Meta(description="TXID:N of a veto; else empty")]
    terms: Annotated[str, Meta(description="hash, of a cancellation; else empty")]
    signed: Annotated[list[Hash], Meta(description="guards' keys")]
    guards: list[Hash]
    sent: Annotated[str, Meta(description="the transaction; empty until it is")]
    raises: Annotated[int, Meta(description="how often its fee was raised")]
    refused: Annotated[str, Meta(description="why it was not taken; empty for none")]
    request: Request


class Countersigned(TypedDict):
    """`signreplacement`."""

    key: Hash
    signature: Hex
