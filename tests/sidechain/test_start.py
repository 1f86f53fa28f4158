"""Height 0: the same for everybody who holds the genesis; its id commits to all of it."""

from typing import Any

import msgspec
import pytest

from bystack.primitives.codec import decode, encode
from bystack.primitives.mountain import EMPTY_PEAKS, mountain_root
from bystack.primitives.multiset import EMPTY, multiset_digest
from bystack.primitives.plain import from_plain, to_plain
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import MAX_GENESIS, Genesis
from bystack.sidechain.start import start
from bystack.sidechain.state import state_root
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import ASSETS, genesis_for, validators

MAIN = vault_chain()
GENESIS = genesis_for(MAIN)

CHANGES: dict[str, Any] = {
    "version": 2,
    "name": "games",
    "hrp": "ga",
    "main": msgspec.structs.replace(GENESIS.main, name="other"),
    "checkpoint": MAIN.entries[3],
    "vault": b"\x07" * 32,
    "terms": msgspec.structs.replace(GENESIS.terms, note=bytes(32)),
    "assets": ASSETS[:1],
    "pegin_bp": 101,
    "pegout_bp": 201,
    "lag_pause": 1,
    "lag_stop": 1,
    "time": GENESIS.time + 1,
    "consensus": msgspec.structs.replace(GENESIS.consensus, finality=2),
    "validators": validators(5),
    "modules": (),
}


def test_two_nodes_start_alike() -> None:
    one, two = start(GENESIS, Modules(())), start(GENESIS, Modules(()))
    assert one == two
    header = one.header
    assert (header.height, header.chain, header.time) == (0, GENESIS.id, GENESIS.time)
    assert header.state_root == state_root(one.trie.root, multiset_digest(EMPTY))
    assert header.outbox_root == mountain_root(EMPTY_PEAKS)
    assert header.relay_tip == GENESIS.checkpoint.id
    assert header.validators_hash == header.next_validators_hash == GENESIS.validator_set.hash


@pytest.mark.parametrize("field", [f for f in Genesis.__struct_fields__ if f != "modules"])
def test_the_id_commits_to_every_field(field: str) -> None:
    other = msgspec.structs.replace(GENESIS, **{field: CHANGES[field]})
    assert other.id != GENESIS.id
    assert start(other, Modules(())).header.id != start(GENESIS, Modules(())).header.id


def test_a_genesis_survives_its_file() -> None:
    assert decode(Genesis, encode(GENESIS), MAX_GENESIS) == GENESIS
    again: Genesis = from_plain(Genesis, to_plain(GENESIS))
    assert again == GENESIS and again.id == GENESIS.id


def test_k_where_no_asset_is_meant_is_the_largest() -> None:
    deeper = msgspec.structs.replace(ASSETS[1], confirmations=400)
    genesis = genesis_for(MAIN, assets=(ASSETS[0], deeper))
    assert (genesis.depth, genesis.window) == (400, 1600)
    assert genesis.by_asset[deeper.asset] is deeper
