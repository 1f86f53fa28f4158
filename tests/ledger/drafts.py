"""Drafts for the tests of partially signed transactions: policies, people, who knows what."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.policies import All, Any, Key, Older, Policy, Sha256, Thresh
from bystack.ledger.pst import PartiallySigned, unsigned
from bystack.ledger.pst_signing import Known, update
from bystack.ledger.satisfaction import policy_root
from bystack.ledger.transactions import Outpoint, Output, PolicyLock, TransactionBody
from bystack.primitives import musig2
from tests.ledger.people import ALICE, BOB, CAROL, CHAIN, Person, outpoint, pay

AUX = b"\x5a" * 32
PREIMAGE = b"\x77" * 32
TWO_OF_THREE = Thresh(2, (ALICE.policy, BOB.policy, CAROL.policy))
LATER = Any((ALICE.policy, All((BOB.policy, Older(10), Sha256(sha256(PREIMAGE).digest())))))


def keys_of(*people: Person) -> dict[bytes, bytes]:
    return {person.policy.key: person.secret for person in people}


def locked(policies: Sequence[Policy], amount: int = 1_000, height: int = 1) -> Coin:
    return Coin(BTM, amount, PolicyLock(policy_root(policies)), height, 0, 1, b"")


def draft_over(
    *coins: Coin, outputs: Sequence[Output] = (), told: Mapping[bytes, Known] | None = None
) -> PartiallySigned:
    """A draft that spends the coins; `told` are the locks whose policies it already says."""
    places = tuple(outpoint(n + 1) for n in range(len(coins)))
    body = TransactionBody(1, places, tuple(outputs) or (pay(CAROL, 900),), (), 0, 0, b"")
    return update(unsigned(CHAIN, body, coins), told or {})


def knowing(*policies: Policy, shared: Sequence[Sequence[bytes]] = ()) -> dict[bytes, Known]:
    keys = tuple(tuple(one) for one in shared)
    return {policy_root(policies): Known(tuple(policies), keys)}


def one_policy(policy: Policy, height: int = 1) -> PartiallySigned:
    return draft_over(locked([policy], height=height), told=knowing(policy))


def shared_key(*people: Person) -> tuple[Key, tuple[bytes, ...]]:
    keys = musig2.sort_keys([musig2.plain_key(person.secret) for person in people])
    return Key(musig2.aggregate(keys)), keys


def coins_of(draft: PartiallySigned) -> dict[Outpoint, Coin]:
    return dict(zip(draft.body.inputs, draft.coins, strict=True))
