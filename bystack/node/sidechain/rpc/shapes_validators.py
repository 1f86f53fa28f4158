"""What a sidechain answers about who votes, and what it proves, field by field."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.rpc import Hash, Hex
from bystack.node.sidechain.rpc.wires import Parameters

Quantity = Annotated[int | float | str, Meta(description="of the asset that is staked")]
Units = Annotated[int, Meta(description="base units")]
Points = Annotated[int, Meta(description="basis points")]
Key = Annotated[str, Meta(description="a validator's public key in hex")]
Address = Annotated[str, Meta(description="an address")]


class Validator(TypedDict):
    """One of `getvalidators`; of stake only where validators are elected."""

    index: int
    key: Key
    node: Annotated[str, Meta(description="id of its node")]
    weight: int
    tombstoned: bool
    connected: bool
    self: bool
    signed: NotRequired[Annotated[int, Meta(description="certificates of this epoch it signed")]]
    proposed: NotRequired[int]
    certificates: NotRequired[Annotated[int, Meta(description="certificates of this epoch")]]
    stake: NotRequired[Quantity]
    stake_units: NotRequired[Units]
    own: NotRequired[Quantity]
    own_units: NotRequired[Units]
    operator: NotRequired[Address]
    operator_root: NotRequired[Hash]
    commission_bp: NotRequired[Points]
    jailed_until: NotRequired[int]


class Epoch(TypedDict):
    """`getepoch`; where consensus stands only of the current one."""

    epoch: int
    validators: Annotated[int, Meta(description="how many")]
    weight: int
    quorum: int
    validators_hash: Hash
    election: str
    first: Annotated[int, Meta(description="its first block's height")]
    last: NotRequired[int]
    seed: NotRequired[Hash]
    gateways: NotRequired[list[int]]
    next_validators_hash: NotRequired[Annotated[str, Meta(description="empty until settled")]]
    height: NotRequired[int]
    view: NotRequired[int]
    leader: NotRequired[int]


class ParametersInfo(TypedDict):
    """`getparameters`."""

    engine: str
    current: Parameters
    next: Annotated[Parameters | None, Meta(description="decided for the next epoch")]
    next_from: int
    protocol: int
    outdated: bool
    warnings: str


class Evidence(TypedDict):
    """One of `listevidence`."""

    kind: str
    epoch: int
    guilty: Annotated[list[int], Meta(description="indexes, while their epoch is kept")]
    keys: list[Key]
    hex: Hex


class Proof(TypedDict):
    """`getproof`."""

    chain_id: Hash
    kind: str
    height: int
    blockhash: Hash
    epochs: int
    hex: Hex


class EpochProof(TypedDict):
    """One of `getepochproofs`."""

    epoch: int
    height: int
    validators_hash: Hash
    changed: bool
    hex: Hex


class StateProofs(TypedDict):
    """`getstateproofs`."""

    height: int
    blockhash: Hash
    hex: Hex


class Staking(TypedDict):
    """`getstaking`."""

    epoch: int
    asset: Hash
    seats: int
    least_set: int
    own: Annotated[int | float | str, Meta(description="the least own stake of a candidate")]
    own_units: Units
    vote: Annotated[int | float | str, Meta(description="the least ballot")]
    vote_units: Units
    unbonding_epochs: int
    proposer_bp: Points
    slash_bp: Points
    presence_bp: Points
    candidates: int
    staked: Quantity
    staked_units: Units


class Candidate(TypedDict):
    """One of `getcandidates`."""

    key: Key
    rank: Annotated[int, Meta(description="0 for one who cannot be elected")]
    stake: Quantity
    stake_units: Units
    own: Quantity
    own_units: Units
    commission_bp: Points
    node: Hash
    operator: Address
    operator_root: Hash
    ballots: int
    electable: bool
    jailed_until: int
    tombstoned: bool


class Ballot(TypedDict):
    """What an owner locked for a candidate."""

    owner: Address
    owner_root: Hash
    key: Key
    amount: Quantity
    amount_units: Units
    fresh: Annotated[int | float | str, Meta(description="earns from the next epoch on")]
    fresh_units: Units


class Stake(TypedDict):
    """`getstake`."""

    staked: Quantity
    staked_units: Units
    ballots: list[Ballot]


class Return(TypedDict):
    """What an owner took back."""

    owner: Address
    owner_root: Hash
    key: Key
    amount: Quantity
    amount_units: Units
    epoch: int
    due: Annotated[int, Meta(description="the epoch from which it is paid")]


class Unbonding(TypedDict):
    """`getunbonding`."""

    amount: Quantity
    amount_units: Units
    returns: list[Return]
