"""Where a signer's journals lie, and when one may be begun: never where there was one before.

A mark beside the validator key (`marks`) outlives `data/`: it is written after the vote journal and
before the first signature, so a key with a mark and no journal has forgotten what it signed, and
one whose journal is behind its mark too. Federation shares are such a mark themselves. Source:
`bbft.md` section 8.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bystack.node.signer.marks import Mark, MarkFile, Vote, mark_in, mark_path, read_mark, vote_of
from bystack.node.store.journal import Journal, JournalCorrupt, JournalError, JournalMissing
from bystack.primitives.codec import decode, encode
from bystack.sidechain.consensus.positions import JournalRecord, Position, by_place
from bystack.sidechain.consensus.statements import MAX_VIEW, Step

VOTES, WARRANTS = "votes", "warrants"
MAX_RECORD = 100_000
NEVER_OLDER = "restore it as it was when this signer last stopped, never older; if that is lost"
UNSIGNED = bytes(96)
"""In place of a signature: no BLS signature is all zeros, its first byte carries a flag."""


Order = Callable[[Position], tuple[int, ...]]


class Votes(NamedTuple):
    """A voting key's memory: its journal, open and locked, and the mark beside the key."""

    journal: Journal
    mark: MarkFile


class JournalElsewhere(JournalError):
    """The key votes on this chain from the journal of another name."""


class FloorLow(JournalError):
    """The journal holds votes above the height after which its owner would vote again."""


def votes_path(folder: str, name: str) -> str:
    """The vote journal of a sidechain's validator key."""
    return f"{folder}/votes-{name}.journal"


class JournalRestored(JournalError):
    """The journal is older than its mark: an old copy of it was restored."""


class KeyStopped(JournalError):
    """This key signed a vote that its journal lacks, and is served no more."""


def open_votes(folder: str, name: str, mark: Mark, magic: bytes, order: Order = by_place) -> Votes:
    """The vote journal and its mark; begun only if this key never had one for this chain.

    `order`: what grows from vote to vote (the engine's verifier). Raises `JournalMissing`,
    `JournalElsewhere`, `JournalRestored`, `KeyStopped`, `MarkDamaged`, what `Journal.open` raises.
    """
    path, marked = votes_path(folder, name), os.path.lexists(mark_path(name))
    if marked:
        _check_mark(path, name, mark)
    elif not os.path.exists(path):
        _refuse_second(path, mark)
    accept = f"bystackd key accept-lost-journal {name} --after-height HEIGHT"
    try:
        journal = Journal.open(path, kind=VOTES, magic=magic, must_exist=marked)
    except (JournalMissing, JournalCorrupt) as error:
        raise type(error)(path, error.fault, f"{NEVER_OLDER}: {accept}") from None
    try:
        file = MarkFile(name, mark, path)
        _check_reach(name, journal, file, order, f"{NEVER_OLDER}: {accept}")
        last = last_vote(journal)
        if not marked or file.missed:
            file.begin()
        if last is not None:
            file.reach(vote_of(last))
    except BaseException:
        journal.close()
        raise
    return Votes(journal, file)


def _check_reach(name: str, journal: Journal, file: MarkFile, order: Order, step: str) -> None:
    """The journal holds the vote its mark knows of, and the one that was missed."""
    path = journal.path
    for vote in file.holds:
        if not _reaches(journal, vote, order):
            lacks = f"it lacks the vote at height {vote.position.height}"
            raise JournalRestored(path, f"it is older than {mark_path(name)}: {lacks}", step)
    for rule, vote in file.missed:
        if vote.position.height > floor_of(journal) and vote not in votes_in(journal):
            where = f"height {vote.position.height}, view {vote.position.view}"
            fault = f"this key signed at {where} what the journal lacks ({rule})"
            raise KeyStopped(path, fault, f"no other signer may hold this key; {step}")


def _reaches(journal: Journal, vote: Vote, order: Order) -> bool:
    last = last_vote(journal)
    if vote.position.height <= floor_of(journal):
        return True
    if last is None or order(last.position) < order(vote.position):
        return False
    return order(last.position) > order(vote.position) or last.digest == vote.digest


def votes_in(journal: Journal) -> dict[Vote, None]:
    """Every vote a journal holds, oldest first."""
    records = (decode(JournalRecord, one, MAX_RECORD) for one in journal.records())
    return {vote_of(one): None for one in records if one.signature != UNSIGNED}


