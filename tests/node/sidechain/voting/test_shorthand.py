"""Proposals in short on their way: filled from the pool, asked for by place, or sent whole."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from bystack.ledger.transactions import Output, Transaction
from bystack.node.sidechain.executing.application import Application
from bystack.node.sidechain.pooling import Pooling
from bystack.node.sidechain.voting.shorthand import (
    FEW,
    GET,
    GIVE,
    KEPT,
    MOST_FILLED,
    PROPOSAL,
    Shorthand,
)
from bystack.p2p.queues import Class
from bystack.primitives.codec import decode, encode
from bystack.sidechain.blocks import Body
from bystack.sidechain.brevity import GetTransactions, ShortProposal, Transactions, shorten
from bystack.sidechain.consensus.messages import GetProposal, Propose
from bystack.sidechain.messages import KINDS, read_message
from tests.ledger.people import BOB, CAROL
from tests.sidechain.test_brevity import WORLD, proposed

LEADER, VOTER = b"L" * 32, b"V" * 32
HEIGHT = 7
ASSET = WORLD.coins_of(CAROL)[0][1].asset
PAYMENTS = tuple(
    WORLD.transact(CAROL, [Output(ASSET, 1, BOB.lock)], fee=fee) for fee in range(1, FEW + 4)
)


class Side:
    """One node's shorthand, its pool and what it sent."""

    def __init__(self, waiting: Sequence[Transaction] = ()) -> None:
        self.sent: list[tuple[bytes, int, bytes]] = []
        self.fines: list[tuple[bytes, str]] = []
        self.known: dict[bytes, Body] = {}
        pool = SimpleNamespace(transactions=lambda: tuple(waiting))
        application = SimpleNamespace(body_of=self.known.get, know=self.known.__setitem__)
        self.shorthand = Shorthand(
            self,
            cast(Application, application),
            cast(Pooling, SimpleNamespace(pool=pool)),
        )

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        self.sent.append((peer, kind, payload))
        return True

    def penalise(self, peer: bytes, points: int, reason: str) -> None:
        self.fines.append((peer, reason))

    def hear(self, peer: bytes, kind: int, message: Any) -> Propose | None:
        payload = message if isinstance(message, bytes) else encode(message)
        return self.shorthand.hear(peer, kind, payload, HEIGHT)


def leader() -> tuple[Side, Propose, Body]:
    side = Side()
    proposal, body = proposed(*PAYMENTS)
    side.known[proposal.body] = body
    return side, proposal, body


def test_a_voter_that_holds_all_has_the_proposal_at_once() -> None:
    side, proposal, body = leader()
    kind, payload = side.shorthand.write(proposal)
    assert kind == PROPOSAL and len(payload) < len(proposal.body) / 3
    voter = Side(PAYMENTS)
    assert voter.hear(LEADER, kind, payload) == proposal
    assert voter.known == {proposal.body: body} and not voter.sent and not voter.fines


def test_a_proposal_said_again_is_not_put_together_again() -> None:
    side, proposal, _ = leader()
    waiting = list(PAYMENTS)
    voter = Side(waiting)
    kind, payload = side.shorthand.write(proposal)
    assert voter.hear(LEADER, kind, payload) == proposal
    waiting.clear()
    assert voter.hear(LEADER, kind, payload) == proposal and not voter.sent
    other = replace(decode(ShortProposal, payload, 10**6), certificate=b"other")
    assert voter.hear(LEADER, kind, other) is None and len(voter.sent) == 1


def test_a_proposal_said_again_while_what_lacks_is_on_its_way_costs_nobody() -> None:
    side, proposal, _ = leader()
    waiting = list(PAYMENTS[:5])
    voter = Side(waiting)
    kind, payload = side.shorthand.write(proposal)
    assert voter.hear(LEADER, kind, payload) is None
    waiting.append(PAYMENTS[5])
    assert voter.hear(LEADER, kind, payload) is None
    [(_, _, asked)] = voter.sent
    side.hear(VOTER, GET, asked)
    assert voter.hear(LEADER, GIVE, side.sent[0][2]) == proposal and not voter.fines


def test_what_lacks_is_asked_for_and_given_once() -> None:
    side, proposal, _ = leader()
    voter = Side(PAYMENTS[:5])
    assert voter.hear(LEADER, *side.shorthand.write(proposal)) is None
    [(peer, kind, asked)] = voter.sent
    assert (peer, kind) == (LEADER, GET)
    assert decode(GetTransactions, asked, 1_000).places == tuple(range(5, len(PAYMENTS)))
    for _ in range(2):
        side.hear(VOTER, GET, asked)
    [(peer, kind, given)] = side.sent
    assert (peer, kind) == (VOTER, GIVE)
    assert voter.hear(LEADER, GIVE, given) == proposal
    assert voter.hear(LEADER, GIVE, given) is None and not voter.fines


