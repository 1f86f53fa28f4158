"""Wherever the chain goes and whatever is killed: the tables are those of the chain's own coins."""

from __future__ import annotations

import random

from bystack.client.indexing.postgres import Database
from tests.client.indexing.nodes import (
    MainNode,
    SideNode,
    contents,
    held,
    indexed,
    indexer,
    unspent,
)
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
