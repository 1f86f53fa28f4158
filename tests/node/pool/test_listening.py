"""Listening to a pool: what waits, then changes; those that come fast in lots, less what passed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from bystack.ledger.transactions import Output, PolicyLock, Transaction, TransactionBody
from bystack.node.ipc import RemoteError
from bystack.node.pool import listening
from bystack.node.pool.listening import FEW, Arrived, Gone, Listeners, PoolEvent, asked_roots


def tx(number: int) -> Transaction:
    return Transaction(TransactionBody(1, (), (), (), 0, 0, b"%d" % number), ())


MANY = [tx(number) for number in range(4 * FEW)]


async def lots(listeners: Listeners, heard: list[list[PoolEvent]]) -> None:
    async for lot in listeners.listen_together(lambda: MANY[:2]):
        heard.append(lot)


def test_what_comes_fast_comes_in_lots_and_what_passed_is_not_told() -> None:
    async def main() -> None:
        listeners, heard = Listeners(), list[list[PoolEvent]]()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lots, listeners, heard)
            await trio.testing.wait_all_tasks_blocked()
            assert heard == [[Arrived(MANY[0]), Arrived(MANY[1])]]
            for one in MANY:
                listeners.arrived(one)
            await trio.testing.wait_all_tasks_blocked()
            assert heard[1:] == [[Arrived(one) for one in MANY]]
            listeners.gone([MANY[0].id])  # told of before: this is told too
            listeners.arrived(passing := tx(999))
            listeners.gone([passing.id])
            listeners.gone([MANY[1].id])
            listeners.arrived(MANY[1])
            assert len(heard) == 2  # it pauses
            await trio.sleep(listening.PAUSE * 2)
            assert heard[2] == [Gone(MANY[0].id), Arrived(MANY[1])]
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_what_a_lot_brings_back_and_takes_again_is_gone_for_who_knew_it() -> None:
    """As in a reorganisation: it left, came back and left between two lots."""

    async def main() -> None:
        listeners, heard = Listeners(), list[list[PoolEvent]]()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lots, listeners, heard)
            await trio.testing.wait_all_tasks_blocked()
            listeners.gone([MANY[0].id])
            listeners.arrived(MANY[0])
            listeners.gone([MANY[0].id])
            await trio.testing.wait_all_tasks_blocked()
            assert heard[1:] == [[Gone(MANY[0].id)]]
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_where_nothing_waits_the_first_lot_says_so() -> None:
    async def main() -> None:
        listening_now = Listeners().listen_together(lambda: [])
        with trio.fail_after(60):
            assert await anext(listening_now) == []

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_who_names_roots_hears_of_payments_to_them_and_of_their_leaving() -> None:
    def paying(number: int) -> Transaction:
        output = Output(bytes(32), 1, PolicyLock(bytes([number]) * 32))
        return Transaction(TransactionBody(1, (), (output,), (), 0, 0, b""), ())

    before, ours, others = paying(1), paying(2), paying(3)
    heard = list[list[PoolEvent]]()

    async def hear(listeners: Listeners) -> None:
        roots = frozenset((bytes([1]) * 32, bytes([2]) * 32))
        async for lot in listeners.listen_together(lambda: [others, before], roots):
            heard.append(lot)

    async def main() -> None:
        listeners = Listeners()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear, listeners)
            await trio.testing.wait_all_tasks_blocked()
            happens: list[tuple[Callable[[Any], None], Any]] = [
                (listeners.arrived, others),
                (listeners.arrived, ours),
                (listeners.gone, [others.id, ours.id]),
                (listeners.gone, [before.id]),
                (listeners.gone, [before.id]),
            ]
            for tell, what in happens:
                tell(what)
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert heard == [[Arrived(before)], [Arrived(ours)], [Gone(ours.id)], [Gone(before.id)]]


@pytest.mark.parametrize("wrong", [[1], [[1]], [[b"x"], 2], [None]])
def test_roots_are_a_list_of_bytes(wrong: list[object]) -> None:
    with pytest.raises(RemoteError):
        asked_roots(wrong)


def test_who_falls_far_behind_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        listeners, heard = Listeners(), list[list[PoolEvent]]()
        with trio.fail_after(180):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lots, listeners, heard)
                await trio.testing.wait_all_tasks_blocked()
                for one in MANY[:9]:
                    listeners.arrived(one)

    monkeypatch.setattr(listening, "MAX_BEHIND", 5)
    trio.run(main)
