"""`bystack federation govern`: one draft, everybody's approval, one decision sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from bystack.client.cli.federation import governing
from bystack.client.cli.main import main
from bystack.client.rpc import RpcFailed

OWN, OTHER = "ab" * 64, "cd" * 64


SEEN = {
    "number": 3, "id": "aa", "kind": "freeze", "state": "open", "proposer": "ann", "note": "case",
    "since": 4, "expires": 90, "closed": 0, "yes": 2, "needed": 5, "votes": [["ann", 1]],
    "decision": {"kind": "Freeze"},
}  # fmt: skip
DONE = dict.fromkeys(("statements", "headers", "settlements", "proposals", "votes"), 2)
PAID = [{"asset": "ee" * 32, "last": 5, "total": 9}]
ROW = {"name": "ann", "weight": 2, "identity": "ab", "node": "cd", "recipient": "ef", "key": "01"}
ANSWERS: dict[str, Any] = {
    "propose": {"number": 4, "kind": "refresh", "transaction": "aa"},
    "unpause": {"number": 4, "kind": "resume", "transaction": "aa"},
    "approvedecision": [1, 1, OWN],
    "listproposals": {"proposals": [SEEN], "next": 4},
    "getproposal": SEEN,
    "listmembers": {"threshold": 5, "members": [ROW], "epoch": 1, "change": None},
    "getfreezes": {"region": "here", "freezes": [{"destination": "aa", "rule": "r"}]},
    "getfeereport": {
        "members": [{"member": "ann", "weight": 2, "points": 7, **DONE, "paid": PAID}]
    },
}


class Member:
    """A node whose member has seat 1."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def call(self, method: str, asset: str) -> Any:
        assert (method, asset) == ("getassetinfo", "ee" * 32)
        return {"symbol": "GOLD", "decimals": 2}

    def federation(self, name: str, method: str, *params: Any) -> Any:
        self.asked.append((name, method, *params))
        return ANSWERS.get(method, "id")


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
    wanted = {"interval": 400, "timeout": 1200}
    assert member.asked == [("trade", "approvedecision", "parameters", wanted)]


def test_with_others_it_sends_the_decision(member: Member) -> None:
    done = govern("interval=400", "--with", f"0:1:{OTHER}")
    assert done.exit_code == 0, done.output
    approvals = [(0, 1, OTHER), (1, 1, OWN)]
    assert member.asked[-1] == (
        "trade", "submitdecision", "parameters", {"interval": 400}, approvals,
    )  # fmt: skip


def test_any_decision_goes_the_fast_way(member: Member) -> None:
    words = ("--decide", "pause", "what=claims", "blocks=2000", "reason=audit")
    wanted = {"what": "claims", "blocks": 2000, "reason": "audit"}
    done = govern(*words, "--with", f"0:1:{OTHER}")
    assert done.exit_code == 0, done.output
    approvals = [(0, 1, OTHER), (1, 1, OWN)]
    assert member.asked == [
        ("trade", "approvedecision", "pause", wanted),
        ("trade", "submitdecision", "pause", wanted, approvals),
    ]
    assert govern("--decide", "resume").exit_code == 0
    assert member.asked[-1] == ("trade", "approvedecision", "resume", {})
    assert govern("--decide", "pause", "claims").exit_code == 2


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
    assert all(asked[1] != "submitdecision" for asked in member.asked)


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("propose", "trade", "refresh"), ("propose", "refresh", {}, "")),
        (
            ("propose", "trade", "remove", "identity=bob", "threshold=4", "--note", "gone"),
            ("propose", "remove", {"identity": "bob", "threshold": 4}, "gone"),
        ),
        (
            ("propose", "trade", "refund", 'ids=["aa"]'),
            ("propose", "refund", {"ids": ["aa"]}, ""),
        ),
        (("unpause", "trade", "--note", "looked at"), ("unpause", "looked at")),
        (("vote", "trade", "3"), ("vote", 3, True)),
        (("vote", "trade", "3", "no"), ("vote", 3, False)),
        (("proposals", "trade"), ("listproposals", [False, 200])),
        (("proposals", "trade", "--number", "3"), ("getproposal", [3])),
        (("members", "trade"), ("listmembers",)),
        (("freezes", "trade"), ("getfreezes",)),
        (("report", "trade"), ("getfeereport",)),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_members_say_and_see(
    member: Member, arguments: tuple[str, ...], asked: tuple[Any, ...], form: tuple[str, ...]
) -> None:
    done = CliRunner().invoke(main, ["federation", *arguments, *form])
    assert done.exit_code == 0, done.output
    assert member.asked == [("trade", *asked)]


