"""The charter compiles to exactly the terms it says, and refuses to say anything unsafe."""

from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.federation.charter import ListedAsset, named_policy, parse_charter, stand_in
from bystack.federation.charter_compiling import (
    AmountUnfit,
    CharterIncomplete,
    KeyShared,
    bucket,
    compile,
)
from bystack.federation.charter_reading import CharterInvalid
from bystack.ledger.amounts import BTM
from bystack.ledger.buckets import levels
from bystack.ledger.policies import All, Bls, Key, Thresh
from bystack.ledger.policy_text import PolicyTextInvalid
from bystack.ledger.terms import Guard, Limit, Recover, TermsInvalid, check_terms
from bystack.ledger.transactions import Output, PolicyLock
from bystack.ledger.vault_errors import BucketExceeded
from bystack.ledger.vault_operations import Order
from bystack.ledger.vault_state import first_state, replay

from .charters import ASSETS, KEYS, TRADE
from .stage import dice

CHARTER = parse_charter(TRADE)


def faults(data: bytes) -> list[str]:
    with pytest.raises(CharterInvalid) as caught:
        parse_charter(data)
    return [fault.where for fault in caught.value.faults]


def test_what_the_charter_says():
    assert CHARTER.name == "trade" and [tier.name for tier in CHARTER.tiers] == [
        "ordinary",
        "large",
    ]
    assert CHARTER.keys == tuple(sorted(KEYS)) and CHARTER.group_keys == ("operations",)
    assert CHARTER.assets == ("BTC", "BTM")
    assert (CHARTER.fees.pegin_bp, CHARTER.fees.pegout_bp) == (10, 20)
    assert CHARTER.fees.flat == (("BTM", "0.5"),)


