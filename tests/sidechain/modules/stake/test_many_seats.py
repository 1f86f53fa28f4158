"""An election of as many seats as a chain may have, every candidate with as many ballots."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.primitives.hashes import fixed
from bystack.sidechain.consensus.validators import MAX_VALIDATORS, ValidatorSet
from bystack.sidechain.modules.base import PrefixedState
from bystack.sidechain.modules.stake.records import MAX_BALLOTS, Ballot, Candidate
from bystack.sidechain.state import SystemState
from tests.sidechain.modules.stake.table import CONFIG, Table

FEES = 40_000_000


def key(number: int) -> bytes:
    return fixed(number, 48)


def filled() -> Table:
    """More candidates than seats, each with all its ballots; later ones have more stake."""
    table = Table(replace(CONFIG, seats=MAX_VALIDATORS))
    state = SystemState(table.store)
    book = type(table.book)(PrefixedState(state, "stake"))
    for number in range(MAX_VALIDATORS + 5):
        operator = fixed(1_000_000 + number, 32)
        node = fixed(2_000_000 + number, 32)
        bare = Candidate(key(number), bytes(96), node, operator, 1_000, 0, 0, 0, 0, 0)
        owners = (fixed(10_000 * (1_000 + number) + one, 32) for one in range(1, MAX_BALLOTS))
        others = (Ballot(owner, 100, 0, 0) for owner in owners)
        book.keep_ballots(book.enter(bare), (Ballot(operator, 500 + number, 0, 0), *others))
    table.store.take(state.changes)
    return table


def test_four_hundred_are_elected_work_and_share_with_all_who_voted() -> None:
    table = filled()
    chosen = table.elect()
    assert [one.key for one in chosen] == [key(n + 5) for n in range(MAX_VALIDATORS)]
    assert len(ValidatorSet(1, chosen)) == MAX_VALIDATORS
    keys = tuple(one.key for one in chosen)
    table.epoch, table.signers, table.fees[BTM] = 1, keys, FEES
    for number in range(3):
        table.proposer = keys[number]
        table.turn()
    table.next_epoch()
    paid = Counter({root: amount for (root, _), amount in table.rewards.items()})
    assert len(paid) == MAX_VALIDATORS * MAX_BALLOTS
    assert sum(paid.values()) + table.fees[BTM] == FEES and table.fees[BTM] == 0
    assert paid[fixed(1_000_005, 32)] > paid[fixed(1_000_009, 32)], "who proposed"


def test_of_four_hundred_the_absent_are_jailed_at_once() -> None:
    table = filled()
    seated = table.elect()
    state, absent = SystemState(table.store), seated[::2]
    table.epoch = 1
    table.module.elect(PrefixedState(state, "stake"), table.block, ValidatorSet(1, seated))
    table.store.take(state.changes)
    table.signers = tuple(one.key for one in seated[1::2])
    table.turn()
    table.epoch, table.signers = 2, ()
    told = {str(event.facts["key"]) for event in table.turn().events}
    assert told == {one.key.hex() for one in absent}
    assert all(table.book.candidate(one.key).jailed == 3 for one in absent)  # type: ignore[union-attr]
    assert len(table.elect()) == MAX_VALIDATORS + 5 - len(absent)
