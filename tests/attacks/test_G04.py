"""G04: a gateway withholds, so that its group lags behind or the view is lost.

Rules: F1 to F4. Invariant: blocks of honest leaders are final in view 0 on every honest node, and
the gateway is named in a header within a few blocks and carries nothing for a hundred.
"""

from __future__ import annotations

import pytest

from tests.simulation.test_gateways import demoted, traitor_of, with_bad_gateway


@pytest.mark.parametrize(("size", "wanted"), [(7, 3), (10, 3), (10, 5)])
def test_a_withholding_gateway_costs_no_view_and_is_named(size: int, wanted: int) -> None:
    world = with_bad_gateway("gateway_withholds", size, wanted, heights=24)
    world.run()
    traitor = traitor_of(world)
    for node in world.honest:
        honest = [b for b in node.blocks if b.header.proposer != traitor]
        assert honest and {b.certificate.view for b in honest} == {0}
    assert demoted(world)[-1] == {traitor}