def test_it_compiles_to_the_vaults_terms():
    terms = compile(CHARTER, KEYS, ASSETS)
    check_terms(terms)
    supers = (Key(KEYS["super-1"]), Key(KEYS["super-2"]))
    group = Bls(KEYS["operations"])
    ordinary, large = terms.tiers
    assert ordinary.policy == group and ordinary.delay == 0
    assert set(ordinary.limits) == {
        Limit(ASSETS["BTC"].id, 100 * 10**8, 100 * 10**8 // 64, 9),
        Limit(BTM, 200 * 10**8, 200 * 10**8 // 64, 9),
    }
    assert large.policy == All((group, Thresh(2, supers))) and large.limits == ()
    assert large.delay == 576
    assert terms.guard == Guard(Thresh(1, (Key(KEYS["tower-1"]), Key(KEYS["tower-2"]))), 1008)
    assert terms.govern.policy == All((group, Thresh(1, supers))) and terms.govern.delay == 8064
    recover = tuple(Key(KEYS[name]) for name in ("r1", "r2", "r3"))
    assert terms.recover == Recover(Thresh(2, recover), 210240)


def test_the_note_is_the_hash_of_the_very_bytes():
    assert compile(CHARTER, KEYS, ASSETS).note == CHARTER.hash
    assert parse_charter(TRADE + b"# a comment\n").hash != CHARTER.hash
    assert parse_charter(TRADE) == CHARTER


@given(st.integers(1, 2**63 - 1), st.integers(1, 2**32))
def test_a_bucket_gives_its_limit_in_one_window_and_no_more(limit, window):
    made = bucket(BTM, limit, window)
    assert made.capacity == limit and made.refill > 0 and made.period > 0
    assert window % made.period == 0 and window // made.period * made.refill == limit
    assert gcd(made.refill, made.period) == 1  # the smallest whole steps


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (b'name = "trade"', b"", "name"),
        (b'name = "trade"', b'name = "a b"', "name"),
        (b'name = "trade"', b"name = 5", "name"),
        (b'name = "large"', b'name = "ordinary"', "tier"),
        (b"window = 576", b"", "tier[0].window"),
        (b"window = 576", b"window = 0", "tier[0].window"),
        (b"window = 576", b"window = 576.0", "tier[0].window"),
        (b"window = 576", b"window = true", "tier[0].window"),
        (b'BTC = "100"', b'BTC = "0"', "tier[0].limit.BTC"),
        (b'BTC = "100"', b'BTC = "0.000"', "tier[0].limit.BTC"),
        (b'BTC = "100"', b'BTC = "-1"', "tier[0].limit.BTC"),
        (b'BTC = "100"', b'BTC = "1e9"', "tier[0].limit.BTC"),
        (b'BTC = "100"', b'BTC = ""', "tier[0].limit.BTC"),
        (b'BTC = "100"', b"BTC = 100", "tier[0].limit.BTC"),
        (b'BTC = "100"\nBTM = "200"', b"", "tier[0].limit"),
        (b"delay = 576\n", b"delay = 143\n", "tier[1].delay"),
        (b"delay = 576\n", b"", "tier[1].delay"),
        (b"delay = 576\n", b"delay = 576\nwindow = 9\n", "tier[1].window"),
        (b"freeze = 1008", b"freeze = 0", "guard.freeze"),
        (b"freeze = 1008", b"freeze = 4033", "guard.freeze"),
        (b"delay = 8064", b"delay = 0", "govern.delay"),
        (b"idle = 210240", b"", "recover.idle"),
        (b"[recover]", b"[recovery]", "recover"),
        (b'policy = "bls(operations)"', b'policy = ""', "tier[0].policy"),
        (b'policy = "bls(operations)"', b'policy = "bls(operations"', "tier[0].policy"),
        (b'policy = "bls(operations)"', b'policy = "older(5)"', "tier[0].policy"),
        (b'policy = "bls(operations)"', b'policy = "key(operations)"', "operations"),
        (b"bls(operations)", b"bls(" + b"ab" * 48 + b")", "tier[0].policy"),
        (b"key(r1)", b"key(" + b"ab" * 32 + b")", "recover.policy"),
        (b"thresh(2, key(r1)", b"thresh(4, key(r1)", "recover.policy"),
        (b"thresh(2, key(r1)", b"thresh(0, key(r1)", "recover.policy"),
        (b"key(r1)", b"key(super-1)", "recover"),
        (b"key(r1)", b"key(tower-1)", "recover"),
        (b"key(tower-1)", b"key(super-2)", "guard"),
        (b"pegin_bp = 10", b"pegin_bp = 10001", "fees.pegin_bp"),
        (b"pegin_bp = 10", b"pegin = 10", "fees.pegin"),
        (b'BTM = "0.5"', b'BTM = "0"', "fees.flat.BTM"),
    ],
)
def test_each_fault_is_found_at_its_place(old, new, where):
    assert TRADE.count(old) >= 1
    assert where in faults(TRADE.replace(old, new, 1))


def test_all_faults_are_told_at_once():
    wrong = TRADE.replace(b"window", b"windw").replace(b'"100"', b'"0"').replace(b"1008", b"0")
    found = faults(wrong)
    assert {"tier[0].limit.BTC", "tier[0].window", "tier[0].windw", "guard.freeze"} <= set(found)
    with pytest.raises(CharterInvalid, match="did you mean 'window'"):
        parse_charter(wrong)


