"""What the federation decided binds its signers: pauses, freezes, allowances, as proved."""

from __future__ import annotations

from functools import lru_cache

import pytest

from bystack.federation.charter_compiling import bucket
from bystack.federation.knowledge import Knowledge
from bystack.federation.module.allowances import ALLOWANCES, Allowances
from bystack.federation.module.decisions import Allowance
from bystack.federation.module.freezes import COUNT, FROZEN, Frozen, destination_id
from bystack.federation.module.pauses import SIGNING, UNTIL
from bystack.federation.module.records import NAME, entry_key
from bystack.federation.policies.decrees import decreed, frozen_keys, standing_keys
from bystack.federation.policies.judging import STATE_AGE, Decreed
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.light import LightClient, begin
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.verifier import InstantFinality
from bystack.sidechain.params import Genesis, ModuleConfig
from tests.federation.peg import RING
from tests.federation.policies.asked import BTC, asked, pays
from tests.federation.proved import proved
from tests.ledger.people import BOB, CAROL
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import genesis_for

ME, OTHER = b"\x0a" * 32, b"\x0b" * 32
REQUEST = asked(pays(5, to=CAROL.lock), pays(7, to=BOB.lock), pays(9, to=CAROL.lock))
PAUSED, MINE = entry_key(UNTIL, SIGNING), entry_key(ALLOWANCES, ME)
CAROLS, BOBS = encode(CAROL.lock), encode(BOB.lock)
FREEZE = Frozen(CAROLS, b"court order", b"12/34", 4, 100)


def freeze_key(lock: bytes) -> bytes:
    return entry_key(FROZEN, destination_id(lock))


STATE = {
    PAUSED: encode(720),
    entry_key(COUNT): encode(1),
    freeze_key(CAROLS): encode(FREEZE),
    MINE: encode(Allowances((Allowance(BTC, 1_000, 144),))),
    entry_key(ALLOWANCES, OTHER): encode(Allowances((Allowance(BTC, 1, 1),))),
}


@lru_cache(maxsize=2)
def genesis(*, federated: bool = True) -> Genesis:
    modules = (ModuleConfig(NAME, b""),) if federated else ()
    return genesis_for(vault_chain(), validators=RING.validators.validators, modules=modules)


def knowing(state: dict[bytes, bytes], *keys: bytes, federated: bool = True) -> Knowledge:
    on = genesis(federated=federated)
    client = LightClient(begin(on.id, on.validator_set), InstantFinality(BlsScheme()))
    knowledge = Knowledge(client)
    for key in keys:
        knowledge.learn(proved(on, 5, key, state))
    return knowledge


def said(knowledge: Knowledge, *, federated: bool = True) -> Decreed:
    return decreed(knowledge, genesis(federated=federated), ME, REQUEST)


def test_pause_freeze_and_ones_own_allowance_are_read() -> None:
    keys = standing_keys(genesis(), ME)
    assert keys == (PAUSED, entry_key(COUNT), MINE)
    knowledge = knowing(STATE, *keys)
    lacking = frozen_keys(knowledge, REQUEST)
    assert lacking == {CAROLS: freeze_key(CAROLS), BOBS: freeze_key(BOBS)}
    for key in lacking.values():
        knowledge.learn(proved(genesis(), 5, key, STATE))
    found = said(knowledge)
    assert found.paused_until == 720 and found.frozen == {CAROLS}
    assert found.limits == (bucket(BTC, 1_000, 144),)
    assert found.time == knowledge.time > 0


def test_where_nothing_is_decided_nothing_binds() -> None:
    knowledge = knowing({}, *standing_keys(genesis(), ME))
    assert frozen_keys(knowledge, REQUEST) == {}, "no destination need be looked at"
    assert said(knowledge) == Decreed(time=knowledge.time, age=STATE_AGE)
    lifted = {**STATE, PAUSED: encode(0), entry_key(COUNT): encode(0)}
    knowledge = knowing(lifted, *standing_keys(genesis(), ME))
    assert said(knowledge).paused_until == 0 and said(knowledge).frozen == frozenset()


@pytest.mark.parametrize("missing", [PAUSED, entry_key(COUNT), MINE, freeze_key(BOBS)])
def test_what_was_not_shown_is_not_taken_for_nothing(missing: bytes) -> None:
    """A member that shows no pause must not get round it."""
    every = (*standing_keys(genesis(), ME), freeze_key(CAROLS), freeze_key(BOBS))
    knowledge = knowing(STATE, *(key for key in every if key != missing))
    with pytest.raises(Invalid) as caught:
        said(knowledge)
    assert caught.value.rule == "EntryNotShown"
    knowledge.learn(proved(genesis(), 5, missing, STATE))
    assert said(knowledge).paused_until == 720


def test_a_sidechain_without_the_module_decrees_nothing() -> None:
    assert standing_keys(genesis(federated=False), ME) == ()
    assert said(knowing({}, federated=False), federated=False) == Decreed(time=0)
