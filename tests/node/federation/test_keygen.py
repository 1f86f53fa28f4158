"""The ceremony's postman: it goes on after either process started anew, and reports."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from bystack.node.federation.keygen import RETRY_TICKS, Keygen
from bystack.node.ipc import RemoteError, Unavailable


class FakeSigner:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.answers: dict[str, Any] = {"info": {"attempt": None, "key": None}}

    async def call(self, method: str, *params: Any) -> Any:
        self.calls.append((method, *params))
        answer = self.answers.get(method, [])
        if isinstance(answer, list) and answer and isinstance(answer[0], Exception):
            raise answer.pop(0)
        return answer


class FakeMember:
    def __init__(self) -> None:
        self.links = self
        self.signer = FakeSigner()
        self.said: list[tuple[int | None, bytes]] = []

    def say_ceremony(self, seat: int | None, payload: bytes) -> None:
        self.said.append((seat, payload))


@pytest.fixture
def member() -> FakeMember:
    return FakeMember()


def play(keygen: Keygen, *steps: tuple[Any, ...]) -> None:
    async def run() -> None:
        for name, *params in steps:
            await getattr(keygen, name)(*params)

    trio.run(run)


GONE = RemoteError(-26, "nothing under way", {"rule": "NoCeremony"})


def test_it_carries_bytes_and_reports_the_end(member: FakeMember) -> None:
    keygen = Keygen(member)  # type: ignore[arg-type]
    member.signer.answers["begin"] = [["broadcast", b"hello"], ["send", 2, b"deal"]]
    play(keygen, ("begin", 0))
    assert member.said == [(None, b"hello"), (2, b"deal")] and keygen.running
    member.signer.answers["hear"] = [["done", b"certificate"]]
    play(keygen, ("hear", b"x"))
    assert keygen.state == "done"


def test_before_our_operator_starts_nothing_is_heard(member: FakeMember) -> None:
    play(Keygen(member), ("hear", b"x"))  # type: ignore[arg-type]
    assert member.signer.calls == []


def test_an_end_without_a_key_names_the_guilty_and_a_new_attempt_forgets_them(member) -> None:
    keygen = Keygen(member)
    member.signer.answers["hear"] = [["aborted", [[1, "WrongShare"]], [3], 0]]
    play(keygen, ("begin", 0), ("hear", b"x"))
    assert keygen.state == "aborted" and keygen.blamed == [[1, "WrongShare"], 3]
    play(keygen, ("begin", 1))
    assert keygen.running and keygen.blamed == []


def test_a_refused_begin_leaves_the_state(member: FakeMember) -> None:
    keygen = Keygen(member)  # type: ignore[arg-type]
    member.signer.answers["begin"] = [RemoteError(-26, "there is a key", {"rule": "KeyExists"})]
    with pytest.raises(RemoteError):
        play(keygen, ("begin", 0))
    assert keygen.state == "not started"


@pytest.mark.parametrize("step", [("hear", b"x"), ("give_up",)])
def test_a_signer_that_lost_an_undurable_start_is_started_again(member, step) -> None:
    keygen = Keygen(member)
    play(keygen, ("begin", 4))
    member.signer.answers[step[0]] = [GONE]
    play(keygen, step)
    assert member.signer.calls[-1] == ("begin", 4)


def test_what_else_the_signer_refuses_is_raised(member: FakeMember) -> None:
    keygen = Keygen(member)  # type: ignore[arg-type]
    play(keygen, ("begin", 0))
    member.signer.answers["hear"] = [RemoteError(-26, "forged", {"rule": "SignatureForged"})]
    with pytest.raises(RemoteError, match="forged"):
        play(keygen, ("hear", b"x"))
    keygen = Keygen(member)  # type: ignore[arg-type]
    member.signer.answers["give_up"] = [GONE]
    with pytest.raises(RemoteError):
        play(keygen, ("give_up",))


def test_it_says_again_now_and_then_and_only_while_running(member: FakeMember) -> None:
    keygen = Keygen(member)  # type: ignore[arg-type]
    member.signer.answers["retry"] = [["broadcast", b"again"]]
    play(keygen, *[("tick",)] * 20)
    assert member.said == []
    play(keygen, ("begin", 0), *[("tick",)] * (3 * RETRY_TICKS))
    assert member.said == [(None, b"again")] * 3


@pytest.mark.parametrize(
    ("attempt", "key", "state"),
    [(None, None, "not started"), (2, None, "running"), (None, b"key", "done")],
)
def test_after_its_own_restart_it_finds_what_the_signer_goes_on_with(
    member, attempt, key, state
) -> None:
    keygen = Keygen(member)
    member.signer.answers["info"] = [Unavailable("not up yet")]
    with pytest.raises(Unavailable):
        play(keygen, ("tick",))
    member.signer.answers["info"] = {"attempt": attempt, "key": key}
    play(keygen, ("tick",), ("tick",))
    assert keygen.state == state
    assert [c for c in member.signer.calls if c[0] == "info"] == [("info",)] * 2