@pytest.mark.parametrize(
    "data", [b"\xff", b"name = ", b"[" * 10_000, b"a = " + b"9" * 5_000, bytes(100_000), b""]
)
def test_what_is_no_charter_at_all(data):
    assert faults(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(data):
    with pytest.raises(CharterInvalid):
        parse_charter(data)


@given(st.integers(0, len(TRADE) - 1), st.binary(min_size=1, max_size=3))
def test_any_damage_is_judged(at, damage):
    try:
        charter = parse_charter(TRADE[:at] + damage + TRADE[at + 1 :])
    except CharterInvalid:
        return
    assert charter.tiers and charter.guard.policy and charter.recover.blocks > 0


def test_everything_lacking_is_named():
    keys = {name: key for name, key in KEYS.items() if name not in ("r1", "operations")}
    with pytest.raises(CharterIncomplete) as caught:
        compile(CHARTER, keys, {"BTM": ASSETS["BTM"]})
    assert caught.value.facts == {"keys": ["operations", "r1"], "assets": ["BTC"]}


def test_one_key_under_two_names_is_refused():
    """`thresh(2, key(super-1), key(super-2))` with one key would be a threshold of one."""
    with pytest.raises(KeyShared):
        compile(CHARTER, KEYS | {"super-2": KEYS["super-1"]}, ASSETS)


def test_two_names_of_one_asset_are_refused():
    with pytest.raises(TermsInvalid):
        compile(CHARTER, KEYS, {"BTC": ASSETS["BTM"], "BTM": ASSETS["BTM"]})


def test_keys_of_the_wrong_length_are_refused():
    with pytest.raises(PolicyTextInvalid):
        compile(CHARTER, KEYS | {"operations": bytes(32)}, ASSETS)
    with pytest.raises(PolicyTextInvalid):
        compile(CHARTER, KEYS | {"r1": bytes(48)}, ASSETS)


@pytest.mark.parametrize(
    ("text", "decimals", "fits"),
    [
        ("100", 0, True),
        ("0.5", 0, False),
        ("0.50", 1, True),
        ("0.00000001", 8, True),
        ("0.000000001", 8, False),
        ("92233720368", 8, True),
        ("92233720369", 8, False),
    ],
)
def test_amounts_are_exact(text, decimals, fits):
    data = TRADE.replace(b'BTC = "100"', f'BTC = "{text}"'.encode())
    assets = ASSETS | {"BTC": ListedAsset(dice("BTC"), decimals)}
    if fits:
        limits = compile(parse_charter(data), KEYS, assets).tiers[0].limits
        (made,) = (limit for limit in limits if limit.asset == dice("BTC"))
        whole, _, rest = text.partition(".")
        assert made.capacity * 10 ** len(rest) == int(whole + rest) * 10**decimals
    else:
        with pytest.raises(AmountUnfit):
            compile(parse_charter(data), KEYS, assets)


def test_stand_ins_tell_names_and_kinds_apart():
    assert named_policy("key(a)") == Key(stand_in("key", "a"))
    assert len({stand_in("key", "a"), stand_in("key", "b"), stand_in("bls", "a")}) == 3
    assert named_policy(" all ( key ( a ) , bls( b ) )").subs[1] == Bls(stand_in("bls", "b"))


@given(st.lists(st.integers(0, 700), min_size=1, max_size=12))
def test_k03_a_stolen_quorum_drains_no_more_than_the_charter_says(waits):
    """Every order empties the bucket; in no window leaves more than twice the limit, and one unit
    more than the bucket holds is refused by name."""
    terms = compile(CHARTER, KEYS, ASSETS)
    number = [limit.asset for limit in terms.tiers[0].limits].index(BTM)
    limit, window = terms.tiers[0].limits[number], CHARTER.tiers[0].window
    state, height, taken = first_state(terms, 1), 1, []

    def order(amount: int) -> Order:
        return Order(state.seq, 0, (Output(BTM, amount, PolicyLock(dice("thief"))),))

    for wait in waits:
        height += wait
        level = levels(state.buckets, terms, height)[0, BTM]
        with pytest.raises(BucketExceeded):
            replay(state, order(level + 1), terms, height)
        if level:
            state = replay(state, order(level), terms, height)
            taken.append((height, level))
    for start, _ in taken:
        within = sum(amount for at, amount in taken if start <= at < start + window)
        assert within <= 2 * limit.capacity
    assert sum(amount for _, amount in taken) <= limit.capacity + limit.refill * (
        height // limit.period
    )
