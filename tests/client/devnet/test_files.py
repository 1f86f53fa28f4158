"""What a devnet's files say: a charter every size of federation can work under."""

import pytest

from bystack.client.devnet.files import threshold, weights


@pytest.mark.parametrize("members", range(3, 17))
def test_no_member_signs_or_stops_alone(members: int) -> None:
    shares = weights(members)
    needed = threshold(shares)
    assert max(shares) < needed <= sum(shares) - max(shares)
    assert 2 * needed > sum(shares)


def test_the_usual_federation_needs_five_of_seven() -> None:
    assert (weights(5), threshold(weights(5))) == ([2, 2, 1, 1, 1], 5)
