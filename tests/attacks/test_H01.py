"""H01: floods of headers, which cost their sender little and us memory and disk for ever.

Bounds: of a branch without the work of our chain nothing is kept, however often it is shown, and
showing it ends in a ban; one peer makes us keep twice as many headers as the best chain has and
20,000 more, all peers 50,000 of little work beside it; a survey of a long branch remembers 32 bytes
for 2,000 headers, 16,384 times at most.
"""

from __future__ import annotations

import pytest

from bystack.mainchain.blocks import Header
from bystack.mainchain.events import Joined, KeepHeaders, Penalise, Received, Send, Tick
from bystack.mainchain.messages import MAX_HEADERS, Announce, Headers
from bystack.mainchain.sync import worth
from bystack.mainchain.sync.headers import SURVEY
from bystack.mainchain.sync.machine import Sync
from bystack.mainchain.sync.peers import Peers
from bystack.mainchain.sync.worth import BESIDE, PARDONED, SPARE, Worth
from bystack.mainchain.tree import HeaderTree
from tests.mainchain.builders import EASY, LATE, headers_after
from tests.mainchain.sync.test_headers import BEST, ROOT

BAN = 100
PEERS = [bytes([at]) * 32 for at in range(1, 41)]


@pytest.fixture(autouse=True)
def _near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "NEAR", 5)


def machine() -> Sync:
    """A node whose chain is sixty blocks long, and its attackers."""
    tree = HeaderTree([ROOT], EASY)
    tree.add(BEST, None)
    sync = Sync(tree, tree.best().id)
    for peer in PEERS:
        sync.handle(Joined(peer), LATE)
    return sync


def points(actions: list[object]) -> int:
    return sum(one.points for one in actions if isinstance(one, Penalise))


def branches(count: int) -> list[Header]:
    """As many headers, all different, each with true work, right after the first block."""
    return [headers_after(ROOT, 1, step=step + 5)[0] for step in range(count)]


def test_headers_of_little_work_are_never_kept_and_end_in_a_ban() -> None:
    sync, before = machine(), len(BEST) + 1
    for at, header in enumerate(branches(PARDONED + 5)):
        out = sync.handle(Received(PEERS[0], Announce(header), 300), LATE)
        assert not [one for one in out if isinstance(one, KeepHeaders)]
        assert points(list(out)) == (0 if at < PARDONED else 20)
    assert len(sync.tree) == before  # five times twenty points: a ban


def test_many_peers_are_not_more_than_one() -> None:
    sync = machine()
    for peer, header in zip(PEERS, branches(len(PEERS)), strict=True):
        sync.handle(Received(peer, Announce(header), 300), LATE)
        sync.handle(Tick(), LATE)
    assert len(sync.tree) == len(BEST) + 1


def test_answers_to_no_question_cost_and_are_not_kept() -> None:
    sync = machine()
    flood = headers_after(sync.tip, 3)  # even the best headers there could be
    for _ in range(BAN // 10):
        out = sync.handle(Received(PEERS[0], Headers(tuple(flood)), 900), LATE)
        assert points(list(out)) == 10 and not [one for one in out if isinstance(one, Send)]
    assert len(sync.tree) == len(BEST) + 1


class OnlyTheFirstIsConnected:
    """Headers ran ahead of blocks, so that less work will do."""

    tip = ROOT


def weighing() -> tuple[Worth, HeaderTree, Peers]:
    tree = HeaderTree([ROOT], EASY)
    tree.add(BEST, None)
    peers = Peers(tree)
    peers.join(PEERS[0])
    return Worth(tree, peers, OnlyTheFirstIsConnected()), tree, peers


def test_beside_the_best_chain_is_room_for_so_many_from_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worth, "BESIDE", 3)
    weigh, tree, _ = weighing()
    for kept, header in enumerate(branches(4)):
        added = tree.add([header], None).added[0]
        assert weigh.weighty(added) == (kept + 1 < 3)
    assert weigh.weighty(tree.best())


def test_one_peer_makes_us_keep_no_endless_headers() -> None:
    weigh, tree, peers = weighing()
    most = 2 * tree.best().header.height + SPARE
    peers[PEERS[0]].stored = most - 1
    assert not weigh.too_many(PEERS[0], [tree.best()])
    peers[PEERS[0]].stored = most
    assert weigh.too_many(PEERS[0], [tree.best()])


def test_the_bounds_as_they_are_documented() -> None:
    """What `sync/test_headers` shows with small numbers; the memory these make."""
    assert (SPARE, BESIDE, MAX_HEADERS, SURVEY) == (20_000, 50_000, 2_000, 16_384)
    assert SURVEY * 32 <= 600_000
