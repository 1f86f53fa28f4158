"""The rows of the index: golden bytes, sums per transaction, what is given out, what is undone."""

from __future__ import annotations

from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import Outpoint, Output, RetireLock, Transaction, TransactionBody
from bystack.node.addresses.rows import (
    ELSEWHERE,
    GIVEN,
    MARK,
    PASSAGE,
    Flow,
    Passage,
    connected,
    disconnected,
    passage_place,
    passages,
    read_passage,
)
from tests.ledger.people import ALICE, BOB
from tests.wire import check_wire

GOLD, BTM = b"g" * 32, b"\xff" * 32
FLOW = Flow(GOLD, 70, 5)


def tx(inputs: tuple[Outpoint, ...], *outputs: Output) -> Transaction:
    return Transaction(TransactionBody(1, inputs, outputs, (), 0, 0, b""), ())


def coin(output: Output) -> Coin:
    return Coin(output.asset, output.amount, output.lock, 1, 0, 1, b"")


def read(rows: dict[bytes, bytes]) -> dict[tuple[bytes, int], Passage]:
    return {(key[1:33], passage_place(key).position): read_passage(d) for key, d in rows.items()}


def test_golden_bytes() -> None:
    check_wire("flow", FLOW)
    check_wire("passage", Passage(b"t" * 32, (FLOW, Flow(BTM, 0, 2**63 - 1))))


OLD = Outpoint(b"o" * 32, 3)
FIRST = tx((OLD,), Output(BTM, 60, BOB.lock), Output(BTM, 30, ALICE.lock))
SECOND = tx((Outpoint(FIRST.id, 0),), Output(BTM, 60, ALICE.lock), Output(BTM, 0, RetireLock(b"")))
SPENT = {OLD: coin(Output(BTM, 100, ALICE.lock))}
MADE = {
    Outpoint(FIRST.id, 1): coin(FIRST.body.outputs[1]),
    Outpoint(SECOND.id, 0): coin(SECOND.body.outputs[0]),
}


def test_what_came_and_went_inside_a_block_is_in_the_history_too() -> None:
    found = read(passages(7, (FIRST, SECOND), Delta(SPENT, MADE)))
    alice, bob = ALICE.lock.root, BOB.lock.root
    assert found == {
        (alice, 0): Passage(FIRST.id, (Flow(BTM, 30, 100),)),
        (bob, 0): Passage(FIRST.id, (Flow(BTM, 60, 0),)),
        (bob, 1): Passage(SECOND.id, (Flow(BTM, 0, 60),)),
        (alice, 1): Passage(SECOND.id, (Flow(BTM, 60, 0),)),
    }


def test_what_the_chain_gives_out_has_a_row_of_its_own() -> None:
    given = coin(Output(GOLD, 9, BOB.lock))
    records = {Outpoint(SECOND.id, 2**16): given, Outpoint(b"e" * 32, 2**16): given}
    found = read(passages(7, (FIRST, SECOND), Delta(SPENT, {**MADE, **records})))
    assert found[BOB.lock.root, GIVEN | 1] == Passage(SECOND.id, (Flow(GOLD, 9, 0),))
    assert found[BOB.lock.root, GIVEN | ELSEWHERE] == Passage(b"e" * 32, (Flow(GOLD, 9, 0),))


def test_undoing_a_block_leaves_what_was_before_it() -> None:
    delta, held = Delta(SPENT, MADE), dict[bytes, bytes]()
    before = connected(b"a" * 32, 1, (), Delta({}, SPENT))
    held.update({key: data for key, data in before.items() if data is not None})
    start = dict(held)
    steps = (
        connected(b"b" * 32, 2, (FIRST, SECOND), delta),
        disconnected(b"a" * 32, 2, (FIRST, SECOND), delta.inverse()),
    )
    for changes in steps:
        for key, data in changes.items():
            if data is None:
                held.pop(key, None)
            else:
                held[key] = data
        if held[MARK] == b"b" * 32:
            assert sum(key[:1] == PASSAGE for key in held) == 5
    assert held == start
