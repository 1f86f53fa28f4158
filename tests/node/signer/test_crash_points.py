"""A validator's signer killed inside every step between a vote's request and its release.

Afterwards a rival block is asked for at the same place: what left the process before is never
contradicted, and what never left need not be honoured.
"""

from __future__ import annotations

import pytest

from bystack.node.ipc import RemoteError
from bystack.sidechain.consensus.positions import JournalRecord
from tests.node.signer.asked import cast, vote, votes
from tests.node.signer.homes import Killed, Signer, keyed

pytestmark = pytest.mark.processes

INSIDE = (
    "signer.before_journal:2",
    "journal.before_write:2",
    "journal.inside_write:2",
    "journal.before_sync:2",
    "journal.after_sync:2",
    "signer.before_release:2",
)
AT_START = ("mark.before_replace:1", "mark.after_replace:1")
RIVAL = b"\x0c" * 32


def killed_at(signer: Signer, point: str, height: int) -> None:
    """The first vote leaves, the process dies in the second."""
    signer.mark.unlink(missing_ok=True)
    signer.start(point)
    assert cast(signer, vote(height))
    with pytest.raises(Killed):
        cast(signer, vote(height + 1))
    signer.died_inside(point)


def contradicted(signer: Signer, height: int) -> str:
    """Whether a rival block is signed at a height; else the rule that refuses."""
    try:
        cast(signer, vote(height, block=RIVAL))
    except RemoteError as error:
        return error.rule
    return ""


def test_no_crash_makes_a_vote_double() -> None:
    with keyed() as signer:
        for number, point in enumerate(INSIDE):
            height = 10 * number + 1
            killed_at(signer, point, height)
            kept = [line.position.height for line in read(signer)]
            assert height in kept, point
            # It never left; if it is in the journal, the same bytes are released, no others.
            written = height + 1 in kept
            assert contradicted(signer, height + 1) == ("SignedBefore" if written else ""), point
            assert written == (INSIDE.index(point) >= 3), point
            assert contradicted(signer, height) == "GoingBack", point
            signer.stop()
        at_start(signer)


def read(signer: Signer) -> list[JournalRecord]:
    """The journal's lines; the signer, which holds the lock, is stopped and started for it."""
    signer.stop()
    lines = votes(signer)
    signer.start()
    return lines


def at_start(signer: Signer) -> None:
    """The mark follows the journal when the process begins: killed there, it begins again."""
    for number, point in enumerate(AT_START):
        height = 100 + number
        signer.start()
        cast(signer, vote(height))
        signer.stop()
        signer.mark.unlink(missing_ok=True)
        signer.start(point, ready=False)
        signer.died_inside(point)
        signer.start()
        assert contradicted(signer, height) == "SignedBefore", point
        cast(signer, vote(height))
        signer.stop()
