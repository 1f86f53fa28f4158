"""What the wallet's methods answer about modules' actions, field by field."""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import Meta

from bystack.node.rpc import Hash
from bystack.node.wallet.shapes import Amount, Shared

Address = Annotated[str, Meta(description="an address")]
Key = Annotated[str, Meta(description="a candidate's public key in hex")]


class Registered(Shared):
    """`registerdigest`."""

    digest: Hash
    owner: Annotated[str, Meta(description="a policy root")]
    paid_units: Annotated[int, Meta(description="base units")]


class Placed(Shared):
    """`placeorder`."""

    order: Hash
    market: str
    side: str
    expires: int
    owner: Annotated[str, Meta(description="a policy root")]


class MyOrder(TypedDict):
    """One of `listmyorders`."""

    order: Hash
    market: str
    side: str
    price: str
    amount: Annotated[int | float | str, Meta(description="what is left of it")]
    of: Amount
    owner: Hash
    height: int
    expires: int


class Voted(Shared):
    """`votestake`, one of `withdrawstake`."""

    owner: Address


class MyBallot(TypedDict):
    """What we locked for a candidate."""

    owner: Address
    key: Key
    amount: Amount
    fresh: Annotated[int | float | str, Meta(description="earns from the next epoch on")]


class MyReturn(TypedDict):
    """What we took back."""

    owner: Address
    key: Key
    amount: Amount
    epoch: int
    due: Annotated[int, Meta(description="the epoch from which it is paid")]


class MyCandidate(TypedDict):
    """A candidate of ours."""

    key: Key
    rank: int
    stake: Amount
    own: Amount
    commission_bp: int
    node: Hash
    operator: Address
    ballots: int
    electable: bool
    jailed_until: int
    tombstoned: bool


class MyStake(TypedDict):
    """`listmystake`."""

    staked: Amount
    ballots: list[MyBallot]
    returns: list[MyReturn]
    candidates: list[MyCandidate]
