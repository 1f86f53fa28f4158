"""Changes of members, weights and keys: what may be decided, and how it comes into force.

A decision makes a `Change`; the members hold the ceremony it names; its certificate, shown to the
chain, puts the new standing and key in force – a new key once the vault's terms carry it. One
change is in flight at a time (K12); how far it may go, and when those who left call for a new key,
is `rotation`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec

from bystack.federation.certificates import verify_key_certificate
from bystack.federation.members import Member, Roster, Seat
from bystack.federation.messages import KeyCertificate
from bystack.federation.module.decisions import Add, Cause, NewKey, Refresh, Remove, Reweigh
from bystack.federation.module.pauses import any_paused
from bystack.federation.module.records import (
    CHANGE,
    EPOCHS,
    KEY,
    KEY_NEXT,
    STANDING,
    STANDING_NEXT,
    Change,
    KeyEpoch,
    Newcomer,
    Seated,
    Standing,
    get_entry,
    key_of,
    number_at,
    put_entry,
    put_number,
    rules_of,
    seated,
    standing_of,
)
from bystack.federation.rotation import check_departed, check_shift
from bystack.federation.session import Kind, Previous, Session
from bystack.ledger.terms import decode_terms, keys_of, policies_of
from bystack.primitives.codec import U63, decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import BlockContext, PrefixedState
from bystack.sidechain.peg_events import AnchorProved, BatchBack, BatchPaid, PegEvent

ANNOUNCED: Final = b"announced"
DELAYED: Final = b"delayed"
GIVEN_UP: Final = b"given-up"
KEY_GIVEN_UP: Final = b"key/given-up"
STANDING_GIVEN_UP: Final = b"standing/given-up"
REMEMBERED: Final = 256
"""Epochs back in which a key that was given up is looked for when the vault has another key."""

Reshaping = Add | Remove | Reweigh | Refresh | NewKey | Cause


class ChangeInFlight(Invalid):
    """Another change of members or keys has not ended: two are never in flight."""


class ChangeUnsettled(Invalid):
    """Members and keys change only while the pegs run and no delayed payout may be vetoed."""


class NoChange(Invalid):
    """No change is in flight."""


class SeatUnknown(Invalid):
    """No member has this identity key."""


class SeatTaken(Invalid):
    """A member with this identity key sits already."""


class KeyAnnounced(Invalid):
    """New terms are announced on the main chain: cancel them before the coming key is given up."""


class CertificateForeign(Invalid):
    """The certificate is of another ceremony than the change in flight."""


def change_of(state: PrefixedState) -> Change | None:
    """The change in flight, if any."""
    return get_entry(state, Change, CHANGE)


def coming_key(state: PrefixedState) -> KeyEpoch | None:
    """A certified key that the vault's terms do not carry yet, if any."""
    return get_entry(state, KeyEpoch, KEY_NEXT)


def announced(state: PrefixedState) -> bool:
    """Whether new terms are announced for the vault, as far as the chain has seen it."""
    return state.get(ANNOUNCED) is not None


def follow_vault(state: PrefixedState, pegs: Sequence[PegEvent]) -> None:
    """Keep in mind what the vault has in flight: new terms announced, payouts under veto."""
    before = delayed(state)
    after = list(before)
    for one in pegs:
        match one:
            case AnchorProved(seq, "order", True):
                after.append(seq)
            case AnchorProved(_, "announce"):
                put_number(state, 1, ANNOUNCED)
            case AnchorProved(_, "cancel" | "adopt" | "replace" | "recover"):
                state.put(None, ANNOUNCED)
            case BatchPaid(seq) | BatchBack(seq):
                after = [other for other in after if other != seq]
    now = tuple(sorted(set(after)))
    if now != before:
        state.put(encode(now) if now else None, DELAYED)


def delayed(state: PrefixedState) -> tuple[int, ...]:
    """The seqs of delayed payouts that are neither completed nor vetoed."""
    data = state.get(DELAYED)
    return () if data is None else decode(tuple[U63, ...], data, 100_000)


def check_calm(state: PrefixedState, block: BlockContext, decision: Reshaping) -> None:
    """Raise `ChangeUnsettled` while something else is going on (K12)."""
    if block.stops:
        raise ChangeUnsettled(reason="a stop is in force", stops=block.stops)
    if any_paused(state, block.relay_height):
        raise ChangeUnsettled(reason="the federation has paused something: resume first")
    if delayed(state):
        raise ChangeUnsettled(reason="a delayed payout may be vetoed", seqs=delayed(state))
    if announced(state) and kind_of_change(decision) == Kind.FRESH:
        raise ChangeUnsettled(reason="new terms of the vault are announced")


