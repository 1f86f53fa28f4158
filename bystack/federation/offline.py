"""What a key away from every node is asked to sign: read from the operation, never from its digest.

Whoever carries the request is not trusted. The digest is computed here from the operation's own
bytes, and the sentences are made from the same bytes. What the request says of the terms in force
cannot be proved offline: it is said as its claim, with their hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bystack.ledger.policies import Key
from bystack.ledger.policy_text import print_policy
from bystack.ledger.terms import Limit, Terms, Tier, keys_of, terms_hash
from bystack.ledger.transactions import Output
from bystack.ledger.vault_approvals import Demand, create_demands, demands
from bystack.ledger.vault_operations import (
    Adopt,
    Announce,
    Cancel,
    Complete,
    Consolidate,
    Create,
    Freeze,
    Operation,
    Order,
    Recover,
    Replace,
    Touch,
    Veto,
    operation_digest,
)
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid


class TermsClaimMissing(Invalid):
    """The request does not say which terms are in force, and who signs depends on them."""


class KeyUninvolved(Invalid):
    """This key signs nothing of this operation, under the terms the request claims."""


class Names(NamedTuple):
    """What keys and assets are called, from the roster the signer has: name, and decimals."""

    keys: Mapping[bytes, str]
    assets: Mapping[bytes, tuple[str, int]]


NO_NAMES = Names({}, {})


class ToSign(NamedTuple):
    """One digest for the key, and why; `accepts`: only to show that the new key is held."""

    digest: bytes
    reason: str
    accepts: bool


def to_sign(
    key: bytes, chain: bytes, vault: bytes, operation: Operation, present: Terms | None
) -> tuple[ToSign, ...]:
    """What `key` (32 bytes) is asked to sign of an operation on `vault`, each digest once.

    `present`: the terms that the request says are in force. Raises `TermsClaimMissing`,
    `KeyUninvolved`.
    """
    found: dict[bytes, ToSign] = {}
    for demand in _demands(key, chain, vault, operation, present):
        if key in keys_of(demand.policy):
            reason = "shows that this new key is held" if demand.accepts else "allows the operation"
            found.setdefault(demand.digest, ToSign(demand.digest, reason, demand.accepts))
    if not found:
        raise KeyUninvolved(key=key)
    return tuple(found.values())


def _demands(
    key: bytes, chain: bytes, vault: bytes, operation: Operation, present: Terms | None
) -> Sequence[Demand]:
    match operation:
        case Create():
            return create_demands(chain, vault, operation)
        case Complete() | Consolidate():
            return ()
        case Veto():
            # The coin names its guard, whose terms may have passed; a veto moves nothing out.
            return (Demand(Key(key), operation_digest(chain, vault, 0, operation)),)
        case _ if present is None:
            raise TermsClaimMissing(operation=type(operation).__name__.lower())
        case _:
            return demands(chain, vault, operation, present)


def sentences(
    vault: bytes, operation: Operation, present: Terms | None, names: Names = NO_NAMES
) -> Iterator[str]:
    """What the operation does, for a person to read before signing."""
    yield f"Vault {vault.hex()}"
    match operation:
        case Freeze(turn):
            yield f"FREEZE: no order and no touch for a while, at turn {turn}. It moves nothing."
        case Veto(outpoint):
            point = f"{outpoint.transaction.hex()}:{outpoint.index}"
            yield f"VETO: the pending payout {point} returns to the vault's treasury."
        case Cancel(turn, terms):
            yield f"CANCEL: the announcement of terms {terms.hex()} is withdrawn, at turn {turn}."
        case Announce(seq, terms):
            yield f"ANNOUNCE: terms {terms.hex()} may come into force after the delay; seq {seq}."
        case Touch(seq, tier):
            yield f"TOUCH: seq {seq} is voided by tier {tier}. It moves nothing."
        case Order(seq, tier, outputs):
            yield f"ORDER: PAYS OUT of the vault, by tier {tier} at seq {seq}:"
            yield from (f"  {_payout(one, names)}" for one in outputs)
        case Create(terms):
            yield "CREATE: makes this vault, under these terms:"
            yield from _listed("  ", terms, names)
        case Replace(turn, terms):
            yield "REPLACE: NEW TERMS AT ONCE. Whoever holds their keys then decides over all that"
            yield "  is in the vault. Recovery and govern or guard must sign."
            yield _lasting(turn)
            yield from _change(present, terms, names)
        case Recover(turn, terms):
            yield "RECOVER: NEW TERMS without anybody else, once the vault lay idle."
            yield _lasting(turn)
            yield from _change(present, terms, names)
        case Adopt(terms):
            yield "ADOPT: the announced terms come into force:"
            yield from _change(present, terms, names)
        case Complete() | Consolidate():
            yield "Needs no signature."


def _lasting(turn: int) -> str:
    return f"  Signed for turn {turn}: good until other terms than those at that turn are in force."


def _change(present: Terms | None, new: Terms, names: Names) -> Iterator[str]:
    """What goes (-) and what comes (+), beside what stays."""
    yield f"New terms {terms_hash(new).hex()}, charter {new.note.hex()}:"
    coming = list(_listed("", new, names))
    if present is None:
        yield from (f"  + {line}" for line in coming)
        return
    yield f"In force now, as the request says: terms {terms_hash(present).hex()}"
    going = list(_listed("", present, names))
    yield from (f"  - {line}" for line in going if line not in coming)
    yield from (f"  {' ' if line in going else '+'} {line}" for line in coming)


def _listed(before: str, terms: Terms, names: Names) -> Iterator[str]:
    known = names.keys
    for number, tier in enumerate(terms.tiers):
        yield f"{before}tier {number}: {print_policy(tier.policy, known)} {_paying(tier, names)}"
    guard, govern, recover = terms.guard, terms.govern, terms.recover
    yield f"{before}guard: {print_policy(guard.policy, known)}, freezes {guard.freeze} blocks"
    yield f"{before}govern: {print_policy(govern.policy, known)}, after {govern.delay} blocks"
    yield f"{before}recover: {print_policy(recover.policy, known)}, alone after {recover.idle}"


def _paying(tier: Tier, names: Names) -> str:
    wait = f"after {tier.delay} blocks" if tier.delay else "at once"
    if not tier.limits:
        return f"pays ANY AMOUNT of any asset, {wait}"
    return f"pays at most {', '.join(_limit(one, names) for one in tier.limits)}; {wait}"


def _limit(limit: Limit, names: Names) -> str:
    most, more = (_amount(limit.asset, one, names) for one in (limit.capacity, limit.refill))
    return f"{most} ({more} more every {limit.period} blocks)"


def _payout(output: Output, names: Names) -> str:
    return f"{_amount(output.asset, output.amount, names)} to {encode(output.lock).hex()}"


def _amount(asset: bytes, amount: int, names: Names) -> str:
    if asset not in names.assets:
        return f"{amount} units of {asset.hex()}"
    name, decimals = names.assets[asset]
    whole, part = divmod(amount, 10**decimals)
    rest = f".{part:0{decimals}d}".rstrip("0").rstrip(".") if decimals else ""
    return f"{whole}{rest} {name}"
