"""A light node follows work, from several peers, and nobody leads it far along less."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.mainchain.chain import genesis_entry, known_child
from bystack.mainchain.events import Joined, Left, Received, Send, Tick
from bystack.mainchain.light_sync import DEEP, PATIENCE, SPARE, LightSync
from bystack.mainchain.messages import (
    MAX_HEADERS,
    NO_BLOCKS,
    Announce,
    GetBlocks,
    GetHeaders,
    Headers,
    Missing,
    Status,
)
from bystack.mainchain.tree import HeaderTree
from tests.mainchain.builders import EASY, MOVING
from tests.mainchain.light import Giver, World, after

A, B, C = b"A", b"B", b"C"
FIRST = genesis_entry(EASY)
CHAIN = after(FIRST, 30)


def test_it_ends_at_the_best_chain_and_keeps_every_header_once() -> None:
    world = World()
    world.join(A, Giver(CHAIN[:20]))
    world.join(B, Giver(CHAIN))
    assert world.sync.tip == CHAIN[-1]
    assert world.kept == CHAIN
    assert world.penalties == []
    assert world.sync.source is None


def test_announcements_are_followed_and_gaps_are_asked_for() -> None:
    world, giver = World(), Giver(CHAIN)
    world.join(A, Giver(CHAIN[:10]))
    world.tell(A, Announce(CHAIN[10].header))
    assert world.sync.tip == CHAIN[10]
    world.givers[A] = giver
    world.tell(A, Announce(CHAIN[20].header))
    assert world.sync.tip == CHAIN[-1]


def test_a_reorganisation_moves_the_line() -> None:
    world = World()
    world.join(A, Giver(CHAIN[:20]))
    other = after(CHAIN[9], 15, mark=2)
    world.join(B, Giver([*CHAIN[:10], *other]))
    assert world.sync.tip == other[-1]
    assert world.sync.line.at(10) == CHAIN[9].id
    assert world.sync.line.at(11) == other[0].id


def test_a_silent_source_is_replaced() -> None:
    world = World()
    world.silent.add(A)
    world.join(A, Giver(CHAIN, claims=10**6))
    world.join(B, Giver(CHAIN[:25]))
    assert world.sync.tip == FIRST
    world.now += PATIENCE
    world.handle(Tick())
    assert world.sync.tip == CHAIN[24]
    assert world.penalties == [(A, 5, "stalled")]


def test_a_source_that_leaves_is_replaced() -> None:
    world = World()
    world.silent.add(A)
    world.join(A, Giver(CHAIN, claims=10**6))
    world.join(B, Giver(CHAIN[:25]))
    world.handle(Left(A))
    assert world.sync.tip == CHAIN[24]


def test_who_claims_more_than_it_shows_is_penalised_once_and_rests() -> None:
    world = World()
    world.join(A, Giver(CHAIN[:5], claims=10**9))
    assert world.penalties == [(A, 5, "OverClaimed")]
    world.handle(Tick())
    assert len(world.penalties) == 1
    world.join(B, Giver(CHAIN))
    assert world.sync.tip == CHAIN[-1]


def test_a_false_header_bans_its_giver() -> None:
    world, forged = World(), Giver(CHAIN)
    world.join(A, Giver(CHAIN[:5]))
    wrong = msgspec.structs.replace(CHAIN[5].header, target=CHAIN[5].header.target - 1)
    forged.answer = lambda _: Headers((wrong,))  # type: ignore[method-assign]
    world.join(B, forged)
    assert world.penalties == [(B, 100, "HeaderTarget")]
    assert world.sync.tip == CHAIN[4]


def test_a_longer_chain_of_less_work_is_not_followed() -> None:
    hard = after(genesis_entry(MOVING), 30, MOVING, step=1)
    easy = after(genesis_entry(MOVING), 60, MOVING, step=500, mark=2)
    assert easy[-1].work < hard[-1].work
    world = World(MOVING)
    world.join(A, Giver(hard, MOVING))
    world.join(B, Giver(easy, MOVING, claims=10**9))
    assert world.sync.tip == hard[-1]
    assert world.penalties == [(B, 5, "OverClaimed")]


def test_a_branch_without_end_and_with_less_work_is_cut() -> None:
    """Headers of the easiest target cost little: they stop being kept."""
    many = SPARE + 3 * MAX_HEADERS
    world = World(MOVING)
    hard = known_child(genesis_entry(MOVING), after(genesis_entry(MOVING), 1, MOVING)[0].header)
    # As much work as a whole month of headers at the target: the tree takes entries as they are.
    heavy = msgspec.structs.replace(hard, work=(2**200).to_bytes(32, "big"))
    tree = HeaderTree([genesis_entry(MOVING), heavy], MOVING)
    world.sync = LightSync(tree)
    easy = after(genesis_entry(MOVING), many, MOVING, step=50, mark=2)
    world.join(A, Giver(easy, MOVING, claims=2**201))
    assert world.penalties == [(A, 100, "LowWork")]
    assert len(world.kept) <= SPARE + 2 + MAX_HEADERS
    assert world.sync.tip == heavy


def test_an_old_header_announced_is_no_news() -> None:
    world, chain = World(), after(FIRST, DEEP + 5)
    world.join(A, Giver(chain))
    world.join(B, Giver(chain))
    side = after(chain[1], 1, mark=2)[0]
    world.tell(B, Announce(side.header))
    assert world.sync.tree.entry(side.id) is None
    assert world.penalties == []


def test_it_says_that_it_serves_no_blocks_and_serves_headers() -> None:
    world = World()
    world.join(A, Giver(CHAIN))
    asked = (GetHeaders((CHAIN[-2].id,)), GetBlocks((FIRST.id,)))
    answers = [world.sync.handle(Received(A, message), world.now) for message in asked]
    tip = Status(30, CHAIN[-1].id, CHAIN[-1].work, NO_BLOCKS)
    assert world.sync.handle(Joined(B), world.now) == [Send(B, tip)]
    assert answers[0] == [Send(A, Headers((CHAIN[-1].header,)))]
    assert answers[1] == [Send(A, Missing((FIRST.id,)))]


@pytest.mark.parametrize(("blocks_from", "served"), [(0, True), (7, True), (8, False)])
def test_who_serves_blocks_from_which_height(blocks_from: int, served: bool) -> None:
    world = World()
    world.join(A, Giver(CHAIN))
    world.tell(A, msgspec.structs.replace(world.givers[A].status(), blocks_from=blocks_from))
    assert (A in world.sync.serving(7)) is served


FORKS = [
    after(CHAIN[at], length, mark=number + 3)
    for number, (at, length) in enumerate([(0, 5), (3, 40), (12, 20), (20, 9), (28, 6)])
]
BRANCHES = [CHAIN, *([*CHAIN[: fork[0].header.height - 1], *fork] for fork in FORKS)]


@given(
    order=st.lists(st.integers(0, len(BRANCHES) - 1), min_size=1, max_size=8),
    claims=st.lists(st.sampled_from([0, 0, 1, 10**6]), min_size=8, max_size=8),
    mute=st.sets(st.integers(0, 7), max_size=3),
    leaves=st.sets(st.integers(0, 7), max_size=3),
)
@settings(max_examples=60)
def test_whoever_comes_in_whatever_order_the_most_work_shown_leads(
    order: list[int], claims: list[int], mute: set[int], leaves: set[int]
) -> None:
    world = World()
    for number, (which, claim) in enumerate(zip(order, claims, strict=False)):
        name = bytes([number])
        world.silent |= {name} if number in mute else set()
        world.join(name, Giver(BRANCHES[which], claims=claim))
    for number in leaves & set(range(len(order))):
        if number in mute:
            world.handle(Left(bytes([number])))
    for _ in range(12):
        world.now += PATIENCE
        world.handle(Tick())
    shown = [BRANCHES[which][-1] for n, which in enumerate(order) if n not in mute]
    best = max(entry.work for entry in [FIRST, *shown])
    assert world.sync.tip.work == best
    ids = [entry.id for entry in world.kept]
    assert len(ids) == len(set(ids))
    assert {points for _, points, _ in world.penalties} <= {5}
