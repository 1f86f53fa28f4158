"""Who must sign an operation, over what, and whether the approval given has that form.

`Approval.revealed` holds the present terms (for a veto the guard's policy; for a creation nothing,
its terms being in the operation). `Approval.signatures` holds one group of items per demand, in the
order `demands` returns them. Complete and consolidate take `NoWitness`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, assert_never

from bystack.ledger.effects import Check
from bystack.ledger.policies import Policy
from bystack.ledger.satisfaction import Context, satisfies
from bystack.ledger.terms import Terms, policies_of, terms_hash
from bystack.ledger.transactions import Approval, Items, NoWitness
from bystack.ledger.vault_errors import ApprovalInvalid, NewKeysUnsigned, SecondApproval
from bystack.ledger.vault_operations import (
    Adopt,
    AnchorOperation,
    Announce,
    Cancel,
    Create,
    Freeze,
    Order,
    Recover,
    Replace,
    Touch,
    Veto,
    accept_digest,
    counter_of,
    operation_digest,
)
from bystack.ledger.vault_state import tier_of
from bystack.primitives.codec import encode


class Demand(NamedTuple):
    """A policy that must sign `digest`; `accepts` when it thereby shows that its keys are held."""

    policy: Policy
    digest: bytes
    accepts: bool = False


def create_demands(chain_id: bytes, vault: bytes, create: Create) -> tuple[Demand, ...]:
    """Each policy of the terms, once: tiers in order, guard, govern, recover."""
    digest = operation_digest(chain_id, vault, 0, create)
    return tuple(Demand(policy, digest) for policy in _distinct(policies_of(create.terms)))


def veto_demands(chain_id: bytes, vault: bytes, veto: Veto, guard: Policy) -> tuple[Demand, ...]:
    """The guard that the pending coin names."""
    return (Demand(guard, operation_digest(chain_id, vault, 0, veto)),)


def demands(
    chain_id: bytes, vault: bytes, operation: AnchorOperation, terms: Terms
) -> tuple[Demand, ...]:
    """Who must sign a spend of the anchor under the present `terms`.

    For replace: recover, govern, guard – of the last two exactly one, the other's group being
    empty. New terms append their acceptances, in the order of `policies_of`.
    """
    digest = operation_digest(chain_id, vault, counter_of(operation), operation)
    guard, govern, recover = terms.guard.policy, terms.govern.policy, terms.recover.policy
    match operation:
        case Order() | Touch():
            signers = [tier_of(terms, operation.tier).policy]
        case Announce():
            signers = [govern]
        case Cancel() | Freeze():
            signers = [guard]
        case Adopt():
            signers = []
        case Replace():
            signers = [recover, govern, guard]
        case Recover():
            signers = [recover]
        case _:
            assert_never(operation)
    signed = tuple(Demand(policy, digest) for policy in signers)
    return signed + _acceptances(chain_id, vault, operation, terms)


def _acceptances(
    chain_id: bytes, vault: bytes, operation: AnchorOperation, terms: Terms
) -> tuple[Demand, ...]:
    if not isinstance(operation, Adopt | Replace | Recover):
        return ()
    digest = accept_digest(chain_id, vault, terms_hash(operation.terms))
    present = set(map(encode, policies_of(terms)))
    new = _distinct(policies_of(operation.terms))
    return tuple(Demand(p, digest, accepts=True) for p in new if encode(p) not in present)


def _distinct(policies: Sequence[Policy]) -> tuple[Policy, ...]:
    return tuple({encode(policy): policy for policy in policies}.values())


def revealed(approval: Approval | NoWitness) -> bytes:
    """What the approval reveals; raises `ApprovalInvalid` when there is none."""
    if not isinstance(approval, Approval):
        raise ApprovalInvalid(reason="an approval is needed")
    return approval.revealed


def check_no_approval(approval: Approval | NoWitness) -> None:
    """Raise `ApprovalInvalid` for a superfluous approval, which strangers could vary."""
    if isinstance(approval, Approval):
        raise ApprovalInvalid(reason="no approval is needed")


def approval_checks(
    demanded: Sequence[Demand], approval: Approval | NoWitness, height: int
) -> tuple[Check, ...]:
    """The signatures to verify before every demand is met; raises why one cannot be."""
    groups = approval.signatures if isinstance(approval, Approval) else ()
    if len(groups) < len(demanded) and demanded[len(groups)].accepts:
        raise NewKeysUnsigned(policy=encode(demanded[len(groups)].policy))
    if len(groups) != len(demanded):
        raise ApprovalInvalid(groups=len(groups), expected=len(demanded))
    checks: list[Check] = []
    for demand, items in zip(demanded, groups, strict=True):
        checks += _checks(demand, items, height)
    return tuple(checks)


def _checks(demand: Demand, items: Items, height: int) -> tuple[Check, ...]:
    if demand.accepts and not any(items):
        raise NewKeysUnsigned(policy=encode(demand.policy))
    return satisfies(demand.policy, items, Context(height, height, demand.digest))


def replace_checks(
    demanded: Sequence[Demand], approval: Approval | NoWitness, height: int
) -> tuple[Check, ...]:
    """As `approval_checks`, of a replacement: recover, and govern or guard but not both."""
    groups = approval.signatures if isinstance(approval, Approval) else ()
    if len(groups) < 3 or bool(groups[1]) == bool(groups[2]):
        raise SecondApproval(groups=len(groups))
    absent = 1 if groups[2] else 2
    kept = Approval(revealed(approval), groups[:absent] + groups[absent + 1 :])
    return approval_checks((*demanded[:absent], *demanded[absent + 1 :]), kept, height)
