"""What a sidechain is: its genesis. The hash of the genesis is the sidechain's id.

It names one main chain, one vault on it with the full terms, the assets it accepts and how deep
their deposits must lie, its validators and its modules (federation.md, section 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, TypeVar

from msgspec import Meta

from bystack.ledger.terms import Terms, check_terms
from bystack.mainchain.chain import Checkpoint
from bystack.mainchain.params import Params, check_params
from bystack.primitives.codec import U8, U16, U32, U63, Bit, Bytes32, Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged
from bystack.sidechain.consensus.validators import Validator, ValidatorSet
from bystack.sidechain.parameters import MAX_BLOCK_BYTES, Parameters, check_parameters

MAX_GENESIS = 1_000_000
MIN_WINDOW = 1000

_chain_id = tagged("sidechain/genesis")

T = TypeVar("T")

FIXED, CONSTANT = "fixed", "constant"
"""Elections of nobody. Fixed: the genesis' validators but those convicted. Constant: these, always,
for engines whose finality reaches over an epoch's end (`authority`)."""

Name = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[a-z][a-z0-9-]*\Z")]


class GenesisInvalid(Invalid):
    """The sidechain's genesis contradicts itself."""


class Asset(Wire):
    """One asset the sidechain accepts, under the main chain's id.

    `unit`: what amounts are multiples of. `confirmations`: K, main-chain headers on top of a
    deposit. `pegin_limit`: most minted per K relayed headers. `pegout_fee`: flat, of this asset.
    `fee`: least fee of a transaction, or of each of its actions, paid in this asset; 0 means fees
    are not taken in it.
    """

    name: Annotated[str, Meta(min_length=1, max_length=16)]
    asset: Bytes32
    decimals: U8
    unit: U63
    fungible: Bit
    confirmations: U32
    pegin_minimum: U63
    pegin_limit: U63
    pegout_minimum: U63
    pegout_fee: U63
    fee: U63


class Consensus(Wire):
    """The engine and its first numbers; times in milliseconds, the last three in blocks.

    `election`: `fixed`, `constant`, or the module that elects. `gateways`: 0 for the default.
    `finality`: how deep a final block lies before the federation signs for it.
    """

    type: Name
    election: Name
    interval: U32
    empty_interval: U32
    timeout: U32
    blocks_per_leader: U32
    gateways: U16
    epoch: U32
    freeze: U32
    finality: U32


class ModuleConfig(Wire):
    """An application module and its own genesis bytes."""

    name: Name
    config: Annotated[bytes, Meta(max_length=500_000)]


class Genesis(Wire, dict=True):
    """Everything two nodes must agree on to be the same sidechain.

    `pegin_bp`, `pegout_bp`: fees in basis points. `lag_pause`, `lag_stop`: after how many
    main-chain spacings without a new header claims and batches pause, and stop until a quorum
    clears it (0: never, for regtest).
    """

    version: U16
    name: Name
    hrp: Annotated[str, Meta(min_length=1, max_length=16, pattern=r"^[a-z]+\Z")]
    main: Params
    checkpoint: Checkpoint
    vault: Bytes32
    terms: Terms
    assets: Annotated[tuple[Asset, ...], Meta(min_length=1, max_length=256)]
    pegin_bp: U16
    pegout_bp: U16
    lag_pause: U32
    lag_stop: U32
    time: U63
    consensus: Consensus
    validators: Annotated[tuple[Validator, ...], Meta(min_length=1, max_length=400)]
    modules: Annotated[tuple[ModuleConfig, ...], Meta(max_length=32)]

    @cached_property
    def id(self) -> bytes:
        """The sidechain id: tagged hash of the genesis' encoding."""
        return _chain_id(encode(self))

    @cached_property
    def by_asset(self) -> Mapping[bytes, Asset]:
        """The accepted assets by id."""
        return {asset.asset: asset for asset in self.assets}

    @cached_property
    def units(self) -> Mapping[bytes, int]:
        """What every amount of an accepted asset is a multiple of."""
        return {asset.asset: asset.unit for asset in self.assets}

    @cached_property
    def depth(self) -> int:
        """K where no asset is meant: the largest of the assets'."""
        return max(asset.confirmations for asset in self.assets)

    @property
    def window(self) -> int:
        """How many relayed headers the state keeps."""
        return max(MIN_WINDOW, 4 * self.depth)

    @property
    def parameters(self) -> Parameters:
        """The parameters of epoch 0."""
        numbers = self.consensus
        return Parameters(
            version=1,
            interval=numbers.interval,
            empty_interval=numbers.empty_interval,
            timeout=numbers.timeout,
            blocks_per_leader=numbers.blocks_per_leader,
            gateways=numbers.gateways,
            epoch=numbers.epoch,
            freeze=numbers.freeze,
            block_bytes=MAX_BLOCK_BYTES,
        )

    @cached_property
    def validator_set(self) -> ValidatorSet:
        """The validators of epoch 0; those of later ones are in the state (`epochs`)."""
        return ValidatorSet(0, self.validators)


