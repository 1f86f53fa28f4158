"""Where to: the best branch that can be had, not the best that is known."""

from __future__ import annotations

from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.messages import NO_BLOCKS
from tests.mainchain.builders import EASY, headers_after
from tests.mainchain.sync.test_window import CHAIN, IDS, Asking

A, B, C = b"A", b"B", b"C"
LESSER = headers_after(genesis_entry(EASY), 40, step=5)


def parted() -> Asking:
    """B shows and serves the lesser of two branches."""
    world = Asking()
    world.tree.add(LESSER, None)
    world.join(B, LESSER[-1].id)
    return world


def test_a_branch_whose_first_block_nobody_serves_is_no_goal() -> None:
    world = parted()
    world.join(A, IDS[60], blocks_from=10)
    world.goals.aim(world.now)
    assert world.plan.goal == LESSER[-1].id
    world.join(C, IDS[12])  # and with C's first blocks the best can be had
    world.goals.aim(world.now)
    assert world.plan.goal == IDS[60]
    asked: dict[bytes, list[int]] = {}
    for _ in range(8):
        for peer, some in world.ask().items():
            asked.setdefault(peer, []).extend(some)
            world.give(peer, *some)
    assert max(asked[C]) <= 12 and min(asked[A]) >= 10 and B not in asked


def test_what_a_peer_at_rest_or_without_blocks_shows_is_no_goal() -> None:
    world = parted()
    world.join(A, IDS[60])
    world.join(C, IDS[60], blocks_from=NO_BLOCKS)
    world.goals.aim(world.now)
    assert world.plan.goal == IDS[60]
    world.peers[A].rests_until = world.now + 1
    world.goals.aim(world.now)
    assert world.plan.goal == LESSER[-1].id
    world.peers[B].rests_until = world.now + 1
    world.goals.aim(world.now)
    assert not world.plan.planned
    world.goals.aim(world.now + 1)
    assert world.plan.goal == IDS[60]


def test_of_equal_branches_the_present_goal_stays() -> None:
    world = Asking()
    fork = headers_after(world.plan.entry(IDS[59]), 1, step=9)
    world.tree.add(fork, None)
    world.join(A, fork[0].id)
    world.goals.aim(world.now)
    world.join(B, CHAIN[-1].id)
    world.goals.aim(world.now)
    assert world.plan.goal == fork[0].id


def test_a_plan_all_of_which_is_at_hand_outlives_its_peer() -> None:
    world = Asking(A=3)
    world.give(A, *world.ask()[A])
    switch = world.plan.advance()
    assert switch and world.plan.lacking > world.plan.last
    world.peers.leave(A)
    world.goals.aim(world.now)
    assert world.plan.planned  # a switch is under way
    world.plan.switched()
    world.goals.aim(world.now)
    assert not world.plan.planned and world.plan.tip.id == IDS[3]
