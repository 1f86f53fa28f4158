"""The module's genesis, and every wire type of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.primitives.codec import Wire, encode
from bystack.sidechain.modules.stake import actions, records
from bystack.sidechain.modules.stake.records import (
    LEAST_UNBONDING,
    StakeInvalid,
    check_asset,
    check_config,
    encode_config,
)
from tests.sidechain.modules.stake.table import CONFIG
from tests.wire import check_wire

ONE, TWO = b"\x01" * 32, b"\x02" * 32
KEY, SIGNED = b"\x03" * 48, b"\x04" * 96

VALUES: dict[str, Wire] = {
    "stake_config": records.StakeConfig(BTM, 10, 4, 1_000, 10, 7, 2_000, 500, 500),
    "stake_candidate": records.Candidate(KEY, SIGNED, ONE, TWO, 500, 3_000, 1_000, 4, 0, 7),
    "stake_ballot": records.Ballot(ONE, 300, 100, 5),
    "stake_returning": records.Returning(KEY, 300, 5, 1),
    "stake_work": records.Work(KEY, 1_190, 120),
    "stake_tally": records.Tally(5, 1_199, (records.Work(KEY, 1_190, 120),)),
    "stake_seats": records.Seats(5, (KEY,)),
    "stake_tomb": records.Tomb(5),
    "stake_register": actions.Register(ONE, KEY, SIGNED, SIGNED, TWO, 500, 1_000),
    "stake_update": actions.Update(ONE, KEY, TWO, 400),
    "stake_unregister": actions.Unregister(ONE, KEY),
    "stake_unjail": actions.Unjail(ONE, KEY),
    "stake_vote_for": actions.VoteFor(ONE, KEY, 300),
    "stake_unvote": actions.Unvote(ONE, KEY, 200),
    "stake_withdraw": actions.Withdraw(ONE),
}


@pytest.mark.parametrize("name", VALUES)
def test_on_the_wire(name: str) -> None:
    check_wire(name, VALUES[name])


@pytest.mark.parametrize(
    "fields",
    [
        {"least_set": 3},
        {"seats": 3},
        {"seats": 401},
        {"least_set": 5, "seats": 4},
        {"own": 0},
        {"vote": 0},
        {"unbonding": LEAST_UNBONDING - 1},
        {"proposer": 10_001},
        {"slash": 10_001},
        {"slash": 0},
        {"presence": 10_001},
    ],
)
def test_a_genesis_that_contradicts_itself(fields: dict[str, int]) -> None:
    check_config(CONFIG)
    with pytest.raises(StakeInvalid):
        encode_config(replace(CONFIG, **fields))
    assert encode_config(CONFIG) == encode(CONFIG)


def test_the_staked_asset_is_of_the_chain() -> None:
    check_asset(CONFIG, {BTM: 10})
    for units in ({ONE: 1}, {BTM: 7}):
        with pytest.raises(StakeInvalid):
            check_asset(CONFIG, units)
