"""Moving the connected chain: which blocks leave and join, what that does, one batch at the end.

Fetch the blocks, their undo data and every coin they look up; decide, purely, what changes, while
the signatures of earlier transactions are verified beside it. Nothing is changed here: the driver
commits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import trio

from bystack.ledger.checks import SignatureWrong
from bystack.ledger.coins import CoinSet
from bystack.ledger.effects import Check
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry
from bystack.mainchain.events import Refused, Switch
from bystack.mainchain.params import Params
from bystack.mainchain.transition import Undo, block_needs, connect_onto, disconnect
from bystack.mainchain.tree import HeaderTree
from bystack.node.addresses import rows as addresses
from bystack.node.store.chainstore import ChainStore, Moved, connected, disconnected
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.errors import Invalid, Misuse


class Leaving(NamedTuple):
    """A block to be undone."""

    block: Block
    undo: Undo


class Joining(NamedTuple):
    """A block to be connected, and the entries of its header and of the one before."""

    block: Block
    entry: Entry
    parent: Entry


class Move(NamedTuple):
    """Blocks to undo, tip first, then blocks to connect, oldest first."""

    leaving: tuple[Leaving, ...]
    joining: tuple[Joining, ...]


class Decision(NamedTuple):
    """What a move changes, and per connected block the checks that must hold."""

    move: Move
    changes: Mapping[bytes, bytes | None]
    delta: Mapping[bytes, bytes | None]
    checks: tuple[tuple[Check, ...], ...]

    @property
    def undone(self) -> list[Transaction]:
        """Ordinary transactions of the blocks undone, oldest first."""
        blocks = [one.block for one in reversed(self.move.leaving)]
        return [tx for block in blocks for tx in block.transactions[1:]]

    @property
    def done(self) -> list[Transaction]:
        """Transactions of the blocks connected, coinbases included."""
        return [tx for one in self.move.joining for tx in one.block.transactions]


def decide(
    coins: CoinSet,
    move: Move,
    params: Params,
    found: Callable[[Sequence[Check]], None],
    indexed: bool = False,
) -> Decision | Refused:
    """What the move does to `coins`, or the first block that breaks a rule, and which.

    `found` hears every check as soon as it is known. `indexed`: the index of addresses follows.
    """
    moved, checks = Moved({}, {}), list[tuple[Check, ...]]()
    for block, undo in move.leaving:
        delta = disconnect(undo)
        coins.apply(delta)
        gone = coins.delta()
        _gather(moved, disconnected(block, gone))
        if indexed:
            header = block.header
            where = (header.previous, header.height, block.transactions)
            moved.beside.update(addresses.disconnected(*where, gone))
    for block, entry, parent in move.joining:
        try:
            done = connect_onto(coins, block, parent, params, found)
        except Invalid as error:
            return Refused(block.id, error)
        _gather(moved, connected(entry, block, done.delta))
        if indexed:
            where = (block.id, block.header.height, block.transactions)
            moved.beside.update(addresses.connected(*where, done.delta))
        checks.append(done.checks)
    return Decision(move, moved.beside, moved.coins, tuple(checks))


def _gather(whole: Moved, part: Moved) -> None:
    whole.coins.update(part.coins)
    whole.beside.update(part.beside)


def needs(move: Move) -> set[Outpoint]:
    """Every coin that must be in the store for the move to be made.

    Not those that the move itself brings: what its blocks create, what undoing others gives back.
    """
    wanted, brought = set[Outpoint](), set[Outpoint]()
    for one in move.leaving:
        made = [change.outpoint for change in one.undo.created]
        wanted.update([place for place in made if place not in brought])
        brought.update([change.outpoint for change in one.undo.spent])
    inside = set[bytes]()
    for joining in move.joining:
        outside = block_needs(joining.block) - brought
        wanted.update([place for place in outside if place.transaction not in inside])
        inside.update([tx.id for tx in joining.block.transactions])
    return wanted


def _blame(decision: Decision, number: int) -> Refused:
    """The refusal of the block with this check, counted over the whole move."""
    for one, checks in zip(decision.move.joining, decision.checks, strict=True):
        if number < len(checks):
            wrong = checks[number]
            return Refused(one.block.id, SignatureWrong(index=number, key=wrong.key))
        number -= len(checks)
    raise Misuse("no block has this check")


class Switcher:
    """Fetches for a switch, decides, verifies. `fresh` are blocks not in the store yet."""

    def __init__(
        self, store: ChainStore, tree: HeaderTree, verifier: Verifier, indexed: bool = False
    ) -> None:
        self._store, self._tree, self._verifier = store, tree, verifier
        self._indexed = indexed

    async def judge(self, switch: Switch, fresh: Mapping[bytes, Block]) -> Decision | Refused:
        """What the switch changes, signatures verified, or why it is refused."""
        move = await trio.to_thread.run_sync(self._fetch, switch, fresh)
        decision, names = await trio.to_thread.run_sync(self._decide, move)
        self._verifier.remember(names)
        return decision

    def _decide(self, move: Move) -> tuple[Decision | Refused, Sequence[bytes]]:
        """The decision, and the names of the checks that were found to hold."""
        coins = CoinSet(self._store.coins.read(needs(move)))
        with self._verifier.verification() as work:
            decision = decide(coins, move, self._store.params, work.add, self._indexed)
            if isinstance(decision, Refused):
                return decision, ()
            number = work.wrong()
            return (decision, work.names) if number is None else (_blame(decision, number), ())

    def _fetch(self, switch: Switch, fresh: Mapping[bytes, Block]) -> Move:
        leaving = tuple(
            Leaving(self._store.block(id), self._store.undo(id)) for id in switch.disconnect
        )
        blocks = [fresh.get(id) or self._store.block(id) for id in switch.connect]
        joining = tuple(
            Joining(block, self._entry(block.id), self._entry(block.header.previous))
            for block in blocks
        )
        return Move(leaving, joining)

    def _entry(self, id: bytes) -> Entry:
        entry = self._tree.entry(id)
        if entry is None:
            raise Misuse(f"header {id.hex()} is not in the tree")
        return entry
