"""New tips: who is told in which form, and compact blocks between machines, true and false."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from bystack.ledger.transactions import Transaction
from bystack.mainchain.blocks import Block
from bystack.mainchain.events import (
    Action,
    Joined,
    KeepBlock,
    Made,
    Match,
    Matched,
    Penalise,
    Received,
    Send,
    ServeCompact,
    ServeTransactions,
    Switched,
    Tick,
)
from bystack.mainchain.messages import (
    Announce,
    BlockMessage,
    BlockTransactions,
    CompactBlock,
    GetBlocks,
    GetBlockTransactions,
    GetCompact,
    MainMessage,
    Missing,
    WantCompact,
)
from bystack.mainchain.sync import news
from bystack.mainchain.sync.compact import Filling, compact
from bystack.mainchain.sync.machine import Sync
from bystack.mainchain.sync.news import FEW, PATIENCE, WANTERS
from bystack.mainchain.tree import HeaderTree
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, LATE, Chain, remine
from tests.mainchain.network import Network
from tests.mainchain.test_transition import recommitted

A, B, C = b"A", b"B", b"C"
SALT = b"\x05" * 8


def payments(chain: Chain, count: int) -> tuple[Transaction, ...]:
    """Payments that differ, for blocks that are never connected."""
    one = chain.pay(ALICE, BOB, 500)
    return tuple(
        Transaction(msgspec.structs.replace(one.body, memo=bytes([at])), one.witnesses)
        for at in range(count)
    )


class Hearing:
    """A machine at a tip, a peer, and a block of many transactions that comes next."""

    def __init__(self) -> None:
        chain = Chain()
        chain.grow(4)
        self.txs = payments(chain, 9)
        tip = chain.tip
        empty = chain.mine()
        block = recommitted(empty, empty.transactions[0], *self.txs)
        self.block = Block(remine(block.header, tip), block.transactions)
        tree = HeaderTree([chain.tree.first], EASY)
        tree.add([one.header for one in list(chain.blocks.values())[:4]], None)
        self.sync = Sync(tree, tip.id)
        self.now = LATE
        for peer in (A, B):
            self.sync.handle(Joined(peer), self.now)

    def hear(self, peer: bytes, message: MainMessage) -> list[Action]:
        return self.sync.handle(Received(peer, message), self.now)

    def found(self, *positions: int) -> list[Action]:
        have = {at: self.block.transactions[at] for at in positions}
        return self.sync.handle(Matched(A, self.block.id, have), self.now)

    def announced(self) -> list[Action]:
        return self.hear(A, Announce(self.block.header))[1:]  # after KeepHeaders

    def rest(self, *positions: int) -> BlockTransactions:
        return BlockTransactions(
            self.block.id, tuple(self.block.transactions[p] for p in positions)
        )


def offences(actions: Sequence[Action]) -> list[tuple[int, str]]:
    return [(one.points, one.reason) for one in actions if isinstance(one, Penalise)]


def test_an_announced_block_is_asked_for_in_short_and_filled() -> None:
    world, short = Hearing(), compact(Hearing().block, SALT)
    assert world.announced() == [Send(A, GetCompact(world.block.id))]
    assert world.hear(B, Announce(world.block.header)) == []  # it is on its way
    assert world.hear(A, short) == [Match(A, short)]
    lacking = (2, 5)
    ask = world.found(*(at for at in range(1, 10) if at not in lacking))
    assert ask == [Send(A, GetBlockTransactions(world.block.id, lacking))]
    kept, *_ = world.hear(A, world.rest(*lacking))
    assert kept == KeepBlock(world.block) and world.sync.busy


def test_a_block_all_of_which_waits_here_needs_no_second_question() -> None:
    world = Hearing()
    world.announced()
    world.hear(A, compact(world.block, SALT))
    assert world.found(*range(1, 10))[0] == KeepBlock(world.block)


def test_a_small_block_is_asked_for_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "WORTH", 11)
    world = Hearing()
    assert world.announced() == [Send(A, GetBlocks((world.block.id,)))]


def test_a_collision_costs_nobody_and_the_block_is_fetched_whole() -> None:
    world = Hearing()
    world.announced()
    world.hear(A, compact(world.block, SALT))
    wrong = {at: world.block.transactions[at] for at in range(2, 10)}
    wrong[1] = world.block.transactions[2]
    out = world.sync.handle(Matched(A, world.block.id, wrong), world.now)
    (ask,) = out
    assert isinstance(ask, Send) and ask.message == GetBlocks((world.block.id,))


@pytest.mark.parametrize(
    ("lie", "reason"),
    [("few", "NotTheTransactions"), ("other", "NotTheTransactions"), ("all", "TransactionRoot")],
)
def test_who_lies_about_transactions_is_banned_and_another_asked(lie: str, reason: str) -> None:
    world = Hearing()
    world.announced()
    world.hear(B, Announce(world.block.header))
    txs = world.block.transactions
    told = Block(world.block.header, (txs[0], *reversed(txs[1:]))) if lie == "all" else world.block
    world.hear(A, compact(told, SALT))
    world.found(*(() if lie == "all" else range(1, 8)))
    match lie:
        case "few":
            answer = world.rest(8)
        case "other":
            answer = world.rest(9, 8)
        case _:
            answer = BlockTransactions(world.block.id, told.transactions[1:])
    out = world.hear(A, answer)
    assert offences(out) == [(100, reason)]
    assert out[-1] == Send(B, GetBlocks((world.block.id,)))


def test_a_compact_block_that_counts_wrong_is_a_lie() -> None:
    world = Hearing()
    world.announced()
    short = compact(world.block, SALT)
    wrong = CompactBlock(short.header, SALT, short.coinbase, short.short[1:])
    assert offences(world.hear(A, wrong)) == [(100, "CompactCount")]


def test_without_work_no_compact_block_is_looked_at() -> None:
    world = Hearing()
    world.announced()
    header = msgspec.structs.replace(world.block.header, history_root=bytes(32))
    out = world.hear(A, compact(Block(header, world.block.transactions), SALT))
    assert offences(out) and not any(isinstance(one, Match) for one in out)


def test_who_does_not_come_up_with_the_rest_is_not_waited_for() -> None:
    for asked in (False, True):
        world = Hearing()
        world.announced()
        world.hear(B, Announce(world.block.header))
        if asked:
            world.hear(A, compact(world.block, SALT))
            world.found()
        for _ in range(PATIENCE):
            world.now += 1
            out = world.sync.handle(Tick(), world.now)
        assert [one.message for one in out if isinstance(one, Send)] == [
            GetBlocks((world.block.id,))
        ]
        assert world.hear(A, world.rest(1)) == []  # late, which is no offence
        assert offences(world.hear(B, world.rest(1))) == [(10, "answer to no question")]


def test_who_was_late_once_is_asked_for_whole_blocks_and_favoured_no_more() -> None:
    """It might hold up every block for as long as we wait for a compact one."""
    world = Hearing()
    world.sync._news.thank(A)
    world.hear(A, compact(world.block, SALT))
    world.found(*range(1, 9))
    said: list[Action] = []
    for _ in range(PATIENCE):
        world.now += 1
        said += world.sync.handle(Tick(), world.now)
    assert Send(A, WantCompact(0)) in said
    assert world.sync._news.thank(A) == [] and not world.sync._news.free(A)
    assert world.sync._news.ask(A, world.block.header, world.now) == []
    world.hear(A, BlockMessage((world.block,)))
    world.sync.handle(Switched(), world.now)
    assert world.sync.tip.id == world.block.id


def test_a_compact_block_that_there_is_no_room_for_is_asked_for_whole() -> None:
    """The one before came whole from another: its sender still owes the rest of it."""
    for crowd in (False, True):
        world = Hearing()
        for peer in (A, B):
            world.sync._news.thank(peer)
        others = [bytes([at]) for at in range(news.FILLINGS)] if crowd else [A]
        for other in others:
            filling = Filling(other, compact(world.block, SALT), 0)
            world.sync._news._fillings[other] = filling
        out = world.hear(A, compact(world.block, SALT))[1:]
        assert out == [Send(A, GetBlocks((world.block.id,)))]


def test_a_block_lacking_in_short_is_fetched_whole() -> None:
    world = Hearing()
    world.announced()
    out = world.hear(A, Missing((world.block.id,)))
    assert [one.message for one in out if isinstance(one, Send)] == [GetBlocks((world.block.id,))]


# Telling


def test_peers_are_told_in_the_form_they_want_and_not_what_they_know() -> None:
    world = Hearing()
    world.sync.handle(Joined(C), world.now)
    world.hear(B, WantCompact(1))
    world.announced()
    world.hear(A, compact(world.block, SALT))
    world.found(*range(1, 10))
    out = world.sync.handle(Switched(), world.now)
    assert out == [
        ServeCompact((B,), world.block.id),
        Send(C, Announce(world.block.header)),
        Send(A, WantCompact(1)),
    ]
    world.hear(B, WantCompact(0))
    assert world.sync._news._wanters == {}


def test_few_peers_are_asked_and_few_are_served() -> None:
    net = Network(*(bytes([65 + at]) for at in range(6)))
    for other in list(net.nodes)[1:]:
        net.join(A, other)
    net.run()
    for other in list(net.nodes)[1:]:
        net[other].mine(1, net.now)
        net.run()
    assert len(net.tips()) == 1
    assert len(net[A].sync._news._favourites) == FEW
    for number in range(2 * WANTERS):
        net[A].sync._news.wants(bytes([number]), True)
    assert len(net[A].sync._news._wanters) == WANTERS


def test_blocks_travel_in_short_between_peers_in_sync() -> None:
    net = Network(A, B)
    net.join(A, B)
    net[A].mine(6, net.now)
    net.run()
    heard: list[str] = []
    plain = net[B].handle
    net[B].handle = lambda event, now: (  # type: ignore[method-assign]
        heard.append(type(event.message).__name__) if isinstance(event, Received) else None,
        plain(event, now),
    )[1]
    chain = net[A].chain
    paid = chain.pay(ALICE, BOB, 700, 10)
    net[B].pool = [paid]
    block = Chain()
    for one in chain.blocks.values():
        block.tree.add([one.header], None)
        block.connect(one)
    made = block.mine(paid)

    net[A].handle(Made(made), net.now)
    net.run()
    assert net[B].chain.tip.id == made.id
    assert "CompactBlock" in heard and "BlockMessage" not in heard


# Being asked


def test_recent_blocks_only_are_given_in_part_and_positions_have_an_order() -> None:
    net = Network(A, B)
    net[A].mine(15, net.now)
    sync, ids = net[A].sync, list(net[A].chain.blocks)
    sync.handle(Joined(B), net.now)

    def ask(message: MainMessage) -> list[Action]:
        return sync.handle(Received(B, message), net.now)

    assert ask(GetCompact(ids[-1])) == [ServeCompact((B,), ids[-1])]
    assert ask(GetCompact(ids[0])) == [Send(B, Missing((ids[0],)))]
    assert ask(GetCompact(bytes(32))) == [Send(B, Missing((bytes(32),)))]
    assert ask(GetBlockTransactions(ids[-1], (0,))) == [ServeTransactions(B, ids[-1], (0,))]
    assert ask(GetBlockTransactions(ids[0], (0,))) == [Send(B, Missing((ids[0],)))]
    for wrong in ((1,), (0, 0)):
        out = ask(GetBlockTransactions(ids[-1], wrong))
        assert offences(out) == [(100, "positions out of order or range")]
