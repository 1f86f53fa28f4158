from collections.abc import Callable
from functools import lru_cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.ledger.transactions import Transaction, decode_transaction
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry, genesis_entry
from bystack.mainchain.history import history_nodes, prove_history
from bystack.mainchain.params import genesis
from bystack.mainchain.proofs import (
    DeepProof,
    HistoryCount,
    HistoryIndex,
    HistoryProof,
    ProofHeader,
    ProofHeight,
    TransactionProof,
    check_deep_proof,
    check_transaction_proof,
    decode_deep_proof,
    prove_transaction,
    verify_history_proof,
    verify_inclusion,
    verify_transaction_proof,
)
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import (
    MerkleProof,
    ProofCount,
    ProofIndex,
    ProofLength,
    ProofMismatch,
)
from bystack.primitives.mountain import MountainProof
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, Chain, headers_after
from tests.wire import check_wire


class Archive:
    """A chain whose history nodes are stored as a node stores them, and one fuller block."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.entries: list[Entry] = []
        self.keep(genesis_entry(EASY))
        for _ in range(8):
            self.chain.mine()
            self.keep(self.chain.tip)
        payments = []
        for number, (place, _) in enumerate(self.chain.owned(ALICE)[:6]):
            tx = self.chain.pay(ALICE, BOB, 1 + number)
            outputs = tx.body.outputs
            body = msgspec.structs.replace(tx.body, inputs=(place,), outputs=outputs)
            payments.append(self.chain.sign(body, ALICE))
        self.block: Block = self.chain.mine(*payments)
        self.keep(self.chain.tip)
        for _ in range(14):
            self.chain.mine()
            self.keep(self.chain.tip)

    def keep(self, entry: Entry) -> None:
        self.entries.append(entry)
        for level, index, hash in history_nodes(entry):
            self.nodes[level, index] = hash

    def node(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def history(self, newer: int, old: int) -> HistoryProof:
        return prove_history(self.node, self.entries[newer].header, self.entries[old])


@lru_cache
def archive() -> Archive:
    return Archive()


# Transactions


def test_transaction_proof_on_the_wire() -> None:
    branch = MerkleProof(1, 3, (b"\x01" * 32, b"\x02" * 32))
    check_wire("mainchain_transaction_proof", TransactionProof(b"\x03" * 32, 9, branch, b"tx"))


def test_every_transaction_of_a_block_is_proved() -> None:
    block = archive().block
    for index, tx in enumerate(block.transactions):
        proof = prove_transaction(block, index)
        assert check_transaction_proof(block.header, proof) == tx
        verify_inclusion(block.header, tx, proof.branch)
    with pytest.raises(ProofIndex):
        prove_transaction(block, len(block.transactions))


def good() -> TransactionProof:
    return prove_transaction(archive().block, 3)


def branch(**fields: object) -> TransactionProof:
    proof = good()
    return msgspec.structs.replace(proof, branch=msgspec.structs.replace(proof.branch, **fields))


@pytest.mark.parametrize(
    ("proof", "error"),
    [
        (lambda: msgspec.structs.replace(good(), header=bytes(32)), ProofHeader),
        (lambda: msgspec.structs.replace(good(), height=8), ProofHeight),
        (lambda: branch(index=4), ProofMismatch),
        (lambda: branch(index=7), ProofIndex),
        (lambda: branch(index=2**31), ProofIndex),
        (lambda: branch(count=8), ProofCount),
        (lambda: branch(path=()), ProofLength),
        (lambda: branch(path=(*good().branch.path, bytes(32))), ProofLength),
        (lambda: branch(path=(bytes(32),) * 3), ProofMismatch),
    ],
)
def test_each_refusal_has_its_reason(
    proof: Callable[[], TransactionProof], error: type[Invalid]
) -> None:
    with pytest.raises(error):
        check_transaction_proof(archive().block.header, proof())


def test_every_byte_of_the_transaction_is_bound() -> None:
    header, proof = archive().block.header, good()
    data = bytearray(proof.transaction)
    for at in range(len(data)):
        data[at] ^= 1
        with pytest.raises(Invalid):
            verify_transaction_proof(header, bytes(data), proof.branch)
        data[at] ^= 1
    with pytest.raises(Invalid):
        verify_transaction_proof(header, bytes(data) + b"\x00", proof.branch)


def test_the_same_id_with_other_witnesses_is_not_proved() -> None:
    header, proof = archive().block.header, good()
    tx = decode_transaction(proof.transaction)
    other = Transaction(tx.body, archive().block.transactions[2].witnesses)
    assert other.id == tx.id
    with pytest.raises(ProofMismatch):
        verify_inclusion(header, other, proof.branch)


def test_a_proof_does_not_hold_for_another_block() -> None:
    other = archive().entries[4].header
    with pytest.raises(ProofCount):
        verify_transaction_proof(other, good().transaction, good().branch)
    alike = msgspec.structs.replace(other, transaction_count=7)
    with pytest.raises(ProofMismatch):
        verify_transaction_proof(alike, good().transaction, good().branch)


# History


def test_history_proof_on_the_wire() -> None:
    path = MountainProof(1, 3, (b"\x01" * 32,), (b"\x02" * 32,))
    check_wire("mainchain_history_proof", HistoryProof(genesis(EASY).header, b"\x03" * 32, path))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 23), st.integers(0, 22))
def test_every_ancestor_is_proved_and_nothing_else(newer: int, old: int) -> None:
    kept = archive()
    if old >= newer:
        with pytest.raises(ProofIndex):
            kept.history(newer, old)
        return
    proof = kept.history(newer, old)
    assert verify_history_proof(kept.entries[newer].header, proof, old) == kept.entries[old].header
    for other in range(1, 24):
        if other != newer:
            with pytest.raises(HistoryCount):
                verify_history_proof(kept.entries[other].header, proof, old)


def test_a_forged_ancestor_is_refused() -> None:
    kept = archive()
    newer, proof = kept.entries[20].header, kept.history(20, 9)
    aside = headers_after(kept.entries[8], 1, step=50)[0]
    changed = {
        ProofMismatch: [
            {"header": aside},
            {"work": bytes(32)},
            {"work": kept.entries[10].work},
            {"path": msgspec.structs.replace(proof.path, path=(bytes(32),) * 4)},
        ],
        HistoryCount: [{"path": msgspec.structs.replace(proof.path, count=21)}],
        HistoryIndex: [{"path": msgspec.structs.replace(proof.path, index=10)}],
        ProofHeight: [{"header": kept.entries[10].header}],
        ProofLength: [
            {"path": msgspec.structs.replace(proof.path, path=(*proof.path.path, bytes(32)))},
            {"path": msgspec.structs.replace(proof.path, peaks=())},
        ],
    }
    for error, spoils in changed.items():
        for fields in spoils:
            with pytest.raises(error):
                verify_history_proof(newer, msgspec.structs.replace(proof, **fields), 9)
    with pytest.raises(ProofHeight):
        verify_history_proof(newer, proof, 10)


def test_history_kept_through_a_reorganisation_proves_the_new_branch() -> None:
    """Nodes are kept by place: what a dead branch left behind is written over."""
    kept = Archive()
    fork = kept.entries[15]
    branch = Chain()
    branch.tree.add([entry.header for entry in kept.entries[1:16]], None)
    headers = headers_after(fork, 12, step=7)
    branch.tree.add(headers, None)
    entries = [entry for header in headers if (entry := branch.tree.entry(header.id))]
    del kept.entries[16:]
    for entry in entries:
        kept.keep(entry)
    for newer in range(16, 28):
        for old in range(newer):
            header = kept.entries[newer].header
            verify_history_proof(header, kept.history(newer, old), old)


def test_deep_proof_on_the_wire() -> None:
    path = MountainProof(1, 3, (b"\x01" * 32,), (b"\x02" * 32,))
    history = HistoryProof(genesis(EASY).header, b"\x03" * 32, path)
    branch = MerkleProof(0, 1, ())
    deep = DeepProof(history, TransactionProof(b"\x03" * 32, 9, branch, b"tx"))
    check_wire("mainchain_deep_proof", deep)


def test_one_newer_header_proves_an_old_transaction() -> None:
    kept = archive()
    proof = DeepProof(kept.history(20, 9), good())
    again = decode_deep_proof(encode(proof))
    header, tx = check_deep_proof(kept.entries[20].header, again)
    assert (header, tx) == (kept.block.header, kept.block.transactions[3])
    with pytest.raises(ProofHeight):
        check_deep_proof(kept.entries[20].header, DeepProof(kept.history(20, 8), good()))
