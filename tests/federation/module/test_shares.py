"""Peg fees shared by weight and work: counted by what the chain sees, exact to the last unit."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.federation.module.decisions import EXECUTED, Halt, Refund, SetRegion, SetRules
from bystack.federation.module.records import DEFAULT_RULES
from bystack.federation.module.shares import (
    NOTHING,
    Done,
    count_pegs,
    divide,
    done_of,
    points_of,
    share,
)
from bystack.federation.statements import AssetTerms, Statement
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import PolicyLock
from bystack.sidechain.modules.base import BlockContext, PrefixedState
from bystack.sidechain.peg_events import AnchorProved, HeadersRelayed
from bystack.sidechain.state import SystemState
from bystack.sidechain.sums import spare_fees
from tests.federation.module.parliament import SHORT, Parliament, identity, newcomer

RECIPIENTS = [newcomer(n).seat.recipient for n in range(5)]
amounts = st.integers(min_value=0, max_value=2**63 - 1)
weights = st.lists(st.integers(min_value=0, max_value=2**40), min_size=1, max_size=64)


def house() -> Parliament:
    made = Parliament(consensus=SHORT)
    made.world.relay(12)
    made.world.pegged(5_000)
    return made


def writable(here: Parliament) -> PrefixedState:
    return PrefixedState(SystemState(here.world.side.state), "federation")


def block(here: Parliament, **fields: object) -> BlockContext:
    usual: dict[str, object] = {"chain": here.world.genesis.id, "height": 9, "time": 9}
    return BlockContext(**{**usual, "relay_height": 9, **fields})  # type: ignore[arg-type]


def earned(here: Parliament) -> list[int]:
    """What each member's recipient holds."""
    coins = here.world.side.coins.values()
    return [sum(c.amount for c in coins if c.lock == PolicyLock(root)) for root in RECIPIENTS]


def statement(here: Parliament) -> Statement:
    row = AssetTerms(BTM, 9, 9, 0, 0, 0, 0, 0)
    header = here.world.side.header
    return Statement(
        header.chain, header.height, header.id, here.height, 3, b"\x01" * 32, 1, bytes(32), (row,)
    )  # fmt: skip


def carry(here: Parliament, count: int, memo: bytes) -> None:
    """Headers are mined and relayed by somebody who names a recipient."""
    for _ in range(count):
        here.world.main.mine()
    relayed = here.world.relay_tx()
    assert relayed is not None
    body = msgspec.structs.replace(relayed.body, memo=memo)
    here.world.block(msgspec.structs.replace(relayed, body=body))


def test_who_relays_proposes_votes_and_states_is_counted() -> None:
    here = Parliament(consensus=SHORT)
    carry(here, 5, RECIPIENTS[0])
    carry(here, 4, b"\x55" * 32)
    here.world.relay(3)
    done = [done_of(here.state, identity(n)) for n in range(5)]
    assert done == [Done(0, 5, 0, 0, 0), *[NOTHING] * 4], "headers that name nobody are nobody's"
    proposal = here.propose(SetRegion(b"here"), by=4)
    here.vote(proposal, (2,), yes=0)
    assert done_of(here.state, identity(4)) == NOTHING, "nothing is settled yet"
    assert here.vote(proposal, (0, 1)).state == EXECUTED
    done = [done_of(here.state, identity(n)) for n in range(5)]
    assert [one.votes for one in done] == [1, 1, 1, 0, 1]
    assert [one.proposals for one in done] == [0, 0, 0, 0, 1]
    here.world.block(here.action(statement(here), (3,)))
    assert done_of(here.state, identity(3)) == Done(1, 0, 0, 0, 0)


def test_headers_that_left_and_sponsors_of_unknown_orders_count_nothing() -> None:
    here = Parliament()
    state, root = writable(here), RECIPIENTS[2]
    fewer = HeadersRelayed(b"", 9, 2, 3, root)  # of more work: they were harder to find
    pegs = (HeadersRelayed(b"", 9, 3, 3, root), AnchorProved(1, "order", False, root))
    count_pegs(state, block(here, pegs=(*pegs, fewer)))
    assert done_of(state, identity(2)) == NOTHING
    pegs = (HeadersRelayed(b"", 9, 4, 3, root), AnchorProved(1, "order", True, root))
    count_pegs(state, block(here, pegs=pegs))
    assert done_of(state, identity(2)) == Done(0, 1, 1, 0, 0)


