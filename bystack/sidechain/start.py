"""Height 0 of a sidechain: what its genesis puts into the state, and the first header."""

from __future__ import annotations

from typing import NamedTuple

from bystack.primitives.merkle import merkle_root
from bystack.primitives.mountain import EMPTY_PEAKS, mountain_root
from bystack.primitives.multiset import EMPTY, multiset_digest
from bystack.primitives.trie import EMPTY_ROOT, TrieUpdate, update
from bystack.sidechain import epochs, parameters, peg_numbers
from bystack.sidechain.blocks import Header
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import Genesis, check_genesis
from bystack.sidechain.relay import start_relay
from bystack.sidechain.state import SystemState, state_root
from bystack.sidechain.transition import BLOCK_VERSION


class Started(NamedTuple):
    """The state after height 0 and its header, which needs no certificate."""

    header: Header
    changes: dict[bytes, bytes | None]
    trie: TrieUpdate
    multiset: bytes


class _Nothing:
    def get(self, key: bytes, /) -> bytes | None:
        return None


def start(genesis: Genesis, modules: Modules) -> Started:
    """Height 0; raises `GenesisInvalid`."""
    check_genesis(genesis)
    state = SystemState(_Nothing())
    start_relay(state, genesis)
    parameters.begin(state, genesis.parameters)
    peg_numbers.begin(state, genesis)
    epochs.begin(state, genesis)
    modules.start(state, [module.config for module in genesis.modules])
    trie = update(_Nothing(), EMPTY_ROOT, state.changes)
    header = _header(genesis, state_root(trie.root, multiset_digest(EMPTY)))
    return Started(header, state.changes, trie, EMPTY)


def _header(genesis: Genesis, root: bytes) -> Header:
    return Header(
        version=BLOCK_VERSION,
        chain=genesis.id,
        height=0,
        epoch=0,
        time=genesis.time,
        parent=bytes(32),
        parent_certificate=bytes(32),
        transaction_root=merkle_root([]),
        witness_root=merkle_root([]),
        transaction_count=0,
        state_root=root,
        outbox_root=mountain_root(EMPTY_PEAKS),
        relay_tip=genesis.checkpoint.id,
        validators_hash=genesis.validator_set.hash,
        next_validators_hash=genesis.validator_set.hash,
        demotions=b"",
        proposer=0,
    )
