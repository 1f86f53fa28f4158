"""Somebody else's module cannot mint, steal, stop the chain or leave a block half done."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Action
from bystack.primitives.codec import Malformed, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import ModuleAuthorises, ModuleMints
from bystack.sidechain.custody import HoldingsShort, held
from bystack.sidechain.modules.base import (
    BlockContext,
    Ending,
    Event,
    Modules,
    Payment,
    PrefixedState,
    read_only,
)
from bystack.sidechain.modules.containment import (
    MAX_REFUSAL,
    AccessesExceeded,
    Contained,
    ModuleFailed,
    ModuleOversteps,
)
from bystack.sidechain.params import ModuleConfig
from bystack.sidechain.state import SystemState
from tests.ledger.people import CAROL
from tests.sidechain.mainside import vault_chain
from tests.sidechain.modules.villain import (
    FAILS,
    GOOD,
    KEY_OF_TEXT,
    LONG_KEY,
    LOOPS,
    MINE,
    PAY,
    REFUSALS,
    STARVES,
    UNTOLD,
    WRITES_MUCH,
    WRITES_TEXT,
    Bare,
    Villain,
)
from tests.sidechain.world import K, Store, World, genesis_for


class Tame(Villain):
    """The same, but claims may pass, so that there is something to steal."""

    def may_claim(self, state: PrefixedState, block: BlockContext, asset: bytes) -> None:
        """Nothing against it."""

    def may_batch(self, state: PrefixedState, block: BlockContext) -> bool:
        return True


@lru_cache(maxsize=1)
def _ready() -> World:
    main = vault_chain()
    genesis = genesis_for(main, modules=(ModuleConfig("villain", b""),))
    made = World(main, genesis, Modules([Contained(Tame(), "villain")]))
    made.relay(K)
    made.block(made.anchor_tx(made.main.created))
    made.relay(12)
    made.pegged(2_000)
    return made


def world(at_end: Any = None) -> World:
    made, villain = _ready().copy(), Tame()
    villain.at_end = at_end
    made.side.modules = Modules([Contained(villain, "villain")])
    return made


def attempt(on: World, kind: int, destroyed: int = 0) -> None:
    on.block(on.transact(CAROL, actions=(Action(256 + kind, b""),), destroyed=destroyed))


ATTEMPTS: list[tuple[int, type[Invalid]]] = [
    (1, HoldingsShort),
    (2, ModuleOversteps),
    (3, ModuleMints),
    (4, ModuleAuthorises),
    (14, ModuleAuthorises),
    *((kind, ModuleOversteps) for kind in (5, 6, 7, 8, 9, 10, 11, 12, 13, 18)),
    (15, Malformed),
    (16, Malformed),
    (17, ModuleFailed),
    (30, ModuleOversteps),
    (31, ModuleFailed),
    (32, ModuleFailed),
    *((kind, ModuleOversteps) for kind in (*UNTOLD, 39, 41, 42, 43, 44)),
    (40, Bare),
    (45, ModuleFailed),
    (46, ModuleFailed),
    (FAILS, ModuleFailed),
    (LOOPS, AccessesExceeded),
    (WRITES_TEXT, ModuleOversteps),
    (WRITES_MUCH, ModuleOversteps),
    (LONG_KEY, ModuleOversteps),
    (KEY_OF_TEXT, ModuleOversteps),
]


@pytest.mark.parametrize(("kind", "rule"), ATTEMPTS)
def test_each_attempt_is_refused_and_changes_nothing(kind: int, rule: type[Invalid]) -> None:
    on = world()
    coins, state = dict(on.side.coins), dict(on.side.state)
    with pytest.raises(rule):
        attempt(on, kind)
    assert on.side.coins == coins and on.side.state == state


def test_a_module_built_in_that_takes_less_than_nothing_is_refused_too() -> None:
    on = world()
    on.side.modules = Modules([Tame()])
    with pytest.raises(ModuleMints):
        attempt(on, 2)


def test_what_it_does_rightly_counts() -> None:
    on = world()
    attempt(on, GOOD, destroyed=30)
    assert held(on.view, "villain", BTM) == 30
    assert on.supply(BTM) + 30 == on.sums().circulating


@pytest.mark.parametrize(
    ("at_end", "rule"),
    [
        ("fails", "ModuleFailed"),
        (Ending((PAY,)), "HoldingsShort"),
        (Ending(rewards=(Payment(BTM, 10**6, MINE),)), "RewardsShort"),
        (Ending(forfeits={BTM: 1}), "HoldingsShort"),
        (Ending(forfeits={BTM: -1}), "ModuleOversteps"),
        (Ending(events=(Event("x", {"y": [1]}),)), "ModuleOversteps"),
        (Ending((Payment(BTM, 0, MINE),)), "PaymentInvalid"),
        (Ending(forfeits={bytes([n]) * 32: 0 for n in range(65)}), "ModuleOversteps"),
        ("text", "ModuleOversteps"),
        (REFUSALS[40], "Bare"),
        (REFUSALS[41], "ModuleOversteps"),
        (REFUSALS[44], "ModuleOversteps"),
        (REFUSALS[45], "ModuleFailed"),
    ],
)
def test_a_failing_end_of_block_does_nothing_and_the_chain_goes_on(at_end: Any, rule: str) -> None:
    on = world(at_end)
    on.side.events.clear()
    before = on.sums()
    on.idle(2)
    assert [facts["rule"] for name, facts in on.side.events if name == "modulefailed"] == [rule] * 2
    assert all(msgspec.msgpack.encode([name, facts]) for name, facts in on.side.events)
    assert on.sums() == before and on.supply(BTM) == before.circulating
    attempt(on, GOOD, destroyed=30)


def test_the_writes_of_a_failed_end_are_forgotten() -> None:
    bad, good = world("fails"), world()
    for on in (bad, good):
        on.side.state.pop(b"module/villain/end", None)
    good.idle()
    assert read_only(good.side.state, "villain").get(b"end") == b"was here"
    bad.idle()
    assert read_only(bad.side.state, "villain").get(b"end") is None


@pytest.mark.parametrize("kind", [kind for kind in REFUSALS if kind != 40])
def test_what_refuses_can_always_be_told(kind: int) -> None:
    """An answer, a log and an event are made of it, where nothing catches what fails."""
    with pytest.raises(Invalid) as caught:
        attempt(world(), kind)
    assert len(encode([caught.value.rule, str(caught.value)])) <= MAX_REFUSAL


def test_queries_have_names() -> None:
    made = Villain()
    made.queries = (7,)  # type: ignore[assignment]
    with pytest.raises(ModuleOversteps):
        Contained(made, "villain")


def test_where_memory_ends_so_does_the_process() -> None:
    """Another machine has more: it would judge the same block otherwise."""
    with pytest.raises(MemoryError):
        attempt(world(), STARVES)


BLOCK = BlockContext(bytes(32), 1, 1, 1)
ITSELF: list[object] = []
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        ([1], ModuleOversteps),
        ({"much": "x" * 4_000_000}, ModuleOversteps),
        ({"what": object()}, ModuleFailed),
        ({"number": 2**64}, ModuleFailed),
        ({"itself": ITSELF}, ModuleFailed),
    ],
)
def test_an_answer_that_cannot_be_told_is_the_modules_fault(
    answer: Any, rule: type[Invalid], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Villain, "query", lambda self, state, name, params: answer)
    villain, state = Contained(Villain(), "villain"), PrefixedState(SystemState(Store()), "villain")
    with pytest.raises(rule):
        villain.query(state, "ask", ())


def test_an_answer_of_plain_data_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in ({"rows": [{"a": 1, "b": None, "c": 0.5}]}, {}, None):
        monkeypatch.setattr(Villain, "query", lambda self, state, name, params, a=answer: a)
        villain = Contained(Villain(), "villain")
        assert villain.query(PrefixedState(SystemState(Store()), "villain"), "ask", ()) == answer


def test_hooks_that_fail_refuse() -> None:
    villain, state = Contained(Villain(), "villain"), PrefixedState(SystemState(Store()), "villain")
    with pytest.raises(ModuleFailed):
        villain.may_claim(state, BLOCK, BTM)
    villain.may_burn(state, BLOCK, b"", BTM)
    assert villain.may_batch(state, BLOCK) is False
    with pytest.raises(ModuleOversteps):
        villain.elect(state, BLOCK, None)  # type: ignore[arg-type]
    with pytest.raises(ModuleFailed):
        villain.convict(state, BLOCK, b"")
    with pytest.raises(ModuleFailed):
        villain.query(state, "ask", ())
    with pytest.raises(ModuleFailed):
        villain.start(state, b"bad")
    assert villain.queries == ("ask",)
