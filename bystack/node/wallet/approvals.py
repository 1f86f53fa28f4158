"""Who approves what: issues on the main chain, on a sidechain what its modules name."""

from __future__ import annotations

from functools import lru_cache

from bystack.ledger.pst_auditing import NO_APPROVALS, Approvals
from bystack.mainchain.issues import ISSUE_APPROVALS
from bystack.node.sidechain.modules import module_named
from bystack.node.wallet.chains import Chain
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.approvals import ModuleApprovals


def approvals_on(chain: Chain) -> Approvals:
    """What a chain's actions ask to be signed."""
    if chain.genesis is None:
        return ISSUE_APPROVALS
    return _of_modules(tuple(config.name for config in chain.genesis.modules))


@lru_cache(maxsize=32)
def _of_modules(names: tuple[str, ...]) -> Approvals:
    try:
        return ModuleApprovals([module_named(name) for name in names])
    except Invalid:  # a package is not installed here: its node says so, the wallet goes on
        return NO_APPROVALS
