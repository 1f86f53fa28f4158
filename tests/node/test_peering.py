"""The peer book on disk: what a process that is killed still knows when it is back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import trio
import trio.testing

from bystack.node.peering import BAN_SECONDS, BOOK_SECONDS, keep_book, stored_book
from bystack.p2p.peers import PeerBook

NAME = "ab" * 32
NEVER = 2**40
SOON = BAN_SECONDS + 0.1


def later(path: Path, book: PeerBook, change: Callable[[], object], seconds: float) -> PeerBook:
    """What is on disk so long after a change, as a process finds it that was killed then."""

    async def main() -> PeerBook:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_book, book, str(path))
            await trio.sleep(BOOK_SECONDS + 2 * BAN_SECONDS)  # just looked
            change()
            await trio.sleep(seconds)
            found = stored_book(str(path))
            nursery.cancel_scope.cancel()
        return found

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_ban_and_its_end_survive_a_kill_soon_after(tmp_path: Path) -> None:
    path, book = tmp_path / "peers", PeerBook()
    assert later(path, book, lambda: book.ban(NAME, NEVER), SOON).banned(0, NAME)
    assert not later(path, book, lambda: book.unban(NAME), SOON).banned(0, NAME)


def test_what_else_changes_is_stored_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    path, book = tmp_path / "peers", PeerBook()
    scored = later(path, book, lambda: book.penalise(NAME, 1, 0), SOON)
    assert scored.score(NAME, 0) == 0
    assert stored_book(str(path)).score(NAME, 0) == 1
    scored = later(path, book, lambda: book.penalise(NAME, 1, 0), BOOK_SECONDS + SOON)
    assert scored.score(NAME, 0) == 2
