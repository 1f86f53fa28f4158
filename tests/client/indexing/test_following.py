"""Wherever the chain goes and whatever is killed: the tables are those of the chain's own coins."""

from __future__ import annotations

import random

import psycopg
import pytest

from bystack.client.indexing.columns import Place
from bystack.client.indexing.following import FinalChanged, Step
from bystack.client.indexing.postgres import Database
from bystack.client.indexing.reaching import DatabaseRefused
from bystack.client.indexing.source import AT_ONCE, MOST
from bystack.client.rpc import NodeDown
from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, Output, TransactionBody
from tests.client.indexing.nodes import (
    MainNode,
    SideNode,
    contents,
    held,
    indexed,
    indexer,
    unspent,
)
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, MOVING, Chain
from tests.sidechain.histories import History


class Killed(BaseException):
    """The process is gone."""


class Mortal(Database):
    """Dies inside a transaction, after `left` more statements."""

    left = -1
    died = 0

    def _do(self, statement, values=None):  # type: ignore[no-untyped-def]
        if self.left == 0 and self._connection is not None:
            inside = self._connection.info.transaction_status.name
            if inside == "INTRANS":
                Mortal.died += 1
                Mortal.left = -1
                self._connection.close()
                raise Killed
        Mortal.left -= self.left > 0
        return super()._do(statement, values)


def test_any_history_ends_in_the_tables_of_a_fresh_index(address: str) -> None:
    """Extensions, reorganisations, deaths inside transactions: both chains, in random order."""
    Mortal.died = 0
    undone = 0
    dice = random.Random(7)
    for seed in (2, 3):
        history = History(seed, deep=True)
        main, side = MainNode(history.world.main.line), SideNode(history.world)
        names = {"main": f"main{seed}", "trade": f"trade{seed}"}
        nodes = {"main": main, "trade": side}
        made = {n: indexer(nodes[n], address, n, names[n], Mortal) for n in names}
        for one, _, _ in made.values():
            one.begin(1)
        for _ in range(16):
            history.run(5)
            history.world.block()
            main.line = history.world.main.line
            for name, (one, *_) in made.items():
                Mortal.left = dice.randrange(1, 25) if dice.random() < 0.5 else -1
                try:
                    if dice.random() < 0.7:
                        one.catch_up()
                    else:
                        one.step()
                except Killed:
                    undone += len(made[name][2])
                    made[name] = indexer(nodes[name], address, name, names[name], Mortal)
                    made[name][0].begin(1)
                Mortal.left = -1
        for name, (one, tables, told) in made.items():
            one.catch_up()
            tables.close()
            undone += len(told)
            indexed(nodes[name], address, name, f"fresh{name}{seed}")
            kind = one.identity.kind
            assert contents(address, names[name], kind) == contents(
                address, f"fresh{name}{seed}", kind
            )
        assert unspent(address, names["main"]) == held(history.world.main.coins)
        assert unspent(address, names["trade"]) == held(history.world.side.coins)
    assert Mortal.died > 5 and undone > 5


def forked(below: int, more: int, blocks: int = 20) -> tuple[MainNode, MainNode]:
    """Two chains that part after block `below`; the second is longer by `more`."""
    one = Chain(EASY)
    one.grow(below)
    other = Chain(EASY)
    for block in one.blocks.values():
        other.tree.add([block.header], None)
        other.connect(block)
    one.grow(blocks - below)
    other.mine(extra=b"other")
    other.grow(blocks - below + more - 1)
    return MainNode(list(one.blocks.values())), MainNode(list(other.blocks.values()))


@pytest.mark.parametrize(("below", "more"), [(0, 1), (19, 0), (7, -2)])
def test_a_reorganisation_of_any_depth_is_undone(address: str, below: int, more: int) -> None:
    """Also one of more blocks than are compared at once, and one to a shorter chain."""
    node, other = forked(below, more, blocks=20 if below else 230)
    assert below or len(node.line) > 2 * 100
    one, _, told = indexer(node, address)
    one.run(1, once=True)
    one.begin(1)
    node.line, node.known = other.line, {}
    assert one.catch_up() is Step.AT_TIP
    lost = (20 if below else 230) - below
    assert told == [f"reorganisation: {lost} blocks above {below} taken back"]
    indexed(other, address, schema="fresh")
    assert contents(address, "main", "main") == contents(address, "fresh", "main")


