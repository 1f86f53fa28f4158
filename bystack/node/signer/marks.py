"""What a voting key remembers beside itself: `keys/NAME.votes`, apart from its journal in `data/`.

It says that a journal was begun, for which key and chain; up to where it reached at least; and
whether it was found to lack a vote, so that the key is served no more. A journal that was restored
from an old copy is behind its mark. It is written after what it tells of, so it is never ahead of
an honest journal. Source: `bbft.md` section 8.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bystack.node.store import files
from bystack.node.store.failpoints import failpoint
from bystack.node.store.journal import JournalError
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.positions import JournalRecord, Position

HOLDS, STOPPED = "holds", "stopped"


class MarkDamaged(JournalError):
    """The mark beside the key cannot be read."""


class Mark(NamedTuple):
    """Whose mark it is: the voting public key, and the id of the chain it votes on."""

    key: bytes
    chain: bytes

    @property
    def line(self) -> str:
        """The first line of the mark's file."""
        return f"{self.key.hex()} {self.chain.hex()}"


class Vote(NamedTuple):
    """A vote by its place and what was signed there."""

    position: Position
    digest: bytes

    @property
    def words(self) -> str:
        """As it stands in a mark."""
        place = self.position
        return f"{place.height} {place.view} {place.step} {self.digest.hex()}"


def vote_of(record: JournalRecord) -> Vote:
    """The vote a journal's record tells of."""
    return Vote(record.position, record.digest)


class Known(NamedTuple):
    """A mark as it is read: its first line, the last vote it knows of, the vote that was missed
    (with the rule that missed it); either may not be there.
    """

    line: str
    holds: tuple[Vote, ...]
    missed: tuple[tuple[str, Vote], ...]


def mark_path(name: str) -> str:
    """The mark that a vote journal was begun."""
    return f"keys/{name}.votes"


def read_mark(path: str) -> Known:
    """The mark in a file; raises `MarkDamaged`."""
    first, *rest = Path(path).read_text(errors="replace").splitlines() or [""]
    words = [line.split() for line in rest]
    try:
        holds = tuple(_vote(one[1:]) for one in words if one[:1] == [HOLDS])
        missed = tuple((one[1], _vote(one[2:])) for one in words if one[:1] == [STOPPED])
    except (ValueError, IndexError, Invalid):
        step = "restore it as it was, never older"
        raise MarkDamaged(path, "the mark of this key is damaged", step) from None
    return Known(first, holds[-1:], missed[-1:])


def mark_in(path: str) -> Mark:
    """Whose mark lies in a file; raises `MarkDamaged`."""
    try:
        key, chain = (bytes.fromhex(word) for word in read_mark(path).line.split())
    except ValueError:
        step = "restore it as it was, never older"
        raise MarkDamaged(path, "the mark of this key is damaged", step) from None
    return Mark(key, chain)


def _vote(words: Sequence[str]) -> Vote:
    height, view, step, digest = words
    place = Position(int(height), int(view), int(step))
    data = bytes.fromhex(digest)
    if len(data) != 32:
        raise ValueError("a digest has 32 bytes")
    return Vote(decode(Position, encode(place), 100), data)


class MarkFile:
    """A mark on the disk, written anew as a whole each time. One task owns it."""

    def __init__(self, name: str, mark: Mark, journal: str) -> None:
        self._path, self._mark, self._journal = mark_path(name), mark, journal
        known = read_mark(self._path) if os.path.lexists(self._path) else None
        self._holds = known.holds if known else ()
        self._missed = known.missed if known else ()

    @property
    def holds(self) -> tuple[Vote, ...]:
        """The last vote it knows of, the abstention its journal begins with, or nothing."""
        return self._holds

    @property
    def missed(self) -> tuple[tuple[str, Vote], ...]:
        """Why the key was stopped, and the vote its journal lacked; or nothing."""
        return self._missed

    def begin(self) -> None:
        """The journal was begun, or is as it should be: nothing is missed."""
        self._missed = ()
        self._write()

    def reach(self, vote: Vote) -> None:
        """The journal reaches up to this vote."""
        if self._holds != (vote,):
            self._holds = (vote,)
            self._write()

    def stop(self, rule: str, vote: Vote) -> None:
        """The journal lacks this vote; the key is served no more until it is found."""
        if not self._missed:
            self._missed = ((rule, vote),)
            self._write()

    def abstain(self, abstention: Vote) -> None:
        """The operator accepted to abstain: what was held and missed counts no more, and a journal
        that does not begin with this is an older one."""
        self._holds, self._missed = (abstention,), ()
        self._write()

    def _write(self) -> None:
        lines = [self._mark.line]
        lines += [f"{HOLDS} {vote.words}" for vote in self._holds]
        lines += [f"{STOPPED} {rule} {vote.words}" for rule, vote in self._missed]
        lines.append(
            f"This key votes, and what it signed stands in {self._journal}: keep both together, "
            "never delete this file to silence an error (see docs/operations.md)."
        )
        failpoint("mark.before_replace")
        files.replace(self._path, "\n".join([*lines, ""]).encode())
        failpoint("mark.after_replace")
