"""The life of a key in the signer's files: refresh, reshare, new key, departure; and every kill."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from bystack.federation.identity import identity_public
from bystack.federation.members import Roster
from bystack.federation.session import Kind, Session
from bystack.node.signer.ceremonies import AttemptCertified, Ceremonies, KeyExists
from bystack.node.signer.epochs import (
    ERASE_AFTER,
    Counted,
    Departed,
    EpochMissing,
    EpochOlder,
    ShareMissing,
)
from bystack.primitives import bls
from bystack.primitives.codec import encode
from bystack.primitives.curve import evaluate_commitments, g1_mul
from tests.federation.stage import changed, continued, secret, session
from tests.node.signer.partners import Home, Kills, Partners, epoch_of
from tests.wire import check_wire

FIRST = replace(session((1, 1, 1, 1), 3), epoch=0)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.makedirs("keys")
    os.makedirs("data")


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> Kills:
    return Kills(monkeypatch)


@pytest.fixture
def home() -> Home:
    return Home()


def founded(home: Home) -> Partners:
    first = Partners(FIRST, {})
    first.run(home, ("begin", FIRST))
    assert home.signer.certificate == first.certificate
    return first


def refreshing(first: Partners, attempt: int = 0) -> Session:
    return continued(first.done[1], Kind.REFRESH, attempt=attempt)


def resharing(first: Partners) -> Session:
    """Seat 3 leaves, a fifth member joins, and the seats change."""
    return changed(first.done[1], ((1, 1), (0, 1), (2, 1), (4, 1)), 3)


def new_key(first: Partners) -> Session:
    return replace(refreshing(first), kind=int(Kind.FRESH), previous=())


def leaving(first: Partners) -> Session:
    return changed(first.done[1], ((1, 1), (2, 1), (3, 1)), 2)


def go(home: Home, before: Partners, held: Session) -> Partners:
    after = Partners(held, before.shares())
    after.run(home, ("change", held))
    return after


def sound(home: Home) -> None:
    """The shares that sign now are those of the epoch in force, and right."""
    certificate = home.signer.certificate
    shares = home.signer.shares()
    assert shares
    for share in shares:
        public = evaluate_commitments(certificate.polynomial, share.index)
        assert g1_mul(int.from_bytes(share.secret, "big")) == public
        assert bls.verify(public, b"message", bls.sign(share.secret, b"message"))


def share_files() -> list[str]:
    return sorted(path.name for path in Path("keys").glob("*share*"))


@pytest.mark.parametrize("change", [refreshing, resharing])
def test_the_old_epoch_signs_until_the_new_one_is_proved(home, change) -> None:
    first = founded(home)
    after = go(home, first, change(first))
    assert home.signer.certificate == first.certificate  # certified, and not yet in force
    sound(home)
    assert home.signer.follow(epoch_of(after.certificate), 10) == [0]
    assert home.signer.certificate == after.certificate
    assert after.certificate.key == first.certificate.key
    sound(home)
    home.open()
    assert home.signer.certificate == after.certificate
    sound(home)


@pytest.mark.parametrize("change", [refreshing, resharing])
def test_shares_of_the_same_key_are_erased_at_once(home, change) -> None:
    first = founded(home)
    assert share_files() == ["trade-epoch-0-share-1.key"]
    after = go(home, first, change(first))
    assert len(share_files()) == 2
    home.signer.follow(epoch_of(after.certificate), 10)
    assert all("epoch-2-" in name or "epoch-1-" in name for name in share_files())
    assert not any("epoch-0" in name for name in os.listdir("data") if name.endswith(".key"))


def test_shares_of_a_replaced_key_are_erased_2016_blocks_after_adoption(home) -> None:
    first = founded(home)
    after = go(home, first, new_key(first))
    assert after.certificate.key != first.certificate.key
    proved = epoch_of(after.certificate, since=100)
    assert home.signer.follow(proved, 100) == []
    sound(home)
    assert home.signer.follow(proved, 100 + ERASE_AFTER - 1) == []
    assert "trade-epoch-0-share-1.key" in share_files()
    assert home.signer.follow(proved, 100 + ERASE_AFTER) == [0]
    assert "trade-epoch-0-share-1.key" not in share_files()
    assert home.signer.follow(proved, 100 + ERASE_AFTER) == []
    sound(home)


def test_a_key_given_up_keeps_its_shares_while_the_vault_could_adopt_it(home) -> None:
    """What was signed for it holds: the chain takes it back under a later number."""
    first = founded(home)
    home.signer.follow(epoch_of(first.certificate), 10)
    given_up = go(home, first, new_key(first))
    held = replace(refreshing(first), epoch=2)
    after = go(home, first, held)
    assert 0 in home.signer.follow(epoch_of(after.certificate), 20 + ERASE_AFTER)
    sound(home)
    back = replace(epoch_of(given_up.certificate), epoch=3)
    home.signer.follow(back, 30 + ERASE_AFTER)
    assert home.signer.certificate == given_up.certificate
    sound(home)
    other = replace(continued(given_up.done[1], Kind.REFRESH), epoch=4)
    previous = replace(other.previous[0], epoch=3)
    next_ = go(home, given_up, replace(other, previous=(previous,)))
    home.signer.follow(epoch_of(next_.certificate), 40 + ERASE_AFTER)
    sound(home)


def test_nothing_is_erased_while_the_new_shares_are_not_here(home) -> None:
    first = founded(home)
    after = go(home, first, refreshing(first))
    os.unlink("keys/trade-epoch-1-share-1.key")
    assert home.signer.follow(epoch_of(after.certificate), 10) == []
    assert share_files() == ["trade-epoch-0-share-1.key"]
    with pytest.raises(ShareMissing):
        home.signer.shares()


def test_counted_on_the_wire() -> None:
    check_wire("signer_epochs_counted", Counted(b"k" * 48, 1, 7))


def test_who_leaves_signs_nothing_and_keeps_no_shares_when_that_is_certain(home) -> None:
    """Validators that all lie could else have every signer erase, and nobody could pay any more."""
    first = founded(home)
    after = go(home, first, leaving(first))
    assert home.signer.epochs.certificates.keys() >= {after.session.id}
    proved = epoch_of(after.certificate)  # since 0: however far back the state dates it
    for height in (10, 10 + ERASE_AFTER - 1):
        assert home.signer.follow(proved, height) == []
        with pytest.raises(Departed):
            home.signer.shares()
        home.open()
        with pytest.raises(Departed):
            home.signer.shares()
    assert share_files() == ["trade-epoch-0-share-1.key"]
    assert home.signer.follow(proved, 10 + ERASE_AFTER) == [0]
    assert share_files() == []


def test_further_epochs_without_a_seat_do_not_put_the_erasing_off(home) -> None:
    first = founded(home)
    proved = epoch_of(go(home, first, leaving(first)).certificate)
    home.signer.follow(proved, 10)
    later = replace(proved, epoch=proved.epoch + 1, session=b"s" * 32)
    assert home.signer.follow(later, 2_000) == []
    assert 0 in home.signer.follow(later, 10 + ERASE_AFTER)
    assert share_files() == []


def test_who_only_seemed_to_leave_deals_its_shares_in_the_next_change(home) -> None:
    """Liars said that nobody sits any more: the honest chain reshares from what was kept."""
    first = founded(home)
    strangers = tuple(replace(one, identity=b"x" * 32) for one in FIRST.roster.members[:1])
    lie = replace(
        epoch_of(first.certificate),
        epoch=1, session=b"l" * 32, roster=Roster(1, strangers),
    )  # fmt: skip
    assert home.signer.follow(lie, 10) == []
    after = go(home, first, refreshing(first))
    assert home.signer.follow(epoch_of(after.certificate), 20) == [0]
    sound(home)


def test_an_epoch_that_was_missed_is_made_good_by_the_certificate(home) -> None:
    """Certified, then cut off: the state goes on, the signer waits for what it lacks."""
    first = founded(home)
    after = Partners(refreshing(first), first.shares())
    after.run(home, ("change", after.session))
    certificate = home.signer.epochs.certificates.pop(after.session.id)
    home.signer.follow(epoch_of(certificate), 10)
    with pytest.raises(EpochMissing):
        home.signer.shares()
    assert share_files()[0] == "trade-epoch-0-share-1.key"
    home.open()
    sound(home)
    assert home.signer.follow(epoch_of(certificate), 11) == [0]


def test_an_older_epoch_is_never_taken_up_again(home) -> None:
    first = founded(home)
    after = go(home, first, refreshing(first))
    home.signer.follow(epoch_of(after.certificate), 10)
    with pytest.raises(EpochOlder):
        home.signer.follow(epoch_of(first.certificate), 11)
    with pytest.raises(KeyExists):
        home.signer.begin(FIRST)


def test_whoever_certified_waits_before_another_attempt(home) -> None:
    first = founded(home)
    held = refreshing(first)
    after = Partners(held, first.shares())
    after.hear(home.do("change", held))
    while not any(session == held.id and turn == 4 for session, turn, _ in home.said):
        to, message = after.waiting.pop(0)
        if to in after.machines:
            after.tell(to, message)
        else:
            after.hear(home.do("hear", encode(message)))
    assert home.signer.attempt == 0
    with pytest.raises(AttemptCertified):
        home.signer.change(refreshing(first, attempt=1))


def test_two_attempts_of_one_epoch_do_not_overwrite_each_other(home) -> None:
    first = founded(home)
    one = go(home, first, refreshing(first))
    two = go(home, first, refreshing(first, attempt=1))
    assert len(share_files()) == 3
    home.signer.follow(epoch_of(two.certificate), 10)
    assert home.signer.certificate == two.certificate
    sound(home)
    assert one.session.id != two.session.id and len(share_files()) == 1


POINTS = [
    ("ceremony.before_persist", range(1, 5)),
    ("ceremony.after_persist", range(1, 5)),
    ("ceremony.before_certificate", [1]),
    ("ceremony.after_certificate", [1]),
    ("epochs.before_enforce", [1]),
    ("epochs.after_enforce", [1]),
    ("epochs.before_erase", [1]),
    ("ceremony.before_erase", [1, 2]),
]
MATRIX = [(name, nth) for name, times in POINTS for nth in times]


@pytest.mark.parametrize(("point", "nth"), MATRIX)
@pytest.mark.parametrize("change", [refreshing, resharing, new_key])
def test_k10_a_kill_anywhere_ends_in_the_new_epoch(home, kills, change, point, nth) -> None:
    """Killed at each persist, opened again: never two deals, always a set that can sign."""
    first = founded(home)
    kills.arm(point, nth)
    after = go(home, first, change(first))
    for _ in range(2):
        sound(home)
        home.do("follow", epoch_of(after.certificate, since=5), 5)
    home.do("follow", epoch_of(after.certificate, since=5), 5 + ERASE_AFTER)
    home.do("follow", epoch_of(after.certificate, since=5), 5 + ERASE_AFTER)
    if not (point == "ceremony.before_erase" and nth == 2):
        assert home.deaths == 1, "the point was never passed"
    assert home.signer.certificate == after.certificate
    sound(home)
    assert share_files() == [f"trade-epoch-{after.session.epoch}-share-{index(after)}.key"]
    rounds = [(held, turn) for held, turn, _ in home.said]
    assert len(rounds) == len(set(rounds)), "it said two things in one round"


def index(after: Partners) -> int:
    own = after.session.seat(_own())
    return after.session.roster.members[own].indices[0]


def _own() -> bytes:
    return identity_public(secret(0))


def test_a_ceremony_never_begun_is_begun_again_after_a_kill(home, kills) -> None:
    """Nothing of it was durable, so nothing of it was said."""
    first = founded(home)
    kills.arm("ceremony.before_persist", 1)
    held = refreshing(first)
    assert home.do("change", held) == []
    assert not any(said == held.id for said, _, _ in home.said)
    assert isinstance(home.signer, Ceremonies) and home.signer.attempt is None
