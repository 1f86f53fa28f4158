"""Where a signer's journals lie, and when one may be begun: never where there was one before.

A mark beside the validator key (`keys/NAME.votes`) outlives `data/`: it is written after the vote
journal and before the first signature, so a key with a mark and no journal has forgotten what it
signed. Federation shares are such a mark themselves. Source: `bbft.md` section 8.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import NamedTuple

from bystack.node.store import files
from bystack.node.store.journal import Journal, JournalCorrupt, JournalError, JournalMissing
from bystack.primitives.codec import decode, encode
from bystack.sidechain.consensus.positions import JournalRecord, Position
from bystack.sidechain.consensus.statements import MAX_VIEW, Step

VOTES, WARRANTS = "votes", "warrants"
MAX_RECORD = 100_000
NEVER_OLDER = "restore it as it was when this signer last stopped, never older; if that is lost"
UNSIGNED = bytes(96)
"""In place of a signature: no BLS signature is all zeros, its first byte carries a flag."""


class JournalElsewhere(JournalError):
    """The key votes on this chain from the journal of another name."""


class FloorLow(JournalError):
    """The journal holds votes above the height after which its owner would vote again."""


class Mark(NamedTuple):
    """What a mark says: the voting public key, and the id of the chain it votes on."""

    key: bytes
    chain: bytes

    @property
    def line(self) -> str:
        """The first line of the mark's file."""
        return f"{self.key.hex()} {self.chain.hex()}"


def votes_path(folder: str, name: str) -> str:
    """The vote journal of a sidechain's validator key."""
    return f"{folder}/votes-{name}.journal"


def mark_path(name: str) -> str:
    """The mark that a vote journal was begun."""
    return f"keys/{name}.votes"


def open_votes(folder: str, name: str, mark: Mark, magic: bytes) -> Journal:
    """The vote journal; begun only if this key never had one for this chain.

    Raises `JournalMissing`, `JournalElsewhere` and what `Journal.open` raises.
    """
    path, marked = votes_path(folder, name), os.path.lexists(mark_path(name))
    if marked:
        _check_mark(path, name, mark)
    elif not os.path.exists(path):
        _refuse_second(path, mark)
    try:
        journal = Journal.open(path, kind=VOTES, magic=magic, must_exist=marked)
    except (JournalMissing, JournalCorrupt) as error:
        accept = f"bystackd key accept-lost-journal {name} --after-height HEIGHT"
        raise type(error)(path, error.fault, f"{NEVER_OLDER}: {accept}") from None
    try:
        if not marked:
            files.replace(mark_path(name), _text(mark, path).encode())
    except BaseException:
        journal.close()
        raise
    return journal


def _text(mark: Mark, path: str) -> str:
    return (
        f"{mark.line}\nThis key votes, and what it signed stands in {path}: keep both together, "
        "never delete this file to silence an error (see docs/operations.md).\n"
    )


def _check_mark(path: str, name: str, mark: Mark) -> None:
    """A table's name must not carry another key's or another chain's votes on."""
    if _marked(Path(mark_path(name))) != mark.line:
        fault = f"{mark_path(name)} is of another key or another chain"
        raise JournalElsewhere(path, fault, "move that mark and this journal away together")


def _marked(path: Path) -> str:
    return path.read_text(errors="replace").partition("\n")[0]


def _refuse_second(path: str, mark: Mark) -> None:
    """Another table's name must not be the way to a fresh journal."""
    for other in sorted(Path("keys").glob("*.votes")):
        if _marked(other) == mark.line:
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
    if not os.path.exists(path):
        _write_abstention(path, floor, magic)
        return None
    try:
        with Journal.open(path, kind=VOTES, magic=magic) as old:
            _check_floor(path, old, floor)
            return _replace(path, floor, magic)
    except JournalCorrupt:
        return _replace(path, floor, magic)


def _check_floor(path: str, old: Journal, floor: int) -> None:
    last = last_vote(old)
    known = max(floor_of(old), last.position.height if last else 0)
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
