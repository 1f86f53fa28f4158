"""Services to peers are spaced, each kind and node by itself, and the memory of it is bounded."""

from __future__ import annotations

from bystack.sidechain.consensus.courtesy import MAX_REMEMBERED, Courtesy


def test_one_of_a_kind_to_a_node_in_a_while() -> None:
    courtesy = Courtesy()
    assert courtesy.allows(b"a", "tip", 100, 50)
    assert not courtesy.allows(b"a", "tip", 149, 50)
    assert courtesy.allows(b"a", "sync", 149, 50) and courtesy.allows(b"b", "tip", 149, 50)
    assert courtesy.allows(b"a", "tip", 150, 50)


def test_a_clock_set_back_keeps_nobody_waiting() -> None:
    courtesy = Courtesy()
    assert courtesy.allows(b"a", "tip", 1_000, 50) and courtesy.allows(b"a", "tip", 10, 50)


def test_strangers_cannot_fill_it() -> None:
    courtesy = Courtesy()
    for number in range(3 * MAX_REMEMBERED):
        courtesy.allows(number.to_bytes(4, "big"), "tip", 0, 50)
    assert len(courtesy._last) <= MAX_REMEMBERED
