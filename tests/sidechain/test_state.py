"""The system state: overlays, forks, and a root that depends on what is written, not on how."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.primitives.codec import Malformed
from bystack.primitives.trie import EMPTY_ROOT, prove, update, verify_absence, verify_presence
from bystack.sidechain.records import Sums
from bystack.sidechain.state import SystemState, state_key, state_root
from tests.sidechain.world import Store

KEYS = st.sampled_from([state_key("k", n) for n in range(8)])
WRITES = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=8)), max_size=20)


@settings(max_examples=80, deadline=None)
@given(WRITES, WRITES, st.booleans())
def test_a_fork_is_merged_or_forgotten(first: list, second: list, merged: bool) -> None:  # type: ignore[type-arg]
    store = Store({state_key("k", 0): b"old"})
    state, model = SystemState(store), dict(store)
    for key, value in first:
        state.put(key, value)
        model[key] = value
    fork, forked = state.fork(), dict(model)
    for key, value in second:
        fork.put(key, value)
        forked[key] = value
    assert all(fork.get(key) == value for key, value in forked.items())
    if merged:
        state.merge(fork)
        model = forked
    assert all(state.get(key) == value for key, value in model.items())
    assert store == {state_key("k", 0): b"old"}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, st.binary(max_size=8)), WRITES, st.randoms(use_true_random=False))
def test_the_root_is_independent_of_the_order_of_writes(
    base: dict[bytes, bytes], writes: list[tuple[bytes, bytes | None]], random: Random
) -> None:
    nodes = Store()
    before = update(nodes, EMPTY_ROOT, dict(base))
    nodes.take(dict(before.added))
    last = dict(writes)
    mixed = list(last.items())
    random.shuffle(mixed)
    roots = {update(nodes, before.root, dict(order)).root for order in (last.items(), mixed)}
    # One block or two, the same entries give the same root.
    half = update(nodes, before.root, dict(mixed[: len(mixed) // 2]))
    nodes.take(dict(half.added))
    roots.add(update(nodes, half.root, dict(mixed[len(mixed) // 2 :])).root)
    assert len(roots) == 1


def test_presence_and_absence_are_proved_under_the_root() -> None:
    nodes, state = Store(), SystemState(Store())
    state.write(state_key("sums", b"\x01" * 32), Sums(1, 2, 3, 4, 5))
    state.write(state_key("other"), 7)
    done = update(nodes, EMPTY_ROOT, state.changes)
    nodes.take(dict(done.added))
    key = state_key("sums", b"\x01" * 32)
    value = state.get(key)
    assert value is not None
    verify_presence(done.root, key, value, prove(nodes, done.root, key))
    absent = state_key("sums", b"\x02" * 32)
    verify_absence(done.root, absent, prove(nodes, done.root, absent))


def test_typed_entries() -> None:
    state = SystemState(Store())
    assert state.number(b"n") == 0 and state.read(Sums, b"s") is None
    state.write(b"n", 3)
    state.write(b"s", Sums(1, 2, 3, 4, 5))
    assert state.number(b"n") == 3 and state.read(Sums, b"s") == Sums(1, 2, 3, 4, 5)
    with pytest.raises(Malformed):
        state.read(Sums, b"n")


def test_both_halves_make_the_root() -> None:
    one, two = b"\x01" * 32, b"\x02" * 32
    assert len({state_root(one, two), state_root(two, one), state_root(one, one)}) == 3


def test_keys_do_not_run_together() -> None:
    keys = [
        state_key("batch", 1),
        state_key("batches/open"),
        state_key("batches/seq"),
        state_key("pegout", b"\x00" * 32),
        state_key("pegouts"),
        state_key("queue/slot", 0, 1),
        state_key("queue/slot", 1, 0),
        state_key("module/a", b"x"),
        state_key("module/ab"),
    ]
    assert len(set(keys)) == len(keys)
