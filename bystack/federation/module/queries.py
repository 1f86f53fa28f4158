"""What anybody may ask the federation's module: members, keys, proposals, pauses, freezes, fees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from msgspec import Meta

from bystack.federation.module import freezes, membership, pauses, shares, terms, voting
from bystack.federation.module.actions import next_nonce
from bystack.federation.module.allowances import allowances_of
from bystack.federation.module.decisions import OPEN, STATES, Proposal
from bystack.federation.module.records import (
    Change,
    KeyEpoch,
    Standing,
    key_of,
    number_at,
    rules_of,
    standing_of,
)
from bystack.federation.session import Kind
from bystack.primitives.plain import to_plain
from bystack.sidechain.modules.asking import HexId, asked
from bystack.sidechain.modules.base import PrefixedState

Json = dict[str, Any]
Number = Annotated[int, Meta(ge=0, le=2**53)]
Few = Annotated[int, Meta(ge=1, le=200)]

MOST_ROWS: Final = 200


def _members(state: PrefixedState, params: Sequence[Any]) -> Json:
    asked(tuple[()], params)
    standing, change = standing_of(state), membership.change_of(state)
    return {
        **_standing(standing),
        "nonce": next_nonce(state),
        "epoch": key_of(state).epoch,
        "change": None if change is None else _change(change),
        "versions": [number_at(state, b"version", s.member.identity) for s in standing.seats],
        "region": (state.get(b"region") or b"").decode(),
    }


def _standing(standing: Standing) -> Json:
    rows = [
        {
            "name": one.member.name.decode(),
            "weight": one.member.weight,
            "identity": one.member.identity.hex(),
            "node": one.member.node.hex(),
            "recipient": one.member.recipient.hex(),
            "key": one.governance.hex(),
        }
        for one in standing.seats
    ]
    charter = standing.charter.hex()
    return {"charter": charter, "threshold": standing.threshold, "members": rows}


def _change(change: Change) -> Json:
    return {
        "number": change.number,
        "kind": Kind(change.kind).name.lower(),
        "epoch": change.epoch,
        "since": change.since,
        "expires": change.expires,
        **_standing(change.standing),
    }


def _pauses(state: PrefixedState, params: Sequence[Any]) -> Json:
    asked(tuple[()], params)
    return {label: pauses.until(state, what) for label, what in pauses.SWITCHES.items()}


def _list_pauses(state: PrefixedState, params: Sequence[Any]) -> Json:
    """Who paused last, since when, and why; when each may again."""
    asked(tuple[()], params)
    rows, rest = [], rules_of(state).rest
    for one in standing_of(state).seats:
        last = pauses.last_pause(state, one.member.identity)
        if last is not None:
            again = last.since + rest
            rows.append({"member": one.member.name.decode(), **to_plain(last), "again": again})
    return {"pauses": rows}


def _epochs(state: PrefixedState, params: Sequence[Any]) -> Json:
    asked(tuple[()], params)
    rows = [_epoch(one) for one in membership.key_epochs(state)]
    coming, decided = membership.coming_key(state), terms.terms_decided(state)
    return {
        "epochs": rows[-MOST_ROWS:],
        "coming": None if coming is None else _epoch(coming),
        "terms": None if decided is None else to_plain(decided),
    }


def _epoch(key: KeyEpoch) -> Json:
    members = [[m.name.decode(), m.weight] for m in key.roster.members]
    return {
        "epoch": key.epoch,
        "kind": Kind(key.kind).name.lower(),
        "key": key.key.hex(),
        "session": key.session.hex(),
        "since": key.since,
        "threshold": key.roster.threshold,
        "members": members,
    }


def _proposals(state: PrefixedState, params: Sequence[Any]) -> Json:
    """The open ones, or the last `count` of all: with `[true, count]`."""
    everything, count = asked(tuple[bool, Few], params) if params else (False, 50)
    last = voting.next_number(state)
    if everything:
        numbers = list(range(max(0, last - count), last))
    else:
        numbers = [one.number for one in voting.opened(state)]
    rows = [_proposal(state, voting.proposal_of(state, number)) for number in numbers]
    return {"proposals": rows, "next": last}


def _one_proposal(state: PrefixedState, params: Sequence[Any]) -> Json:
    (number,) = asked(tuple[Number], params)
    return _proposal(state, voting.proposal_of(state, number))


def _proposal(state: PrefixedState, proposal: Proposal) -> Json:
    standing = standing_of(state)
    return {
        "number": proposal.number,
        "id": proposal.id.hex(),
        "kind": proposal.kind,
        "state": STATES[proposal.state],
        "proposer": _name(standing, proposal.proposer),
        "note": proposal.note.decode(errors="replace"),
        "since": proposal.since,
        "expires": proposal.expires,
        "closed": proposal.closed,
        "yes": voting.weight_of(state, proposal),
        "needed": voting.needed_weight(standing, proposal.decision) if _open(proposal) else 0,
        "votes": [[_name(standing, one.identity), one.yes] for one in proposal.ballots],
        "decision": to_plain(proposal.decision),
    }


def _open(proposal: Proposal) -> bool:
    return proposal.state == OPEN


def _name(standing: Standing, identity: bytes) -> str:
    position = standing.position(identity)
    return identity.hex() if position is None else standing.seats[position].member.name.decode()


def _fees(state: PrefixedState, params: Sequence[Any]) -> Json:
    asked(tuple[()], params)
    work = rules_of(state).work
    rows = []
    for one in standing_of(state).seats:
        done = shares.done_of(state, one.member.identity)
        paid = [to_plain(row) for row in shares.earned_of(state, one.member.identity)]
        points = shares.points_of(done, work)
        name, weight = one.member.name.decode(), one.member.weight
        head = {"member": name, "weight": weight, "points": points}
        rows.append({**head, **to_plain(done), "paid": paid})
    return {"members": rows, "work": to_plain(work)}


def _freezes(state: PrefixedState, params: Sequence[Any]) -> Json:
    """In order of decision, at most `count`, from behind the id `after`."""
    count, after = asked(tuple[Few, str], params) if params else (100, "")
    if after:
        asked(tuple[HexId], [after])
    rows = []
    for one in freezes.frozen(state, count, bytes.fromhex(after) if after else None):
        id = freezes.destination_id(one.destination).hex()
        rule, reference = (t.decode(errors="replace") for t in (one.rule, one.reference))
        rows.append({"id": id, **to_plain(one), "rule": rule, "reference": reference})
    return {"freezes": rows, "region": (state.get(b"region") or b"").decode()}


def _allowances(state: PrefixedState, params: Sequence[Any]) -> Json:
    asked(tuple[()], params)
    return {
        one.member.name.decode(): [to_plain(r) for r in allowances_of(state, one.member.identity)]
        for one in standing_of(state).seats
    }


def _rules(state: PrefixedState, params: Sequence[Any]) -> Json:
    asked(tuple[()], params)
    plain: Json = to_plain(rules_of(state))
    return plain


QUERIES: Final[Mapping[str, Callable[[PrefixedState, Sequence[Any]], Json]]] = {
    "listmembers": _members,
    "getpauses": _pauses,
    "listpauses": _list_pauses,
    "getkeyepochs": _epochs,
    "listproposals": _proposals,
    "getproposal": _one_proposal,
    "getfeereport": _fees,
    "getfreezes": _freezes,
    "getallowances": _allowances,
    "getfederationrules": _rules,
}


def answer(state: PrefixedState, name: str, params: Sequence[Any]) -> Json | None:
    """The answer to a query, None for one that is not known; raises `QueryInvalid`."""
    asking = QUERIES.get(name)
    return None if asking is None else asking(state, params)
