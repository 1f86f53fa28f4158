"""K10 A rotation half-done: broken off at each of its phases.

Decided, certified, announced, ripe, adopted and not yet proved, proved, erased: at each of them
somebody gives up, cancels, or never goes on. The invariant: the vault always lies under a key whose
certified set signs – a payout asked for at that moment is made – and a change broken off leaves
nothing that a later one could trip over. What each kill of a signer's process leaves:
`tests/node/signer/test_epochs.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bystack.federation.module.decisions import Abandon, NewKey, Refresh
from bystack.federation.module.membership import (
    CertificateForeign,
    ChangeInFlight,
    KeyAnnounced,
    NoChange,
    change_of,
    coming_key,
)
from bystack.federation.module.records import DEFAULT_RULES, key_of
from bystack.federation.session import Kind
from bystack.ledger.terms import keys_of, policies_of, terms_hash
from bystack.ledger.transactions import Transaction
from bystack.ledger.vault_operations import Adopt, AnchorOperation, Announce, Cancel
from bystack.node.signer.epochs import ERASE_AFTER
from bystack.primitives import bls
from bystack.sidechain.records import PegoutState
from tests.federation.module.parliament import Parliament, certificate_of
from tests.federation.stage import continued, session
from tests.node.signer.partners import Home, Partners, epoch_of
from tests.sidechain.mainside import GROUP, GROUPS, TERMS, usual_terms
from tests.sidechain.world import K

LATER = next(secret for secret in GROUPS.values() if secret != GROUP)
OLD, NEW = bls.sk_to_pk(GROUP), bls.sk_to_pk(LATER)
TERMS_NEW = usual_terms(NEW)
BLOCKS = 60


class Rotation:
    """A federation whose key the vault carries, on its way to another key."""

    def __init__(self) -> None:
        rules = replace(DEFAULT_RULES, change=BLOCKS)
        self.house = Parliament(rules=rules, group=GROUP)
        self.world = self.house.world
        self.world.pegged(3_000)
        self.sent: list[Transaction] = []

    def spend(self, operation: AnchorOperation) -> None:
        self.sent.append(self.world.main.send(self.world.main.spend(operation)))

    def prove(self) -> None:
        """The sidechain follows the vault's operations."""
        self.world.relay(K)
        while self.sent:
            self.world.block(self.world.anchor_tx(self.sent.pop(0)))

    # -- the phases, in order

    def decided(self) -> None:
        self.house.enact(NewKey())

    def certified(self) -> None:
        self.house.certify(group=LATER)

    def announced(self) -> None:
        self.spend(Announce(self.world.main.state.seq, terms_hash(TERMS_NEW)))
        self.prove()

    def ripe(self) -> None:
        self.world.relay(TERMS.govern.delay)

    def adopted(self) -> None:
        self.spend(Adopt(TERMS_NEW))

    def proved(self) -> None:
        self.prove()

    # -- what must hold

    @property
    def carried(self) -> bytes:
        """The group key that the vault's terms carry on the main chain."""
        terms = self.world.main.terms
        found = {key for one in policies_of(terms) for key in keys_of(one)} & {OLD, NEW}
        (key,) = found
        return key

    def alive(self) -> None:
        """The key the vault lies under has a certified set, and a payout asked for now is made."""
        known = {key_of(self.house.state).key}
        coming = coming_key(self.house.state)
        known |= {coming.key} if coming else set()
        assert self.carried in known
        copy = self.world.copy()
        for spend in self.sent:
            copy.relay(K)
            copy.block(copy.anchor_tx(spend))
        id = copy.burn(200)
        (seq,) = copy.open
        copy.pay(seq)
        assert copy.stands(id) == PegoutState.SETTLED


PHASES = ("decided", "certified", "announced", "ripe", "adopted", "proved")


def until(last: str) -> Rotation:
    made = Rotation()
    for phase in PHASES[: PHASES.index(last) + 1]:
        getattr(made, phase)()
    return made


@pytest.mark.parametrize("phase", PHASES)
def test_k10_at_each_phase_a_proven_set_pays(phase: str) -> None:
    made = until(phase)
    made.alive()
    first = PHASES.index(phase) < PHASES.index("adopted")
    assert made.carried == (OLD if first else NEW)
    assert key_of(made.house.state).key == (NEW if phase == "proved" else OLD)
    if phase not in ("proved",):
        with pytest.raises(ChangeInFlight):  # and no second one begins beside it
            made.house.enact(NewKey() if phase == "decided" else Refresh())


