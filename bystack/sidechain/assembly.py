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
    """Who proposes, when (milliseconds), on which certificate (encoded, and its hash)."""

    proposer: int
    time: int
    certificate: bytes
    certificate_hash: bytes


def assemble(
    genesis: Genesis,
    modules: Modules,
    base: Base,
    proposal: Proposal,
    candidates: Iterable[Transaction],
    verified: Callable[[Transaction, tuple[Check, ...]], bool],
) -> Built:
    """A block of the candidates that apply, in their order.

    `verified` says whether a transaction's signatures hold (from the pool's memory or at once).
    """
    time = max(proposal.time, base.parent.time + 1)
    place = Place(base.parent.height + 1, time, proposal.proposer, proposal.certificate)
    execution = Execution(genesis, modules, base, place)
    taken: list[Transaction] = []
    refused: list[tuple[Transaction, Invalid]] = []
    room = execution.room
    for tx in candidates:
        if tx.size > room:
            continue
        try:
            execution.add(tx, verified)
        except TooManyBlsChecks:
            continue  # as one too large: it may go into the next block
        except Invalid as error:
            refused.append((tx, error))
            continue
        taken.append(tx)
        room -= tx.size
    executed = execution.finish()
    transactions = tuple(taken)
    header = make_header(
        genesis, executed, place, base.parent, proposal.certificate_hash, transactions,
        proposal.proposer,
    )  # fmt: skip
    return Built(header, Body(proposal.certificate, transactions), executed, tuple(refused))