def check_genesis(genesis: Genesis) -> None:
    """Raise `GenesisInvalid` where a number is zero or two entries claim one name.

    Also what the vault's terms and the main chain's parameters raise. The validators' proofs of
    possession are `consensus.validators.check_set`'s.
    """
    for fault in genesis_faults(genesis):
        raise fault


def genesis_faults(genesis: Genesis) -> Iterator[Invalid]:
    """Everything `check_genesis` refuses, in its order, for whoever is still writing it."""
    yield from _listed_twice(genesis)
    for asset in genesis.assets:
        yield from _asset_faults(asset)
    yield from _vault_and_election(genesis)
    yield from _refused(check_parameters, genesis.parameters)
    yield from _refused(check_terms, genesis.terms)
    yield from _refused(check_params, genesis.main)
    if genesis.lag_stop and genesis.lag_stop < genesis.lag_pause:
        yield GenesisInvalid(reason="pegs would stop for lag before they pause")
    if genesis.pegin_bp >= 10_000 or genesis.pegout_bp >= 10_000:
        yield GenesisInvalid(reason="a fee of 10,000 basis points or more")


def _refused(check: Callable[[T], None], value: T) -> Iterator[Invalid]:
    try:
        check(value)
    except Invalid as error:
        yield error


def _listed_twice(genesis: Genesis) -> Iterator[Invalid]:
    names = {asset.name for asset in genesis.assets}
    if len(names) < len(genesis.assets) or len(genesis.by_asset) < len(genesis.assets):
        yield GenesisInvalid(reason="an asset is listed twice")
    if len({module.name for module in genesis.modules}) < len(genesis.modules):
        yield GenesisInvalid(reason="a module is listed twice")


def _vault_and_election(genesis: Genesis) -> Iterator[Invalid]:
    if genesis.vault == bytes(32):
        yield GenesisInvalid(field="vault", reason="no vault has this id")
    # Then no payment and no burn could pay: what was pegged in would never come out again.
    if not any(asset.fee for asset in genesis.assets):
        yield GenesisInvalid(field="fee", reason="no asset takes fees: nobody could pay or burn")
    election, modules = genesis.consensus.election, {module.name for module in genesis.modules}
    if election not in {FIXED, CONSTANT, *modules}:
        yield GenesisInvalid(field="election", given=election, reason="no module of this name")


def _asset_faults(asset: Asset) -> Iterator[Invalid]:
    # No default value is ever valid (attack P04): a depth or limit of zero is a mistake.
    for field in ("confirmations", "unit", "pegin_minimum", "pegin_limit", "pegout_minimum"):
        if getattr(asset, field) == 0:
            yield GenesisInvalid(asset=asset.name, field=field, reason="must not be 0")
    # A payout that is not in whole units would be an order the main chain refuses for ever.
    for field in ("pegout_fee", "fee"):
        if asset.unit and getattr(asset, field) % asset.unit:
            yield GenesisInvalid(asset=asset.name, field=field, reason="not in whole units")
    if not asset.fungible and (asset.pegout_fee or asset.fee):
        yield GenesisInvalid(asset=asset.name, reason="no fee can be split off this asset")
