"""Writing the sidechain's genesis once its vault is founded (federation.md, section 6, step 7)."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta, Struct

from bystack.federation.module import FederationModule
from bystack.ledger.transactions import VaultLock, decode_transaction
from bystack.mainchain.chain import Entry
from bystack.node import federation_files
from bystack.node.federation.founding import Founding
from bystack.node.federation.membership import Membership
from bystack.node.federation.module_building import ModuleSpec, configured
from bystack.node.ipc import RemoteError
from bystack.node.sidechain.modules import modules_of
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.plain import to_plain
from bystack.sidechain.consensus.validators import Validator
from bystack.sidechain.engines import ConsensusError, engine_of
from bystack.sidechain.params import (
    CONSTANT,
    FIXED,
    Asset,
    Consensus,
    Genesis,
    ModuleConfig,
    check_genesis,
)
from bystack.sidechain.state import SystemState

VERSION = 1
STEADY = ("authority", "solo")
"""Engines whose validators must be the same for good."""
MAX_ENTRY = 10_000

Hex = Annotated[str, Meta(pattern=r"^([0-9a-f]{2})*\Z")]


class Founded(Membership, Protocol):
    """A membership that founds a vault."""

    founding: Founding


class NotBuried(Invalid):
    """The vault's creation is not K blocks deep yet."""


class ValidatorSpec(Struct, forbid_unknown_fields=True):
    """A validator's public parts, as its node printed them."""

    key: Hex
    proof: Hex
    node: Hex
    weight: int = 1


class AssetSpec(Struct, forbid_unknown_fields=True):
    """An accepted asset: amounts in its smallest units, K in main-chain headers."""

    name: str
    id: Hex
    decimals: int
    confirmations: int
    pegin_limit: int
    pegin_minimum: int = 1
    pegout_minimum: int = 1
    pegout_fee: int = 0
    fee: int = 0
    unit: int = 1
    fungible: int = 1


class GenesisSpec(Struct, forbid_unknown_fields=True):
    """What people decide about a sidechain; times in milliseconds.

    `election` is `fixed` if not given, and `constant` for engines that need that.
    """

    name: str
    hrp: str
    creation: Hex
    time: int
    validators: list[ValidatorSpec]
    assets: list[AssetSpec]
    pegin_bp: int = 0
    pegout_bp: int = 0
    lag_pause: int = 48
    lag_stop: int = 576
    consensus: str = "bbft"
    interval: int = 500
    empty_interval: int = 5_000
    timeout: int = 1_500
    blocks_per_leader: int = 1
    election: str = ""
    gateways: int = 0
    epoch: int = 1_200
    freeze: int = 40
    finality: int = 12
    modules: list[ModuleSpec] = []


async def build_genesis(member: Founded, spec: GenesisSpec) -> dict[str, Any]:
    """The genesis as plain data, and its id; raises `NotBuried`, `GenesisInvalid`,
    and what a module refuses to begin with.
    """
    genesis = await _genesis(member, spec)
    check_genesis(genesis)
    _try_engine(genesis)
    _try_modules(genesis)
    return {"id": genesis.id.hex(), "genesis": to_plain(genesis)}


async def _genesis(member: Founded, spec: GenesisSpec) -> Genesis:
    setting, terms = member.setting, await member.founding.terms()
    assets = tuple(_asset(asset) for asset in spec.assets)
    config = federation_files.module_config(setting.charter, setting.file)
    return Genesis(
        version=VERSION,
        name=spec.name,
        hrp=spec.hrp,
        main=setting.params,
        checkpoint=await _checkpoint(member, spec, max(a.confirmations for a in assets)),
        vault=await _vault(member, spec),
        terms=terms,
        assets=assets,
        pegin_bp=spec.pegin_bp,
        pegout_bp=spec.pegout_bp,
        lag_pause=spec.lag_pause,
        lag_stop=spec.lag_stop,
        time=spec.time,
        consensus=_consensus(spec),
        validators=tuple(_validator(validator) for validator in spec.validators),
        modules=(
            ModuleConfig(FederationModule.name, encode(config)),
            *configured(spec.modules, assets),
        ),
    )


def _try_engine(genesis: Genesis) -> None:
    """The engine must be installed and fit the validators; raises `EngineUnfit`."""
    try:
        engine_of(genesis)
    except ConsensusError as error:
        raise RemoteError(-8, str(error), {"rule": "ConsensusError"}) from None


def _try_modules(genesis: Genesis) -> None:
    """Start every module once: a genesis that some module refuses would be no chain."""
    modules = modules_of(genesis)
    modules.start(SystemState({}), [one.config for one in genesis.modules])


async def _checkpoint(member: Founded, spec: GenesisSpec, depth: int) -> Entry:
    """The header before the creation, which must itself lie K deep."""
    inclusion = await member.links.inclusion(bytes.fromhex(spec.creation))
    if inclusion is None:
        raise RemoteError(-5, "no such transaction on the best chain", {"rule": "TxUnknown"})
    height = inclusion.proof.height
    tip = (await member.links.main.call("status"))["height"]
    if tip - height < depth:
        raise NotBuried(height=height, tip=tip, needed=depth)
    return decode(Entry, await member.links.main.call("entry_at", height - 1), MAX_ENTRY)


async def _vault(member: Founded, spec: GenesisSpec) -> bytes:
    inclusion = await member.links.inclusion(bytes.fromhex(spec.creation))
    if inclusion is not None:
        for output in decode_transaction(inclusion.proof.transaction).body.outputs:
            if isinstance(output.lock, VaultLock):
                return output.lock.vault
    raise RemoteError(-8, "this transaction creates no vault", {"rule": "NotACreation"})


def _asset(spec: AssetSpec) -> Asset:
    fields = {**msgspec.structs.asdict(spec), "asset": bytes.fromhex(spec.id)}
    fields.pop("id")
    return Asset(**fields)


def _validator(spec: ValidatorSpec) -> Validator:
    key, proof, node = (bytes.fromhex(text) for text in (spec.key, spec.proof, spec.node))
    return Validator(key=key, proof=proof, weight=spec.weight, node=node)


def _consensus(spec: GenesisSpec) -> Consensus:
    return Consensus(
        type=spec.consensus,
        election=spec.election or (CONSTANT if spec.consensus in STEADY else FIXED),
        interval=spec.interval,
        empty_interval=spec.empty_interval,
        timeout=spec.timeout,
        blocks_per_leader=spec.blocks_per_leader,
        gateways=spec.gateways,
        epoch=spec.epoch,
        freeze=spec.freeze,
        finality=spec.finality,
    )
