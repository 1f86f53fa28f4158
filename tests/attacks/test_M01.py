"""M01: a peer floods us with orphans, to fill memory or to crowd out those of others.

The bounds: 25 of one peer, 100 of all, 100,000 bytes each, twenty minutes; a flood crowds out what
the flooder sent itself, and looking for children never walks through them all.
"""

from __future__ import annotations

from bystack.node.pool.orphans import EXPIRY_SECONDS, MAX_ORPHAN, MAX_ORPHANS, MAX_PER_PEER, Orphans
from tests.ledger.people import BOB, outpoint
from tests.ledger.pools import waiting

HONEST, FLOODER = b"honest", b"flooder"


def orphan(number: int, parent: int = 0) -> bytes:
    return waiting([outpoint(parent or number)], salt=number.to_bytes(4, "big")).tx.id


def flood(orphans: Orphans, peer: bytes, numbers: range, now: float = 0.0) -> None:
    for number in numbers:
        one = waiting([outpoint(number)], salt=number.to_bytes(4, "big"))
        orphans.hold(one.tx, peer, now)


def test_a_flooder_crowds_out_itself() -> None:
    orphans = Orphans()
    flood(orphans, HONEST, range(3))
    flood(orphans, FLOODER, range(10, 10_000))
    assert len(orphans) == MAX_PER_PEER + 3
    assert all(orphan(number) in orphans for number in range(3))
    assert orphan(9_999) in orphans and orphan(10) not in orphans


def test_many_flooders_crowd_out_the_greediest_first() -> None:
    orphans = Orphans()
    flood(orphans, HONEST, range(2))
    for peer in range(40):
        flood(orphans, bytes([peer]), range(1_000 * peer + 10, 1_000 * peer + 60))
        assert len(orphans) <= MAX_ORPHANS
    assert len(orphans) == MAX_ORPHANS
    assert all(orphan(number) in orphans for number in range(2))


def test_a_long_one_is_not_kept() -> None:
    orphans = Orphans()
    long = waiting([outpoint(1)], outputs=MAX_ORPHAN // len(BOB.lock.root))
    assert long.tx.size > MAX_ORPHAN
    assert not orphans.hold(long.tx, FLOODER, 0.0)
    assert not orphans


def test_they_leave_with_their_peer_and_with_time() -> None:
    orphans = Orphans()
    flood(orphans, FLOODER, range(10))
    flood(orphans, HONEST, range(20, 23), now=5.0)
    orphans.leave(FLOODER)
    assert len(orphans) == 3
    orphans.expire(EXPIRY_SECONDS + 4.0)
    assert len(orphans) == 3
    orphans.expire(EXPIRY_SECONDS + 5.0)
    assert not orphans
    assert orphans.children([outpoint(20).transaction]) == []


def test_only_the_children_of_a_parent_are_looked_at() -> None:
    orphans = Orphans()
    for number in range(6):
        place = outpoint(500 + number % 2)
        orphans.hold(waiting([place], salt=bytes([number])).tx, bytes([number]), 0.0)
    found = orphans.children([outpoint(500).transaction])
    assert {tx.body.memo for tx in found} == {b"\0", b"\2", b"\4"}
    for tx in found:
        orphans.forget(tx.id)
    assert orphans.children([outpoint(500).transaction]) == []
    assert len(orphans) == 3
