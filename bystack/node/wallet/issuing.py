"""Issues and retirements as drafts: built over one chain's purse, approved by whoever may issue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bystack.ledger.amounts import AssetDefinition, unit_of
from bystack.ledger.effects import Effects
from bystack.ledger.fulfilment import leaves
from bystack.ledger.policies import Policy
from bystack.ledger.pst import PartiallySigned
from bystack.ledger.satisfaction import policy_root, prove_branch
from bystack.ledger.transactions import Lock, Output
from bystack.ledger.validation import SCHNORR_WEIGHT
from bystack.mainchain.issues import Issue, issue_action, issue_approval, issued_asset
from bystack.node.wallet.spending import Spending
from bystack.primitives.codec import encode

SIGNATURE: Final = bytes(64)


async def issue_draft(
    spending: Spending,
    issuance: Sequence[Policy],
    definition: AssetDefinition,
    amount: int,
    to: Lock,
) -> tuple[bytes, PartiallySigned]:
    """The id of the asset and the draft that issues `amount` of it, paid for by this wallet.

    `issuance` are the branches under which the asset is issued; one of them is yet to approve.
    """
    issue = Issue(policy_root(issuance), definition, amount)
    asset = issued_asset(issue)
    effects = Effects(created={asset: amount}, units={asset: unit_of(definition)})
    fees = await spending.fees()
    outputs = (Output(asset, amount, to),)
    return asset, spending.draft(outputs, fees, (issue_action(issue),), effects, _weight(issuance))


def _weight(issuance: Sequence[Policy]) -> int:
    """What the approval adds, whichever branch gives it."""
    return max(
        len(encode(issue_approval(policy, prove_branch(issuance, n), [SIGNATURE] * leaves(policy))))
        + SCHNORR_WEIGHT * leaves(policy)
        for n, policy in enumerate(issuance)
    )
