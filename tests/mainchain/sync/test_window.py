"""The window of blocks: who is asked for what, how far ahead, and what happens to who is late."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.events import Action, Penalise, Send, Switch
from bystack.mainchain.messages import NO_BLOCKS, GetBlocks, Status
from bystack.mainchain.switching import Switching
from bystack.mainchain.sync import window as rules
from bystack.mainchain.sync.goals import Goals
from bystack.mainchain.sync.peers import Peers
from bystack.mainchain.sync.window import PATIENCE, STALL, Answer, Window
from bystack.mainchain.tree import HeaderTree
from tests.mainchain.builders import EASY, headers_after

A, B, C = b"A", b"B", b"C"
ROOT = genesis_entry(EASY)
CHAIN = headers_after(ROOT, 60)
SIDE = headers_after(ROOT, 30, step=2)
IDS = [ROOT.id, *(header.id for header in CHAIN)]


class Asking:
    """A window over a chain of headers, and peers that have shown a part of it."""

    def __init__(self, **shown: int) -> None:
        self.tree = HeaderTree([ROOT], EASY)
        self.tree.add(CHAIN, None)
        self.peers = Peers(self.tree)
        self.plan = Switching(self.tree, ROOT.id, [])
        self.window = Window(self.tree, self.peers, self.plan)
        self.goals = Goals(self.tree, self.peers, self.window, self.plan)
        self.now = 100
        for name, height in shown.items():
            self.join(name.encode(), IDS[height])

    def join(self, peer: bytes, tip: bytes, blocks_from: int = 0) -> None:
        entry = self.tree.entry(tip)
        assert entry is not None
        self.peers.join(peer)
        self.window.join(peer)
        self.peers.claimed(peer, Status(entry.header.height, tip, entry.work, blocks_from))

    def ask(self) -> dict[bytes, list[int]]:
        """The heights that peers are asked for now."""
        self.goals.aim(self.now)
        return self.heights(self.window.ask(self.now))

    def heights(self, actions: Sequence[Action]) -> dict[bytes, list[int]]:
        found: dict[bytes, list[int]] = {}
        for one in actions:
            if isinstance(one, Send) and isinstance(one.message, GetBlocks):
                found.setdefault(one.peer, []).extend(map(IDS.index, one.message.ids))
        return found

    def give(self, peer: bytes, *heights: int, size: int = 400) -> None:
        for height in heights:
            answer = self.window.take(peer, IDS[height], size, self.now)
            assert answer is not Answer.UNASKED
            if not self.plan.holds(IDS[height]):
                self.plan.keep(IDS[height], size)
                self.window.stored(IDS[height])

    def connect(self) -> None:
        (switch,) = self.plan.advance()
        assert isinstance(switch, Switch)
        self.plan.switched()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "IN_FLIGHT", 8)
    monkeypatch.setattr(rules, "MAX_BLOCKS", 4)
    monkeypatch.setattr(rules, "AHEAD", 20)


def test_blocks_are_asked_of_all_who_have_them() -> None:
    world = Asking(A=60, B=60, C=60)
    asked = world.ask()
    assert sorted(height for some in asked.values() for height in some) == list(range(1, 13))
    assert {len(some) for some in asked.values()} == {4}
    assert world.window.in_flight == 12 and world.window.sources(world.now) == 3


def test_nobody_is_asked_for_what_it_has_not_shown_or_does_not_keep() -> None:
    world = Asking(A=3, B=60)
    world.join(C, IDS[60], blocks_from=9)
    asked = world.ask()
    assert all(height <= 3 for height in asked.get(A, []))
    assert all(height >= 9 for height in asked.get(C, []))
    light = Asking()
    light.join(A, IDS[60], blocks_from=NO_BLOCKS)
    assert light.ask() == {} and not light.plan.planned


def test_a_peer_on_another_branch_gives_what_is_common() -> None:
    world = Asking(B=60)
    fork = headers_after(world.plan.entry(IDS[2]), 5, step=7)
    world.tree.add(fork, None)
    world.join(A, fork[-1].id)
    world.join(C, ROOT.id)
    for _ in range(3):
        asked = world.ask()
        assert set(asked.get(A, [])) <= {1, 2} and C not in asked


def test_the_window_ends_so_far_ahead_of_the_tip() -> None:
    world = Asking(A=60, B=60, C=60)
    for _ in range(4):
        for peer, some in world.ask().items():
            world.give(peer, *(height for height in some if height > 1))
    assert world.window.in_flight == 1 and world.plan.lacking == 1
    assert not world.plan.at_hand(IDS[21]) and world.plan.at_hand(IDS[20])
    (first,) = [peer for peer, load in world.window._loads.items() if load.asked]
    world.give(first, 1)
    world.connect()
    assert min(min(some) for some in world.ask().values()) == 21


def test_the_window_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "AHEAD_BYTES", 50_000)
    world = Asking(A=60)
    asked = world.ask()[A]
    assert asked == [1, 2, 3, 4]
    world.give(A, 2, 3, 4, size=20_000)
    assert world.ask() == {}  # but what holds everything up is asked for
    world.window.release(A)
    assert world.ask() == {A: [1]}


def test_a_reorganisation_takes_what_it_needs_to_gain_work() -> None:
    world = Asking()
    world.tree.add(SIDE, None)
    world.plan = Switching(world.tree, SIDE[-1].id, [])
    world.window = Window(world.tree, world.peers, world.plan)
    world.goals = Goals(world.tree, world.peers, world.window, world.plan)
    world.join(A, IDS[60])
    for _ in range(20):
        world.give(A, *world.ask().get(A, []))
    assert world.plan.gain == 31 and world.plan.lacking == 32
    assert world.plan.advance()[0].connect == tuple(IDS[1:32])


def test_the_blocks_of_a_silent_peer_are_asked_of_others() -> None:
    world = Asking(A=60, B=60)
    asked = world.ask()
    for peer, more in world.ask().items():
        asked[peer] += more
    world.now += STALL - 1
    assert world.window.watch(world.now) == [] and world.ask() == {}
    world.give(B, *asked[B])
    world.now += 1
    assert world.window.watch(world.now) == []
    again, more = world.ask(), world.ask()
    assert set(asked[A]) <= {*again[B], *more[B]} and A not in again
    world.give(A, asked[A][0])  # late, and welcome
    assert world.plan.at_hand(IDS[asked[A][0]])
    assert A in world.ask() or world.window.in_flight


def test_who_stays_silent_has_stalled() -> None:
    world = Asking(A=60)
    asked = world.ask()
    world.now += PATIENCE - 1
    assert world.window.watch(world.now) == []
    world.now += 1
    assert world.window.watch(world.now) == [Penalise(A, 20, "stalled")]
    assert world.ask() == {} and world.window.in_flight == 0
    assert world.window.take(A, IDS[asked[A][0]], 400, world.now) is Answer.LATE


def test_on_a_line_that_others_fill_a_peer_may_be_silent_for_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three share our line: each waits for the other two."""
    monkeypatch.setattr(rules, "AHEAD", 60)
    world = Asking(A=60, B=60, C=60)
    asked, said = world.ask(), list[Action]()
    for second in range(2 * PATIENCE):
        assert said == [], second
        for peer in (A, B) if second % 3 == 0 else ():
            height = min(asked[peer])
            asked[peer].remove(height)
            world.give(peer, height)
        world.now += 1
        found = world.window.watch(world.now)
        said += [one for one in found if isinstance(one, Penalise)]
        for peer, more in (*world.heights(found).items(), *world.ask().items()):
            asked[peer] += more
    assert said == [Penalise(C, 20, "stalled")]


