import tomllib

import msgspec
import pytest

from bystack.mainchain.params import (
    MAIN,
    NETWORKS,
    REGTEST,
    TEST,
    Params,
    ParamsInvalid,
    chain_id,
    check_params,
    genesis,
    params_from,
    subsidy_at,
)
from bystack.primitives.codec import MAX_INT
from tests.wire import check_wire

GENESIS_FILE = """
name = "private"
magic = "42597001"
hrp = "pm"
work = "sha256d"
spacing = 60
half_life = 7200
retarget = 1
subsidy = 5000000000
halving = 100000
maturity = 10
max_weight = 1000000
max_bls_checks = 50
tolerance = 120
genesis_time = 1750000000
genesis_target = 0x1f00ffff
target_limit = 0x207fffff
"""


def test_params_on_the_wire() -> None:
    check_wire("mainchain_params", MAIN)


def test_each_network_has_its_own_genesis_chain_id_magic_and_prefix() -> None:
    networks = NETWORKS.values()
    check = (lambda p: genesis(p).id, chain_id, lambda p: p.magic, lambda p: p.hrp)
    for what in check:
        assert len({what(params) for params in networks}) == len(networks) == 3


def test_chain_ids_never_move() -> None:
    assert [chain_id(params).hex()[:16] for params in (MAIN, TEST, REGTEST)] == PINNED


def test_every_parameter_is_part_of_the_genesis_id() -> None:
    for field in Params.__struct_fields__:
        value = getattr(MAIN, field)
        match value:
            case int():
                other = value - 1
            case str():
                other = value + "x"
            case _:
                other = bytes(4)
        changed = msgspec.structs.replace(MAIN, **{field: other})
        assert genesis(changed).id != genesis(MAIN).id
        assert chain_id(changed) != chain_id(MAIN)


def test_the_known_networks_are_sound_and_as_designed() -> None:
    for params in NETWORKS.values():
        check_params(params)
    assert (MAIN.hrp, TEST.hrp, REGTEST.hrp) == ("bm", "tm", "rm")
    assert (MAIN.spacing, MAIN.half_life, MAIN.maturity, MAIN.tolerance) == (150, 7_200, 100, 300)
    assert (MAIN.max_weight, MAIN.max_bls_checks, MAIN.work) == (4_000_000, 200, "sha256d")


def test_subsidy_halves_and_the_whole_supply_is_an_amount() -> None:
    assert subsidy_at(0, MAIN) == 0
    assert subsidy_at(1, MAIN) == subsidy_at(839_999, MAIN) == 41_250_000_000
    assert subsidy_at(840_000, MAIN) == 20_625_000_000
    assert subsidy_at(840_000 * 36, MAIN) == subsidy_at(MAX_INT, MAIN) == 0
    supply = sum(840_000 * (41_250_000_000 >> era) for era in range(64))
    assert supply < 2 * 840_000 * 41_250_000_000 < MAX_INT


def test_a_genesis_file_gives_params() -> None:
    params = params_from(tomllib.loads(GENESIS_FILE))
    assert params.name == "private" and params.magic == b"BYp\x01"
    assert params.target_limit == 0x207FFFFF


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"spacing": 0}, "spacing"),
        ({"spacing": "60"}, "Expected `int`"),
        ({"retarget": 2}, "key=retarget, given=2"),
        ({"magic": "zz"}, "hex"),
        ({"magic": "0011"}, "length"),
        ({"hrp": "PM"}, "regex"),
        ({"hrp": "pm\n"}, "regex"),
        ({"name": "private\n"}, "regex"),
        ({"max_weight": 4_000_001}, "4000000"),
        ({"genesis_target": 0}, "TargetInvalid"),
        ({"genesis_target": 0x207FFFFF, "target_limit": 0x1F00FFFF}, "easier"),
        ({"subsidy": MAX_INT}, "supply"),
        ({"surprise": 1}, "surprise"),
        ({"spacing": True}, "got `bool`"),
    ],
)
def test_a_wrong_genesis_file_is_refused_by_name(change: dict[str, object], named: str) -> None:
    with pytest.raises(ParamsInvalid) as caught:
        params_from(tomllib.loads(GENESIS_FILE) | change)
    assert named in str(caught.value)


def test_nothing_in_a_genesis_file_has_a_default() -> None:
    table = tomllib.loads(GENESIS_FILE)
    for key in table:
        with pytest.raises(ParamsInvalid) as caught:
            params_from({name: value for name, value in table.items() if name != key})
        assert caught.value.facts == {"key": key, "reason": "missing"}


PINNED = ["666af0945b85869a", "c43e6b20c70f80fc", "4ad5cc1bb0fc8653"]
