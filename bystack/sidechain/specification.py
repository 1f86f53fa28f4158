"""What people decide about a sidechain, and the genesis it becomes once its vault stands.

A specification is a short table that a person can read (`configs/sidechain.spec.toml`); the rest of
a genesis follows from the chain: the vault, its terms, the checkpoint before its creation
(federation.md, section 6). Amounts are in smallest units, times in milliseconds.
"""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta, Struct

from bystack.ledger.terms import Terms
from bystack.mainchain.chain import Checkpoint
from bystack.mainchain.params import Params
from bystack.primitives.codec import decode, encode
from bystack.sidechain.consensus.validators import Validator
from bystack.sidechain.modules.specification import ModuleSpec, configured
from bystack.sidechain.params import (
    CONSTANT,
    FIXED,
    MAX_GENESIS,
    Asset,
    Consensus,
    Genesis,
    ModuleConfig,
    check_genesis,
)

VERSION: Final = 1
STEADY: Final = ("authority", "solo")
"""Engines whose validators must be the same for good."""

Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", description="32 bytes in hex")]
BlsKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{96}\Z", description="48 bytes in hex")]
BlsProof = Annotated[str, Meta(pattern=r"^[0-9a-f]{192}\Z", description="96 bytes in hex")]
Creation = Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z", description="a transaction's id")]
Units = Annotated[int, Meta(ge=0, le=2**63 - 1, description="smallest units")]
Few = Annotated[int, Meta(ge=0, lt=2**32, description="a whole number")]
BasisPoints = Annotated[int, Meta(ge=0, lt=10_000, description="0 to 9,999 basis points")]


class ValidatorSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """A validator's public parts, as its node printed them."""

    key: BlsKey
    proof: BlsProof
    node: Id
    weight: Annotated[int, Meta(ge=1, lt=2**32)] = 1

    @property
    def validator(self) -> Validator:
        """As it stands in the genesis."""
        key, proof, node = (bytes.fromhex(text) for text in (self.key, self.proof, self.node))
        return Validator(key=key, proof=proof, weight=self.weight, node=node)


class AssetSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """An accepted asset: amounts in its smallest units, K in main-chain headers."""

    name: Annotated[str, Meta(min_length=1, max_length=16)]
    id: Id
    decimals: Annotated[int, Meta(ge=0, le=18)]
    confirmations: Few
    pegin_limit: Units
    pegin_minimum: Units = 1
    pegout_minimum: Units = 1
    pegout_fee: Units = 0
    fee: Units = 0
    unit: Units = 1
    fungible: Annotated[int, Meta(ge=0, le=1)] = 1

    @property
    def asset(self) -> Asset:
        """As it stands in the genesis."""
        fields = {**msgspec.structs.asdict(self), "asset": bytes.fromhex(self.id)}
        fields.pop("id")
        return Asset(**fields)


class GenesisSpec(Struct, forbid_unknown_fields=True):
    """What people decide about a sidechain; times in milliseconds.

    `creation`: the transaction that created the vault; left out, it is looked for by the charter.
    `election` is `fixed` if not given, and `constant` for engines that need that.
    """

    name: Annotated[str, Meta(max_length=32, pattern=r"^[a-z][a-z0-9-]*\Z")]
    hrp: Annotated[str, Meta(max_length=16, pattern=r"^[a-z]+\Z")]
    time: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    validators: Annotated[list[ValidatorSpec], Meta(max_length=400)]
    assets: Annotated[list[AssetSpec], Meta(min_length=1, max_length=256)]
    creation: Creation = ""
    pegin_bp: BasisPoints = 0
    pegout_bp: BasisPoints = 0
    lag_pause: Few = 48
    lag_stop: Few = 576
    consensus: Annotated[str, Meta(max_length=32)] = "bbft"
    interval: Few = 500
    empty_interval: Few = 5_000
    timeout: Few = 1_500
    blocks_per_leader: Few = 1
    election: Annotated[str, Meta(max_length=32)] = ""
    gateways: Annotated[int, Meta(ge=0, lt=2**16)] = 0
    epoch: Few = 1_200
    freeze: Few = 40
    finality: Few = 12
    modules: Annotated[list[ModuleSpec], Meta(max_length=31)] = []

    @property
    def engine(self) -> Consensus:
        """The engine and its first numbers."""
        steady = CONSTANT if self.consensus in STEADY else FIXED
        return Consensus(
            type=self.consensus,
            election=self.election or steady,
            interval=self.interval,
            empty_interval=self.empty_interval,
            timeout=self.timeout,
            blocks_per_leader=self.blocks_per_leader,
            gateways=self.gateways,
            epoch=self.epoch,
            freeze=self.freeze,
            finality=self.finality,
        )


class Founded(NamedTuple):
    """What only the main chain knows: the vault, and the header before its creation."""

    main: Params
    checkpoint: Checkpoint
    vault: bytes
    terms: Terms
    federation: ModuleConfig


def drafted(spec: GenesisSpec, founded: Founded) -> Genesis:
    """The genesis of a specification and a founded vault, not judged yet (`check_genesis`).

    Raises `ModuleSpecInvalid` where a module is told what it does not know.
    """
    assets = tuple(one.asset for one in spec.assets)
    return Genesis(
        version=VERSION,
        name=spec.name,
        hrp=spec.hrp,
        main=founded.main,
        checkpoint=founded.checkpoint,
        vault=founded.vault,
        terms=founded.terms,
        assets=assets,
        pegin_bp=spec.pegin_bp,
        pegout_bp=spec.pegout_bp,
        lag_pause=spec.lag_pause,
        lag_stop=spec.lag_stop,
        time=spec.time,
        consensus=spec.engine,
        validators=tuple(one.validator for one in spec.validators),
        modules=(founded.federation, *configured(spec.modules, assets)),
    )


def genesis_from(spec: GenesisSpec, founded: Founded) -> Genesis:
    """The genesis, judged by its own rules and by the bounds of its encoding.

    Raises `GenesisInvalid`, `ModuleSpecInvalid`, and what the codec refuses.
    """
    genesis = drafted(spec, founded)
    check_genesis(genesis)
    return decode(Genesis, encode(genesis), MAX_GENESIS)
