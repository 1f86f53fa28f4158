"""Who approves what: issues on the main chain, on a sidechain what its modules name.

A package's module is not loaded here, beside the keys: which of its actions are approved, and
nothing more, is the word of the sidechain's process. Who is to approve one stands in the action.
"""

from __future__ import annotations

from collections.abc import Collection

from bystack.ledger.pst_auditing import Approvals
from bystack.mainchain.issues import ISSUE_APPROVALS
from bystack.node.wallet.chains import Chain
from bystack.sidechain.modules.approvals import ModuleApprovals, approved_kinds
from bystack.sidechain.modules.base import Module, Quiet


def approvals_on(chain: Chain, told: Collection[int] = ()) -> Approvals:
    """What a chain's actions ask to be signed; `told`: kinds, as its process says."""
    if chain.genesis is None:
        return ISSUE_APPROVALS
    from bystack.node.sidechain.modules import BUILT_IN

    names = [config.name for config in chain.genesis.modules]
    known: list[Module] = [BUILT_IN[name]() if name in BUILT_IN else Quiet() for name in names]
    foreign = {at + 1 for at, name in enumerate(names) if name not in BUILT_IN}
    return ModuleApprovals(approved_kinds(known) | {k for k in told if k // 256 in foreign})
