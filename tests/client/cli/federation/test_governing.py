"""`bystack federation govern`: one draft, everybody's approval, one decision sent."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from bystack.client.cli.federation import governing
from bystack.client.cli.main import main

OWN, OTHER = "ab" * 64, "cd" * 64


class Member:
    """A node whose member has seat 1."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def federation(self, name: str, method: str, *params: Any) -> Any:
        self.asked.append((name, method, *params))
        return [1, 1, OWN] if method == "vote" else "id"


@pytest.fixture
def member(monkeypatch: pytest.MonkeyPatch) -> Member:
    made = Member()
    monkeypatch.setattr(governing, "node", lambda home: made)
    return made


def govern(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["federation", "govern", "trade", *arguments])


def test_without_others_it_prints_the_own_approval(member: Member) -> None:
    done = govern("interval=400", "timeout=1200")
    assert (done.exit_code, f"1:1:{OWN}" in done.stdout) == (0, True)
    assert member.asked == [("trade", "vote", "govern", [], {"interval": 400, "timeout": 1200})]


def test_with_others_it_sends_the_decision(member: Member) -> None:
    done = govern("interval=400", "--with", f"0:1:{OTHER}")
    assert done.exit_code == 0, done.output
    approvals = [(0, 1, OTHER), (1, 1, OWN)]
    assert member.asked[-1] == (
        "trade", "submitaction", "govern", [], approvals, {"interval": 400},
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("interval",),
        ("interval=",),
        ("interval=x",),
        ("interval=-1",),
        ("=4",),
        ("interval=" + "9" * 12,),
        ("interval=400", "--with", "0"),
        ("interval=400", "--with", "x:1:" + OTHER),
        ("interval=400", "--with", "0:1:abcd"),
    ],
)
def test_usage_errors_are_exit_code_2(member: Member, arguments: tuple[str, ...]) -> None:
    assert govern(*arguments).exit_code == 2
    assert all(asked[1] != "submitaction" for asked in member.asked)
