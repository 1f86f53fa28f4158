"""P04 Nomad, the sidechain's half: no default value is ever a root, key set, threshold, genesis."""

from typing import Any

import msgspec
import pytest

from bystack.federation.module.application import FederationModule
from bystack.federation.module.records import FederationInvalid, KeyEpoch, Seated, Standing
from bystack.ledger.amounts import BTM
from bystack.ledger.terms import TermsInvalid
from bystack.mainchain.blocks import Header
from bystack.mainchain.params import ParamsInvalid
from bystack.mainchain.proofs import ProofHeader, TransactionProof
from bystack.primitives.codec import Malformed, encode
from bystack.primitives.errors import Misuse
from bystack.primitives.merkle import MerkleProof, ProofCount, ProofLength
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.inclusion import HistoryMissing, Inclusion, NotDeepEnough
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import GenesisInvalid, check_genesis
from bystack.sidechain.relay import Relay, RelayDetached, RelayView
from bystack.sidechain.start import start
from bystack.sidechain.state import SystemState
from tests.sidechain.federations import CONFIG
from tests.sidechain.mainside import TERMS, vault_chain
from tests.sidechain.world import (
    ASSETS,
    K,
    Store,
    World,
    asset,
    funded,
    genesis_for,
    module_config,
)

ZEROS = bytes(32)
DEFAULT = Header(0, 0, ZEROS, ZEROS, ZEROS, 0, ZEROS, 0, 0, bytes(8))


def world() -> World:
    made = World(vault_chain())
    made.relay(3 * K)
    return made


def refused(claimed: Inclusion, on: World) -> str:
    before = dict(on.side.state)
    built = on.side.build([on.claim_of(claimed, on.main.created)], on.now)
    ((_, error),) = built.refused
    assert dict(on.side.state) == before and on.supply(BTM) == 0
    return error.rule


def test_nothing_is_proved_by_an_empty_proof() -> None:
    on = world()
    deposit = on.deposit(100)
    on.relay(K)
    height, _ = on.main.where[deposit.id]
    header = on.main.entries[height].header
    empty, data = MerkleProof(0, 0, ()), encode(deposit)
    cases = {
        ProofHeader: TransactionProof(ZEROS, height, empty, data),
        ProofCount: TransactionProof(header.id, height, empty, data),
        ProofLength: TransactionProof(header.id, height, MerkleProof(1, 2, ()), data),
        HistoryMissing: TransactionProof(ZEROS, 0, empty, data),
        NotDeepEnough: TransactionProof(header.id, 2**62, empty, data),
    }
    for error, proof in cases.items():
        assert refused(Inclusion(proof, ()), on) == error.__name__


def test_an_unfounded_relay_proves_nothing_and_takes_nothing() -> None:
    with pytest.raises(Misuse):
        RelayView(SystemState(Store())).best()
    on = world()
    with pytest.raises(RelayDetached):
        on.block(system_transaction(Relay((DEFAULT,))))


def with_asset(**numbers: int) -> dict[str, Any]:
    return {"assets": (asset("BTM", BTM, **numbers), ASSETS[1])}


@pytest.mark.parametrize(
    "fields",
    [
        {"vault": ZEROS},
        with_asset(confirmations=0),
        with_asset(unit=0),
        with_asset(pegin_minimum=0),
        with_asset(pegin_limit=0),
        with_asset(pegout_minimum=0),
        with_asset(unit=10),
        with_asset(fungible=0),
        {"assets": tuple(msgspec.structs.replace(one, fee=0) for one in ASSETS)},
        {"assets": (ASSETS[0], ASSETS[0])},
        {"assets": (ASSETS[0], msgspec.structs.replace(ASSETS[1], name="BTM"))},
        {"modules": (module_config("a", CONFIG), module_config("a", CONFIG))},
        {"pegin_bp": 10_000},
        {"pegout_bp": 10_000},
        {"lag_pause": 48, "lag_stop": 47},
    ],
)
def test_a_genesis_with_a_default_is_none(fields: dict[str, Any]) -> None:
    main = vault_chain()
    check_genesis(genesis_for(main))
    with pytest.raises(GenesisInvalid):
        start(genesis_for(main, **fields), Modules(()))


def test_a_genesis_is_no_better_than_its_terms_and_its_main_chain() -> None:
    main = vault_chain()
    frozen = msgspec.structs.replace(TERMS.guard, freeze=0)
    with pytest.raises(TermsInvalid):
        check_genesis(genesis_for(main, terms=msgspec.structs.replace(TERMS, guard=frozen)))
    hard = msgspec.structs.replace(genesis_for(main).main, target_limit=0x1D00FFFF)
    with pytest.raises(ParamsInvalid):
        check_genesis(genesis_for(main, main=hard))


def standing_with(threshold: int = 2, **fields: Any) -> Standing:
    """CONFIG's standing with a threshold, or the last seat's member with other fields."""
    *others, last = CONFIG.standing.seats
    key = fields.pop("governance", last.governance)
    member = msgspec.structs.replace(last.member, **fields)
    return Standing(b"\x09" * 32, threshold, (*others, Seated(member, key)))


@pytest.mark.parametrize(
    "standing",
    [
        standing_with(0),
        standing_with(1),
        standing_with(4),
        standing_with(governance=CONFIG.standing.seats[0].governance),
        standing_with(governance=ZEROS),
        standing_with(weight=0),
        standing_with(weight=2, indices=(3, 4)),
    ],
)
def test_a_federation_that_anybody_meets_is_none(standing: Standing) -> None:
    main, roster = vault_chain(), standing.roster
    key = msgspec.structs.replace(CONFIG.key, roster=roster)
    config = msgspec.structs.replace(CONFIG, standing=standing, key=key)
    genesis = genesis_for(main, modules=(module_config("federation", config),))
    with pytest.raises((FederationInvalid, Malformed)):
        start(genesis, Modules([FederationModule()]))


KEY = CONFIG.key


@pytest.mark.parametrize(
    "key",
    [
        msgspec.structs.replace(KEY, key=bytes(48)),
        msgspec.structs.replace(KEY, polynomial=KEY.polynomial[:1]),
        msgspec.structs.replace(KEY, polynomial=(bytes(48), KEY.polynomial[1]), key=bytes(48)),
        msgspec.structs.replace(KEY, roster=standing_with(3).roster),
    ],
)
def test_a_federation_whose_key_is_nobodys_is_none(key: KeyEpoch) -> None:
    config = msgspec.structs.replace(CONFIG, key=key)
    genesis = genesis_for(vault_chain(), modules=(module_config("federation", config),))
    with pytest.raises(FederationInvalid):
        start(genesis, Modules([FederationModule()]))


def test_funds_are_where_they_should_be() -> None:
    """The same world, with true proofs, mints: the refusals above are not its fault."""
    assert funded().supply(BTM) == 4_950
