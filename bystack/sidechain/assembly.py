"""Building a block: relay first, then what waits in the pool by fee, until the block is full.

A proposer leaves out what does not apply; nothing it does can make the block invalid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from bystack.ledger.effects import Check
from bystack.ledger.transactions import Transaction
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Body, Header
from bystack.sidechain.burden import TooManyProofs
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import Genesis
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


Holds = Callable[[Transaction, tuple[Check, ...]], bool]
"""Whether a transaction's signatures hold (from the pool's memory or at once)."""


class Assembly:
    """A block being built: candidates are offered in order, then it is finished."""

    def __init__(
        self, genesis: Genesis, modules: Modules, base: Base, proposal: Proposal, verified: Holds
    ) -> None:
        time = max(proposal.time, base.parent.time + 1)
        asked = (time, proposal.proposer, proposal.certificate, None, proposal.demote)
        place = Place(base.parent.height + 1, *asked)
        self._execution = Execution(genesis, modules, base, place)
        self._proposal, self._verified = proposal, verified
        self._taken: list[Transaction] = []
        self._refused: list[tuple[Transaction, Invalid]] = []
        self._room = self._execution.room

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
    verified: Holds,
) -> Built:
    """A block of the candidates that apply, in their order."""
    assembly = Assembly(genesis, modules, base, proposal, verified)
    for tx in candidates:
        assembly.offer(tx)
    return assembly.finish()
