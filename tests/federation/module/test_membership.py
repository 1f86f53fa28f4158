"""Changes of members and keys: what may be decided, what a certificate puts in force."""

import msgspec
import pytest

from bystack.federation.certificates import AttestationWrong, PossessionUnproved
from bystack.federation.members import MemberRepeated, OperatorBlocks, ThresholdTooLow
from bystack.federation.module.application import ApprovalUnasked
from bystack.federation.module.decisions import (
    Abandon,
    Add,
    Cause,
    Decision,
    Halt,
    Lift,
    NewKey,
    Refresh,
    Remove,
    Reweigh,
)
from bystack.federation.module.membership import (
    CertificateForeign,
    ChangeInFlight,
    ChangeUnsettled,
    KeyAnnounced,
    NoChange,
    SeatTaken,
    SeatUnknown,
    abandon,
    adopted,
    change_of,
    coming_key,
    delayed,
    follow_vault,
    key_epochs,
    start_change,
)
from bystack.federation.module.records import (
    DEFAULT_RULES,
    GovernanceKeyInvalid,
    key_of,
    standing_of,
)
from bystack.federation.module.voting import proposal_of
from bystack.federation.rotation import ChangeTooLarge, TooManyDeparted
from bystack.federation.session import Kind
from bystack.ledger.policies import Bls
from bystack.ledger.transactions import Approval
from bystack.primitives.codec import encode
from bystack.sidechain.modules.base import PrefixedState
from bystack.sidechain.peg_events import AnchorProved, BatchBack, BatchPaid
from bystack.sidechain.state import SystemState
from tests.federation.module.parliament import (
    Parliament,
    certificate_of,
    identity,
    newcomer,
    standing,
)
from tests.sidechain.mainside import TERMS

TEN = (1,) * 10


def add(number: int, threshold: int, weight: int = 1, fresh: int = 0) -> Add:
    held, governance = newcomer(number)
    place = (held.name, held.identity, held.node, weight, held.recipient)
    return Add(*place, governance, threshold, fresh)


def names(house: Parliament) -> list[str]:
    return [row["name"] for row in house.ask("listmembers")["members"]]


def writable(house: Parliament) -> PrefixedState:
    return PrefixedState(SystemState(house.world.side.state), "federation")


@pytest.mark.parametrize(
    ("decision", "kind", "weights", "threshold"),
    [
        (add(5, 5), Kind.RESHARE, (2, 2, 1, 1, 1, 1), 5),
        (add(5, 5, 2, 1), Kind.FRESH, (2, 2, 1, 1, 1, 2), 5),
        (Remove(identity(2), 4, 0), Kind.RESHARE, (2, 2, 1, 1), 4),
        (Reweigh(identity(0), 1, 4, 0), Kind.RESHARE, (1, 2, 1, 1, 1), 4),
        (Refresh(), Kind.REFRESH, (2, 2, 1, 1, 1), 5),
        (NewKey(), Kind.FRESH, (2, 2, 1, 1, 1), 5),
    ],
)
def test_a_decision_makes_a_change(
    decision: Decision, kind: Kind, weights: tuple[int, ...], threshold: int
) -> None:
    house = Parliament()
    before = standing_of(house.state)
    house.enact(decision)
    change = change_of(house.state)
    assert change is not None
    assert (change.kind, change.epoch, change.number) == (kind, 1, 0)
    assert change.expires == change.since + DEFAULT_RULES.change
    roster = change.standing.roster
    assert tuple(one.weight for one in roster.members) == weights
    assert (roster.threshold, roster.indices) == (threshold, tuple(range(1, sum(weights) + 1)))
    assert standing_of(house.state) == before, "nothing is in force before the certificate"


