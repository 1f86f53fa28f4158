"""Headers: whom to ask, which branches are kept, which are surveyed first, what an answer costs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.events import Action, KeepHeaders, Penalise, Send
from bystack.mainchain.line import Line
from bystack.mainchain.messages import GetHeaders, Status
from bystack.mainchain.switching import Switching
from bystack.mainchain.sync import headers as rules
from bystack.mainchain.sync import worth
from bystack.mainchain.sync.headers import HURRY, PATIENCE, HeaderSync
from bystack.mainchain.sync.peers import Peers
from bystack.mainchain.sync.worth import PARDONED
from bystack.mainchain.tree import HeaderTree
from tests.mainchain.builders import EASY, LATE, headers_after

A, B, C, D = b"A", b"B", b"C", b"D"
ROOT = genesis_entry(EASY)
BEST = headers_after(ROOT, 60)
SIDE = headers_after(ROOT, 50, step=2)
LONG = headers_after(ROOT, 70, step=3)
POOR = headers_after(ROOT, 30, step=4)


class Asked:
    """A header machine among peers, its clock, and a peer that answers from a branch."""

    def __init__(self, *known: Sequence[Header], peers: Sequence[bytes] = (A,)) -> None:
        self.tree = HeaderTree([ROOT], EASY)
        for branch in known:
            self.tree.add(branch, None)
        self.peers = Peers(self.tree)
        self.switching = Switching(self.tree, self.tree.best().id, [])
        self.sync = HeaderSync(self.tree, self.peers, self.switching)
        self.now = 100
        for peer in peers:
            self.peers.join(peer)

    def claim(self, peer: bytes, work: int, tip: bytes = bytes(32)) -> None:
        self.peers.claimed(peer, Status(1_000, tip, work.to_bytes(32, "big"), 0))

    def seek(self) -> list[bytes]:
        asks = self.sync.seek(self.now)
        assert all(isinstance(ask, Send) and isinstance(ask.message, GetHeaders) for ask in asks)
        return [ask.peer for ask in asks if isinstance(ask, Send)]

    def give(self, peer: bytes, headers: Sequence[Header]) -> list[Action]:
        return self.sync.received(peer, headers, self.now, LATE)

    def converse(self, peer: bytes, *branches: Sequence[Header]) -> list[Action]:
        """Answer from a branch until nothing more is asked; each change of branch at a question."""
        others, said = list(branches), list[Action]()
        (asked,) = self.sync.seek(self.now)
        while True:
            branch = others.pop(0) if len(others) > 1 else others[0]
            tree = HeaderTree([ROOT], EASY)
            tree.add(branch, None)
            assert isinstance(asked, Send) and isinstance(asked.message, GetHeaders)
            line = Line(tree, ROOT, tree.best())
            answer = line.after(asked.message.locator, rules.MAX_HEADERS)
            out = self.give(peer, answer)
            said += [one for one in out if not isinstance(one, Send)]
            more = [one for one in out if isinstance(one, Send)]
            if not more:
                return said
            (asked,) = more


def offences(actions: Sequence[Action]) -> list[tuple[int, str]]:
    return [(one.points, one.reason) for one in actions if isinstance(one, Penalise)]


def kept(actions: Sequence[Action]) -> int:
    return sum(len(one.entries) for one in actions if isinstance(one, KeepHeaders))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_HEADERS", 8)
    monkeypatch.setattr(worth, "NEAR", 5)


def test_who_claims_most_is_asked_first_and_beside_it_who_is_here_longest() -> None:
    """Claims cost nothing: were they all that counts, peers that claim and say nothing would be
    all we ask."""
    world = Asked(peers=(A, B, C, D))
    for peer, work in ((A, 100), (B, 300), (C, 200), (D, 2)):
        world.claim(peer, work)
    assert world.seek() == [B] and world.seek() == []
    world.now += HURRY - 1
    assert world.seek() == []
    world.now += 1
    assert world.seek() == [A] and world.seek() == []
    world.now += HURRY
    assert world.seek() == [C] and world.seek() == []  # D claims no more than we have
    world.now += PATIENCE - 2 * HURRY
    assert offences(world.sync.watch(world.now)) == [(20, "stalled")]


def test_nobody_is_asked_for_a_tip_that_is_known() -> None:
    world = Asked(BEST[:30])
    tip = world.tree.entry(BEST[9].id)
    assert tip is not None
    world.peers.claimed(A, Status(tip.header.height, tip.id, tip.work, 0))
    assert world.seek() == []
    assert not world.peers.claimed(A, Status(tip.header.height, tip.id, b"\x01" * 32, 0))


def test_the_whole_branch_is_fetched_answer_by_answer() -> None:
    world = Asked()
    world.claim(A, 122)
    assert kept(world.converse(A, BEST)) == 60
    assert world.tree.best().id == BEST[-1].id and world.seek() == []


def test_a_branch_from_far_below_is_surveyed_and_then_kept() -> None:
    world = Asked(BEST)
    world.claim(A, 142)
    world.seek()
    out = world.give(A, LONG[:8])
    assert kept(out) == 0 and world.tree.entry(LONG[0].id) is None and world.sync.surveyed == 1
    for at in range(8, 56, 8):
        out = world.give(A, LONG[at : at + 8])
        assert kept(out) == 0 and world.sync.surveyed == at // 8 + 1
    (again,) = out  # enough work is shown: from the start, to the very same ids
    assert isinstance(again, Send) and isinstance(again.message, GetHeaders)
    assert again.message.locator[0] == ROOT.id
    assert [kept(world.give(A, LONG[at : at + 8])) for at in range(0, 56, 8)] == [8] * 7
    assert world.sync.surveyed == 0 and kept(world.give(A, LONG[56:64])) == 8
    assert kept(world.give(A, LONG[64:])) == 6 and world.tree.best().id == LONG[-1].id


def test_whoever_shows_another_branch_the_second_time_is_scored_and_keeps_nothing() -> None:
    world = Asked(BEST)
    world.claim(A, 142)
    world.sync.seek(world.now)
    for at in range(0, 56, 8):
        world.give(A, LONG[at : at + 8])
    out = world.give(A, POOR[:8])
    assert offences(out) == [(50, "two different answers")] and kept(out) == 0
    assert world.tree.entry(POOR[0].id) is None and world.sync.surveyed == 0


def test_a_branch_that_ends_before_it_shows_the_work_is_not_kept() -> None:
    for claim, reason in ((200, "claimed more work than it showed"), (0, "branch of little work")):
        world = Asked(BEST)
        world.claim(A, claim)
        world.peers[A].hint = True
        said = world.converse(A, POOR)
        assert kept(said) == 0 and offences(said) == [(20, reason)]
        assert len(world.tree) == 61 and world.seek() == []


def test_a_long_survey_keeps_nobody_else_waiting() -> None:
    """Headers of little work cost their giver nothing, and it may give them slowly."""
    world = Asked(BEST[:20], peers=(A, B))
    world.claim(A, 1_000)
    world.claim(B, 122)
    assert world.seek() == [A] and world.seek() == []
    world.give(A, POOR[:8])
    assert world.sync.surveyed == 1 and world.seek() == [B]
    world.now += 1
    world.give(A, POOR[8:16])
    assert world.sync.surveyed == 2 and kept(world.give(B, BEST[20:28])) == 8


def test_an_announcement_alone_does_not_mean_that_we_are_behind() -> None:
    """Or whoever announces headers without parents could have us look so for ever."""
    world = Asked(BEST)
    world.sync.announced(A, LONG[60], world.now, LATE)
    assert world.seek() == [A] and not world.sync.busy
    world.claim(A, 142)
    assert world.sync.busy
    world.sync.leave(A)
    world.peers.leave(A)
    assert not world.sync.busy


def test_a_survey_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "SURVEY", 4)
    world = Asked(BEST)
    world.claim(A, 142)
    assert offences(world.converse(A, LONG)) == [(100, "endless headers")]
    assert world.sync.surveyed == 0 and len(world.tree) == 61


def test_a_peer_makes_us_keep_so_many_headers_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "SPARE", -100)  # twenty beside a best chain of sixty
    monkeypatch.setattr(worth, "NEAR", 60)
    world = Asked(BEST)
    world.claim(A, 200)
    world.peers[A].hint = True
    said = world.converse(A, SIDE)
    assert offences(said) == [(100, "endless headers")] and len(world.tree) == 61 + 16


def test_beside_the_best_chain_is_room_for_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """While few blocks are connected, less work will do, up to a bound."""
    for room, reached in ((1_000, 30), (10, 16)):
        monkeypatch.setattr(worth, "BESIDE", room)
        world = Asked()
        world.tree.add(BEST, None)  # only headers: the connected tip is the first block
        world.peers[A].hint = True
        assert offences(world.converse(A, POOR)) == []
        beside = len(world.tree) - 61
        assert beside == reached


def test_answers_have_an_order_and_a_question() -> None:
    world = Asked()
    assert offences(world.give(A, BEST[:2])) == [(10, "answer to no question")]
    for wrong in (BEST[1::-1], BEST[0:3:2], BEST[1:3]):
        world = Asked()
        world.claim(A, 50)
        world.seek()
        assert offences(world.give(A, wrong)) == [(100, "headers out of order")]
        assert len(world.tree) == 1


def test_an_answer_that_comes_too_late_is_no_offence() -> None:
    world = Asked()
    world.claim(A, 50)
    world.seek()
    world.now += PATIENCE
    world.sync.watch(world.now)
    assert world.give(A, BEST[:2]) == []
    assert offences(world.give(A, BEST[:2])) == [(10, "answer to no question")]


def test_a_branch_changed_between_two_answers_is_followed() -> None:
    """The second answer is no higher than the first: the peer has moved to a longer branch."""
    world = Asked(BEST[:16], POOR[:16])
    world.claim(A, 122)
    assert offences(world.converse(A, POOR[:16], BEST)) == []
    assert world.tree.best().id == BEST[-1].id


def test_full_answers_that_tell_nothing_end() -> None:
    world = Asked(BEST[:16])
    world.claim(A, 200)
    world.seek()
    out, answers = world.give(A, BEST[:8]), 1
    while any(isinstance(one, Send) for one in out):
        out, answers = world.give(A, BEST[:8]), answers + 1
        assert answers < 10
    assert offences(out) == [(20, "claimed more work than it showed")]


def test_announcements_of_little_work_are_not_kept_and_cost_in_the_end() -> None:
    world = Asked(BEST)
    for _ in range(PARDONED):
        assert world.sync.announced(A, POOR[0], world.now, LATE) == []
    out = world.sync.announced(A, POOR[0], world.now, LATE)
    assert offences(out) == [(20, "branch of little work")] and len(world.tree) == 61


def test_an_announcement_without_its_parent_is_a_hint() -> None:
    world = Asked(BEST)
    assert world.seek() == []
    assert world.sync.announced(A, LONG[60], world.now, LATE) == []
    assert world.seek() == [A]
