"""Statements about the reserves: one per member and interval, of a block just past."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bystack.federation.statements import (
    AssetTerms,
    SignerOutdated,
    Statement,
    StatementDisordered,
    StatementForeign,
    StatementOutdated,
    StatementTooEarly,
    StatementTwice,
    agreeing,
    contradict,
    statement_of,
    take_statement,
    timely,
)
from bystack.primitives.codec import encode
from bystack.sidechain.modules.base import BlockContext, PrefixedState
from bystack.sidechain.state import SystemState

VECTORS = Path(__file__).parents[1] / "vectors" / "bystack"
CHAIN, KEY, OTHER = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32
N = 100
TERMS = AssetTerms(b"\x07" * 32, 1000, 700, 50, 100, 60, 95, 5)
SAID = Statement(CHAIN, 900, b"\x04" * 32, 250, 244, b"\x05" * 32, 2, b"\x06" * 32, (TERMS,))


def fresh() -> PrefixedState:
    return PrefixedState(SystemState({}), "federation")


def take(state: PrefixedState, said: Statement, relayed: int = 260, key: bytes = KEY) -> None:
    take_statement(state, BlockContext(CHAIN, 950, 0, relayed), key, said, N, 2)


@pytest.mark.parametrize("name, value", [("asset_terms", TERMS), ("statement", SAID)])
def test_golden_bytes(name, value):
    assert encode(value).hex() == (VECTORS / f"federation_{name}.hex").read_text().strip()


def test_a_statement_is_kept():
    state = fresh()
    take(state, SAID)
    assert statement_of(state, KEY) == SAID and statement_of(state, OTHER) is None
    assert SAID.holds and not replace(SAID, assets=(replace(TERMS, owed=101),)).holds


@pytest.mark.parametrize(
    "change, relayed, error",
    [
        ({"chain": OTHER}, 260, StatementForeign),
        ({"height": 950}, 260, StatementTooEarly),
        ({}, 249, StatementTooEarly),
        ({}, 400, StatementOutdated),
        ({"version": 1}, 260, SignerOutdated),
        ({"assets": (TERMS, TERMS)}, 260, StatementDisordered),
        ({"assets": (TERMS, replace(TERMS, asset=CHAIN))}, 260, StatementDisordered),
    ],
)
def test_what_is_refused_and_changes_nothing(change, relayed, error):
    state = fresh()
    with pytest.raises(error):
        take(state, replace(SAID, **change), relayed)
    assert statement_of(state, KEY) is None


def test_one_statement_per_member_and_interval():
    state = fresh()
    take(state, SAID)
    for relayed in (249, 250, 299):
        with pytest.raises(StatementTwice):
            take(state, replace(SAID, relay_height=relayed, height=901), 310)
    take(state, SAID, key=OTHER)
    take(state, replace(SAID, relay_height=300), 310)
    assert statement_of(state, KEY).relay_height == 300


def test_the_interval_before_may_still_be_stated():
    take(fresh(), SAID, 399)


@pytest.mark.parametrize("relayed, yes", [(260, True), (399, True), (400, False)])
def test_timely(relayed, yes):
    state = fresh()
    take(state, SAID)
    assert timely(state, KEY, relayed, N) is yes and not timely(state, OTHER, relayed, N)


def test_what_contradicts():
    lower = replace(TERMS, vault=999)
    assert contradict(SAID, replace(SAID, assets=(lower,)))
    assert contradict(SAID, replace(SAID, header=OTHER))
    for alike in (SAID, replace(SAID, log=OTHER, version=3), replace(SAID, height=901)):
        assert not contradict(SAID, alike)
    assert not contradict(SAID, replace(SAID, chain=OTHER, header=OTHER))


def test_how_many_agree():
    other = replace(SAID, main_height=241)
    assert agreeing([]) == 0
    assert agreeing([SAID, other, replace(SAID, log=OTHER)]) == 2