def start_change(state: PrefixedState, number: int, decision: Reshaping, height: int) -> Change:
    """The decision becomes the change in flight.

    Raises `ChangeInFlight`, `ChangeTooLarge`, `TooManyDeparted`, `SeatUnknown`, `SeatTaken`, and
    what `check_standing` raises. That the pegs are calm is the caller's to check.
    """
    if change_of(state) is not None or coming_key(state) is not None:
        raise ChangeInFlight(number=number)
    now, kind = standing_of(state), kind_of_change(decision)
    target = target_of(now, decision)
    check_shift(now.roster, target.roster)
    if kind != Kind.FRESH:
        check_departed(_rosters_of_key(state), target.roster)
    epoch = _last_epoch(state) + 1
    put_number(state, epoch, EPOCHS)
    end = height + rules_of(state).change
    change = Change(number, int(kind), epoch, target, height, end)
    put_entry(state, change, CHANGE)
    return change


def kind_of_change(decision: Reshaping) -> Kind:
    """Which ceremony a decision asks for."""
    match decision:
        case NewKey():
            return Kind.FRESH
        case Refresh():
            return Kind.REFRESH
        case Add() | Remove() | Reweigh() | Cause():
            return Kind.FRESH if decision.fresh else Kind.RESHARE


def target_of(now: Standing, decision: Reshaping) -> Standing:
    """Who sits after it; raises `SeatUnknown`, `SeatTaken`, and as `check_standing`."""
    match decision:
        case Refresh() | NewKey():
            return now
        case Add():
            return _added(now, decision)
        case Remove() | Cause():
            position = _position(now, decision.identity)
            seats = (*now.seats[:position], *now.seats[position + 1 :])
            return _reseated(now.charter, decision.threshold, seats)
        case Reweigh():
            position = _position(now, decision.identity)
            member = msgspec.structs.replace(now.seats[position].member, weight=decision.weight)
            heavier = msgspec.structs.replace(now.seats[position], member=member)
            seats = (*now.seats[:position], heavier, *now.seats[position + 1 :])
            return _reseated(now.charter, decision.threshold, seats)


def _added(now: Standing, add: Add) -> Standing:
    if now.position(add.identity) is not None:
        raise SeatTaken(identity=add.identity)
    member = Member(add.name, add.identity, add.node, add.weight, (1,), add.recipient)
    seats = (*now.seats, Seated(member, add.governance))
    return _reseated(now.charter, add.threshold, seats)


def _position(now: Standing, identity: bytes) -> int:
    position = now.position(identity)
    if position is None:
        raise SeatUnknown(identity=identity)
    return position


def _reseated(charter: bytes, threshold: int, seats: tuple[Seated, ...]) -> Standing:
    return seated(charter, threshold, tuple(Newcomer(_seat(s.member), s.governance) for s in seats))


def _seat(m: Member) -> Seat:
    return Seat(m.name, m.identity, m.node, m.weight, m.recipient)


def key_epochs(state: PrefixedState) -> Iterator[KeyEpoch]:
    """Every key epoch that was in force, the present one last."""
    present = key_of(state)
    for epoch in range(present.epoch):
        past = get_entry(state, KeyEpoch, KEY, epoch)
        if past is not None:
            yield past
    yield present


def _rosters_of_key(state: PrefixedState) -> Iterator[Roster]:
    """The members of each epoch of the key in force, and of each change of it that was given up.

    Of those too somebody may hold shares: who keeps the last attestation back has the certificate,
    and a share, which the chain never sees.
    """
    key = key_of(state).key
    held = [one for one in key_epochs(state) if one.key == key]
    yield from (one.roster for one in held)
    for epoch in range(held[0].epoch + 1, _last_epoch(state) + 1):
        given_up = get_entry(state, Roster, GIVEN_UP, epoch)
        if given_up is not None:
            yield given_up


def _last_epoch(state: PrefixedState) -> int:
    """The number of the last epoch that a change was begun for."""
    return number_at(state, EPOCHS)


def session_of_change(state: PrefixedState, change: Change, attempt: int) -> Session:
    """The session of an attempt at the change in flight."""
    return session_for(state.get(b"main") or b"", change, key_of(state), attempt)


def session_for(main: bytes, change: Change, key: KeyEpoch, attempt: int) -> Session:
    """The ceremony's session: every signer, member and the chain derive the same.

    `key`: the epoch in force.
    """
    previous = () if change.kind == Kind.FRESH else (_previous(key),)
    standing = change.standing
    return Session(
        main, standing.charter, change.epoch, attempt, change.kind, standing.roster, previous
    )


def _previous(key: KeyEpoch) -> Previous:
    return Previous(key.epoch, key.roster, key.polynomial)


