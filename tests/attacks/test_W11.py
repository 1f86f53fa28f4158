"""W11 bad partial signature: identify the culprit by index, go on without it, never loop.

The invariant (I6): any threshold of honest weight signs, whatever the others send and when.
"""

from itertools import combinations

import pytest

from bystack.federation.signing import Blamed, Combined, PartialExcluded
from tests.federation.test_signing import bad, partials, run


@pytest.mark.parametrize("wrong", [*combinations(range(1, 8), 1), *combinations(range(1, 8), 2)])
def test_the_honest_weight_signs_and_the_culprits_are_named(wrong: tuple[int, ...]) -> None:
    order = [bad(index) for index in wrong]
    order += [partials()[index] for index in range(1, 8) if index not in wrong]
    combination, outputs = run(order)
    assert {o.index for o in outputs if isinstance(o, Blamed)} == set(combination.blamed)
    assert set(combination.blamed) <= set(wrong)
    assert [o for o in outputs if isinstance(o, Combined)] == [Combined(combination.signature)]
    for index in combination.blamed:
        with pytest.raises(PartialExcluded):
            combination.add(partials()[index])


def test_too_many_culprits_end_without_a_signature_and_without_a_loop() -> None:
    combination, outputs = run([bad(i) if i <= 3 else partials()[i] for i in range(1, 8)])
    assert combination.blamed == (1, 2, 3) == tuple(sorted(o.index for o in outputs))
    assert combination.signature is None and combination.indices == (4, 5, 6, 7)
