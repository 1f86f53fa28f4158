import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.primitives.hashes import tagged
from bystack.primitives.merkle import ProofLength, ProofMismatch
from bystack.primitives.trie import (
    EMPTY_ROOT,
    Leaf,
    NodeMissing,
    ProofKey,
    ProofPath,
    TrieProof,
    lookup,
    prove,
    update,
    value_hash,
    verify_absence,
    verify_presence,
)
from tests.wire import check_wire

keys = st.integers(0, 40).map(lambda number: b"key %d" % number)
values = st.binary(max_size=3)
changes = st.dictionaries(keys, st.none() | values, max_size=12)


def apply(nodes: dict[bytes, bytes], root: bytes, change: dict[bytes, bytes | None]) -> bytes:
    """Store an update; it adds nothing it has and removes nothing it lacks."""
    result = update(nodes, root, change)
    assert not result.added.keys() & nodes.keys()
    assert set(result.removed) <= nodes.keys()
    assert result.removed == tuple(sorted(set(result.removed)))
    for hash in result.removed:
        del nodes[hash]
    nodes.update(result.added)
    return result.root


def fresh(entries: dict[bytes, bytes]) -> tuple[dict[bytes, bytes], bytes]:
    nodes: dict[bytes, bytes] = {}
    return nodes, apply(nodes, EMPTY_ROOT, dict(entries))


def merged(entries: dict[bytes, bytes], change: dict[bytes, bytes | None]) -> dict[bytes, bytes]:
    both = {**entries, **change}
    return {key: value for key, value in both.items() if value is not None}


@given(st.lists(changes, max_size=8))
def test_history_leaves_no_trace(history: list[dict[bytes, bytes | None]]) -> None:
    """After any updates root and stored nodes are those of the entries built at once."""
    nodes, root, entries = dict[bytes, bytes](), EMPTY_ROOT, dict[bytes, bytes]()
    for change in history:
        root = apply(nodes, root, change)
        entries = merged(entries, change)
        assert (nodes, root) == fresh(entries)


@given(st.dictionaries(keys, values, max_size=20), st.randoms(use_true_random=False))
def test_order_does_not_matter(entries: dict[bytes, bytes], random: object) -> None:
    shuffled = list(entries.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    nodes, root = dict[bytes, bytes](), EMPTY_ROOT
    for key, value in shuffled:
        root = apply(nodes, root, {key: value})
    assert root == fresh(dict(shuffled))[1] == fresh(entries)[1]


@given(st.dictionaries(keys, values, max_size=20), keys)
def test_it_is_a_map_with_proofs(entries: dict[bytes, bytes], key: bytes) -> None:
    nodes, root = fresh(entries)
    proof = prove(nodes, root, key)
    if key in entries:
        assert lookup(nodes, root, key) == value_hash(entries[key])
        verify_presence(root, key, entries[key], proof)
        with pytest.raises(ProofMismatch):
            verify_presence(root, key, entries[key] + b"!", proof)
        with pytest.raises(ProofMismatch):
            verify_absence(root, key, proof)
    else:
        assert lookup(nodes, root, key) is None
        verify_absence(root, key, proof)
        with pytest.raises((ProofMismatch, ProofLength)):
            verify_presence(root, key, b"", proof)


@settings(max_examples=50)
@given(st.dictionaries(keys, values, min_size=2, max_size=20), st.data())
def test_a_changed_proof_is_refused(entries: dict[bytes, bytes], data: st.DataObject) -> None:
    nodes, root = fresh(entries)
    key = data.draw(st.sampled_from(sorted(entries)))
    proof = prove(nodes, root, key)
    for at in range(len(proof.siblings)):
        wrong = (*proof.siblings[:at], b"\x01" * 32, *proof.siblings[at + 1 :])
        with pytest.raises(ProofMismatch):
            verify_presence(root, key, entries[key], TrieProof(wrong, ()))
    for siblings in (proof.siblings[:-1], (*proof.siblings, bytes(32))):
        with pytest.raises(ProofMismatch):
            verify_presence(root, key, entries[key], TrieProof(siblings, ()))


def test_no_present_key_is_proved_absent() -> None:
    """Any cut of any key's proof, with any leaf of the trie, fails for a key that is there."""
    entries = {b"key %d" % at: b"v" for at in range(12)}
    nodes, root = fresh(entries)
    leaves = [Leaf(tagged("trie/path")(key), value_hash(b"v")) for key in entries]
    for other in entries:
        siblings = prove(nodes, root, other).siblings
        for length in range(len(siblings) + 1):
            for shown in [(), *((leaf,) for leaf in leaves)]:
                with pytest.raises((ProofMismatch, ProofPath, ProofKey)):
                    verify_absence(root, b"key 0", TrieProof(siblings[:length], shown))


def test_the_errors_of_absence_say_what_is_wrong() -> None:
    nodes, root = fresh({b"a": b"1"})
    own = Leaf(tagged("trie/path")(b"a"), value_hash(b"1"))
    with pytest.raises(ProofKey):
        verify_absence(root, b"a", TrieProof((), (own,)))
    far = Leaf(bytes(byte ^ 0x80 for byte in tagged("trie/path")(b"a")), bytes(32))
    with pytest.raises(ProofPath):
        verify_absence(root, b"a", TrieProof((bytes(32),), (far,)))
    with pytest.raises(ProofLength):
        verify_presence(root, b"a", b"1", TrieProof((), (own,)))
    verify_absence(root, b"b", prove(nodes, root, b"b"))


def test_the_empty_trie_is_a_constant_not_zeros() -> None:
    nodes, root = fresh({b"a": b"1"})
    assert apply(nodes, root, {b"a": None}) == EMPTY_ROOT != bytes(32)
    assert nodes == {}
    verify_absence(EMPTY_ROOT, b"a", TrieProof((), ()))
    with pytest.raises(ProofMismatch):
        verify_absence(bytes(32), b"a", TrieProof((), ()))


def test_one_entry_is_its_leaf_and_two_are_not_confused() -> None:
    _, root = fresh({b"a": b"1"})
    assert root == Leaf(tagged("trie/path")(b"a"), value_hash(b"1")).hash
    assert fresh({b"a": b"", b"b": b""})[1] != fresh({b"a": b""})[1]


def test_an_update_reads_only_what_it_touches() -> None:
    class Counting(dict[bytes, bytes]):
        reads = 0

        def get(self, hash: bytes, /) -> bytes | None:  # type: ignore[override]
            self.reads += 1
            return self[hash]

    nodes, root = fresh({b"key %d" % at: b"v" for at in range(4000)})
    counting = Counting(nodes)
    update(counting, root, {b"key 5": b"w", b"new": b"x", b"key 9": None})
    assert counting.reads < 3 * 40


def test_a_lost_node_is_ours_to_answer_for() -> None:
    with pytest.raises(NodeMissing):
        lookup({}, b"\x01" * 32, b"a")
    with pytest.raises(NodeMissing):
        update({}, b"\x01" * 32, {b"a": b"1"})


def test_wire_forms() -> None:
    entries = {b"key %d" % at: b"v" for at in range(6)}
    nodes, root = fresh(entries)
    check_wire("trie_leaf", Leaf(b"\x01" * 32, b"\x02" * 32))
    check_wire("trie_proof", prove(nodes, root, b"key 1"))
    absences = [prove(nodes, root, b"none %d" % at) for at in range(20)]
    check_wire("trie_proof_absence", next(proof for proof in absences if proof.other))
