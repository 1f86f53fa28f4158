"""What a member's methods answer, field by field: for help and the OpenRPC document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.rpc import Hash, Hex
from bystack.node.rpc.plain import plain
from bystack.sidechain import params

if TYPE_CHECKING:
    Genesis = dict[str, Any]
else:
    Genesis = plain(params.Genesis)

Names = Annotated[list[str], Meta(description="names of members")]
Height = Annotated[int, Meta(description="main-chain height")]
Policy = Annotated[str, Meta(description="a policy, keys by the charter's names")]


class KeygenState(TypedDict):
    """`keygen`, `giveupkeygen`."""

    state: str


class ChangeState(TypedDict):
    """A change of members or keys on its way."""

    number: int
    kind: str
    epoch: int
    attempt: int
    state: str
    put_off: Annotated[str, Meta(description="why it waits")]
    members: Names
    threshold: int
    expires: Height
    guilty: Annotated[list[list[str]], Meta(description="name and broken rule each")]
    silent: Names


class VaultStep(TypedDict):
    """How far the vault is on its way to a new key."""

    adopted: bool
    ripe: Height | None
    next: Height


class Rotation(TypedDict):
    """How keys and members stand."""

    epoch: int
    seated: bool
    held: list[int]
    change: ChangeState | None
    next_key: Hex | None
    vault: VaultStep | None


class Sponsor(TypedDict):
    """The purse for fees."""

    address: str
    balance: Annotated[int, Meta(description="base units")]


class SignerState(TypedDict):
    """What the signer verified."""

    height: Height
    seq: int
    epoch: int
    frozen: Annotated[bool, Meta(description="two final blocks contradict each other")]
    version: int
    waiting: Annotated[int, Meta(description="requests that its policy did not let through")]
    stalled: Annotated[str, Meta(description="why it signs nothing now; empty while it does")]


class FederationInfo(TypedDict):
    """`getfederationinfo`."""

    name: str
    charter: Hash
    keys: Annotated[dict[str, Hash], Meta(description="whom the charter names, by name")]
    member: str
    seat: int | None
    weight: int
    threshold: int
    total: int
    keygen: str
    blamed: Annotated[
        list[list[int | str] | int],
        Meta(description="guilty: seat and rule; then those not heard"),
    ]
    key: Annotated[Hex | None, Meta(description="the group's")]
    rotation: Rotation
    peers: int
    missing: Names
    sponsor: Sponsor
    sidechain: Hash | None
    vault: Hash | None
    vault_frozen_until: Annotated[
        int, Meta(description="block from which payouts go on after its guard froze it; 0: not")
    ]
    signer: SignerState | None


class Pending(TypedDict):
    """One of `listpending`."""

    operation: Annotated[str, Meta(description="order or touch")]
    seq: int
    digest: Hash
    weight: int
    threshold: int
    signed: Names
    missing: Names
    named: Annotated[list[str], Meta(description="charter keys that signed")]
    complete: bool
    sent: Annotated[str, Meta(description="the transaction; empty until it is")]


class Need(TypedDict):
    """Who must sign an operation, and who has."""

    policy: Policy
    digest: Hash
    accepts: Annotated[bool, Meta(description="by signing, its keys show that they are held")]
    either: Annotated[bool, Meta(description="this or the other such one suffices")]
    signed: list[str]
    missing: list[str]
    weight: int
    threshold: int
    complete: bool


class VaultOperation(TypedDict):
    """`buildvaultoperation`, one of `listvaultoperations`."""

    operation: str
    id: Hash
    vault: Hash
    chain: Annotated[str, Meta(description="the main chain's id")]
    digest: Annotated[str, Meta(description="the first to be signed; empty for none")]
    bytes: Hex
    terms: Annotated[str, Meta(description="those in force, in hex")]
    needs: list[Need]
    complete: bool
    ready: Annotated[int, Meta(description="the first block that may hold it")]
    until: Annotated[int, Meta(description="the last; 0 for any")]
    height: Height
    refused: Annotated[str, Meta(description="why our own signer did not sign")]
    sent: Annotated[str, Meta(description="the transaction; empty until it is")]


class Submitted(TypedDict):
    """`submitvaultoperation`, `createvault`."""

    txid: Hash
    vault: Hash
    operation: str


class Built(TypedDict):
    """`buildgenesis`."""

    id: Hash
    genesis: Genesis


class Proposed(TypedDict):
    """`propose`, `unpause`, `vote`."""

    number: int
    kind: str
    yes: NotRequired[bool]
    transaction: Hash


class AuditRow(TypedDict):
    """One of `getauditlog`."""

    number: int
    time: Annotated[int, Meta(description="Unix time")]
    height: Height
    kind: str
    seq: int
    outcome: str
    reason: str
    digest: Hash
    words: str
    spends: Annotated[dict[Hash, int], Meta(description="base units by asset")]
    hash: Hash
    hex: Annotated[str, Meta(description="the signed record")]


ANSWERS: dict[str, Any] = {
    "approvedecision": Annotated[
        list[int | str], Meta(description="seat, version, signature in hex")
    ],
    "buildgenesis": Built,
    "buildvaultoperation": VaultOperation,
    "createvault": Submitted,
    "getauditlog": list[AuditRow],
    "getfederationinfo": FederationInfo,
    "giveupkeygen": KeygenState,
    "keygen": KeygenState,
    "listpending": list[Pending],
    "listvaultoperations": list[VaultOperation],
    "propose": Proposed,
    "submitvaultoperation": Submitted,
    "unpause": Proposed,
    "vote": Proposed,
}
"""What the methods answer, by name."""
