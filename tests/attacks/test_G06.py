"""G06: a gateway leaves a member's COMMITs out, so that it loses its reward and is jailed.

Rule: who finds itself left out of the certificates that blocks name says COMMIT to the leaders too;
the leader's fullest certificate goes to the next leader. Invariant: nearly every block names it.
"""

from __future__ import annotations

import pytest

from tests.simulation.test_gateways import blocks_naming, traitor_of, with_bad_gateway


@pytest.mark.parametrize("behaviour", ["gateway_starves", "bad_sum"])
def test_members_of_a_starving_gateway_are_named(behaviour: str) -> None:
    world = with_bad_gateway(behaviour, 10, 3, heights=40)
    world.run()
    honest = {n.index for n in world.honest}
    later = blocks_naming(world, since=12)
    assert traitor_of(world) < 3
    assert all(sum(i in who for who in later) >= 0.75 * len(later) for i in honest)
