"""What a vault is watched by is all a relayer needs: of each block, the matching transactions."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output
from bystack.mainchain.blocks import Block
from bystack.mainchain.filters import filter_of, followed_by, keys_of, open_filter
from bystack.sidechain.holdings import Holdings
from bystack.sidechain.relayer import Relayer
from tests.ledger.people import CAROL
from tests.sidechain.histories import History
from tests.sidechain.mainside import SLOW
from tests.sidechain.test_relayer import Follower
from tests.sidechain.world import World, funded


class Narrow(Follower):
    """Reads what a light main chain gives: matches of the filter, from wherever it begins again."""

    def follow(self) -> None:
        line, known = self.world.main.line, self.line
        common = 0
        while common < min(len(line), len(known)) and line[common] is known[common]:
            common += 1
        for height in range(len(known), common, -1):
            self.relayer.disconnect(height)
            self.holdings.disconnect(height)
        keys = set(self.holdings.watched())  # told anew each time, as after a restart
        for height, block in enumerate(line[common:], common + 1):
            part = self.part(block, keys)
            self.relayer.connect(height, part)
            self.holdings.connect(height, part)
        self.line = list(line)

    def part(self, block: Block, keys: set[bytes]) -> Block:
        found = open_filter(block.id, filter_of(block)).matches(keys)
        taken = tuple(tx for tx in block.transactions if keys_of(tx) & found.keys())
        for tx in taken:
            keys |= followed_by(tx, keys)
        return Block(block.header, taken)


def whole(world: World) -> tuple[Relayer, Holdings]:
    """A relayer and holdings that read every block of the chain as it is now."""
    relayer, holdings = Relayer(world.genesis), Holdings(world.genesis)
    start = world.genesis.checkpoint.header.height
    for height, block in enumerate(world.main.line[start:], start + 1):
        relayer.connect(height, block)
        holdings.connect(height, block)
    return relayer, holdings


@pytest.mark.parametrize("seed", range(6))
def test_the_watched_transactions_tell_all_that_whole_blocks_do(seed: int) -> None:
    history = History(300 + seed, deep=seed % 2 == 0)
    narrow, random = Narrow(history.world), Random(seed)
    acts = [
        history.deposit, history.grow, history.burn, history.pay, history.touch, history.pending,
        history.reorganise, history.again, history.resume, history.retire, history.move,
    ]  # fmt: skip
    for _ in range(40):
        random.choice(acts)()
        narrow.prove()
        narrow.check_law(history.retired)
    relayer, holdings = whole(history.world)
    assert narrow.holdings._coins == holdings._coins
    assert narrow.relayer._found == relayer._found


def paid_out_and_vetoed() -> Iterator[World]:
    """A vault whose slow orders wait, one completed and one stopped, block after block."""
    world = funded()
    main = world.main
    yield world
    for amount, act in ((200, "complete"), (150, "veto")):
        outputs = (Output(BTM, amount, CAROL.lock),)
        main.send(main.order(outputs, SLOW))
        yield world
        ((waits, _),) = main.pendings()
        if act == "complete":
            main.grow(4)
            main.send(main.complete(waits, outputs))
        else:
            main.send(main.veto(waits))
        yield world


@pytest.mark.parametrize("often", [True, False])
def test_completing_names_no_vault_and_is_seen_all_the_same(often: bool) -> None:
    """By the place of the coin that waited, told by whoever reads or learnt on the way."""
    story = paid_out_and_vetoed()
    world = next(story)
    narrow = Narrow(world)
    for _ in story:
        if often:
            narrow.follow()
    narrow.follow()
    relayer, holdings = whole(world)
    assert sum(len(found.payouts) for found in relayer._found.values()) == 2
    assert narrow.relayer._found == relayer._found
    assert narrow.holdings._coins == holdings._coins
