"""What a signer believes of its sidechain's state: what is proved, final, and not too old."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
from msgspec.structs import replace

from bystack.federation import knowledge as knowledge_module
from bystack.federation.knowledge import Knowledge
from bystack.primitives.codec import U63, decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.light import LightClient, begin
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.verifier import InstantFinality
from bystack.sidechain.params import Genesis
from tests.federation.peg import RING, final
from tests.federation.proved import proved
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import genesis_for

KEY, NONE = b"module/one", b"module/none"
STATE = {KEY: encode(7)}
NUMBER: Any = U63


@lru_cache(maxsize=1)
def genesis() -> Genesis:
    return genesis_for(vault_chain(), validators=RING.validators.validators)


def fresh(freshness: int = 10) -> Knowledge:
    followed = begin(genesis().id, genesis().validator_set)
    return Knowledge(LightClient(followed, InstantFinality(BlsScheme())), freshness)


def refused(rule: str) -> pytest.RaisesExc[Invalid]:
    return pytest.RaisesExc(Invalid, check=lambda error: error.rule == rule)


def test_what_is_proved_is_known_and_that_there_is_none_too() -> None:
    known = fresh()
    assert known.entry(NUMBER, KEY, proved(genesis(), 5, KEY, STATE)) == 7
    assert known.entry(NUMBER, NONE, proved(genesis(), 5, NONE, STATE)) is None
    assert known.known(NUMBER, KEY) == 7 and known.newest == 5
    assert known.height_of(KEY) == 5 and known.height_of(b"other") == -1


def test_what_was_not_shown_is_not_known() -> None:
    known = fresh()
    with refused("EntryNotShown"):
        known.known(NUMBER, KEY)
    with refused("EntryForeign"):
        known.entry(NUMBER, KEY, proved(genesis(), 5, NONE, STATE))
    with refused("EntryNotShown"):
        known.known(NUMBER, KEY)


def test_a_proof_that_does_not_hold_teaches_nothing() -> None:
    known, good = fresh(), proved(genesis(), 5, KEY, STATE)
    foreign = final(replace(good.header, chain=b"\x66" * 32))
    bad = {
        "other value": replace(good, value=(encode(8),)),
        "hidden": replace(good, value=()),
        "other root": replace(good, coin_digest=bytes(32)),
        "too few votes": replace(good, final=final(good.header, (0, 1))),
        "other chain": replace(good, final=foreign),
        "other key": replace(good, key=b"module/two"),
    }
    for what, proof in bad.items():
        with pytest.raises(Invalid):
            known.learn(proof)
        assert known.newest == 0 and known.height_of(proof.key) == -1, what


def test_what_is_too_old_counts_no_more() -> None:
    """A member cannot hold a pause or a freeze back by showing the state of before."""
    known, old = fresh(), proved(genesis(), 5, KEY, STATE)
    known.learn(old)
    known.learn(proved(genesis(), 15, NONE, STATE))
    assert known.known(NUMBER, KEY) == 7
    known.learn(proved(genesis(), 17, NONE, STATE))
    for stale in (lambda: known.known(NUMBER, KEY), lambda: known.learn(old)):
        with refused("EntryStale"):
            stale()
    known.learn(proved(genesis(), 19, KEY, {KEY: encode(9)}))
    assert known.known(NUMBER, KEY) == 9


def test_the_newer_of_two_proofs_counts_in_whatever_order() -> None:
    known = fresh()
    known.learn(proved(genesis(), 8, KEY, {KEY: encode(9)}))
    known.learn(proved(genesis(), 5, KEY, STATE))
    assert known.known(NUMBER, KEY) == 9 and known.height_of(KEY) == 8


def test_a_value_of_another_shape_is_refused() -> None:
    known = fresh()
    known.learn(proved(genesis(), 5, KEY, {KEY: b"\xc1"}))
    with pytest.raises(Invalid):
        known.known(NUMBER, KEY)


def test_nothing_is_known_once_the_chain_contradicted_itself() -> None:
    known = fresh()
    known.learn(proved(genesis(), 5, KEY, STATE))
    with refused("ClientFrozen"):
        known.learn(proved(genesis(), 5, KEY, {KEY: encode(8)}))
    with refused("ClientFrozen"):
        known.known(NUMBER, KEY)
    with refused("ClientFrozen"):
        known.learn(proved(genesis(), 5, KEY, STATE))


def test_a_flood_of_entries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge_module, "MAX_KNOWN", 3)
    known = fresh()
    for number in range(5):
        key = b"flood/%d" % number
        known.learn(proved(genesis(), 2 * number, key, {key: encode(number)}))
    assert [known.height_of(b"flood/%d" % n) for n in range(5)] == [-1, -1, 4, 6, 8]
    monkeypatch.setattr(knowledge_module, "MAX_KNOWN_BYTES", 30)
    known.learn(proved(genesis(), 10, KEY, {KEY: bytes(25)}))
    assert known.height_of(b"flood/4") == -1 and known.height_of(KEY) == -1


def test_the_newest_header_is_remembered_whatever_old_ones_are_shown() -> None:
    """Else a member would show old headers until the signer takes old entries for fresh."""
    known, proof = fresh(freshness=100), proved(genesis(), 90, KEY, STATE)
    known.learn(proof)
    for height in range(1, 70, 2):
        known.learn(proved(genesis(), height, NONE, STATE))
    assert known.newest == 90
    assert decode(NUMBER, encode(known.known(NUMBER, KEY)), 16) == 7
