"""W10 member offline: weight n−t offline goes on; n−t+1 stalls with the queue intact, no partial
payout, and resumes when one comes back.

Five members' bridges, as their processes hold them, and what they say on every tick.
"""

from itertools import combinations

import pytest

from bystack.federation.bridge import Bridge
from bystack.federation.signing import sign_partial
from bystack.primitives import bls
from tests.federation.test_signing import key

ORDERS = (b"order 0", b"order 1", b"touch 2")
WEIGHTS = (2, 2, 1, 1, 1)
SEATS = range(5)


class Members:
    """The bridges of five members, 5 of 7; each signs every order when it is up."""

    def __init__(self) -> None:
        certificate, self.shares = key()
        self.roster = certificate.session.roster
        assert (self.roster.threshold, self.roster.total) == (5, 7)
        self.bridges = [Bridge(certificate) for _ in SEATS]

    def sign(self, seat: int, order: bytes) -> None:
        shares = [self.shares[index] for index in self.roster.members[seat].indices]
        self.bridges[seat].signed(order, sign_partial(shares, order))

    def tick(self, online: set[int]) -> None:
        """Everyone online signs what it has not signed and says its partials to the others."""
        for seat in online:
            for order in ORDERS:
                if not self.bridges[seat].knows(order):
                    self.sign(seat, order)
        for seat in online:
            for partials in self.bridges[seat].again():
                for other in online - {seat}:
                    self.bridges[other].received(seat, partials)

    def signatures(self, order: bytes) -> set[bytes | None]:
        return {bridge.signature(order) for bridge in self.bridges}


def weight(seats: tuple[int, ...]) -> int:
    return sum(WEIGHTS[seat] for seat in seats)


ABSENT = [seats for size in range(5) for seats in combinations(SEATS, size)]


@pytest.mark.parametrize("absent", [seats for seats in ABSENT if weight(seats) <= 2])
def test_w10_up_to_n_minus_t_offline_it_goes_on(absent: tuple[int, ...]) -> None:
    members, online = Members(), set(SEATS) - set(absent)
    members.tick(online)
    for order in ORDERS:
        made = {members.bridges[seat].signature(order) for seat in online}
        assert len(made) == 1 and None not in made, "all who are up hold the same signature"
        assert bls.verify(key()[0].key, order, made.pop() or b"")


@pytest.mark.parametrize("absent", [seats for seats in ABSENT if weight(seats) == 3])
def test_w10_one_more_stalls_and_it_resumes(absent: tuple[int, ...]) -> None:
    members, online = Members(), set(SEATS) - set(absent)
    for _ in range(3):
        members.tick(online)
    for order in ORDERS:
        assert members.signatures(order) == {None}, "no signature, so no payout at all"
        for seat in online:
            # The queue is intact: what is signed is kept, and said again on every tick.
            assert len(members.bridges[seat].present(order)) == 4
            assert members.bridges[seat].knows(order)
    back = min(absent, key=lambda seat: WEIGHTS[seat])
    members.tick(online | {back})
    for order in ORDERS:
        made = {members.bridges[seat].signature(order) for seat in online | {back}}
        assert len(made) == 1 and None not in made
