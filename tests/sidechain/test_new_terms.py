"""New terms from the decision to the mirror: decided, announced, ripe, adopted, followed.

The signers' part is judged by what they would sign; the main chain and the sidechain are real.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.federation.charter import parse_charter
from bystack.federation.charter_compiling import compile
from bystack.federation.module.records import TermsDecision
from bystack.federation.roster_file import assets_of, keys_of
from bystack.federation.vault_warrants import CharterForeign, Decided, VaultSeen, terms_signings
from bystack.federation.watch import Watch
from bystack.ledger.amounts import BTM
from bystack.ledger.buckets import levels
from bystack.ledger.terms import Terms, decode_terms, terms_hash
from bystack.ledger.transactions import Output
from bystack.ledger.vault_errors import NotRipe
from bystack.ledger.vault_operations import Adopt, Announce
from bystack.ledger.vault_state import decode_state
from bystack.primitives import bls
from bystack.sidechain.records import MIRROR, Mirror
from tests.ledger.people import CAROL
from tests.node.federation.members import roster_file
from tests.node.federation.operating.world import CHARTER
from tests.sidechain import mainside
from tests.sidechain.mainside import CHAIN, GROUP, TERMS
from tests.sidechain.world import K, World, funded

READ, ROSTER = parse_charter(CHARTER), roster_file()
KEY = bls.sk_to_pk(GROUP)
NEW = compile(READ, keys_of(ROSTER) | {"operations": KEY}, assets_of(ROSTER))
"""Tier 0 pays 1,500 at once instead of 1,000; no tier lists GOLD any more."""
DECIDED = Decided(READ, ROSTER, KEY, None, TermsDecision(1, READ.hash, terms_hash(NEW), 0))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setitem(mainside._KNOWN, terms_hash(NEW), NEW)
    return funded()


def seen(world: World, terms: Terms = TERMS) -> VaultSeen:
    return VaultSeen(CHAIN, world.genesis.vault, terms, world.main.state)


def mirror(world: World) -> Mirror:
    found = world.view.read(Mirror, MIRROR)
    assert found is not None
    return found


def test_from_the_decision_to_the_mirror(world: World) -> None:
    chain = world.main
    paid = chain.send(chain.order((Output(BTM, 700, CAROL.lock),)))
    announce = Announce(chain.state.seq, terms_hash(NEW))
    with pytest.raises(CharterForeign):
        terms_signings(seen(world), announce, deciding(None))
    assert terms_signings(seen(world), announce, DECIDED)
    announced = chain.send(chain.spend(announce))
    assert terms_signings(seen(world), Adopt(NEW), DECIDED)
    early = chain.spend(Adopt(NEW))
    with pytest.raises(NotRipe):
        chain.copy().send(early)
    chain.grow(TERMS.govern.delay)
    before = levels(chain.state.buckets, TERMS, chain.height + 1)[0, BTM]
    adopted = chain.send(chain.spend(Adopt(NEW)))
    # The bucket keeps its level, which the old capacity bounds; the new one refills from there.
    assert before == 1_000
    assert levels(chain.state.buckets, NEW, chain.height)[0, BTM] == 1_000
    assert levels(chain.state.buckets, NEW, chain.height + 8)[0, BTM] == 1_500
    world.relay(K)
    for spend in (paid, announced, adopted):
        world.block(world.anchor_tx(spend))
    assert decode_terms(mirror(world).terms) == NEW
    assert decode_state(mirror(world).state) == chain.state


def deciding(decision: TermsDecision | None) -> Decided:
    return Decided(READ, ROSTER, KEY, None, decision)


def test_stricter_terms_cut_the_bucket_and_signers_follow(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = world.main
    (limit,) = NEW.tiers[0].limits
    strict = replace(NEW, tiers=(replace(NEW.tiers[0], limits=(replace(limit, capacity=400),)),))
    monkeypatch.setitem(mainside._KNOWN, terms_hash(strict), strict)
    announced = chain.send(chain.spend(Announce(chain.state.seq, terms_hash(strict))))
    chain.grow(TERMS.govern.delay)
    adopted = chain.send(chain.spend(Adopt(strict)))
    assert levels(chain.state.buckets, strict, chain.height)[0, BTM] == 400
    chain.grow(K)
    watch = Watch(world.genesis)
    base = world.genesis.checkpoint.header.height
    watch.headers([entry.header for entry in chain.entries[base + 1 :]], 2**40)
    for spend in (chain.created, announced, adopted):
        watch.anchor(chain.inclusion(spend))
    assert watch.terms == strict and watch.vault == chain.state