@pytest.mark.parametrize(
    ("decision", "error"),
    [
        (add(4, 5), SeatTaken),
        (Remove(identity(9), 5, 0), SeatUnknown),
        (Reweigh(identity(9), 1, 5, 0), SeatUnknown),
        (Remove(identity(4), 3, 0), ThresholdTooLow),
        (Remove(identity(4), 5, 0), OperatorBlocks),
        (add(5, 6, 3), ChangeTooLarge),
        (Reweigh(identity(2), 4, 6, 0), ChangeTooLarge),
        (msgspec.structs.replace(add(5, 5), name=b"m0"), MemberRepeated),
        (
            msgspec.structs.replace(add(5, 5), governance=newcomer(0).governance),
            GovernanceKeyInvalid,
        ),
    ],
)
def test_a_change_that_cannot_stand_is_refused(decision: Decision, error: type[Exception]) -> None:
    house = Parliament()
    with pytest.raises(error):
        house.enact(decision)
    assert change_of(house.state) is None


def test_a_reshares_certificate_puts_it_in_force() -> None:
    house = Parliament()
    first = key_of(house.state)
    house.enact(Remove(identity(2), 4, 0))
    house.certify()
    now = key_of(house.state)
    assert (now.epoch, now.key, now.roster.threshold) == (1, first.key, 4)
    assert names(house) == ["m0", "m1", "m3", "m4"]
    assert list(key_epochs(house.state)) == [first, now]
    assert change_of(house.state) is None
    with pytest.raises(NoChange):
        house.world.block(house.certify_tx(certificate_of_first(house)))
    house.enact(Lift(), (0, 1))


def certificate_of_first(house: Parliament) -> object:
    copy = Parliament()
    copy.enact(Remove(identity(2), 4, 0))
    return certificate_of(copy.session())


def test_a_certificate_is_that_of_the_change_and_whole() -> None:
    house = Parliament()
    house.enact(Refresh())
    session = house.session()
    good = certificate_of(session)
    other = msgspec.structs.replace(session, chain=b"\x01" * 32)
    later = msgspec.structs.replace(session, epoch=2)
    fewer = msgspec.structs.replace(good, attestations=(*good.attestations[:-1], bytes(64)))
    for session_wrong in (other, later):
        with pytest.raises(CertificateForeign):
            house.world.block(house.certify_tx(certificate_of(session_wrong)))
    with pytest.raises(AttestationWrong):
        house.world.block(house.certify_tx(fewer))
    with pytest.raises(PossessionUnproved):
        house.world.block(house.certify_tx(msgspec.structs.replace(good, proof=bytes(96))))
    approved = house.certify_tx(good)
    witness = Approval(encode(()), ())
    with pytest.raises(ApprovalUnasked):
        house.world.block(msgspec.structs.replace(approved, witnesses=(witness,)))
    house.world.block(approved)
    again = Parliament()
    again.enact(Refresh())
    again.world.block(again.certify_tx(certificate_of(again.session(attempt=7))))
    assert key_of(again.state).epoch == 1, "any attempt of the change will do"


def test_a_new_key_waits_for_the_vault() -> None:
    house = Parliament()
    first = key_of(house.state)
    house.enact(add(5, 5, 2, fresh=1))
    house.certify(seed=60)
    coming = coming_key(house.state)
    assert coming is not None and coming.key != first.key
    assert key_of(house.state) == first and len(names(house)) == 5
    with pytest.raises(ChangeInFlight):
        house.enact(Refresh())
    state = writable(house)
    tier = msgspec.structs.replace(TERMS.tiers[0], policy=Bls(coming.key))
    terms = msgspec.structs.replace(TERMS, tiers=(tier, *TERMS.tiers[1:]))
    assert adopted(state, encode(TERMS), 40) is None
    made = adopted(state, encode(terms), 40)
    assert made is not None and (made.key, made.since) == (coming.key, 40)
    assert key_of(state) == made and len(standing_of(state).seats) == 6
    assert coming_key(state) is None and adopted(state, encode(terms), 41) is None
    assert list(key_epochs(state)) == [first, made]


def test_one_change_is_in_flight_until_it_ends() -> None:
    house = Parliament(rules=msgspec.structs.replace(DEFAULT_RULES, change=20))
    house.enact(Refresh())
    for other in (Refresh(), NewKey(), add(5, 5), Cause(identity(4), 4, 0, b"", ())):
        with pytest.raises(ChangeInFlight):
            house.enact(other)
    house.enact(Abandon())
    with pytest.raises(NoChange):
        house.enact(Abandon())
    house.enact(NewKey())
    assert house.ask("listmembers")["change"]["epoch"] == 2, "an epoch's number is used once"
    house.world.relay(20)
    house.world.idle()
    assert change_of(house.state) is None
    assert house.told("changeexpired") == [{"number": 2, "epoch": 2}]