def expire(made: Rotation) -> None:
    made.world.relay(BLOCKS)
    made.world.idle()


def abandon(made: Rotation) -> None:
    made.house.enact(Abandon())


def cancel(made: Rotation) -> None:
    with pytest.raises(KeyAnnounced):  # the vault could go over to a key that nobody expects
        abandon(made)
    made.spend(Cancel(made.world.main.state.turn, terms_hash(TERMS_NEW)))
    made.prove()
    abandon(made)


def test_k10_a_key_given_up_while_its_announcement_was_on_its_way_is_followed() -> None:
    """Its adoption was signed before: the vault gets it, and the chain knows it."""
    made = until("certified")
    made.spend(Announce(made.world.main.state.seq, terms_hash(TERMS_NEW)))
    abandon(made)  # less than K blocks later: the sidechain has not seen it announced
    made.house.enact(Refresh())  # and what was begun since continues a key that goes
    made.prove()
    made.ripe()
    made.adopted()
    made.prove()
    made.alive()
    state = made.house.state
    assert key_of(state).key == NEW == made.carried
    assert change_of(state) is None and coming_key(state) is None
    made.house.enact(Refresh())  # its members rule
    change = change_of(made.house.state)
    assert change is not None and change.epoch == key_of(made.house.state).epoch + 1


BREAKS: tuple[tuple[str, Callable[[Rotation], None]], ...] = (
    ("decided", expire),
    ("decided", abandon),
    ("certified", abandon),
    ("announced", cancel),
    ("ripe", cancel),
)


@pytest.mark.parametrize(("phase", "end"), BREAKS)
def test_k10_broken_off_the_old_set_goes_on_and_a_new_rotation_ends_well(
    phase: str, end: Callable[[Rotation], None]
) -> None:
    made = until(phase)
    stale = None
    if phase == "decided":
        stale = certificate_of(made.house.session(), group=LATER)
    end(made)
    assert change_of(made.house.state) is None and coming_key(made.house.state) is None
    assert key_of(made.house.state).key == made.carried == OLD
    made.alive()
    if stale is not None:
        with pytest.raises(NoChange):
            made.world.block(made.house.certify_tx(stale))
    made.decided()
    if stale is not None:  # the ceremony of the change that was broken off
        with pytest.raises(CertificateForeign):
            made.world.block(made.house.certify_tx(stale))
    for step in PHASES[1:]:
        getattr(made, step)()
        made.alive()
    assert key_of(made.house.state).key == made.carried == NEW


def test_k10_a_certificate_some_have_and_others_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition after the ceremony: who certified signs under the old epoch as the rest does."""
    home, first = signer(tmp_path, monkeypatch)
    after = Partners(continued(first.done[1], Kind.REFRESH), first.shares())
    after.run(home, ("change", after.session))
    assert home.signer.certificate == first.certificate
    signs(home, first)
    home.signer.follow(epoch_of(after.certificate), 5)
    signs(home, after)


def test_k10_both_keys_shares_lie_here_until_the_old_one_is_safely_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A main-chain reorganisation may take the adoption back: the old shares are there still."""
    home, first = signer(tmp_path, monkeypatch)
    held = replace(continued(first.done[1], Kind.REFRESH), kind=int(Kind.FRESH), previous=())
    after = Partners(held, first.shares())
    after.run(home, ("change", held))
    proved = epoch_of(after.certificate, since=100)
    for height in (100, 99 + ERASE_AFTER):
        assert home.signer.follow(proved, height) == []
        signs(home, after)
        assert home.signer.epochs.shares_of(first.certificate)
    assert home.signer.follow(proved, 100 + ERASE_AFTER) == [first.session.epoch]
    signs(home, after)


def signer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Home, Partners]:
    monkeypatch.chdir(folder)
    os.makedirs("keys")
    os.makedirs("data")
    home, founding = Home(), replace(session((1, 1, 1, 1), 3), epoch=0)
    first = Partners(founding, {})
    first.run(home, ("begin", founding))
    return home, first


def signs(home: Home, made: Partners) -> None:
    """With this signer's share of the epoch in force a quorum signs for the key."""
    (own,) = home.signer.shares()
    shares = {own.index: own.secret}
    shares |= {s.index: s.secret for seat in (1, 2) for s in made.done[seat].shares}
    parts = {index: bls.sign(secret, b"order") for index, secret in shares.items()}
    assert bls.verify(made.certificate.key, b"order", bls.combine(parts))
