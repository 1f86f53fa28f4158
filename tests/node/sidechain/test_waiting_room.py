"""Room for gossip: bounded in all, and whoever sends little finds some however many flood it."""

from __future__ import annotations

import pytest

from bystack.node.sidechain.waiting_room import Load, WaitingRoom


def flood(room: WaitingRoom, peer: bytes, size: int) -> Load:
    while room.enter(peer, size):
        pass
    return room.inside.get(peer, Load(0, 0))


@pytest.mark.parametrize(("count", "size"), [(64, 1), (10_000, 1_000)])
def test_a_flood_leaves_room(count: int, size: int) -> None:
    room = WaitingRoom(count, 64_000)
    assert flood(room, b"a", size) == Load(32, 32 * size)
    assert flood(room, b"b", size) == Load(16, 16 * size)
    assert flood(room, b"c", size).number == 8
    assert room.enter(b"quiet", size)


def test_what_is_heard_makes_room_and_nobody_is_remembered() -> None:
    room = WaitingRoom(4, 100)
    for _ in range(1_000):
        assert room.enter(b"a", 50) and not room.enter(b"a", 50)
        room.leave(b"a", 50)
    assert not room.inside and not room.enter(b"a", 101)
