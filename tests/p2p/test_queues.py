from hypothesis import given
from hypothesis import strategies as st

from bystack.p2p.queues import BOUNDS, Bound, BoundedQueue, Class, SendQueues

SMALL = {cls: Bound(3, 100) for cls in Class}


def test_the_most_urgent_goes_first() -> None:
    queues = SendQueues()
    for cls in reversed(Class):
        assert queues.push(cls, cls.name.encode())
    assert queues.push_control(b"PING")
    sent = [queues.pop(1) for _ in range(5)]
    assert sent == [b"PING", b"CONSENSUS", b"BLOCK", b"TRANSACTION", b"SYNC"]
    assert queues.pop(1) == b""


def test_a_full_class_drops_and_leaves_the_others_alone() -> None:
    queues = SendQueues(SMALL)
    assert [queues.push(Class.SYNC, b"s") for _ in range(5)] == [True] * 3 + [False] * 2
    assert queues.push(Class.CONSENSUS, b"c")
    assert queues.pop(1) == b"c"


def test_a_class_is_bounded_in_bytes_but_takes_one_large_frame() -> None:
    queue = BoundedQueue(Bound(10, 100))
    assert queue.push(b"x" * 1000)
    assert not queue.push(b"y")
    assert queue.pop() == b"x" * 1000
    assert queue.push(b"y" * 60) and queue.push(b"y" * 40) and not queue.push(b"y")


@given(st.lists(st.tuples(st.sampled_from(Class), st.integers(1, 30)), max_size=60))
def test_order_within_a_class_and_between_classes(pushes: list[tuple[Class, int]]) -> None:
    queues = SendQueues()
    for cls, size in pushes:
        assert queues.push(cls, bytes([cls]) * size)
    expected = b"".join(bytes([cls]) * size for cls, size in sorted(pushes, key=lambda p: p[0]))
    got = []
    while chunk := queues.pop(64):
        got.append(chunk)
    assert b"".join(got) == expected
    assert all(len(chunk) <= 64 for chunk in got)


def test_a_large_frame_never_rides_behind_a_small_one() -> None:
    """Else a vote that comes a moment later would wait for it."""
    queues = SendQueues()
    queues.push(Class.CONSENSUS, b"vote")
    queues.push(Class.SYNC, bytes(1000))
    assert queues.pop(64) == b"vote"


def test_closing_forgets_all() -> None:
    queues = SendQueues()
    queues.push(Class.BLOCK, b"b")
    queues.clear()
    assert queues.pop(10) == b""


def test_every_class_is_bounded() -> None:
    assert set(BOUNDS) == set(Class)
    assert sum(bound.size for bound in BOUNDS.values()) <= 64 << 20