def test_a_node_that_is_behind_takes_nothing_back(address: str) -> None:
    node, other = forked(5, 3)
    one, tables, _ = indexer(node, address)
    one.begin(1)
    one.catch_up()
    every = node.line
    for kept in (12, 1):
        node.line = every[:kept]
        assert one.step() is Step.BEHIND and tables.place.height == 20
    node.line = other.line[:6]  # it follows another branch
    node.known = {}
    assert one.step() is Step.UNDONE and tables.place == Place(5, every[4].id.hex())
    assert one.step() is Step.EXTENDED and one.step() is Step.AT_TIP


def test_what_changes_while_it_is_read_is_read_again(address: str) -> None:
    """The node reorganises between the ids of blocks and the blocks: nothing half is written."""
    node, other = forked(0, 5, blocks=AT_ONCE)
    ids = node.getblockhash
    node.getblock(node.line[0].id.hex(), 0)  # it keeps blocks that leave its chain

    def changing(height: int) -> str:
        if height > 5:
            node.line = other.line
        return ids(height)

    node.getblockhash = changing  # type: ignore[method-assign]
    one, tables, _ = indexer(node, address)
    one.begin(1)
    assert one.step() is Step.AGAIN and tables.place.height == 0
    assert one.catch_up() is Step.AT_TIP and tables.place.height == len(other.line)


def test_a_sidechains_final_block_never_changes(address: str) -> None:
    one, other = History(0, deep=False).world, History(0, deep=False).world
    one.idle(1)
    other.relay(1)
    other.idle(2)
    assert one.side.header.id not in {built.header.id for built in other.side.blocks}
    indexed(SideNode(one), address, "trade")
    before = contents(address, "trade", "sidechain")
    with pytest.raises(FinalChanged, match="was final and is another one now"):
        indexed(SideNode(other), address, "trade")
    assert contents(address, "trade", "sidechain") == before


def test_another_network_at_the_same_home_is_refused(address: str) -> None:
    node, _ = forked(5, 0)
    one, _, _ = indexer(node, address)
    one.begin(1)
    one.step()
    node.params = MOVING
    with pytest.raises(DatabaseRefused, match="another chain now"):
        one.run(1, once=True)


class Flaky:
    """Stands for a node or a database that goes away at chosen moments."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error = times, error

    def __call__(self) -> None:
        if self.times:
            self.times -= 1
            raise self.error


def test_who_goes_away_is_asked_again_less_and_less_often(address: str) -> None:
    node, _ = forked(5, 0)
    one, tables, told = indexer(node, address)
    pauses: list[float] = []
    flaky, standing = Flaky(8, NodeDown("no node runs")), one._source.standing
    one._source.standing = lambda: (flaky(), standing())[1]  # type: ignore[method-assign]
    with pytest.raises(NodeDown):
        one.run(1, once=True, wait=pauses.append)
    assert pauses == [1, 2, 4, 8, 16, 30]
    assert told[-1] == "no node runs; asked again in 30 s"
    assert one.run(1, once=True, wait=pauses.append) is Step.AT_TIP, "it came back"
    assert tables.place.height == 20


def test_a_database_that_went_away_is_opened_again(address: str) -> None:
    node, _ = forked(5, 0)
    every, node.line = node.line, node.line[:10]
    one, tables, told = indexer(node, address)
    one.run(1, once=True)
    one.begin(1)
    node.line = every

    def cut() -> None:
        with psycopg.connect(address) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'bystack index' AND datname = current_database()"
            )

    begin, cuts = one.begin, [cut]
    one.begin = lambda first: (begin(first), cuts.pop()() if cuts else None)[0]  # type: ignore[method-assign]
    assert one.run(1, once=True, wait=lambda pause: None) is Step.AT_TIP
    assert len(told) == 1 and "the database says" in told[0] and tables.place.height == 20


def test_many_blocks_are_written_in_few_transactions(address: str) -> None:
    grown = Chain(EASY)
    grown.grow(MOST + 10)
    node = MainNode(list(grown.blocks.values()))
    one, tables, _ = indexer(node, address)
    one.begin(1)
    assert one.step() is Step.EXTENDED and tables.place.height == MOST
    assert one.step() is Step.EXTENDED and one.step() is Step.AT_TIP


def test_a_coin_spent_in_the_block_that_made_it_is_spent(address: str) -> None:
    chain = Chain(EASY)
    chain.grow(4)
    first = chain.pay(ALICE, BOB, 5)
    place = Outpoint(first.id, 0)
    body = TransactionBody(1, (place,), (Output(BTM, 5, ALICE.lock),), (), 0, 0, b"")
    coin = Coin(BTM, 5, BOB.lock, 5, 0, 1, b"")
    chain.mine(first, chain.sign(body, BOB, more={place: coin}))
    indexed(MainNode(list(chain.blocks.values())), address)
    assert unspent(address, "main") == held(chain.coins)
