"""Writing the sidechain's genesis once its vault is founded (federation.md, section 6, step 7)."""

from __future__ import annotations

from typing import Any, Protocol

from bystack.federation.charter_fees import check_fees
from bystack.federation.module.application import FederationModule
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.transactions import VaultLock, decode_transaction
from bystack.ledger.vault_state import decode_state
from bystack.mainchain.chain import Entry
from bystack.node import federation_files
from bystack.node.federation.membership import Membership
from bystack.node.federation.operating.founding import Founding, NoKey
from bystack.node.ipc import RemoteError
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.plain import to_plain
from bystack.sidechain.params import Genesis, ModuleConfig
from bystack.sidechain.specification import Founded, GenesisSpec, genesis_from
from bystack.sidechain.state import SystemState

MAX_ENTRY = 10_000


class Founders(Membership, Protocol):
    """A membership that founds a vault."""

    founding: Founding


class NotBuried(Invalid):
    """The vault's creation is not K blocks deep yet."""


class VaultUnclear(Invalid):
    """Not exactly one unused vault has these terms: name its creation in the specification."""


async def build_genesis(member: Founders, spec: GenesisSpec) -> dict[str, Any]:
    """The genesis as plain data, and its id; raises `NotBuried`, `GenesisInvalid`, `FeesDisagree`,
    and what a module refuses to begin with.
    """
    check_fees(member.setting.charter, spec)
    genesis = genesis_from(spec, await _founded(member, spec))
    _try_engine(genesis)
    _try_modules(genesis)
    return {"id": genesis.id.hex(), "genesis": to_plain(genesis)}


async def _founded(member: Founders, spec: GenesisSpec) -> Founded:
    setting, terms = member.setting, await member.founding.terms()
    bridge = await member.ensure_bridge()
    if bridge is None:
        raise NoKey()
    creation = bytes.fromhex(spec.creation) or await _creation(member, terms)
    depth = max(one.confirmations for one in spec.assets)
    config = federation_files.module_config(setting.charter, setting.file, bridge.certificate)
    return Founded(
        main=setting.params,
        checkpoint=await _checkpoint(member, creation, depth),
        vault=await _vault(member, creation),
        terms=terms,
        federation=ModuleConfig(FederationModule.name, encode(config)),
    )


async def _creation(member: Founders, terms: Terms) -> bytes:
    """The transaction that created the vault of these terms, which name the charter and the key.

    A fresh vault's anchor still stands where it was created. Raises `VaultUnclear`.
    """
    found = []
    for vault in await member.links.main.call("vaults"):
        for place, coin in await member.links.vault_coins(vault):
            if isinstance(coin.lock, VaultLock):
                state = decode_state(coin.state)
                if state.terms == terms_hash(terms) and state.seq == 0:
                    found.append(place.transaction)
    if len(found) != 1:
        raise VaultUnclear(found=len(found))
    return found[0]


def _try_engine(genesis: Genesis) -> None:
    """The engine must be installed and fit the validators; raises `EngineUnfit`."""
    from bystack.sidechain.engines import ConsensusError, engine_of

    try:
        engine_of(genesis)
    except ConsensusError as error:
        raise RemoteError(-8, str(error), {"rule": "ConsensusError"}) from None


def _try_modules(genesis: Genesis) -> None:
    """Start every module once: a genesis that some module refuses would be no chain."""
    from bystack.node.sidechain.modules import modules_of

    modules = modules_of(genesis)
    modules.start(SystemState({}), [one.config for one in genesis.modules])


async def _checkpoint(member: Founders, creation: bytes, depth: int) -> Entry:
    """The header before the creation, which must itself lie K deep."""
    inclusion = await member.links.inclusion(creation)
    if inclusion is None:
        raise RemoteError(-5, "no such transaction on the best chain", {"rule": "TxUnknown"})
    height = inclusion.proof.height
    tip = (await member.links.main.call("status"))["height"]
    if tip - height < depth:
        raise NotBuried(height=height, tip=tip, needed=depth)
    return decode(Entry, await member.links.main.call("entry_at", height - 1), MAX_ENTRY)


async def _vault(member: Founders, creation: bytes) -> bytes:
    inclusion = await member.links.inclusion(creation)
    if inclusion is not None:
        for output in decode_transaction(inclusion.proof.transaction).body.outputs:
            if isinstance(output.lock, VaultLock):
                return output.lock.vault
    raise RemoteError(-8, "this transaction creates no vault", {"rule": "NotACreation"})