def _check_mark(path: str, name: str, mark: Mark) -> None:
    """A table's name must not carry another key's or another chain's votes on."""
    if read_mark(mark_path(name)).line != mark.line:
        fault = f"{mark_path(name)} is of another key or another chain"
        raise JournalElsewhere(path, fault, "move that mark and this journal away together")


def _refuse_second(path: str, mark: Mark) -> None:
    """Another table's name must not be the way to a fresh journal."""
    for other in sorted(Path("keys").glob("*.votes")):
        if read_mark(str(other)).line == mark.line:
            fault = f"this key votes on this chain as {other.stem}"
            raise JournalElsewhere(path, fault, "name the table so again, or move that journal")


def open_warrants(folder: str, name: str, magic: bytes) -> Journal:
    """The journal of a federation's orders; begun only before the member holds a share.

    Raises `JournalMissing` and what `Journal.open` raises.
    """
    path = f"{folder}/warrants-{name}.journal"
    shares = f"keys/{glob.escape(name)}-epoch-*-share-*.key"
    must_exist = bool(glob.glob(shares))
    try:
        return Journal.open(path, kind=WARRANTS, magic=magic, must_exist=must_exist)
    except (JournalMissing, JournalCorrupt) as error:
        step = f"{NEVER_OLDER}: move {shares} away for good and let the other members sign"
        raise type(error)(path, error.fault, step) from None


def floor_of(journal: Journal) -> int:
    """The height up to which the voter abstains, or 0: of an abstention at the journal's head."""
    first = next(journal.records(), None)
    record = None if first is None else decode(JournalRecord, first, MAX_RECORD)
    return record.position.height if record and record.signature == UNSIGNED else 0


def last_vote(journal: Journal) -> JournalRecord | None:
    """The newest record that holds a signature."""
    record = None if journal.last is None else decode(JournalRecord, journal.last, MAX_RECORD)
    return None if record is None or record.signature == UNSIGNED else record


def begin_abstaining(folder: str, name: str, floor: int, magic: bytes) -> str | None:
    """Put a journal in place whose voter abstains up to height `floor`; where the old one went.

    Whole or not at all: without the abstention in it, a new journal would sign anything. Raises
    `JournalLocked` while a signer runs on it, `JournalKind`, and `FloorLow`.
    """
    path = votes_path(folder, name)
    _check_floor(path, known_height(name), floor)
    old = None
    if os.path.exists(path):
        old = _replace_old(path, floor, magic)
    else:
        _write_abstention(path, floor, magic)
    if os.path.lexists(mark_path(name)):
        mark = MarkFile(name, mark_in(mark_path(name)), path)
        mark.abstain(vote_of(abstention(floor)))
    return old


def known_height(name: str) -> int:
    """The highest height at which the mark knows of a vote of its key."""
    if not os.path.lexists(mark_path(name)):
        return 0
    known = read_mark(mark_path(name))
    votes = [*known.holds, *(vote for _, vote in known.missed)]
    return max((vote.position.height for vote in votes), default=0)


def _replace_old(path: str, floor: int, magic: bytes) -> str:
    try:
        with Journal.open(path, kind=VOTES, magic=magic) as old:
            last = last_vote(old)
            _check_floor(path, max(floor_of(old), last.position.height if last else 0), floor)
            return _replace(path, floor, magic)
    except JournalCorrupt:
        return _replace(path, floor, magic)


def _check_floor(path: str, known: int, floor: int) -> None:
    if floor < known:
        raise FloorLow(path, f"it reaches height {known}", f"give --after-height {known} or more")


def _replace(path: str, floor: int, magic: bytes) -> str:
    """The old file keeps a name; at no moment there is none at `path`."""
    aside = next(p for n in range(1, 10_000) if not os.path.lexists(p := f"{path}.replaced-{n}"))
    os.link(path, aside)
    _write_abstention(path, floor, magic)
    return aside


def _write_abstention(path: str, floor: int, magic: bytes) -> None:
    Journal.write(path, kind=VOTES, magic=magic, payload=encode(abstention(floor)))


def abstention(floor: int) -> JournalRecord:
    """The first record of an accepted journal: no signature, up to and with height `floor`."""
    return JournalRecord(Position(floor, MAX_VIEW, int(Step.TIMEOUT)), bytes(32), UNSIGNED, b"")
