"""P02 poisoned node: a member's own node serves a private chain of less work with the deposit.

Whoever shows headers, the most work decides: the signer and the relay keep to the honest chain, and
a node that follows another one is no witness of it.
"""

from __future__ import annotations

import pytest

from bystack.federation.upstreams import OWN, Upstreams
from bystack.mainchain.blocks import Header
from bystack.sidechain.relay import RelayNotBetter
from tests.federation.peg import LATE, Peg

HONEST = "aa@honest:1"
NOW = 1_000_000


def branches() -> tuple[Peg, list[Header], list[Header]]:
    """The honest headers above the checkpoint, and a poisoned branch that is one shorter."""
    peg = Peg()
    at = peg.watch.tip.header.height
    peg.main.grow(6)
    poisoned = [one.header for one in peg.main.entries[at + 1 :]]
    peg.main.reorganise(6, keep=False)
    return peg, [one.header for one in peg.main.entries[at + 1 :]], poisoned


@pytest.mark.parametrize("poisoned_first", [True, False])
def test_p02_work_decides_and_never_a_single_source(poisoned_first: bool) -> None:
    peg, honest, poisoned = branches()
    if poisoned_first:
        peg.watch.headers(poisoned, LATE)
        peg.watch.headers(honest, LATE)
    else:
        peg.watch.headers(honest, LATE)
        with pytest.raises(RelayNotBetter):
            peg.watch.headers(poisoned, LATE)
    assert peg.watch.tip.id == honest[-1].id


def test_p02_the_poisoned_node_is_no_witness() -> None:
    peg, honest, poisoned = branches()
    peg.watch.headers(honest, LATE)
    upstreams = Upstreams(2, frozenset({HONEST}))
    view, depth = peg.watch.view, peg.genesis.depth
    upstreams.hear(HONEST, view, [one.id for one in honest], NOW)
    upstreams.hear(OWN, view, [one.id for one in poisoned], NOW)
    assert upstreams.agreeing(view, depth, NOW) == (HONEST,)
    assert "1 of 2" in upstreams.lack(view, depth, NOW)