def certify(state: PrefixedState, certificate: KeyCertificate, height: int) -> KeyEpoch:
    """The change in flight has its certificate: standing and key follow; the new key epoch.

    Raises `NoChange`, `CertificateForeign`, and what the certificate lacks.
    """
    change = change_of(state)
    if change is None:
        raise NoChange()
    session = certificate.session
    if session != session_of_change(state, change, session.attempt):
        raise CertificateForeign(session=session.id, epoch=session.epoch, awaited=change.epoch)
    verify_key_certificate(certificate)
    fresh = change.kind == Kind.FRESH
    made = KeyEpoch(
        epoch=session.epoch,
        kind=session.kind,
        session=session.id,
        key=certificate.key,
        polynomial=certificate.polynomial,
        roster=session.roster,
        since=height,
    )
    put_entry(state, None, CHANGE)
    if fresh:
        put_entry(state, made, KEY_NEXT)
        put_entry(state, change.standing, STANDING_NEXT)
    else:
        _enforce(state, made, change.standing)
    return made


def adopted(state: PrefixedState, terms: bytes, height: int) -> KeyEpoch | None:
    """A certified key comes into force once the vault's terms (their bytes) carry it.

    Also one that was given up: what was signed for it holds for ever, and an announcement may have
    been on its way when it was abandoned. Whom the vault obeys is whom the chain must know.
    """
    carried = {k for p in policies_of(decode_terms(terms)) for k in keys_of(p)} if terms else set()
    coming, standing = coming_key(state), get_entry(state, Standing, STANDING_NEXT)
    if coming is None or standing is None or coming.key not in carried:
        return None if key_of(state).key in carried else _taken_back(state, carried, height)
    made = msgspec.structs.replace(coming, since=height)
    _enforce(state, made, standing)
    put_entry(state, None, KEY_NEXT)
    put_entry(state, None, STANDING_NEXT)
    return made


def _taken_back(state: PrefixedState, carried: Collection[bytes], height: int) -> KeyEpoch | None:
    """The key given up that the vault carries after all, as a new epoch.

    What is in flight continues another key, or would come with a lower number: it is given up.
    """
    last = _last_epoch(state)
    for epoch in range(last, max(0, last - REMEMBERED), -1):
        given_up = get_entry(state, KeyEpoch, KEY_GIVEN_UP, epoch)
        standing = get_entry(state, Standing, STANDING_GIVEN_UP, epoch)
        if given_up is None or standing is None or given_up.key not in carried:
            continue
        if (change := change_of(state)) is not None:
            _give_up(state, change)
        _give_up_key(state)
        put_number(state, last + 1, EPOCHS)
        made = msgspec.structs.replace(given_up, epoch=last + 1, since=height)
        _enforce(state, made, standing)
        put_entry(state, None, KEY_GIVEN_UP, epoch)
        put_entry(state, None, STANDING_GIVEN_UP, epoch)
        return made
    return None


def _enforce(state: PrefixedState, made: KeyEpoch, standing: Standing) -> None:
    before = key_of(state)
    put_entry(state, before, KEY, before.epoch)
    put_entry(state, made, KEY)
    # The charter may have become another meanwhile: that is no part of this change.
    charter = standing_of(state).charter
    put_entry(state, msgspec.structs.replace(standing, charter=charter), STANDING)


def expire_change(state: PrefixedState, height: int) -> Change | None:
    """A change whose time is over ends; the change, if so."""
    change = change_of(state)
    if change is None or height < change.expires:
        return None
    _give_up(state, change)
    return change


def _give_up(state: PrefixedState, change: Change) -> None:
    """End a change; the set it would have dealt shares of this key to counts as one that left."""
    put_entry(state, None, CHANGE)
    if change.kind == Kind.RESHARE:
        put_entry(state, change.standing.roster, GIVEN_UP, change.epoch)


def abandon(state: PrefixedState) -> None:
    """End the change in flight, or give up the key to come; raises `NoChange`, `KeyAnnounced`."""
    change = change_of(state)
    if change is None and coming_key(state) is None:
        raise NoChange()
    if coming_key(state) is not None and announced(state):
        raise KeyAnnounced()
    if change is not None:
        _give_up(state, change)
    _give_up_key(state)


def _give_up_key(state: PrefixedState) -> None:
    """The key to come comes no more, but is remembered with its members: see `adopted`."""
    coming, standing = coming_key(state), get_entry(state, Standing, STANDING_NEXT)
    if coming is not None:
        put_entry(state, coming, KEY_GIVEN_UP, coming.epoch)
        put_entry(state, standing, STANDING_GIVEN_UP, coming.epoch)
    put_entry(state, None, KEY_NEXT)
    put_entry(state, None, STANDING_NEXT)
