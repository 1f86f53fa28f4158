"""A light node follows work, from several peers, and nobody leads it far along less."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.mainchain.chain import genesis_entry, known_child
from bystack.mainchain.events import Joined, Left, Received, Send, Tick
from bystack.mainchain.light_sync import LightSync
from bystack.mainchain.messages import (
    MAX_HEADERS,
    NO_BLOCKS,
    Announce,
    GetBlocks,
    GetHeaders,
    Headers,
    MainMessage,
    Missing,
    Status,
)
from bystack.mainchain.sync import headers
from bystack.mainchain.sync.headers import HURRY, PATIENCE
from bystack.mainchain.sync.peers import BOAST, CONTRADICTION, ENDLESS, STALLED
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
    assert not world.sync.busy


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


def test_a_silent_source_holds_nobody_up_and_is_penalised() -> None:
    """However much it claims: the next is asked beside it."""
    world = World()
    world.silent.add(A)
    world.join(A, Giver(CHAIN, claims=10**6))
    world.join(B, Giver(CHAIN[:25]))
    assert world.sync.tip == FIRST and world.sync.awaits(A)
    world.wait(HURRY)
    assert world.sync.tip == CHAIN[24]
    world.wait(PATIENCE)
    assert world.penalties == [(A, *STALLED[::-1])]


def test_peers_that_claim_everything_and_say_nothing_hide_no_chain() -> None:
    """Each rests when its patience is over: those who answer come to their turn."""
    world = World()
    for number in range(12):
        name = bytes([100 + number])
        world.silent.add(name)
        world.join(name, Giver(CHAIN[:1], claims=10**6))
    world.join(B, Giver(CHAIN))
    world.wait(4 * PATIENCE)
    assert world.sync.tip == CHAIN[-1]


def test_newcomers_with_ever_greater_promises_do_not_hide_who_was_there_before() -> None:
    world = World()
    world.silent |= {bytes([number]) for number in range(200)}
    world.join(b"first", Giver(CHAIN[:1], claims=10**6))
    world.join(b"honest", Giver(CHAIN[:1]))
    world.wait(60)  # both have shown what they have
    world.givers[b"honest"] = Giver(CHAIN)
    for number in range(40):
        world.join(bytes([number]), Giver(CHAIN[:5], claims=10**7 + number))
        if not number:
            world.tell(b"honest", world.givers[b"honest"].status())
        world.wait(2)
    assert world.sync.tip == CHAIN[-1]


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
    assert world.penalties == [(A, *BOAST[::-1])]
    world.handle(Tick())
    assert len(world.penalties) == 1
    world.join(B, Giver(CHAIN))
    assert world.sync.tip == CHAIN[-1]


def test_progress_is_the_share_of_the_work_that_peers_tell_of() -> None:
    world = World()
    assert world.sync.progress == 0
    world.silent.add(A)
    world.join(A, Giver(CHAIN))
    assert world.sync.progress == 1 / 31
    world.silent.clear()
    world.join(B, Giver(CHAIN))
    world.wait(HURRY)
    assert world.sync.progress == 1
    for name in (A, B):
        world.handle(Left(name))
    assert world.sync.progress == 1


def test_a_false_header_bans_its_giver() -> None:
    world, forged = World(), Giver(CHAIN)
    world.join(A, Giver(CHAIN[:5]))
    wrong = msgspec.structs.replace(CHAIN[5].header, target=CHAIN[5].header.target - 1)

    def lie(message: MainMessage) -> MainMessage | None:
        return Headers((wrong,)) if isinstance(message, GetHeaders) else None

    forged.answer = lie  # type: ignore[method-assign]
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
    assert world.penalties == [(B, *BOAST[::-1])]


def heavy_world() -> World:
    """A best chain of as much work as no number of headers of the easiest target has."""
    world = World(MOVING)
    hard = known_child(genesis_entry(MOVING), after(genesis_entry(MOVING), 1, MOVING)[0].header)
    # The tree takes entries as they are.
    heavy = msgspec.structs.replace(hard, work=(2**200).to_bytes(32, "big"))
    world.sync = LightSync(HeaderTree([genesis_entry(MOVING), heavy], MOVING))
    return world


def test_headers_of_little_work_are_not_kept_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """They cost little to make: not one takes room in the tree or on the disk."""
    monkeypatch.setattr(headers, "SURVEY", 2)
    easy = after(genesis_entry(MOVING), 3 * MAX_HEADERS, MOVING, step=50, mark=2)
    for length, cost in ((MAX_HEADERS - 1, BOAST), (3 * MAX_HEADERS, ENDLESS)):
        world = heavy_world()
        tip = world.sync.tip
        world.join(A, Giver(easy[:length], MOVING, claims=2**201))
        assert world.penalties == [(A, *cost[::-1])]
        assert world.kept == [] and len(world.sync.tree) == 2
        assert world.sync.tip == tip


def test_a_header_of_little_work_announced_is_not_kept() -> None:
    world = heavy_world()
    world.join(A, Giver([], MOVING))
    side = after(genesis_entry(MOVING), 1, MOVING, mark=2)[0]
    world.tell(A, Announce(side.header))
    assert world.sync.tree.entry(side.id) is None and world.kept == []
    assert world.penalties == []


def test_a_status_that_belies_the_header_it_names_is_penalised() -> None:
    world = World()
    world.join(A, Giver(CHAIN))
    lie = msgspec.structs.replace(world.givers[A].status(), height=31)
    world.tell(A, lie)
    assert world.penalties == [(A, *CONTRADICTION[::-1])]
    assert world.sync.progress == 1


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
    world.wait(6 * PATIENCE)
    shown = [BRANCHES[which][-1] for n, which in enumerate(order) if n not in mute]
    best = max(entry.work for entry in [FIRST, *shown])
    assert world.sync.tip.work == best
    ids = [entry.id for entry in world.kept]
    assert len(ids) == len(set(ids))
    assert {points for _, points, _ in world.penalties} <= {
        offence.points for offence in (STALLED, BOAST, CONTRADICTION)
    }
