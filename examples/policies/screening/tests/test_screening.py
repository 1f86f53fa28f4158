"""The example by itself: who is on the list is not paid."""

from pathlib import Path

import pytest
from bystack_screening.policy import screen, screened

from bystack.federation.policies.requests import ORDER, Outcome, Payout, Request

LISTED, OTHER = b"\x01" * 32, b"\x02" * 32


def order(*roots: bytes) -> Request:
    return Request(
        ORDER, bytes(32), 1, 9, tuple(Payout(b"p" + r, b"", bytes(32), 5) for r in roots)
    )


def test_who_is_listed_is_not_paid(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text(f"# ours\n{LISTED.hex().upper()}  # a remark\n\n")
    settings = {"file": str(path)}
    assert screen(order(OTHER), settings) is None
    said = screen(order(OTHER, LISTED), settings)
    assert said is not None and said.outcome is Outcome.DENY and said.reason == "screened"
    path.unlink()
    with pytest.raises(OSError):
        screen(order(OTHER), settings)


def test_a_list_of_remarks_names_nobody() -> None:
    assert screened("# nobody\n\n   \n") == frozenset()
