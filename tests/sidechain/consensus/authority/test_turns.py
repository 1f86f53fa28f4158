"""Two rounds make a block final, and nothing less would do."""

from __future__ import annotations

import pytest

from bystack.sidechain.consensus.authority.turns import (
    NEVER,
    Count,
    DepthFinality,
    Turns,
    TurnWrong,
)
from bystack.sidechain.consensus.positions import (
    JournalRecord,
    Position,
    SignedBefore,
    SignNew,
    SignRequest,
    judge,
)
from tests.sidechain.consensus.authority.model import Model
from tests.sidechain.consensus.samples import HEADER
from tests.simulation.schemes import HashScheme, hash_keyring

CHAIN = b"c" * 32
TURNS = Turns(hash_keyring(4).validators)


def forks(seeds: int, **rules: object) -> int:
    return sum(Model(seed, **rules).forked for seed in range(seeds))  # type: ignore[arg-type]


def one_round(turns: Turns, count: Count) -> int:
    return count.target if turns.justified(count) else -1


def with_a_gap(turns: Turns, count: Count) -> int:
    return count.before if turns.justified(count) and count.source >= count.round - 2 else -1


def test_no_two_final_blocks_contradict() -> None:
    models = [Model(seed) for seed in range(4_000)]
    assert not any(model.forked for model in models)
    assert sum(len(model.final) for model in models) > 4_000
    assert forks(1_000, size=7, byzantine=2) == 0


@pytest.mark.parametrize(
    "broken",
    [
        {"final": one_round},
        {"final": with_a_gap},
        {"bound": False},
        {"byzantine": 2},
    ],
    ids=["one round", "rounds apart", "sources do not bind", "two of four"],
)
def test_each_rule_is_needed(broken: dict[str, object]) -> None:
    assert forks(300, **broken) > 10


def line(*slots: int) -> list[Count]:
    """The counts of a chain on a final block of height 10, sealed in slot 11."""
    count, found = TURNS.root(11, 10), []
    for height, slot in enumerate(slots, start=11):
        count = TURNS.add(count, slot, height)
        found.append(count)
    return found


def test_what_a_full_chain_amounts_to() -> None:
    counts = line(*range(12, 23))
    finals = [TURNS.final(count) for count in counts]
    assert finals == [-1, -1, 10, 10, -1, -1, 10, 10, -1, -1, 14]
    assert counts[3] == Count(round=3, weight=4, source=2, target=10, before=10)
    assert counts[4].target == 14


def test_a_missed_turn_may_be_missed_two_may_not() -> None:
    assert TURNS.final(line(12, 13, 15, 16, 18, 19, 20, 21, 22)[-1]) == 13
    assert TURNS.final(line(12, 13, 15, 16, 19, 20, 21, 22)[-1]) == -1
    assert TURNS.highest(line(12, 15, 16, 17)[-1]) == 2


def test_of_a_seal_alone_nothing_below_is_known() -> None:
    count = TURNS.lowest(13, 20)
    assert count == Count(3, 1, NEVER, 19, 19)
    assert TURNS.add(count, 16, 21).source == NEVER


@pytest.mark.parametrize(("slot", "parent"), [(6, 5), (7, 7), (3, 7)])
def test_a_turn_is_its_own_and_later_than_the_parents(slot: int, parent: int) -> None:
    with pytest.raises(TurnWrong):
        TURNS.check(HEADER, slot, parent)  # its proposer is 3
    TURNS.check(HEADER, 11, 7)


def test_the_journal_signs_once_a_slot_whatever_the_height() -> None:
    order = DepthFinality(HashScheme()).order

    def ask(height: int, slot: int) -> SignRequest:
        return SignRequest(Position(height, slot, 2), 0, b"b" * 32, b"")

    first = judge(None, ask(9, 40), CHAIN, order)
    assert isinstance(first, SignNew)
    record = JournalRecord(first.position, first.digest, b"s" * 96, b"")
    with pytest.raises(SignedBefore):
        judge(record, ask(10, 40), CHAIN, order)
    assert isinstance(judge(record, ask(8, 44), CHAIN, order), SignNew)