def test_who_asks_for_a_proposal_gets_it_whole_once() -> None:
    side, proposal, _ = leader()
    side.shorthand.asked(VOTER)
    assert side.shorthand.write(proposal, VOTER)[0] == KINDS[Propose]
    assert side.shorthand.write(proposal, VOTER)[0] == PROPOSAL


@pytest.mark.parametrize("count", [0, FEW - 1])
def test_few_transactions_travel_whole(count: int) -> None:
    side, proposal, body = *leader()[:1], *proposed(*PAYMENTS[:count])
    side.known[proposal.body] = body
    assert side.shorthand.write(proposal)[0] == KINDS[Propose]


def test_a_body_nobody_here_read_travels_whole() -> None:
    assert Side().shorthand.write(proposed(*PAYMENTS)[0])[0] == KINDS[Propose]


def test_what_does_not_make_the_block_named_is_asked_for_whole() -> None:
    _, proposal, body = leader()
    header = replace(proposal.header, transaction_root=b"\x01" * 32)
    short = shorten(replace(proposal, header=header), body)
    voter = Side(PAYMENTS)
    assert voter.hear(LEADER, PROPOSAL, short) is None
    [(_, kind, asked)] = voter.sent
    assert read_message(kind, asked) == GetProposal(HEIGHT, proposal.view) and not voter.fines


@pytest.mark.parametrize("height", [HEIGHT - 1, HEIGHT + 2])
def test_other_heights_are_not_looked_at(height: int) -> None:
    _, proposal, body = leader()
    far = shorten(replace(proposal, header=replace(proposal.header, height=height)), body)
    voter = Side()
    assert voter.hear(LEADER, PROPOSAL, far) is None and not voter.sent


def test_new_blocks_without_end_are_not_all_looked_for_in_the_pool() -> None:
    """A validator may name as many blocks as it likes; each look through the pool is our time."""
    _, proposal, body = leader()
    voter = Side(PAYMENTS[:-1])
    looks = 0

    def waiting() -> list[Transaction]:
        nonlocal looks
        looks += 1
        return list(PAYMENTS[:-1])

    voter.shorthand._pooling.pool.transactions = waiting  # type: ignore[method-assign]
    for time in range(3 * MOST_FILLED):
        header = replace(proposal.header, time=time + 1)
        voter.hear(LEADER, PROPOSAL, shorten(replace(proposal, header=header), body))
    assert looks == MOST_FILLED
    kinds = [kind for _, kind, _ in voter.sent]
    assert kinds == [GET] * MOST_FILLED + [KINDS[GetProposal]] * (2 * MOST_FILLED)
    # Another validator's are, and its own of the next height, where no draft of this one is kept.
    short = shorten(proposal, body)
    voter.hear(VOTER, PROPOSAL, short)
    assert looks == MOST_FILLED + 1 and len(voter.shorthand._drafts) == 2
    later = replace(short, header=replace(proposal.header, height=HEIGHT + 1))
    voter.shorthand.hear(LEADER, PROPOSAL, encode(later), HEIGHT + 1)
    assert looks == MOST_FILLED + 2 and set(voter.shorthand._drafts) == {LEADER}


def test_nonsense_costs_its_sender() -> None:
    _, proposal, body = leader()
    voter = Side(PAYMENTS)
    short = shorten(proposal, body)
    voter.hear(LEADER, PROPOSAL, replace(short, ids=short.ids[8:]))
    voter.hear(LEADER, PROPOSAL, b"\xc0")
    wanting = Side()
    wanting.hear(LEADER, PROPOSAL, short)
    wanting.hear(LEADER, GIVE, Transactions(proposal.header.id, PAYMENTS[:2]))
    assert [reason for _, reason in voter.fines] == ["ShortIdCount", "Malformed"]
    assert [reason for _, reason in wanting.fines] == ["MissingCount"]
    assert wanting.hear(LEADER, GIVE, Transactions(proposal.header.id, PAYMENTS)) is None


def test_what_is_kept_for_others_is_bounded() -> None:
    side, proposal, body = leader()
    for view in range(3 * KEPT):
        header = replace(proposal.header, time=view + 1)
        side.shorthand.write(replace(proposal, header=header))
        side.hear(VOTER, GET, GetTransactions(header.id, (0,)))
    assert len(side.shorthand._bodies) == KEPT and len(side.shorthand._given) <= KEPT
    side.sent.clear()
    side.hear(VOTER, GET, GetTransactions(b"?" * 32, (0,)))
    side.hear(LEADER, GET, GetTransactions(header.id, (60_000,)))
    assert not side.sent
    assert isinstance(shorten(proposal, body), ShortProposal)
