"""A policy's file: what it says, and every fault of one that says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.federation.charter import ListedAsset
from bystack.federation.charter_compiling import bucket
from bystack.federation.policies.hours import Hours
from bystack.federation.policies.policy import OPEN, Plugin
from bystack.federation.policies.reading import PolicyInvalid, parse_policy
from bystack.federation.policies.requests import destination_key
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, encode_address
from tests.federation.policies.asked import ASSETS, BTC, GOLD, VAULT
from tests.ledger.people import BOB, CAROL

HRP = "rm"
CAROLS = encode_address(Address(HRP, POLICY, CAROL.lock.root))
VAULTS = encode_address(Address(HRP, DEPOSIT, VAULT + bytes(64)))
WHOLE = f"""
state_age = 3600
[allowance]
window = 144
[allowance.limit]
BTC = "2.5"
GOLD = "10"
[destinations]
allow = ["{CAROLS}", "vault:{"44" * 32}"]
deny = ["{VAULTS}"]
[hours]
days = ["mon", "fri"]
from = "08:30"
to = "17:00"
zone = "-03:30"
[manual]
operations = ["announce"]
[manual.above]
BTC = "1"
[[plugin]]
name = "quota"
[plugin.settings]
per_day = 3
"""


def parsed(text: str) -> object:
    return parse_policy(text.encode(), ASSETS, HRP)


def faults(text: str) -> list[str]:
    with pytest.raises(PolicyInvalid) as caught:
        parsed(text)
    return str(caught.value).split("\n")[1:]


def test_a_whole_policy() -> None:
    policy = parse_policy(WHOLE.encode(), ASSETS, HRP)
    assert policy.limits == (bucket(BTC, 250_000_000, 144), bucket(GOLD, 10, 144))
    assert policy.allow == {destination_key(CAROL.lock), b"v" + b"\x44" * 32}
    assert policy.deny == {b"v" + VAULT}
    assert policy.hours == Hours((0, 4), 510, 1020, -210)
    assert policy.manual == {BTC: 100_000_000} and policy.approve == {"announce"}
    assert policy.plugins == (Plugin("quota", {"per_day": 3}),)
    assert policy.state_age == 3600
    assert policy.amount(BTC, 50_000_000) == "0.5 BTC"
    assert policy.amount(VAULT, 7) == f"7 of {VAULT.hex()}"


def test_an_empty_file_asks_for_nothing() -> None:
    assert parsed("") == OPEN == parsed("# nothing\n")


@pytest.mark.parametrize(
    "text, named",
    [
        ("[alowance]", "alowance"),
        ("[allowance]\nwindow = 0\n[allowance.limit]\nBTC = '1'", "allowance.window"),
        ("[allowance]\nwindow = 10", "allowance.limit"),
        ("[allowance]\nwindow = 10\n[allowance.limit]\nSILVER = '1'", "allowance.limit.SILVER"),
        ("[allowance]\nwindow = 10\n[allowance.limit]\nGOLD = '1.5'", "allowance.limit.GOLD"),
        ("[allowance]\nwindow = 10\n[allowance.limit]\nBTC = 1", "allowance.limit.BTC"),
        ("[allowance]\nwindow = 10\n[allowance.limit]\nBTC = '0'", "allowance.limit.BTC"),
        ("[destinations]\nallow = []", "destinations.allow"),
        ("[destinations]\ndeny = 'all'", "destinations.deny"),
        ("[destinations]\ndeny = ['nobody']", "destinations.deny"),
        (f"[destinations]\ndeny = ['{CAROLS[:-1]}q']", "destinations.deny"),
        ("[destinations]\nallow = ['vault:12']", "destinations.allow"),
        ("[destinations]\nrefuse = []", "destinations.refuse"),
        ("[hours]\ndays = ['mon']\nfrom = '8:30'\nto = '17:00'\nzone = '+00:00'", "hours.from"),
        ("[hours]\ndays = ['mon']\nfrom = '08:30'\nto = '24:00'\nzone = '+00:00'", "hours.to"),
        ("[hours]\ndays = ['mon']\nfrom = '08:30'\nto = '17:00'\nzone = 'CET'", "hours.zone"),
        ("[hours]\ndays = ['Mon']\nfrom = '08:30'\nto = '17:00'\nzone = '+00:00'", "hours.days"),
        ("[hours]\ndays = []\nfrom = '08:30'\nto = '17:00'\nzone = '+00:00'", "hours.days"),
        ("[manual]\noperations = ['Adopt!']", "manual.operations"),
        ("[manual.above]\nSILVER = '1'", "manual.above.SILVER"),
        ("[[plugin]]\nsettings = {}", "plugin[0].name"),
        ("[[plugin]]\nname = 'a b'", "plugin[0].name"),
        ("plugin = 3", "plugin"),
        ("state_age = -1", "state_age"),
        ("hours = 3", "hours"),
        ("= 3", "policy"),
        ("a = 1\na = 2", "policy"),
    ],
)
def test_each_fault_is_named(text: str, named: str) -> None:
    assert any(fault.startswith(named + ":") for fault in faults(text)), faults(text)


def test_all_faults_at_once() -> None:
    text = "state_age = 'x'\n[destinations]\nallow = ['a', 'b']\n[manual.above]\nX = '1'\n[none]\n"
    assert len(faults(text)) == 5


def test_an_address_of_another_network_is_none() -> None:
    main = encode_address(Address("bm", POLICY, BOB.lock.root))
    assert any("rm1" in fault for fault in faults(f"[destinations]\nallow = ['{main}']"))


def test_the_example_file_is_read() -> None:
    path = Path(__file__).parents[3] / "configs" / "member" / "federations" / "trade.policy.toml"
    assets = {"BTM": ListedAsset(b"\xff" * 32, 8), "GOLD": ListedAsset(GOLD, 2)}
    assert parse_policy(path.read_bytes(), assets, HRP).manual == {b"\xff" * 32: 50 * 10**8}
