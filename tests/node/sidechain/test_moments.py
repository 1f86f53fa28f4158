"""States of a few past blocks are held for those who ask page by page, and let go."""

from __future__ import annotations

import pytest

from bystack.node.sidechain.moments import BLOCKS, MOST, MomentGone, Moments
from bystack.node.store.storage import Store


def block(number: int) -> bytes:
    return bytes([number]) * 32


@pytest.fixture
def store(tmp_path):
    made = Store.open(tmp_path / "store", kind="test", magic=b"test", version=1)
    yield made
    made.close()


def write(store: Store, value: bytes) -> None:
    store.commit_now({b"key": value})


def test_a_moment_stays_as_it_was(store: Store) -> None:
    moments = Moments()
    write(store, b"old")
    moments.hold(block(1), 7, store.snapshot())
    write(store, b"new")
    with moments.reading(block(1)) as view:
        assert view.get(b"key") == b"old" and store.get(b"key") == b"new"
    with pytest.raises(MomentGone), moments.reading(block(2)):
        raise AssertionError("a block that nobody asked about")
    moments.close()
    assert len(moments) == 0


def test_few_are_held_and_none_for_long(store: Store) -> None:
    moments = Moments()
    for number in range(MOST):
        moments.hold(block(number), number, store.snapshot())
    with moments.reading(block(0)):
        moments.pass_on(BLOCKS * 9)  # while one is read, nothing goes
    assert len(moments) == MOST
    moments.hold(block(0), 0, store.snapshot())
    moments.hold(block(9), 9, store.snapshot())
    assert len(moments) == MOST
    with pytest.raises(MomentGone), moments.reading(block(1)):
        raise AssertionError("the one asked for least lately goes first")
    moments.pass_on(BLOCKS + 2)
    assert len(moments) == 3, "what lies more than so many blocks below goes"
    moments.pass_on(10 + BLOCKS)
    assert len(moments) == 0
