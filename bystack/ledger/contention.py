"""Whom a newcomer to the memory pool displaces, and how much may hang together there.

Nothing here changes the pool. Bounds on families keep every admission, eviction and template small
work; rules about sponsors keep a vault's operations free of strangers' children (no pinning).
"""

from __future__ import annotations

from collections.abc import Collection

from bystack.ledger.candidates import Candidate, displaces
from bystack.ledger.transactions import PolicyLock
from bystack.ledger.waiting import Entry, Waiting
from bystack.primitives.errors import Invalid

MAX_RELATIVES = 25
MAX_DISPLACED = 100
NOBODY: frozenset[bytes] = frozenset()


class TooManyAncestors(Invalid):
    """The transaction builds on too many that are not confirmed."""


class TooManyDescendants(Invalid):
    """Too many transactions build on one that is not confirmed."""


class TooManyDisplaced(Invalid):
    """The transaction would displace too many others."""


class BuildsOnDisplaced(Invalid):
    """The transaction spends a coin of one that it would displace."""


class SponsorUnconfirmed(Invalid):
    """Who sponsors a vault operation must do so with confirmed coins."""


class OperationUnconfirmed(Invalid):
    """What a vault operation pays out moves on once it is confirmed."""


def check_sponsors(waiting: Waiting, candidate: Candidate) -> None:
    """No pinning: sponsors bring confirmed coins, and what they get back is not built upon."""
    for point in candidate.tx.body.inputs:
        parent = waiting.get(point.transaction)
        if parent is None or point in candidate.vault_inputs:
            continue
        if candidate.priority is not None:
            raise SponsorUnconfirmed(transaction=point.transaction, index=point.index)
        lock = parent.tx.body.outputs[point.index].lock
        if parent.priority is not None and isinstance(lock, PolicyLock):
            raise OperationUnconfirmed(transaction=point.transaction, index=point.index)


def displaced_by(waiting: Waiting, candidate: Candidate, increment: int) -> Collection[bytes]:
    """Whoever conflicts with the candidate, with descendants, if it may displace them."""
    rivals = waiting.takers(candidate.claims)
    if not rivals:
        return NOBODY
    outbid = [rival for rival in rivals if not displaces(candidate, rival, increment)]
    if len(outbid) > MAX_DISPLACED:
        raise TooManyDisplaced(given=len(outbid), most=MAX_DISPLACED)
    leaving = waiting.families(rival.tx.id for rival in outbid)
    fees = sum(waiting[identity].fee for identity in leaving)
    candidate.check_outbids(outbid, fees, increment)
    if len(leaving) > MAX_DISPLACED:
        raise TooManyDisplaced(given=len(leaving), most=MAX_DISPLACED)
    return waiting.families(rival.tx.id for rival in rivals)


def check_relatives(waiting: Waiting, candidate: Candidate, displaced: Collection[bytes]) -> None:
    """At most 25 in a line and in a family, counting those that stay."""
    parents = waiting.parents(candidate)
    if not parents:
        return
    if len(parents) >= MAX_RELATIVES:  # before anything walks through all of their families
        raise TooManyAncestors(given=len(parents), most=MAX_RELATIVES - 1)
    ancestors = waiting.ancestors(candidate)
    if not ancestors.isdisjoint(displaced):
        raise BuildsOnDisplaced(transaction=candidate.tx.id)
    if len(ancestors) >= MAX_RELATIVES:
        raise TooManyAncestors(given=len(ancestors), most=MAX_RELATIVES - 1)
    for ancestor in sorted(ancestors):
        entry = waiting.entry(ancestor)
        if entry is not None and _staying(waiting, entry, displaced) >= MAX_RELATIVES:
            raise TooManyDescendants(transaction=ancestor, most=MAX_RELATIVES)


def _staying(waiting: Waiting, entry: Entry, displaced: Collection[bytes]) -> int:
    """How many build on it, itself included, once the displaced have left."""
    if not displaced or entry.below.count < MAX_RELATIVES:
        return entry.below.count
    return len(waiting.families([entry.candidate.tx.id]).difference(displaced))
