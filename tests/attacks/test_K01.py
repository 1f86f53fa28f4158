"""K01 Ronin 2022: the attacker holds every hot key of one operator.

Loss ≤ bucket; no operator may hold the threshold or block it (the roster's check refuses). In a
federation that passes the check the bound that `explain --leaked operator:NAME` prints is nothing,
and the greediest thief with these keys takes nothing.
"""

from __future__ import annotations

import pytest

from bystack.federation.charter import parse_charter
from bystack.federation.charter_checking import roster_faults
from bystack.federation.leak_names import leak
from bystack.federation.leaks import By
from bystack.federation.members import OperatorBlocks, OperatorSigns
from bystack.federation.roster_file import roster_of
from bystack.ledger.amounts import BTM
from tests.federation.charters import TRADE
from tests.federation.rosters import HOLDS, roster_file, who

from .thief import ASSETS, Theft

CHARTER = parse_charter(TRADE)


@pytest.mark.parametrize("operator", sorted(HOLDS))
def test_everything_one_operator_has_moves_nothing(operator: str) -> None:
    found = leak(CHARTER, (f"operator:{operator}",), who())
    assert found.bound.ways == () and found.bound.total(BTM) == 0


@pytest.mark.parametrize("names", [{"s1"}, {"s2"}, {"g1"}, {"s1", "g1"}])
def test_measured_on_a_vault_it_takes_what_the_bound_says_nothing(names: set[str]) -> None:
    theft = Theft(frozenset(names), answer=100, recovery=150)
    assert theft.bound.ways == ()
    assert theft.run(160) == dict.fromkeys(ASSETS, 0)


@pytest.mark.parametrize(
    ("weights", "error"),
    [((5, 1, 1, 1, 1), OperatorSigns), ((4, 1, 1, 1, 1), OperatorBlocks)],
)
def test_an_operator_that_signs_or_blocks_alone_is_refused(
    weights: tuple[int, ...], error: type[Exception]
) -> None:
    file = roster_file(weights)
    with pytest.raises(error):
        roster_of(file)
    assert [fault.where for fault in roster_faults(CHARTER, file)] == ["roster.member"]


def test_an_operator_whose_keys_together_move_the_vault_is_refused() -> None:
    """Weights alone are harmless; with the charter keys it holds this operator announces terms."""
    charter = parse_charter(TRADE.replace(b"all(bls(operations), thresh(1", b"any(thresh(1"))
    (fault, *_) = roster_faults(charter, roster_file())
    assert fault.where == "roster.member.holds" and str(By.ANNOUNCE) in fault.given
    assert roster_faults(CHARTER, roster_file()) == ()