def test_a_sponsor_is_counted_when_its_order_is_proved() -> None:
    here = house()
    here.world.burn(300)
    before = done_of(here.state, identity(1))
    here.world.pay(0, memo=RECIPIENTS[1])
    after = done_of(here.state, identity(1))
    assert after.settlements == before.settlements + 1


def test_an_epochs_end_pays_by_weight_and_points_what_nothing_waits_for() -> None:
    here = house()
    here.world.burn(1_000)
    here.world.pay(0)
    here.turn()
    spare = spare_fees(SystemState(here.world.side.state), BTM)
    assert spare > 0 and earned(here) == [0] * 5, "nobody has worked yet"
    here.enact(SetRegion(b"here"), (0, 1, 2))
    carry(here, 7, RECIPIENTS[0])
    carry(here, 7, RECIPIENTS[1])
    carry(here, 2, RECIPIENTS[1])
    weighed = [
        weight * points_of(done_of(here.state, identity(n)), DEFAULT_RULES.work)
        for n, weight in enumerate((2, 2, 1, 1, 1))
    ]
    assert weighed[3:] == [0, 0] and weighed[0] > weighed[1] > weighed[2] > 0
    before, supply = here.world.sums(), here.world.supply(BTM)
    here.turn()
    paid = earned(here)
    assert sum(paid) == spare and paid[3:] == [0, 0]
    assert all(
        abs(p * sum(weighed) - spare * w) < sum(weighed) for p, w in zip(paid, weighed, strict=True)
    )
    after = here.world.sums()
    assert (after.pool, after.circulating) == (before.pool - spare, before.circulating + spare)
    assert here.world.supply(BTM) == supply + spare
    assert done_of(here.state, identity(0)) == NOTHING
    rows = here.ask("getfeereport")["members"]
    assert [[one["last"] for one in row["paid"]] for row in rows[:3]] == [[n] for n in paid[:3]]
    here.turn()
    rows = here.ask("getfeereport")["members"]
    assert rows[0]["paid"] == [{"asset": BTM.hex(), "last": 0, "total": paid[0]}]
    assert earned(here) == paid, "who does nothing is paid nothing"


def test_what_waits_for_a_refund_is_not_shared() -> None:
    """The pause keeps the batch from being formed, so the burn's fees may still go back."""
    here = house()

    here.enact(Halt(4, 1_000, b""))
    id = here.world.burn(1_000)
    pool = here.world.sums().pool
    here.turn()
    held = here.world.sums().pool
    assert 0 < held < pool
    here.enact(Refund((id,)))
    assert here.world.sums().pool == held - (1_000 - here.world.request(id).payout)
    assert here.world.sums().owed == 0


def test_shares_are_due_every_so_many_epochs() -> None:
    here = house()
    here.enact(SetRules(msgspec.structs.replace(DEFAULT_RULES, share=2)))
    paid = []
    for _ in range(5):
        here.world.pegged(1_000)
        here.enact(SetRegion(b"here"))
        epoch, before = here.world.side.header.epoch, sum(earned(here))
        while here.world.side.header.epoch == epoch:
            here.world.idle()
            if sum(earned(here)) > before:
                paid.append(epoch)
                break
    assert len(paid) > 1 and all((epoch + 1) % 2 == 0 for epoch in paid)
    assert share(writable(here), block(here, turns=False)) == ()


@given(amounts, st.integers(min_value=1, max_value=10**9), weights)
def test_shares_are_whole_units_and_never_more_than_there_is(
    spare: int, unit: int, scores: list[int]
) -> None:
    divided = [one.get(BTM, 0) for one in divide({BTM: spare}, {BTM: unit}, scores)]
    whole = spare - spare % unit
    assert sum(divided) == (whole if any(scores) else 0)
    total = sum(scores)
    for got, score in zip(divided, scores, strict=True):
        assert got % unit == 0 and got >= 0
        assert abs(got * total - whole * score) < unit * max(1, total)
        assert score or not got


@pytest.mark.parametrize("count", [5, 64])
def test_who_works_alike_is_paid_alike_but_for_a_unit(count: int) -> None:
    divided = [one.get(BTM, 0) for one in divide({BTM: 1_003}, {}, [7] * count)]
    assert max(divided) - min(divided) <= 1 and sum(divided) == 1_003
    assert divided == sorted(divided, reverse=True), "the first in seat order get the rest"
