"""Charter and roster together: every fault at once, with its place."""

import msgspec
import pytest

from bystack.federation.charter import parse_charter
from bystack.federation.charter_checking import roster_faults
from bystack.federation.roster_file import RosterFile, RosterFileInvalid, parse_roster, roster_of

from .charters import TRADE
from .rosters import HOLDS, roster_file

CHARTER = parse_charter(TRADE)
GOOD = roster_file()


def edited(**fields: object) -> RosterFile:
    return msgspec.structs.replace(GOOD, **fields)


def places(file: RosterFile, charter: bytes = TRADE) -> list[str]:
    return [fault.where for fault in roster_faults(parse_charter(charter), file)]


def test_a_roster_that_fits_has_no_fault() -> None:
    assert roster_faults(CHARTER, GOOD) == ()


def test_every_fault_is_told_at_once() -> None:
    keys = dict(GOOD.keys)
    del keys["r1"]
    keys["tower-2"] = keys["tower-1"]
    assets = {"BTM": GOOD.assets["BTM"]}
    assert places(edited(keys=keys, assets=assets)) == [
        "roster.keys.r1", "roster.keys.tower-2", "roster.assets.BTC",
    ]  # fmt: skip


def test_amounts_fit_the_assets_decimals() -> None:
    coarse = msgspec.structs.replace(GOOD.assets["BTM"], decimals=0)
    assert places(edited(assets={**GOOD.assets, "BTM": coarse})) == ["fees.flat.BTM"]


def test_a_group_key_is_generated_and_not_given() -> None:
    keys = {**GOOD.keys, "operations": "00" * 32}
    assert places(edited(keys=keys)) == ["roster.keys.operations"]


def test_members_have_the_weight_of_a_role() -> None:
    roles = b"[roles]\nsuper = 2\nordinary = 1\n"
    assert places(GOOD, TRADE + roles) == []
    assert places(GOOD, TRADE + roles.replace(b"2", b"3")) == ["roster.member.weight"] * 2
    assert parse_charter(TRADE + roles).roles == (("super", 2), ("ordinary", 1))


def test_what_an_operator_holds_is_a_key_that_exists_and_his_alone() -> None:
    holds = {**HOLDS, "gamma": ["super-1"], "delta": ["nothing"]}
    assert places(roster_file(holds=holds)) == ["roster.member.holds"] * 2


def test_half_of_the_weight_is_no_threshold() -> None:
    (fault,) = roster_faults(CHARTER, roster_file(threshold=3))
    assert "ThresholdTooLow" in fault.given


@pytest.mark.parametrize("data", [b"threshold = 0", b"\xff", b"threshold = 5\nmember = 3", b""])
def test_what_is_no_roster_is_refused(data: bytes) -> None:
    with pytest.raises(RosterFileInvalid):
        parse_roster(data)


def test_a_roster_is_read_and_seated() -> None:
    import tomli_w

    read = parse_roster(tomli_w.dumps(msgspec.to_builtins(GOOD)).encode())
    assert read == GOOD
    assert [member.weight for member in roster_of(read).members] == [2, 2, 1, 1, 1]
