"""Fees that the charter says are those that the sidechain begins with."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import msgspec
import pytest

from bystack.client.sidechain_new.writing import written
from bystack.federation.charter import Fees, parse_charter
from bystack.federation.charter_fees import FeesDisagree, check_fees
from bystack.sidechain.specification import GenesisSpec
from tests.client.sidechain_new.founders import complete

FILES = written(replace(complete(), pegin_bp=10, pegout_bp=20), 1_800_000_000_000)
CHARTER = parse_charter(FILES.charter.encode())
SPEC = msgspec.convert(tomllib.loads(FILES.spec), GenesisSpec)


def test_what_is_written_together_agrees() -> None:
    assert (CHARTER.fees.pegin_bp, CHARTER.fees.pegout_bp) == (10, 20)
    assert dict(CHARTER.fees.flat)["BTM"] == "0.01"
    check_fees(CHARTER, SPEC)


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("pegin_bp", {"pegin_bp": 11}),
        ("pegout_bp", {"pegout_bp": 0}),
        ("flat.BTM", {"assets": [msgspec.structs.replace(SPEC.assets[0], pegout_fee=7)]}),
        ("flat.BTM", {"assets": []}),
    ],
)
def test_a_specification_that_says_otherwise_is_refused(
    key: str, changed: dict[str, object]
) -> None:
    with pytest.raises(FeesDisagree, match=f"key={key}"):
        check_fees(CHARTER, msgspec.structs.replace(SPEC, **changed))


def test_a_charter_that_says_none_leaves_them_open() -> None:
    check_fees(replace(CHARTER, fees=Fees(0, 0, ())), msgspec.structs.replace(SPEC, pegin_bp=99))
