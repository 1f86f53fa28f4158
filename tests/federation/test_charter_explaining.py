"""Who can do what, by the charter alone (K03)."""

from itertools import chain, combinations

from bystack.federation.charter import parse_charter
from bystack.federation.charter_compiling import compile
from bystack.federation.charter_explaining import explain, groups_held, powers
from bystack.ledger.policies import All, Any, Bls, Key, Thresh

from .charters import ASSETS, KEYS, TRADE
from .stage import SUPERS, roster

CHARTER = parse_charter(TRADE)
GROUPS = {"operations": roster(SUPERS, 5)}
SUPER, ORDINARY = (b"m0", b"m1"), (b"m2", b"m3", b"m4")
OWN = {b"m0": "super-1", b"m1": "super-2"}


def stolen(*members: bytes) -> set[str]:
    """The keys a thief has who took everything these members hold."""
    return set(groups_held(GROUPS, members)) | {OWN[name] for name in members if name in OWN}


def satisfied(policy, held: set[bytes]) -> bool:
    """Another evaluation, over compiled terms, to compare with."""
    match policy:
        case Key(key) | Bls(key):
            return key in held
        case All(subs):
            return all([satisfied(sub, held) for sub in subs])
        case Any(subs):
            return any([satisfied(sub, held) for sub in subs])
        case Thresh(k, subs):
            return [satisfied(sub, held) for sub in subs].count(True) >= k
    raise AssertionError(policy)


def test_k03_all_ordinary_keys_take_nothing():
    """Harmony, Orbit: every ordinary key stolen. The quorum needs a super, so no power at all."""
    assert groups_held(GROUPS, ORDINARY) == frozenset()
    assert powers(CHARTER, stolen(*ORDINARY)) == ()


def test_k03_a_stolen_quorum_has_the_bounded_tier_only():
    """With one super the quorum signs: the ordinary tier's bucket, and announcements that wait."""
    assert powers(CHARTER, stolen(b"m0", *ORDINARY)) == ("order ordinary", "announce")
    assert powers(CHARTER, stolen(*SUPER)) == ()
    assert powers(CHARTER, stolen(*SUPER, b"m2")) == ("order ordinary", "order large", "announce")


def test_k03_any_two_members_take_nothing():
    for pair in combinations((*SUPER, *ORDINARY), 2):
        assert powers(CHARTER, stolen(*pair)) == ()


def test_no_key_set_moves_and_blocks():
    """I5: without guard and recovery keys nothing is blocked; with them alone nothing moves."""
    assert powers(CHARTER, {"tower-1", "tower-2"}) == ("guard",)
    assert powers(CHARTER, {"r1", "r2", "r3"}) == ("recover",)
    assert powers(CHARTER, {"r1", "r2", "tower-1"}) == ("guard", "replace", "recover")
    assert "guard" not in powers(CHARTER, stolen(*SUPER, *ORDINARY))


def test_the_powers_are_those_of_the_compiled_terms():
    terms = compile(CHARTER, KEYS, ASSETS)
    every = chain.from_iterable(combinations(KEYS, size) for size in range(len(KEYS) + 1))
    for names in every:
        held = {KEYS[name] for name in names}
        can = powers(CHARTER, names)
        for rule, tier in zip(CHARTER.tiers, terms.tiers, strict=True):
            assert (f"order {rule.name}" in can) == satisfied(tier.policy, held)
        assert ("announce" in can) == satisfied(terms.govern.policy, held)
        assert ("guard" in can) == satisfied(terms.guard.policy, held)
        assert ("recover" in can) == satisfied(terms.recover.policy, held)


def test_the_explanation_says_it():
    text = explain(CHARTER, GROUPS)
    whole = "\n".join(text)
    assert CHARTER.hash.hex() in text[0]
    assert "at most 100 BTC and 200 BTM at once and at most twice that in any 576 blocks" in whole
    assert "any amount of any asset, after 576 blocks, while the guard may veto" in whole
    assert "Key super-1 alone can: nothing." in text
    assert "Group key operations: weight 5 of 7 signs." in text
    assert "All 3 members of weight 1 together (weight 3) can, by operations: nothing." in text
    assert "All 2 members of weight 2 together (weight 4) can, by operations: nothing." in text


def test_the_explanation_warns_where_ordinaries_suffice():
    weak = {"operations": roster((1, 1, 1, 1), 3)}
    assert any("can, by operations: order ordinary" in line for line in explain(CHARTER, weak))
