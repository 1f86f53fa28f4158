"""What signers sign of a vault's terms: what was decided, compiled here, within bounds."""

import pytest
from msgspec.structs import replace

from bystack.federation.charter import parse_charter
from bystack.federation.charter_compiling import compile
from bystack.federation.module.records import KeyEpoch, TermsDecision
from bystack.federation.roster_file import assets_of, keys_of
from bystack.federation.terms_changes import LimitsRise
from bystack.federation.vault_warrants import (
    AHEAD,
    CharterForeign,
    CounterFar,
    Decided,
    NotSigners,
    TermsDiffer,
    TermsUndecided,
    VaultSeen,
    terms_signings,
)
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.vault_operations import (
    Adopt,
    Announce,
    Cancel,
    Freeze,
    Operation,
    Recover,
    Replace,
    Touch,
)
from bystack.ledger.vault_state import first_state

from .charters import KEYS, TRADE
from .rosters import roster_file
from .stage import SUPERS, dice, roster

CHARTER = parse_charter(TRADE)
LATER = parse_charter(TRADE.replace(b'BTC = "100"', b'BTC = "150"'))
ROSTER = roster_file()
GROUP, NEXT = KEYS["operations"], dice("later") + bytes(16)
EPOCH = KeyEpoch(1, 0, bytes(32), NEXT, (NEXT,) * 5, roster(SUPERS, 5), 0)


def compiled(charter=CHARTER, group: bytes = GROUP) -> Terms:
    return compile(charter, keys_of(ROSTER) | {"operations": group}, assets_of(ROSTER))


SEEN = VaultSeen(b"\x01" * 32, b"\x02" * 32, compiled(), first_state(compiled(), 1000))
NEW = compiled(LATER)
VOTED = Decided(LATER, ROSTER, GROUP, None, TermsDecision(1, LATER.hash, terms_hash(NEW), 0))
ROTATED = Decided(CHARTER, ROSTER, GROUP, EPOCH, None)
UNDECIDED = Decided(CHARTER, ROSTER, GROUP, None, None)


def test_decided_terms_are_announced_by_govern() -> None:
    (signing,) = terms_signings(SEEN, Announce(0, terms_hash(NEW)), VOTED)
    assert signing.keys == {KEYS["operations"], KEYS["super-1"], KEYS["super-2"]}


def test_a_new_key_is_announced_under_the_present_charter_and_accepts_for_itself() -> None:
    terms = compiled(CHARTER, NEXT)
    (announced,) = terms_signings(SEEN, Announce(0, terms_hash(terms)), ROTATED)
    assert GROUP in announced.keys and NEXT not in announced.keys
    (accepted,) = terms_signings(SEEN, Adopt(terms), ROTATED)
    assert NEXT in accepted.keys and GROUP not in accepted.keys


def test_recovery_signs_its_own_part_itself() -> None:
    replaced = terms_signings(SEEN, Replace(0, NEW), VOTED)
    assert not any(KEYS[name] in one.keys for one in replaced for name in ("r1", "tower-1"))
    assert terms_signings(SEEN, Recover(0, NEW), VOTED) == ()  # the same policies: none accepts


@pytest.mark.parametrize(
    ("operation", "decided", "error"),
    [
        (Announce(0, terms_hash(NEW)), UNDECIDED, TermsUndecided),
        (Announce(0, bytes(32)), VOTED, TermsDiffer),
        (Adopt(compiled(LATER, NEXT)), VOTED, TermsDiffer),
        (Announce(AHEAD + 1, terms_hash(NEW)), VOTED, CounterFar),
        (Replace(AHEAD + 1, NEW), VOTED, CounterFar),
        (Freeze(0), VOTED, NotSigners),
        (Cancel(0, terms_hash(NEW)), VOTED, NotSigners),
        (Touch(0, 0), VOTED, NotSigners),
    ],
)
def test_anything_else_is_refused(
    operation: Operation, decided: Decided, error: type[Exception]
) -> None:
    with pytest.raises(error):
        terms_signings(SEEN, operation, decided)


def test_what_is_past_is_refused() -> None:
    at = replace(SEEN.state, seq=5, turn=5, since=3)
    later = VaultSeen(SEEN.main, SEEN.vault, SEEN.terms, at)
    for turn in (3, 4, 5):  # whatever guards did since these terms came into force
        assert terms_signings(later, Replace(turn, NEW), VOTED)
    for operation in (Announce(4, terms_hash(NEW)), Replace(2, NEW)):
        with pytest.raises(CounterFar):
            terms_signings(later, operation, VOTED)


def test_a_charter_that_is_neither_present_nor_decided_is_foreign() -> None:
    other = Decided(LATER, ROSTER, GROUP, None, None)
    with pytest.raises(CharterForeign):
        terms_signings(SEEN, Announce(0, terms_hash(NEW)), other)


def test_a_decision_for_too_much_is_not_signed() -> None:
    greedy = parse_charter(TRADE.replace(b'BTC = "100"', b'BTC = "201"'))
    terms = compiled(greedy)
    decided = Decided(
        greedy, ROSTER, GROUP, None, TermsDecision(1, greedy.hash, terms_hash(terms), 0)
    )
    with pytest.raises(LimitsRise):
        terms_signings(SEEN, Announce(0, terms_hash(terms)), decided)
