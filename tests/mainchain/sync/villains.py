"""Peers that do us wrong, each in one way: what they say first and how they answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from bystack.mainchain.assembly import build_coinbase
from bystack.mainchain.blocks import Block, Header
from bystack.mainchain.chain import Entry
from bystack.mainchain.line import Line
from bystack.mainchain.messages import (
    Announce,
    BlockMessage,
    BlockTransactions,
    CompactBlock,
    GetBlocks,
    GetBlockTransactions,
    GetCompact,
    GetHeaders,
    Headers,
    MainMessage,
    Missing,
    Status,
)
from bystack.mainchain.sync import headers as header_rules
from bystack.mainchain.sync.compact import compact
from bystack.mainchain.tree import HeaderTree
from tests.ledger.people import ALICE, BOB, CAROL, Person
from tests.mainchain.builders import EASY, Chain, child, remine
from tests.mainchain.test_transition import recommitted

TRUNK, BRANCH, LONGER = 24, 10, 14


class World(NamedTuple):
    """A best valid chain, a lesser branch of it, and a heavier one with an invalid block in it."""

    best: tuple[Block, ...]
    lesser: tuple[Block, ...]
    evil: tuple[Block, ...]
    poor: tuple[Block, ...]


def grown(blocks: Sequence[Block], more: int, miner: Person) -> tuple[Block, ...]:
    chain = Chain()
    for block in blocks:
        chain.tree.add([block.header], None)
        chain.connect(block)
    return (*blocks, *(chain.mine(miner=miner) for _ in range(more)))


def spoilt(blocks: Sequence[Block], at: int, more: int) -> tuple[Block, ...]:
    """The first `at` blocks, one that pays its miner too much, and others on top of it."""
    tree = HeaderTree([Chain().tip], EASY)
    tree.add([block.header for block in blocks[:at]], None)
    parent = tree.best()
    bad = recommitted(child(parent), build_coinbase(at + 1, 10**18, BOB.lock))
    made = [Block(remine(bad.header, parent), bad.transactions)]
    tree.add([made[0].header], None)
    for _ in range(more):
        made.append(child(tree.best(), extra=b"evil"))
        tree.add([made[-1].header], None)
    return (*blocks[:at], *made)


@cache
def world() -> World:
    trunk = grown((), TRUNK, ALICE)
    best = grown(trunk, LONGER, BOB)
    return World(best, grown(trunk, BRANCH, CAROL), spoilt(trunk, TRUNK - 3, 30), poor(12))


def poor(count: int) -> tuple[Block, ...]:
    """A short branch from the very beginning: little work."""
    tree, made = HeaderTree([Chain().tip], EASY), []
    for _ in range(count):
        made.append(child(tree.best(), extra=b"poor"))
        tree.add([made[-1].header], None)
    return tuple(made)


class Villain:
    """Honest with its chain unless a method says otherwise.

    `enough`: after so many lies to one peer it must be out; 0 for those who only hold us up.
    `delay`: seconds it takes for each answer. `peer` is who it is speaking to.
    """

    enough = 1
    delay = 0

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.peer = b""
        self.lies: Counter[bytes] = Counter()
        self.tree = HeaderTree([Chain().tip], EASY)
        self.tree.add([block.header for block in blocks], None)
        self.blocks = {block.id: block for block in blocks}
        self.line = Line(self.tree, self.tree.first, self.tree.best())

    @property
    def tip(self) -> Entry:
        return self.tree.best()

    def status(self) -> Status:
        return Status(self.tip.header.height, self.tip.id, self.tip.work, 0)

    def hello(self) -> list[MainMessage]:
        return [self.status()]

    def nag(self) -> list[MainMessage]:
        """What it says every half minute."""
        return self.hello()

    def answer(self, message: MainMessage) -> list[MainMessage]:
        match message:
            case GetHeaders(locator):
                return [Headers(self.headers(locator))]
            case GetBlocks(ids):
                return self.give(ids)
            case GetCompact(id) if id in self.blocks:
                return [compact(self.blocks[id], bytes(8))]
            case GetBlockTransactions(id, positions) if id in self.blocks:
                chosen = tuple(self.blocks[id].transactions[at] for at in positions)
                return [BlockTransactions(id, chosen)]
            case _:
                return []

    def headers(self, locator: Sequence[bytes]) -> tuple[Header, ...]:
        return self.line.after(locator, header_rules.MAX_HEADERS)

    def give(self, ids: Sequence[bytes]) -> list[MainMessage]:
        lacking = tuple(id for id in ids if id not in self.blocks)
        here = tuple(self.blocks[id] for id in ids if id in self.blocks)
        given: list[MainMessage] = [BlockMessage((block,)) for block in here]
        return [*given, *([Missing(lacking)] if lacking else [])]


class Silent(Villain):
    """Claims most and answers nothing."""

    enough = 6

    def status(self) -> Status:
        return Status(10**6, b"\x07" * 32, b"\x7f" * 32, 0)

    def answer(self, message: MainMessage) -> list[MainMessage]:
        self.lies[self.peer] += isinstance(message, GetHeaders)
        return []


class Withholding(Villain):
    """Shows headers and gives no block."""

    enough = 40  # questions; several are put before it has stalled once

    def give(self, ids: Sequence[bytes]) -> list[MainMessage]:
        self.lies[self.peer] += 1
        return []


class Slow(Villain):
    """Answers truly and late."""

    enough = 0
    delay = 15


class Lacking(Villain):
    """Has no block of those it shows."""

    enough = 0

    def give(self, ids: Sequence[bytes]) -> list[MainMessage]:
        return [Missing(tuple(ids))]


class Forger(Villain):
    """Gives other bodies under true headers."""

    enough = 13  # bodies; those we have no use for are not looked at

    def give(self, ids: Sequence[bytes]) -> list[MainMessage]:
        here = [self.blocks[id] for id in ids if id in self.blocks]
        self.lies[self.peer] += len(here)
        return [BlockMessage((Block(block.header, ()),)) for block in here]


class Evil(Villain):
    """Gives a heavy branch with an invalid block in it."""

    def give(self, ids: Sequence[bytes]) -> list[MainMessage]:
        self.lies[self.peer] += self.tip.id in ids  # whoever has all of it has found the bad one
        return super().give(ids)


class Boaster(Villain):
    """Claims more work than it shows."""

    enough = 6

    def headers(self, locator: Sequence[bytes]) -> tuple[Header, ...]:
        shown = super().headers(locator)
        self.lies[self.peer] += len(shown) < header_rules.MAX_HEADERS
        return shown

    def status(self) -> Status:
        return Status(10**6, b"\x08" * 32, b"\x70" * 32, 0)


class Mistaken(Villain):
    """Names a true tip and gives it another's work."""

    enough = 0  # to who does not know the tip it is no lie

    def status(self) -> Status:
        return Status(self.tip.header.height, self.tip.id, b"\x70" * 32, 0)


