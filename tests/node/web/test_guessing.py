"""Wrong credentials: so many of an address, then it waits; loopback is never locked out."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from structlog.testing import capture_logs

from bystack.node.config import Rpc
from bystack.node.web import access
from bystack.node.web.admitting import Door, Gate, Refused
from bystack.node.web.guessing import ATTEMPTS, EVERY, MOST, Guesser, Guesses, guesser
from tests.node.web.test_rates import Clock

COOKIE = access.Credential("__cookie__", "c" * 64, "admin")
FAR, HERE = "192.0.2.7", "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "name", "local"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.8.8.8", "127.8.8.8", True),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("::ffff:192.0.2.7", "192.0.2.7", False),
        ("192.0.2.7", "192.0.2.7", False),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", False),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64", False),
        ("fe80::1%eth0", "fe80::/64", False),
        ("", "local", True),
    ],
)
def test_whose_failures_count_together(host: str, name: str, local: bool) -> None:
    assert guesser(host) == Guesser(name, local)


def test_so_many_at_once_then_one_now_and_then() -> None:
    clock, who, other = Clock(), guesser(FAR), guesser("192.0.2.8")
    guesses = Guesses(clock)
    assert [guesses.wrong(who) for _ in range(ATTEMPTS)] == [False] * (ATTEMPTS - 1) + [True]
    assert guesses.wait(who) == pytest.approx(EVERY)
    assert guesses.wait(other) == 0
    clock.time += EVERY
    assert guesses.wait(who) == 0 and guesses.wrong(who)
    clock.time += EVERY * ATTEMPTS * 2
    assert [guesses.wrong(who) for _ in range(ATTEMPTS)][-2:] == [False, True]


def test_what_is_remembered_is_bounded() -> None:
    guesses = Guesses(Clock())
    for number in range(MOST + 50):
        guesses.wrong(Guesser(str(number), local=False))
    assert len(guesses) == MOST


def told(gate: Gate, host: str, secret: str) -> int:
    """The HTTP status that a request is refused with; 0: let in."""
    headers = [(b"authorization", f"Bearer {secret}".encode())]
    request = Request({"type": "http", "headers": headers, "client": (host, 1)})
    try:
        gate.caller(request)
    except Refused as refused:
        assert (refused.status == 429) == (refused.retry_after > 0)
        return refused.status
    return 0


def gated(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> tuple[Gate, list[str]]:
    monkeypatch.setattr("trio.current_time", clock)
    seen: list[str] = []
    return Gate(Door(Rpc(), (COOKIE,)), seen.append), seen


def test_a_far_address_is_barred_and_what_it_says_not_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    gate, seen = gated(clock, monkeypatch)
    with capture_logs() as lines:
        assert [told(gate, FAR, "x" * 64) for _ in range(ATTEMPTS + 2)] == [401] * ATTEMPTS + [
            429,
            429,
        ]
    assert seen == ["wrong"] * ATTEMPTS + ["barred"] * 2
    assert len(lines) == ATTEMPTS and "x" * 8 not in str(lines)
    assert [line["barred"] for line in lines] == [False] * (ATTEMPTS - 1) + [True]
    assert told(gate, FAR, COOKIE.secret) == 429  # or secrets could be tried without end
    assert told(gate, "192.0.2.8", COOKIE.secret) == 0
    clock.time += EVERY
    assert told(gate, FAR, COOKIE.secret) == 0


def test_the_cookie_works_on_loopback_whoever_else_fails_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, _ = gated(Clock(), monkeypatch)
    assert [told(gate, HERE, "x" * 64) for _ in range(ATTEMPTS + 2)][-1] == 429
    assert told(gate, HERE, COOKIE.secret) == 0
    assert told(gate, HERE, "x" * 64) == 429