@pytest.mark.usefixtures("member")
def test_what_was_paid_is_told_in_units_people_know() -> None:
    words = CliRunner().invoke(main, ["federation", "report", "trade"]).output.split()
    assert words[-5:] == ["ee" * 32, "0.05", "GOLD", "0.09", "GOLD"]


@pytest.mark.parametrize(
    ("arguments", "step"),
    [
        (("govern", "trade", "interval=400"), "the same words --with each of the others' lines"),
        (("govern", "trade", "interval=400", "--with", f"0:1:{OTHER}"), "proposals trade --all"),
        (("pause", "trade", "claims"), "bystack federation unpause trade"),
        (("unpause", "trade"), "bystack federation vote trade 4"),
        (("propose", "trade", "refresh"), "bystack federation vote trade 4"),
        (("vote", "trade", "3"), "proposals trade --number 3"),
        (("proposals", "trade"), "bystack federation vote trade N"),
        (("members", "trade"), "bystack federation status trade"),
    ],
)
def test_each_says_the_next_step_to_people_alone(
    member: Member, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], step: str
) -> None:
    change = {"kind": "refresh", "epoch": 2, "expires": 90}
    answers = {**ANSWERS, "listmembers": {**ANSWERS["listmembers"], "change": change}}
    monkeypatch.setattr(member, "federation", lambda _, method, *__: answers.get(method, "id"))
    said = CliRunner().invoke(main, ["federation", *arguments]).output
    assert step in next(line for line in said.splitlines() if line.startswith("Next: "))
    msgspec.json.decode(CliRunner().invoke(main, ["federation", *arguments, "--json"]).output)


@pytest.mark.parametrize(
    "arguments",
    [
        ("propose", "trade", "remove", "bob"),
        ("propose", "trade", "refund", "ids=[nonsense"),
        ("vote", "trade", "-1"),
        ("vote", "trade", "3", "perhaps"),
        ("pause", "trade", "everything"),
    ],
)
def test_slips_are_exit_code_2(member: Member, arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(main, ["federation", *arguments]).exit_code == 2
    assert member.asked == []


class Late(Member):
    """A member whose vote comes when the proposal is closed."""

    def federation(self, name: str, method: str, *params: Any) -> Any:
        if method == "vote":
            raise RpcFailed(method, {"message": "closed", "data": {"rule": "ProposalClosed"}})
        return super().federation(name, method, *params)


@pytest.mark.parametrize(
    ("state", "word", "code", "says"),
    [
        ("executed", "yes", 0, "is adopted already: your vote counts no more, and is not needed"),
        ("rejected", "no", 0, "is rejected already: your vote counts no more, and is not needed"),
        ("open", "no", 0, "has expired already"),
        ("executed", "no", 1, "is adopted already: your vote counts no more, and it ended other"),
        ("expired", "yes", 1, "has expired already: your vote counts no more, and it ended other"),
    ],
)
def test_a_vote_that_comes_late_is_told_how_it_ended(
    monkeypatch: pytest.MonkeyPatch, state: str, word: str, code: int, says: str
) -> None:
    monkeypatch.setattr(governing, "node", lambda home: Late())
    monkeypatch.setitem(ANSWERS, "getproposal", {**SEEN, "state": state})
    done = CliRunner().invoke(main, ["federation", "vote", "trade", "3", word])
    assert done.exit_code == code and says in done.output, done.output
    assert ("[ProposalClosed]\nNext: bystack federation proposals" in done.output) is bool(code)