class Poor(Villain):
    """Goes on telling of branches of little work."""

    enough = 0  # to who has no more himself it is no lie

    def nag(self) -> list[MainMessage]:
        return [Announce(block.header) for block in list(self.blocks.values())[:1]] * 10

    def hello(self) -> list[MainMessage]:
        return []


class Intruder(Villain):
    """Sends what nobody asked for."""

    enough = 5

    def nag(self) -> list[MainMessage]:
        self.lies[self.peer] += 1
        block = next(iter(self.blocks.values()))
        short = CompactBlock(block.header, bytes(8), block.transactions[0], ())
        return [BlockMessage((block,)), Headers((block.header,)), short]


class Disordered(Villain):
    """Gives its headers from the newest to the oldest."""

    def headers(self, locator: Sequence[bytes]) -> tuple[Header, ...]:
        shown = super().headers(locator)
        self.lies[self.peer] += len(shown) > 1
        return tuple(reversed(shown))


Catalogue = dict[str, Callable[[], Villain]]


def catalogue() -> Catalogue:
    """Every villain by name."""
    known = world()
    return {
        "silent": lambda: Silent(known.best),
        "withholding": lambda: Withholding(known.best),
        "slow": lambda: Slow(known.best),
        "lacking": lambda: Lacking(known.best),
        "forger": lambda: Forger(known.best),
        "evil": lambda: Evil(known.evil),
        "boaster": lambda: Boaster(known.lesser),
        "mistaken": lambda: Mistaken(known.lesser),
        "poor": lambda: Poor(known.poor),
        "intruder": lambda: Intruder(known.lesser),
        "disordered": lambda: Disordered(known.best),
    }
