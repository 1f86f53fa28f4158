"""F4: which gateways we had to go round, and which of them to name in a block of ours.

A gateway failed if we went round it in a height that was decided at view 0 all the same, and what
it should have carried had not come through it a height later either: one that is merely slow is
not named. What one sees cannot be proved to others, so it is each leader's own word; the groups
are dealt so that one of the next m leaders has seen it too (bbft.md, section 6).
"""

from __future__ import annotations

from bystack.sidechain.consensus.demotions import DEMOTED_BLOCKS
from bystack.sidechain.consensus.height import Late
from bystack.sidechain.consensus.machine import Machine

PROPOSAL, SUMS, SOUND = 0, 3, 4
"""What a gateway carries, beside the certificates of each kind: proposals down, sums across; that
its sums are sound shows only when they are not.
"""


def note(m: Machine, gateway: int | None, what: int) -> None:
    """We went round a gateway at view 0; a head of a smaller group cannot be demoted."""
    if m.round.view == 0 and gateway is not None and gateway in m.paths(0).gateways:
        m.at.gone_round.add((gateway, what))


def carried(m: Machine, sender: bytes, what: int) -> None:
    """A node sent us what a gateway carries."""
    m.at.carried.add((m.validators.by_node.get(sender, -1), what))


def judge(m: Machine, late: Late) -> None:
    """A height later: remember who failed, forget it of who did all we waited for."""
    if late.certificate.view or late.paths.star or late.certificate.epoch != m.validators.epoch:
        return
    failed = {gateway for gateway, _ in late.gone_round - late.carried}
    for gateway in failed:
        m.shunned[gateway] = late.certificate.height
    for gateway in {g for g, _ in late.carried} - failed:
        m.shunned.pop(gateway, None)


def to_demote(m: Machine) -> int:
    """The gateway to name in a block of ours, -1 for none: the one that failed last."""
    since = m.parent.height - DEMOTED_BLOCKS
    known = {g: at for g, at in m.shunned.items() if at > since and g in m.paths(0).gateways}
    return max((g for g in known if g != m.me), key=lambda g: known[g], default=-1)
