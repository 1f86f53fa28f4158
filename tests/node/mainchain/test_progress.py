"""What RPC and the log say of a node that catches up."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from bystack.mainchain.sync.pace import Progress
from bystack.node.mainchain.progress import EVERY, ProgressLog, progress_form, share

HALF = Progress(50, 100, 300, 700, 20, 200, 10, 2)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (HALF, 0.3),  # by transactions
        (HALF._replace(remaining=0), 0.5),  # nobody serves what is ahead: by blocks
        (HALF._replace(blocks=100), 1.0),
        (HALF._replace(blocks=0, headers=0), 1.0),
    ],
)
def test_the_share_done(progress: Progress, expected: float) -> None:
    assert share(progress) == expected


def test_the_object_that_rpc_shows() -> None:
    assert progress_form(HALF) == {
        "blocks_per_second": 2.0,
        "transactions_per_second": 20.0,
        "seconds_left": 35,
        "peers": 2,
        "transactions": 300,
        "transactions_left": 700,
    }


def test_a_line_every_ten_seconds_while_there_is_something_to_do() -> None:
    told = ProgressLog()
    with capture_logs() as lines:
        told.tell(False, HALF, 0.0)
        assert lines == []
        for second in range(25):
            told.tell(True, HALF, 100.0 + second)
        assert len(lines) == 1 + int(24 // EVERY)
    assert lines[0]["event"] == "syncing"
    assert (lines[0]["blocks"], lines[0]["headers"], lines[0]["done"]) == (50, 100, "30.0 %")
