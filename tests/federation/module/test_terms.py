"""The vault's terms that members may announce: of one charter, following those in force."""

import msgspec
import pytest

from bystack.federation.module.decisions import SetTerms
from bystack.federation.module.records import standing_of
from bystack.federation.module.terms import (
    TermsForeign,
    TermsUnknown,
    follow_terms,
    terms_decided,
)
from bystack.federation.terms_changes import LimitsRise
from bystack.ledger.terms import Limit, Terms, TermsInvalid, terms_hash
from bystack.primitives.codec import encode
from bystack.sidechain.modules.base import PrefixedState
from bystack.sidechain.state import SystemState
from tests.federation.module.parliament import Parliament
from tests.sidechain.mainside import TERMS

NOTE = b"\x33" * 32


def raised(times: int) -> Terms:
    """The present terms with every capacity so many times what it was, and another charter."""
    first = TERMS.tiers[0]
    limits = tuple(
        Limit(one.asset, times * one.capacity, one.refill, one.period) for one in first.limits
    )
    tiers = (msgspec.structs.replace(first, limits=limits), *TERMS.tiers[1:])
    return msgspec.structs.replace(TERMS, tiers=tiers, note=NOTE)


def test_limits_at_most_double_with_one_decision() -> None:
    house = Parliament()
    for times in (3, 100):
        with pytest.raises(LimitsRise):
            house.enact(SetTerms(NOTE, raised(times)))
    assert terms_decided(house.state) is None
    house.enact(SetTerms(NOTE, raised(2)))
    found = terms_decided(house.state)
    assert found is not None
    assert (found.number, found.charter, found.terms) == (0, NOTE, terms_hash(raised(2)))
    lower = msgspec.structs.replace(TERMS, tiers=TERMS.tiers[:1], note=NOTE)
    house.enact(SetTerms(NOTE, lower))
    assert house.ask("getkeyepochs")["terms"]["terms"] == terms_hash(lower).hex()


def test_terms_are_those_of_the_charter_they_name() -> None:
    house = Parliament()
    with pytest.raises(TermsForeign):
        house.enact(SetTerms(b"\x44" * 32, raised(2)))
    frozen = msgspec.structs.replace(TERMS.guard, freeze=0)
    with pytest.raises(TermsInvalid):
        house.enact(SetTerms(NOTE, msgspec.structs.replace(raised(2), guard=frozen)))


def test_nothing_follows_terms_that_are_not_proved() -> None:
    house = Parliament(proved=False)
    with pytest.raises(TermsUnknown):
        house.enact(SetTerms(NOTE, raised(2)))


def test_the_charter_names_the_federation_once_the_vault_has_its_terms() -> None:
    house = Parliament()
    house.enact(SetTerms(NOTE, raised(2)))
    state = PrefixedState(SystemState(house.world.side.state), "federation")
    for other in (b"", encode(TERMS)):
        follow_terms(state, other)
        assert standing_of(state).charter != NOTE
    follow_terms(state, encode(raised(2)))
    assert standing_of(state).charter == NOTE
