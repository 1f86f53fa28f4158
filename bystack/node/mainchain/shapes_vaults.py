"""What the main chain answers about assets and vaults, field by field."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.mainchain.shapes import Address, Amount
from bystack.node.rpc import Hash, Hex
from bystack.node.rpc.wires import AnchorState, Lock

Units = Annotated[int, Meta(description="base units")]
Quantity = Annotated[int | float | str, Meta(description="decimal: a number if exact, else text")]


AssetInfo = TypedDict(
    "AssetInfo",
    {
        "asset": Hash,
        "symbol": str,
        "unit": Annotated[str, Meta(description="what one stands for, as its issuer wrote")],
        "decimals": int,
        "divisible": bool,
        "fungible": bool,
        "serial": Hex,
        "cap": Annotated[int, Meta(description="the most there will be; 0 for no cap")],
        "cap_value": Quantity,
        "class": Annotated[str, Meta(description="byte, atomic, quark or quantum")],
        "smallest": Annotated[int | float | str, Meta(description="the least that can be moved")],
        "issuance": Annotated[str, Meta(description="root of the policies that may issue")],
        "issued": Units,
        "issued_value": Quantity,
        "first_height": int,
        "last_height": Annotated[int, Meta(description="of the last issue")],
    },
)


class Place(TypedDict):
    """Where the vault's anchor lies."""

    txid: Hash
    vout: int
    height: int


class VaultCoin(TypedDict):
    """A coin of a vault."""

    txid: Hash
    vout: int
    height: int
    asset: Annotated[str, Meta(description="BTM, or an asset's id")]
    units: Units
    lock: Lock
    value: NotRequired[Amount]
    address: NotRequired[Address]


class Vault(TypedDict):
    """`getvault`."""

    vault: Hash
    anchor: Place
    state: AnchorState
    holdings: Annotated[dict[Hash, int], Meta(description="base units by asset")]
    treasury: Annotated[int, Meta(description="how many coins lie in the treasury")]
    pending: Annotated[int, Meta(description="how many payouts wait for their delay")]
    coins: list[VaultCoin]
