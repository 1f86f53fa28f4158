"""Several calls in one message: in order, each with its own fate, and no answer too long."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio

from bystack.node import rpc
from bystack.node.ipc import INTERNAL, INVALID, METHOD_UNKNOWN
from bystack.node.rpc import batching
from bystack.primitives.errors import Invalid


class Unfit(Invalid):
    """It does not fit."""


class Counter:
    def __init__(self) -> None:
        self.made = list[int]()
        self.methods = rpc.Methods()
        self.methods.add("count", self.count)
        self.methods.add("large", self.large)
        self.methods.add("unfit", self.unfit)
        self.methods.add("broken", lambda: 1 // 0)
        self.methods.add("nojson", lambda: {1, object()})
        self.methods.add("chain", rpc.calling_chain)

    async def count(self, n: int) -> int:
        await trio.lowlevel.checkpoint()
        self.made.append(n)
        return n

    def large(self, n: int) -> str:
        self.made.append(n)
        return "x" * (batching.ENOUGH // 3)

    def unfit(self) -> None:
        raise Unfit(size=7)

    def ask(self, *calls: Any, scope: str = "admin") -> list[Any]:
        found: list[Any] = trio.run(self.methods.answer, [list(calls), None, scope, "trade"])
        return [msgspec.json.decode(one) if isinstance(one, bytes) else one for one in found]


@pytest.fixture
def counter() -> Counter:
    return Counter()


def test_in_order_and_each_with_its_own_fate(counter: Counter) -> None:
    answers = counter.ask(
        ["count", [1]],
        ["nothing", []],
        ["unfit", {}],
        ["broken", []],
        ["nojson", []],
        ["count", ["x"]],
        ["chain", []],
        ["count", {"n": 2}],
    )
    codes = [one[0] for one in answers[1:6]]
    assert codes == [METHOD_UNKNOWN, INVALID, INTERNAL, INTERNAL, rpc.WRONG_TYPE]
    assert answers[2][2] == {"rule": "Unfit", "facts": {"size": 7}}
    assert "ZeroDivision" not in answers[3][1], "what broke stands in the log"
    assert (answers[0], answers[6], answers[7]) == (1, "trade", 2)
    assert counter.made == [1, 2]


def test_what_would_grow_too_long_is_not_done(counter: Counter) -> None:
    answers = counter.ask(*(["large", [n]] for n in range(10)))
    assert counter.made == list(range(len(answers)))
    assert 1 < len(answers) < 10


def test_a_result_too_long_to_send_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST", 100)
    (answer,) = Counter().ask(["large", [1]])
    assert answer[0] == INTERNAL and "too large" in answer[1]


def test_others_have_their_turn(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "SLICE", -1.0)
    turns = list[int]()

    async def main() -> None:
        async def other() -> None:
            for turn in range(5):
                turns.append(turn)
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            await counter.methods.answer([[["chain", []]] * 20, None, "read", "main"])
            assert len(turns) == 5

    trio.run(main)
