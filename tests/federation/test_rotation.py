"""How much of a federation may change at once, and when departed members could sign."""

import pytest

from bystack.federation.members import Seat, seat
from bystack.federation.rotation import (
    ChangeTooLarge,
    TooManyDeparted,
    check_departed,
    check_shift,
    departed,
    shifted,
)

from .stage import dice


def of(weights: dict[int, int], threshold: int):
    seats = [
        Seat(b"m%d" % n, dice("id", n), dice("node", n), weight, bytes(32))
        for n, weight in weights.items()
    ]
    return seat(threshold, seats)


SUPERS = of({0: 2, 1: 2, 2: 1, 3: 1, 4: 1}, 5)

SHIFTS = [
    ({0: 2, 1: 2, 2: 1, 3: 1, 4: 1}, 0),
    ({0: 2, 1: 2, 2: 1, 3: 1}, 1),
    ({0: 2, 1: 2, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1}, 2),
    ({5: 2, 1: 2, 2: 1, 3: 1, 4: 1}, 2),  # a super replaced: two lost and two gained
    ({0: 1, 1: 2, 2: 2, 3: 1, 4: 1}, 1),
    ({1: 2, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1}, 3),
    ({1: 2, 2: 1, 3: 1, 4: 1}, 2),
    ({1: 1, 2: 1, 3: 1, 4: 1}, 3),
]


@pytest.mark.parametrize(("weights", "weight"), SHIFTS)
def test_at_most_a_third_of_the_weight_changes(weights, weight):
    threshold = sum(weights.values()) // 2 + 1
    new = of(weights, threshold)
    assert shifted(SUPERS, new) == weight
    if 3 * weight <= SUPERS.total:
        check_shift(SUPERS, new)
    else:
        with pytest.raises(ChangeTooLarge):
            check_shift(SUPERS, new)


def test_exactly_a_third_may_change():
    four = of({0: 1, 1: 1, 2: 1}, 2)
    check_shift(four, of({0: 1, 1: 1, 5: 1}, 2))
    with pytest.raises(ChangeTooLarge):
        check_shift(four, of({0: 1, 5: 1, 6: 1}, 2))


def test_departed_members_count_with_what_they_held_in_every_epoch():
    """5 of 7 tolerates 2 faults: 2 departed are bearable, 3 with the faults could sign."""
    without_super = of({1: 2, 2: 1, 3: 1, 4: 1, 5: 2}, 5)
    assert departed(SUPERS, without_super) == 2
    check_departed([SUPERS], without_super)
    third = of({1: 2, 2: 1, 3: 1, 5: 2, 6: 1}, 5)
    check_departed([without_super], third)  # of that epoch alone it would be fine
    with pytest.raises(TooManyDeparted) as caught:
        check_departed([SUPERS, without_super], third)
    assert caught.value.facts == {"departed": 3, "faults": 2, "threshold": 5}


def test_who_returns_counts_no_more():
    third = of({1: 2, 2: 1, 3: 1, 4: 1, 0: 2}, 5)
    check_departed([SUPERS, of({1: 2, 2: 1, 3: 1, 4: 1, 5: 2}, 5)], third)
