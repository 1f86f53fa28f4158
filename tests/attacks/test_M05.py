"""M05: headers without end, cheap or without any work, to fill memory and disk or to keep us busy.

The bounds: a header whose work lies more than 288 blocks below the best is never stored; while a
long branch is surveyed, one id per answer is remembered and one judged entry; a branch that has no
work costs one digest; nobody's flood keeps an honest peer from being heard, and flooders get out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import msgspec
import pytest

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.events import Action, Joined, KeepHeaders, Left, Penalise, Received, Send
from bystack.mainchain.line import Line
from bystack.mainchain.messages import Announce, GetHeaders, Headers, MainMessage, Status
from bystack.mainchain.sync import headers as rules
from bystack.mainchain.sync.machine import Sync
from bystack.mainchain.sync.worth import NEAR, PARDONED
from bystack.mainchain.tree import HeaderTree
from tests.mainchain.builders import EASY, LATE, headers_after

ANSWER = 50
CHEAP = 6 * ANSWER + 10
ROOT = genesis_entry(EASY)
HONEST = b"honest"


@cache
def best() -> list[Header]:
    return headers_after(ROOT, NEAR + CHEAP + 20)


@cache
def cheap() -> list[Header]:
    return headers_after(ROOT, CHEAP, step=2)


class Flooded:
    """A node in sync, all of whose headers are connected, and what it stored since."""

    def __init__(self) -> None:
        self.tree = HeaderTree([ROOT], EASY)
        self.tree.add(best()[:-1], None)
        self.sync = Sync(self.tree, self.tree.best().id)
        self.stored = 0
        self.points = 0
        shown = HeaderTree([ROOT], EASY)
        shown.add(cheap(), None)
        self.line = Line(shown, ROOT, shown.best())

    def hear(self, peer: bytes, message: MainMessage) -> list[Action]:
        out = self.sync.handle(Received(peer, message), LATE)
        self.stored += sum(len(one.entries) for one in out if isinstance(one, KeepHeaders))
        self.points += sum(one.points for one in out if isinstance(one, Penalise))
        return out

    def join(self, peer: bytes) -> None:
        self.sync.handle(Joined(peer), LATE)

    def answers(self, peer: bytes, out: Sequence[Action]) -> Iterator[None]:
        """Answer from the cheap branch for as long as headers are asked for."""
        asked = [one.message for one in out if isinstance(one, Send) and one.peer == peer]
        while questions := [one for one in asked if isinstance(one, GetHeaders)]:
            given = self.line.after(questions[0].locator, ANSWER)
            yield
            out = self.hear(peer, Headers(given))
            asked = [one.message for one in out if isinstance(one, Send) and one.peer == peer]


@pytest.fixture(autouse=True)
def _short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_HEADERS", ANSWER)


def boast(number: int) -> Status:
    return Status(10**6, number.to_bytes(32, "big"), b"\x01" * 32, 0)


def test_flooders_that_come_again_and_again_have_nothing_stored() -> None:
    world = Flooded()
    before = len(world.tree)
    for number in range(12):
        peer = number.to_bytes(4, "big")
        world.join(peer)
        most = 0
        for _ in world.answers(peer, world.hear(peer, boast(number))):
            most = max(most, world.sync._headers.surveyed)
        assert most == CHEAP // ANSWER  # an id for each full answer
        assert world.points == 20 * (number + 1)  # five times, and it is out
        world.sync.handle(Left(peer), LATE)
        assert world.sync._headers.surveyed == 0
    assert (len(world.tree), world.stored) == (before, 0)


def test_many_at_once_keep_no_honest_peer_from_being_heard() -> None:
    world = Flooded()
    floods = []
    for number in range(8):
        peer = number.to_bytes(4, "big")
        world.join(peer)
        flood = world.answers(peer, world.hear(peer, boast(number)))
        next(flood), next(flood)  # its first answer is a survey's
        floods.append(flood)
    surveyed = world.sync._headers.surveyed
    world.join(HONEST)
    more = int.from_bytes(world.sync.tip.work, "big") + 2
    height = len(best())
    out = world.hear(HONEST, Status(height, best()[-1].id, more.to_bytes(32, "big"), 0))
    assert surveyed == 8 and world.stored == 0
    assert any(isinstance(one, Send) and one.peer == HONEST for one in out)
    for flood in floods:
        next(flood)
    world.hear(HONEST, Headers(tuple(best()[-3:])))
    assert world.stored == 1 and world.tree.best().id == best()[-1].id
    assert world.points == 0  # the floods go on, and nobody is blamed yet


def test_cheap_announcements_are_not_stored_and_put_their_sender_out() -> None:
    world = Flooded()
    before = len(world.tree)
    world.join(b"flooder")
    for _ in range(PARDONED + 5):
        assert world.points < 100
        world.hear(b"flooder", Announce(cheap()[0]))
    assert world.points == 100 and (len(world.tree), world.stored) == (before, 0)


def test_headers_without_work_cost_one_digest_and_a_ban(monkeypatch: pytest.MonkeyPatch) -> None:
    world, judged = Flooded(), list[bytes]()

    def fails(digest: bytes, _: int) -> bool:
        judged.append(digest)
        return False

    monkeypatch.setattr("bystack.mainchain.chain.meets", fails)
    rubbish = [best()[-1]]
    while len(rubbish) < ANSWER:
        last = rubbish[-1]
        facts = {"previous": last.id, "height": last.height + 1, "time": last.time + 1}
        rubbish.append(msgspec.structs.replace(last, **facts))
    world.join(b"flooder")
    world.hear(b"flooder", boast(1))
    world.hear(b"flooder", Headers(tuple(rubbish)))
    assert len(judged) == 1 and world.points == 100 and world.stored == 0
