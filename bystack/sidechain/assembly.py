"""Building a block: relay first, then what waits in the pool by fee, until the block is full.

A proposer leaves out what does not apply; nothing it does can make the block invalid. Payments may
be taken in before the block is wished (`Prelude`): they stand before all else then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bystack.ledger.coins import CoinView
from bystack.ledger.transactions import Transaction
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Body, Header
from bystack.sidechain.burden import TooManyProofs
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import Genesis
from bystack.sidechain.payments import Tally, Verified
from bystack.sidechain.transition import (
    Base,
    Executed,
    Execution,
    Place,
    TooManyBlsChecks,
    make_header,
)


class Built(NamedTuple):
    """A block ready to propose, what it does, and the candidates that turned out invalid."""

    header: Header
    body: Body
    executed: Executed
    refused: tuple[tuple[Transaction, Invalid], ...]


class Proposal(NamedTuple):
    """Who proposes, when (milliseconds), on which certificate (encoded, and its hash).

    `demote`: the gateway it had to go round, -1 for none.
    """

    proposer: int
    time: int
    certificate: bytes
    certificate_hash: bytes
    demote: int = -1


class Prelude:
    """The payments that a block begins with, taken in before the block is wished.

    `coins` and `multiset` are those after the parent, `height` is the block's, `room` what may be
    filled, in bytes.
    """

    def __init__(
        self, genesis: Genesis, coins: CoinView, multiset: bytes, height: int, room: int
    ) -> None:
        self.tally = Tally(genesis, coins, multiset, height)
        self.taken: dict[bytes, Transaction] = {}
        self.room = room
        self._closed = False

    def offer(self, tx: Transaction, verified: Verified) -> None:
        """Take a payment in if it applies and there is room; all else is for the block itself."""
        if self._closed or tx.size > self.room or tx.id in self.taken:
            return
        try:
            paid = self.tally.pay(tx, verified)
        except Invalid:
            return  # the block's own offer says why
        if paid is not None:
            self.taken[tx.id] = tx
            self.room -= tx.size

    def close(self) -> None:
        """A block is made of it: nothing is taken in any more, whoever offers still."""
        self._closed = True

    def stand_on(self, coins: CoinView) -> None:
        """Read from other coins, which are the same: the store's, once the parent is final."""
        self.tally.coins.stand_on(coins)


class Assembly:
    """A block being built: candidates are offered in order, then it is finished.

    `prelude`: what it begins with, made on the same parent.
    """

    def __init__(
        self, genesis: Genesis, modules: Modules, base: Base, proposal: Proposal,
        verified: Verified, prelude: Prelude | None = None,
    ) -> None:  # fmt: skip
        time = max(proposal.time, base.parent.time + 1)
        asked = (time, proposal.proposer, proposal.certificate, None, proposal.demote)
        place = Place(base.parent.height + 1, *asked)
        tally = prelude.tally if prelude else None
        if prelude is not None:
            prelude.close()
        self._execution = Execution(genesis, modules, base, place, tally)
        self._proposal, self._verified = proposal, verified
        self._taken = list(prelude.taken.values()) if prelude else []
        self._refused: list[tuple[Transaction, Invalid]] = []
        self._room = self._execution.room - sum(tx.size for tx in self._taken)

    def offer(self, tx: Transaction) -> None:
        """Take a candidate in if it applies and there is room."""
        if tx.size > self._room:
            return
        try:
            self._execution.add(tx, self._verified)
        except (TooManyBlsChecks, TooManyProofs):
            return  # as one too large: it may go into the next block
        except Invalid as error:
            self._refused.append((tx, error))
            return
        self._taken.append(tx)
        self._room -= tx.size

    def fold(self) -> None:
        """A part of `finish` that may be done before."""
        self._execution.fold()

    def finish(self) -> Built:
        """The block."""
        execution, proposal, transactions = self._execution, self._proposal, tuple(self._taken)
        executed, body = execution.finish(), Body(proposal.certificate, transactions)
        header = make_header(
            execution.genesis, executed, execution.place, execution.base.parent,
            proposal.certificate_hash, body, proposal.proposer,
        )  # fmt: skip
        return Built(header, body, executed, tuple(self._refused))


def assemble(
    genesis: Genesis,
    modules: Modules,
    base: Base,
    proposal: Proposal,
    candidates: Iterable[Transaction],
    verified: Verified,
) -> Built:
    """A block of the candidates that apply, in their order."""
    assembly = Assembly(genesis, modules, base, proposal, verified)
    for tx in candidates:
        assembly.offer(tx)
    return assembly.finish()