def test_what_holds_everything_up_is_asked_of_a_second_peer() -> None:
    world = Asking(A=60, B=60)
    asked = world.ask()
    slow, other = (A, B) if 1 in asked[A] else (B, A)
    share = world.window._loads[slow].share
    for _ in range(2 * STALL):
        world.now += 1
        for peer, more in world.ask().items():
            asked[peer] += more
        for some in asked.values():
            some.sort(reverse=True)  # the lowest comes last
        world.give(A, asked[A].pop(0))
        world.give(B, asked[B].pop(0))
        hasty = world.heights(world.window.watch(world.now))
    assert hasty == {other: [1]} and world.window._loads[slow].share < share
    world.give(other, 1)
    assert world.window.take(slow, IDS[1], 400, world.now) is Answer.LATE


def test_two_that_give_all_but_the_first_block_hold_nothing_up_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both go on giving other blocks, so that neither is ever silent."""
    monkeypatch.setattr(rules, "AHEAD", 60)
    world = Asking(A=60, B=60, C=60)
    asked, holders = world.ask(), list[bytes]()
    for _ in range(4 * STALL + 2):
        world.now += 1
        for peer, more in world.heights(world.window.watch(world.now)).items():
            asked[peer] += more
        for peer, more in world.ask().items():
            asked[peer] += more
        holders += [peer for peer, some in asked.items() if 1 in some and peer not in holders]
        for peer in (A, B, C):
            others = [height for height in asked[peer] if height > 1]
            if others:
                asked[peer].remove(others[-1])
                world.give(peer, others[-1])
    assert set(holders) == {A, B, C}  # nobody gave it, all were asked


def test_who_holds_everything_up_loses_all_that_it_was_asked_for() -> None:
    world = Asking(A=60, B=60)
    asked = world.ask()
    slow, other = (A, B) if 1 in asked[A] else (B, A)
    world.give(other, *asked[other])
    world.now += 2 * STALL
    world.give(slow, asked[slow][-1])  # not silent
    (first,) = world.heights(world.window.watch(world.now))[other]
    again = world.ask()
    assert first == 1 and slow not in again
    assert {*asked[slow][1:-1]} <= {*again[other], *world.ask().get(other, [])}
    world.give(slow, 1)  # it may have another try
    assert not world.window._loads[slow].silent


def test_answers_that_nobody_asked_for_are_known_as_such() -> None:
    world = Asking(A=60, B=60)
    asked = world.ask()
    assert world.window.take(A, IDS[asked[B][0]], 400, world.now) is Answer.UNASKED
    world.give(A, asked[A][0])
    assert world.window.take(A, IDS[asked[A][0]], 400, world.now) is Answer.UNASKED


def test_a_block_asked_for_twice_may_come_twice() -> None:
    world = Asking(A=60)
    first = world.ask()[A][0]
    world.window.release(A)
    assert first in world.ask()[A]
    answers = [world.window.take(A, IDS[first], 400, world.now) for _ in range(3)]
    assert answers == [Answer.WANTED, Answer.LATE, Answer.UNASKED]


def test_a_block_found_bad_is_asked_for_again() -> None:
    world = Asking(A=60, B=60)
    asked = world.ask()
    for height in asked[A]:
        world.window.take(A, IDS[height], 400, world.now)  # and never `stored`
    world.peers.blame(A, rules.STALLED, world.now)
    world.give(B, *asked[B])
    assert set(asked[A]) <= set(world.ask()[B])


def test_missing_blocks_cost_a_little_and_are_asked_of_others() -> None:
    world = Asking(A=60, B=60)
    asked = world.ask()
    lacks = tuple(IDS[height] for height in asked[A])
    assert world.window.missing(B, lacks, world.now) == []  # it was not asked
    assert world.window.missing(A, lacks, world.now) == [Penalise(A, 5, "missing")]
    world.give(B, *asked[B])
    assert set(asked[A]) <= set(world.ask()[B])


def test_what_comes_soon_widens_a_peers_share_and_big_blocks_narrow_it() -> None:
    world = Asking(A=60)
    load_of = world.window._loads
    before = load_of[A].share
    world.give(A, *world.ask()[A], size=1_000)
    assert load_of[A].share == before + 4_000
    big = Asking(A=60)
    big.give(A, *big.ask()[A], size=4_000_000)
    assert big.window._average > 100_000
    load = big.window._loads[A]
    load.share = 1
    assert len(big.ask().get(A, [])) <= 1
