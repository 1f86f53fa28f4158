"""What the federation decreed for its signers, read from entries of its sidechain that are proved.

Signing may be paused, destinations frozen, a member's allowance set. A sidechain without the
federation's module decrees nothing.
"""

from __future__ import annotations

from typing import Any, Final

from bystack.federation.charter_compiling import bucket
from bystack.federation.knowledge import Knowledge
from bystack.federation.module.allowances import ALLOWANCES, Allowances
from bystack.federation.module.freezes import COUNT, FROZEN, Frozen, destination_id
from bystack.federation.module.pauses import SIGNING, UNTIL
from bystack.federation.module.records import NAME, entry_key
from bystack.federation.policies.judging import STATE_AGE, Decreed
from bystack.federation.policies.requests import Request
from bystack.ledger.terms import Limit
from bystack.primitives.codec import U63
from bystack.sidechain.params import Genesis

PAUSED: Final = entry_key(UNTIL, SIGNING)
FREEZES: Final = entry_key(COUNT)

_number: Any = U63


def standing_keys(genesis: Genesis, identity: bytes) -> tuple[bytes, ...]:
    """The keys of the entries that a member's signer must know before it signs anything."""
    if all(module.name != NAME for module in genesis.modules):
        return ()
    return (PAUSED, FREEZES, entry_key(ALLOWANCES, identity))


def frozen_keys(knowledge: Knowledge, request: Request) -> dict[bytes, bytes]:
    """The entries that say whether a request's destinations are frozen, by encoded lock.

    None where nothing is frozen at all. Raises as `Knowledge.known`.
    """
    if not knowledge.known(_number, FREEZES):
        return {}
    locks = {one.lock for one in request.payouts}
    return {lock: entry_key(FROZEN, destination_id(lock)) for lock in sorted(locks)}


def decreed(knowledge: Knowledge, genesis: Genesis, identity: bytes, request: Request) -> Decreed:
    """What binds on this request; raises `EntryNotShown`, `EntryStale`, `ClientFrozen`."""
    if not standing_keys(genesis, identity):
        return Decreed(time=knowledge.time)
    frozen = {
        lock
        for lock, key in frozen_keys(knowledge, request).items()
        if knowledge.known(Frozen, key) is not None
    }
    return Decreed(
        paused_until=knowledge.known(_number, PAUSED) or 0,
        frozen=frozenset(frozen),
        limits=_limits(knowledge.known(Allowances, entry_key(ALLOWANCES, identity))),
        time=knowledge.time,
        age=STATE_AGE,
    )


def _limits(found: Allowances | None) -> tuple[Limit, ...]:
    rows = () if found is None else found.rows
    return tuple(bucket(one.asset, one.amount, one.window) for one in rows)
