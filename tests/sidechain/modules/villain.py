"""A module that does what a module may not; each kind of action tries one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bystack.ledger.amounts import BTM
from bystack.ledger.effects import Effects, SchnorrCheck
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import (
    ActionContext,
    BlockContext,
    Ending,
    Event,
    Outcome,
    Payment,
    PrefixedState,
    Quiet,
)
from bystack.sidechain.parameters import Parameters
from tests.ledger.people import BOB

MINE = BOB.lock.root
PAY = Payment(BTM, 30, MINE)


class Bare(Invalid):
    pass


class Dumb(Bare):
    """One that nobody can be told of."""

    def __str__(self) -> str:
        raise ValueError


REFUSALS: dict[int, BaseException] = {
    40: Bare(why="so"),
    41: Bare(why="\ud800"),
    42: Bare(why="x" * 4_096),
    43: Bare(why=10**5_000),
    44: Dumb(),
    45: SystemExit(0),
    46: GeneratorExit(),
}
UNTOLD = {33: float("nan"), 34: {1}, 35: object(), 36: {"a": {"b": 1}}, 37: True, 38: "x" * 70_000}
OUTCOMES: dict[int, Any] = {
    1: Outcome(payments=(PAY,)),
    2: Outcome(Effects(destroyed={BTM: -30})),
    3: Outcome(Effects(created={BTM: 30})),
    4: Outcome(Effects(inputs=frozenset((0,)))),
    5: Outcome(payments=((BTM, 30, MINE),)),  # type: ignore[arg-type]
    6: Outcome(payments=(Payment(BTM, "30", MINE),)),  # type: ignore[arg-type]
    7: None,
    8: Outcome(Effects(destroyed={BTM: True})),
    9: Outcome(payments=(Payment(BTM, 1, MINE),) * 65),
    10: Outcome(events=(Event("x", {"name": 1}),)),
    11: Outcome(events=(Event("x", {"y": [1]}),)),
    12: Outcome(Effects(checks=("no check",))),  # type: ignore[arg-type]
    13: Outcome(refunds=(b"short",)),
    14: Outcome(Effects(outputs={0: b""})),
    15: Outcome(parameters=(Parameters("1", *(1,) * 8),)),  # type: ignore[arg-type]
    16: Outcome(parameters=(Parameters(1, 500, 5_000, 1_500, 1, -1, 12, 3, 6_000_000),)),
    17: Outcome(parameters=(Parameters(1, 500, 5_000, 1_500, 1, 0, 2**70, 3, 6_000_000),)),
    18: Outcome(Effects(checks=(SchnorrCheck(1, b"", b""),))),  # type: ignore[arg-type]
    30: Outcome(Effects(units=None)),  # type: ignore[arg-type]
    31: Outcome(events=(Event("x", {"y": 2**64}),)),
    32: Outcome(events=(Event("x", {"y": "\ud800"}),)),
    **{kind: Outcome(events=(Event("x", {"y": fact}),)) for kind, fact in UNTOLD.items()},
    39: Outcome(events=(Event("x", {"y": bytes(40_000)}),) * 2),
}
FAILS, LOOPS, WRITES_TEXT, WRITES_MUCH, LONG_KEY, GOOD, KEY_OF_TEXT = 20, 21, 22, 23, 24, 25, 26
STARVES = 27


class Villain(Quiet):
    """Named `villain`; `at_end` is what its end of block does, or a kind of failure."""

    name = "villain"
    queries: tuple[str, ...] = ("ask",)
    at_end: Any = None

    def start(self, state: PrefixedState, config: bytes) -> None:
        if config == b"bad":
            raise KeyError(config)

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        match kind:
            case 20:
                raise KeyError(kind)
            case 21:
                number = 0
                while state.get(number) is None:
                    number += 1
            case 22:
                state.put("text", b"x")  # type: ignore[arg-type]
            case 23:
                state.put(bytes(65_537), b"x")
            case 24:
                state.put(b"", bytes(257))
            case 25:
                state.put(b"good", b"x")
                return Outcome(Effects(destroyed={BTM: 30}))
            case 26:
                state.put(b"", "x")  # type: ignore[arg-type]
            case 27:
                raise MemoryError
            case _ if kind in REFUSALS:
                raise REFUSALS[kind]
        made: Outcome = OUTCOMES.get(kind, Outcome())
        return made

    def may_claim(self, state: PrefixedState, block: BlockContext, asset: bytes) -> None:
        raise ZeroDivisionError

    def may_batch(self, state: PrefixedState, block: BlockContext) -> bool:
        raise ZeroDivisionError

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        state.put(b"was here", b"end")
        if self.at_end == "fails":
            raise RuntimeError
        if isinstance(self.at_end, BaseException):
            raise self.at_end
        return self.at_end or Ending()

    def elect(self, state: PrefixedState, block: BlockContext, current: Any) -> tuple[Any, ...]:
        return ("nobody",)

    def convict(self, state: PrefixedState, block: BlockContext, key: bytes) -> Ending:
        raise ZeroDivisionError

    def query(
        self, state: PrefixedState, name: str, params: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        raise ZeroDivisionError
