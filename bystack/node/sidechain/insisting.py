"""Evidence is handed in again until the chain has taken it, or cannot any more.

A pool may put it out: it was crowded, evidence against somebody else waited in its place, a
proposer could not use it. While anybody who knows of an offence runs, the guilty are convicted in
the end.
"""

from __future__ import annotations

from typing import Final

import structlog

from bystack.ledger.candidates import FeeNotHigher
from bystack.ledger.mempool import AlreadyPooled
from bystack.node.mainchain.signals import Signal
from bystack.node.sidechain.pooling import Pooling
from bystack.node.sidechain.store import SideStore
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.consensus.evidence import (
    EvidenceIndex,
    EvidenceSignature,
    EvidenceUnfounded,
)
from bystack.sidechain.misconduct import Accuse, EvidenceKnown, EvidenceOutdated

EVERY: Final = 20
"""Blocks between two attempts."""
SETTLED = (EvidenceKnown, EvidenceOutdated)
FALSE = (EvidenceUnfounded, EvidenceIndex, EvidenceSignature)

log = structlog.get_logger("consensus")


async def insist(store: SideStore, pooling: Pooling, changed: Signal) -> None:
    """Hand in what the store has that is not settled, now and after every `EVERY` blocks."""
    settled: set[bytes] = set()
    while True:
        due = store.height + EVERY
        for evidence in list(store.evidence()):
            accusation = Accuse(evidence)
            id = system_transaction(accusation).id
            if id not in settled and await _settled(pooling, accusation):
                settled.add(id)
        while store.height < due:
            await changed.wait()


async def _settled(pooling: Pooling, accusation: Accuse) -> bool:
    """Whether it need not be handed in again; now it is."""
    try:
        await pooling.submit(system_transaction(accusation))
    except SETTLED:
        return True
    except (AlreadyPooled, FeeNotHigher):  # it waits, or other evidence does
        return False
    except FALSE as error:
        log.warning("evidence not taken", rule=error.rule, reason=str(error))
        return True
    except Invalid as error:  # no room just now
        log.info("evidence waits", rule=error.rule)
    return False
