"""Members and keys as random histories change them: refreshed, reshared, renewed, given up.

Five members begin, three of whom decide; the vault's group keys are those of `mainside`, so that a
new key comes into force when the history adopts terms that carry it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec

from bystack.federation.members import InvalidRoster
from bystack.federation.module.actions import (
    CERTIFY,
    NUMBERS,
    Certify,
    Enact,
    MemberApproval,
    action_digest,
)
from bystack.federation.module.decisions import (
    Abandon,
    Add,
    Decision,
    NewKey,
    Refresh,
    Remove,
    Reweigh,
)
from bystack.federation.module.membership import (
    ChangeInFlight,
    ChangeUnsettled,
    KeyAnnounced,
    NoChange,
    change_of,
    coming_key,
    session_of_change,
)
from bystack.federation.module.records import (
    DEFAULT_RULES,
    SIGNER_VERSION,
    FederationConfig,
    Standing,
    key_of,
    standing_of,
)
from bystack.federation.rotation import InvalidRotation
from bystack.federation.session import Kind
from bystack.ledger.transactions import Approval, NoWitness, Transaction
from bystack.primitives import bls
from bystack.primitives.codec import Wire, encode
from bystack.primitives.keys import sign
from bystack.sidechain.modules.base import PrefixedState, read_only
from tests.federation.module.parliament import (
    alone,
    certificate_of,
    identity,
    newcomer,
    numbered,
    secret,
    standing,
)
from tests.sidechain.federations import config_for, nonce_of
from tests.sidechain.mainside import GROUP, GROUPS
from tests.sidechain.world import World

PEOPLE = 9
FEWEST, MOST = 4, 7
EXPIRY = 60
REFUSED = (
    ChangeInFlight, ChangeUnsettled, InvalidRotation, KeyAnnounced, NoChange, InvalidRoster,
)  # fmt: skip
"""Refusals that are part of life."""


def config() -> FederationConfig:
    """The federation as it begins: the vault's first key is theirs."""
    rules = msgspec.structs.replace(DEFAULT_RULES, change=EXPIRY)
    made = config_for(standing((1,) * 5, 3), rules)
    key = bls.sk_to_pk(GROUP)
    first = msgspec.structs.replace(made.key, key=key, polynomial=(key, *made.key.polynomial[1:]))
    return msgspec.structs.replace(made, key=first)


def state_of(world: World) -> PrefixedState:
    return read_only(world.side.state, "federation")


def quorum(now: Standing) -> list[int]:
    """Seats, as few as decide."""
    seats, weight = [], 0
    for seat, one in enumerate(now.seats):
        if weight < now.threshold:
            seats.append(seat)
            weight += one.member.weight
    return seats


def signed(world: World, kind: int, make: Callable[[int], Wire]) -> Transaction:
    """An action of those who sit now and suffice."""
    now, body = standing_of(state_of(world)), encode(make(nonce_of(world)))
    digest = action_digest(world.genesis.id, kind, body)
    approvals = tuple(
        MemberApproval(
            seat,
            SIGNER_VERSION,
            sign(secret(numbered(now.seats[seat].member.identity)), digest, bytes(32)),
        )
        for seat in quorum(now)
    )
    return alone(kind, body, Approval(encode(approvals), ()))


def reshape(world: World, random: Random) -> bool:
    """A quorum decides on a change of members or key, or to give one up."""
    decision = _decision(standing_of(state_of(world)), random)
    try:
        world.block(signed(world, NUMBERS[Enact], lambda nonce: Enact(nonce, decision)))
    except REFUSED:
        return False
    return True


def _decision(now: Standing, random: Random) -> Decision:
    sitting = {numbered(one.member.identity) for one in now.seats}
    fresh, leaving = random.randrange(2), identity(random.choice(sorted(sitting)))
    size = now.total
    choices: list[Decision] = [Refresh(), NewKey(), Abandon()]
    if len(sitting) > FEWEST:
        choices += [Remove(leaving, (size - 1) // 2 + 1, fresh)] * 2
    if len(sitting) < MOST:
        choices += [_adding(random.choice(sorted(set(range(PEOPLE)) - sitting)), size, fresh)] * 2
    choices.append(Reweigh(leaving, random.randint(1, 2), (size + 1) // 2 + 1, fresh))
    return random.choice(choices)


def _adding(number: int, size: int, fresh: int) -> Add:
    held, governance = newcomer(number)
    place = (held.name, held.identity, held.node, 1, held.recipient)
    return Add(*place, governance, (size + 1) // 2 + 1, fresh)


def certify(world: World, random: Random) -> bool:
    """The change in flight has its certificate, at some attempt."""
    state = state_of(world)
    change = change_of(state)
    if change is None:
        return False
    present = key_of(state).key
    others = [secret for key, secret in GROUPS.items() if key != present]
    group = random.choice(others) if change.kind == Kind.FRESH else GROUPS[present]
    session = session_of_change(state, change, random.randrange(3))
    made = Certify(certificate_of(session, random.randrange(100), group))
    world.block(alone(CERTIFY, encode(made), NoWitness()))
    return True


def awaited_key(world: World) -> bytes | None:
    """The certified key that the vault's terms do not carry yet, if any."""
    coming = coming_key(state_of(world))
    return None if coming is None else coming.key
