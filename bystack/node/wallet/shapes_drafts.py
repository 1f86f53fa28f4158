"""What the wallet's methods answer about drafts, swaps and shared keys, field by field."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.rpc import Hash, Hex
from bystack.node.wallet.shapes import Amount, AssetId

Draft = Annotated[str, Meta(description="the draft as text")]
Sums = Annotated[dict[str, int | float | str], Meta(description="by name; below 0 for what goes")]
Policy = Annotated[str, Meta(description="a policy as text; empty while unknown")]
Next = Annotated[str, Meta(description="whose turn it is")]


class Funded(TypedDict):
    """`walletcreatefundedpst`."""

    pst: Draft
    fee: Sums


class Standing(TypedDict):
    """`finalizepst`: the draft, and the transaction once it is whole."""

    pst: Draft
    complete: bool
    next: Next
    txid: NotRequired[Hash]
    hex: NotRequired[Hex]


class Signed(Standing):
    """`walletprocesspst`."""

    signed_by: Annotated[list[Hash], Meta(description="keys of ours that signed now")]
    gains: Sums
    coins_not_looked_up: Annotated[int, Meta(description="whose amounts nobody here vouched for")]


class Slot(TypedDict):
    """Who signs an input or an issue, and who has."""

    policy: NotRequired[Policy]
    mode: NotRequired[Annotated[str, Meta(description="what a signature covers")]]
    complete: NotRequired[bool]
    signed: NotRequired[list[Hash]]


class DraftInput(Slot):
    """What a draft spends."""

    txid: Hash
    vout: int
    asset: AssetId
    name: str
    amount: Amount
    units: int
    address: str | None
    mine: bool
    retired: NotRequired[Hex]


class DraftOutput(TypedDict):
    """What a draft pays."""

    asset: AssetId
    name: str
    amount: Amount
    units: int
    address: str | None
    mine: bool
    retired: NotRequired[Annotated[str, Meta(description="data it is destroyed with")]]


DraftIssue = TypedDict(
    "DraftIssue",
    {
        "asset": AssetId,
        "symbol": str,
        "class": str,
        "amount": Amount,
        "cap": Amount,
        "policy": NotRequired[Policy],
        "mode": NotRequired[str],
        "complete": NotRequired[bool],
        "signed": NotRequired[list[Hash]],
    },
)


class Decoded(TypedDict):
    """`decodepst`."""

    chain: str
    txid: Hash
    inputs: list[DraftInput]
    outputs: list[DraftOutput]
    issues: list[DraftIssue]
    other_actions: int
    fee: Sums
    gains: Sums
    valid_from: int
    valid_until: int
    memo: Hex
    next: Next


class Missing(TypedDict):
    """What a slot still misses."""

    signatures: list[Hash]
    preimages: list[Hash]
    not_before_height: list[int]
    nonces: list[Hex]
    partial_signatures: list[Hex]


class Analysed(TypedDict):
    """An input or issue, in full."""

    slot: int
    policy: Policy
    mode: str
    complete: bool
    ready: bool
    signed: list[Hash]
    missing: Missing


class Analysis(TypedDict):
    """`analyzepst`."""

    next: Next
    fee: Sums
    slots: list[Analysed]


class Offered(TypedDict):
    """`createswap`."""

    pst: Draft
    txid: Annotated[str, Meta(description="of the coin that is offered")]
    vout: int


class Offer(TypedDict):
    """`decodeswap`."""

    chain: str
    gives: Sums
    wants: Sums
    assets: Annotated[dict[str, Hash], Meta(description="ids by name")]
    valid_until: int
    txid: Hash
    vout: int


class Swapped(TypedDict):
    """`acceptswap`."""

    txid: Hash
    received: Sums
    paid: Sums
    assets: Annotated[dict[str, Hash], Meta(description="ids by name")]


class PublicKey(TypedDict):
    """`getnewpublickey`."""

    key: Annotated[str, Meta(description="for policies, 32 bytes")]
    point: Annotated[str, Meta(description="for shared keys, 33 bytes")]


class SharedKey(TypedDict):
    """`createmusig`."""

    key: Hash
    policy: str
    address: str
    points: list[Hex]


class PolicyAddress(TypedDict):
    """`createpolicyaddress`."""

    address: str
    branches: Annotated[list[str], Meta(description="policies as text")]