def test_the_departed_call_for_a_new_key() -> None:
    """7 of 10: with three tolerated faults three may leave under one key, and no more."""
    house = Parliament(standing(TEN, 7))
    for gone, threshold in ((9, 7), (8, 6), (7, 6)):
        house.enact(Remove(identity(gone), threshold, 0), tuple(range(7)))
        house.certify()
    with pytest.raises(TooManyDeparted):
        house.enact(Remove(identity(6), 5, 0), tuple(range(7)))
    house.enact(Remove(identity(6), 4, 1), tuple(range(7)))
    change = change_of(house.state)
    assert change is not None and change.kind == Kind.FRESH


@pytest.mark.parametrize("expired", [False, True])
def test_a_reshare_given_up_counts_as_one_whose_newcomer_left(expired: bool) -> None:
    """It may hold shares of the key: the certificate was kept from the chain (K12, K13)."""
    house = Parliament(standing((1,) * 7, 5), msgspec.structs.replace(DEFAULT_RULES, change=20))
    everyone = (0, 1, 2, 3, 4)
    house.enact(add(7, 5, 2), everyone)  # 4 of 9 tolerated, and 2 that hold a set nobody sees
    if expired:
        house.world.relay(20)
        house.world.idle()
    else:
        house.enact(Abandon(), everyone)
    assert change_of(house.state) is None
    for other in (Refresh(), Remove(identity(6), 5, 0), add(8, 6)):
        with pytest.raises(TooManyDeparted):
            house.enact(other, everyone)
    again = house.world.copy()
    house.enact(NewKey(), everyone)
    house.certify(seed=60)
    house.world = again
    house.enact(add(7, 5, 2), everyone)
    house.certify()
    assert len(names(house)) == 8, "or the same newcomer takes its seat after all"


def test_a_new_key_knows_nothing_of_what_was_given_up_before() -> None:
    house = Parliament(standing((1,) * 7, 5))
    everyone = (0, 1, 2, 3, 4)
    house.enact(add(7, 5, 2), everyone)
    house.enact(Abandon(), everyone)
    house.enact(NewKey(), everyone)
    house.certify(seed=60)
    state, coming = writable(house), coming_key(house.state)
    assert coming is not None
    tier = msgspec.structs.replace(TERMS.tiers[0], policy=Bls(coming.key))
    assert adopted(state, encode(msgspec.structs.replace(TERMS, tiers=(tier,))), 40)
    start_change(state, 9, Refresh(), 50)
    assert change_of(state) is not None


def test_nothing_changes_while_something_else_goes_on() -> None:
    house = Parliament()
    house.enact(Halt(8, 10, b""))
    with pytest.raises(ChangeUnsettled, match="resume"):
        house.enact(Refresh())
    house.enact(Lift())
    house.enact(Refresh())


def test_what_the_vault_has_in_flight_is_remembered() -> None:
    state = writable(Parliament())
    follow_vault(state, (AnchorProved(4, "order", True), BatchPaid(4)))
    assert delayed(state) == ()
    follow_vault(state, (AnchorProved(5, "order", True), AnchorProved(6, "order", False)))
    follow_vault(state, (AnchorProved(7, "order", True), AnchorProved(8, "announce", False)))
    assert delayed(state) == (5, 7)
    follow_vault(state, (BatchBack(5, True),))
    assert delayed(state) == (7,)


def test_an_announced_key_is_not_given_up() -> None:
    house = Parliament()
    house.enact(NewKey())
    house.certify(seed=60)
    state = writable(house)
    follow_vault(state, (AnchorProved(8, "announce", False),))

    with pytest.raises(KeyAnnounced):
        abandon(state)
    follow_vault(state, (AnchorProved(9, "cancel", False),))
    abandon(state)
    assert coming_key(state) is None
    assert proposal_of(state, 0).kind == "newkey"
