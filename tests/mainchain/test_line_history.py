"""History proved from headers alone: the nodes are those a full node stores."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.history import history_nodes, prove_history
from bystack.mainchain.line_history import LineHistory
from bystack.mainchain.proofs import verify_history_proof
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.errors import Misuse
from tests.mainchain.builders import EASY
from tests.mainchain.light import after

FIRST = genesis_entry(EASY)
CHAIN = [FIRST, *after(FIRST, 150)]
SIDE = after(CHAIN[70], 100, mark=2)


def test_the_nodes_are_those_that_storage_would_keep() -> None:
    tree = HeaderTree(CHAIN, EASY)
    history = LineHistory(tree, tree.line)
    for entry in CHAIN:
        for node in history_nodes(entry):
            assert history.node(node.level, node.index) == node.hash


@given(st.data())
@settings(max_examples=30)
def test_every_older_header_is_proved_below_every_newer(data: st.DataObject) -> None:
    tree = HeaderTree(CHAIN, EASY)
    history = LineHistory(tree, tree.line)
    newer = data.draw(st.integers(1, 150))
    old = data.draw(st.integers(0, newer - 1))
    proof = prove_history(history.node, CHAIN[newer].header, CHAIN[old])
    assert verify_history_proof(CHAIN[newer].header, proof, old) == CHAIN[old].header


def test_what_is_remembered_stays_true_after_a_reorganisation() -> None:
    tree = HeaderTree(CHAIN, EASY)
    history = LineHistory(tree, tree.line)
    prove_history(history.node, CHAIN[150].header, CHAIN[3])
    tree.add([entry.header for entry in SIDE], None)
    assert tree.best() == SIDE[-1]
    for old in (CHAIN[3], SIDE[10]):
        proof = prove_history(history.node, SIDE[-1].header, old)
        verify_history_proof(SIDE[-1].header, proof, old.header.height)


def test_beyond_the_tip_there_is_nothing() -> None:
    tree = HeaderTree(CHAIN, EASY)
    with pytest.raises(Misuse):
        LineHistory(tree, tree.line).node(0, 151)
