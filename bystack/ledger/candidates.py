"""A transaction as the memory pool sees it: what it takes, pays and weighs, and who must yield.

Of two ordinary transactions that take one coin the later must pay more, in fee and in rate. About a
vault's coins the operation decides: recovery displaces any other, a guard any but recovery, any
operation a consolidation, and between equals the higher own rate wins, whatever hangs on the other.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from enum import IntEnum

import msgspec

from bystack.ledger.coins import Delta
from bystack.ledger.effects import Applied, BlsCheck, Effects
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.ledger.validation import weight
from bystack.primitives.errors import Invalid

RATE = 1_000_000  # rates are fee units per so much weight


class FeeNotHigher(Invalid):
    """To displace others a transaction pays more in all, and at a higher rate."""


class RelayUnpaid(Invalid):
    """To displace others a transaction pays for its own way through the network as well."""


class PriorityLower(Invalid):
    """Another operation waits that goes before this one."""


class AnchorSpend(IntEnum):
    """What a vault operation is, in order of precedence."""

    CONSOLIDATION = 0
    OPERATION = 1
    GUARD = 2  # freeze, veto, cancel
    RECOVERY = 3  # replace and recover: they end what a thief with a guard's key may go on doing


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A valid transaction whose checks hold.

    `fee` counts in the pool's asset; `weight` includes what the chain adds. `vault_inputs` are the
    coins an operation takes, the other inputs its sponsors'. `extra` are claims beside coins (a
    deposit claimed on a sidechain). `until` is the last height it may stand at, 0 for no end.
    `burden`: what its proofs cost to verify, as its chain counts.
    """

    tx: Transaction
    delta: Delta
    fee: int
    weight: int
    bls_checks: int = 0
    priority: AnchorSpend | None = None
    vault_inputs: frozenset[Outpoint] = frozenset()
    extra: tuple[Hashable, ...] = ()
    until: int = 0
    burden: int = 0

    @property
    def rate(self) -> int:
        """Fee units per million of weight."""
        return self.fee * RATE // self.weight

    @property
    def claims(self) -> Sequence[Hashable]:
        """Everything that only one transaction can take, each once."""
        return self.tx.body.inputs + self.extra if self.extra else self.tx.body.inputs

    def check_outbids(self, rivals: Sequence[Candidate], fees: int, increment: int = 0) -> None:
        """Raise unless we pay more than `fees`, at a higher rate than each rival (`FeeNotHigher`),
        and on top `increment` fee units per `RATE` of our own weight (`RelayUnpaid`)."""
        if not rivals:
            return
        highest = max(rival.rate for rival in rivals)
        if self.fee <= fees or self.rate <= highest:
            raise FeeNotHigher(fee=self.fee, over=fees, rate=self.rate, rate_over=highest)
        if (self.fee - fees) * RATE < increment * self.weight:
            raise RelayUnpaid(fee=self.fee, over=fees, increment=increment, weight=self.weight)


def candidate(
    tx: Transaction,
    applied: Applied,
    effects: Effects,
    fee_asset: bytes,
    *,
    priority: AnchorSpend | None = None,
    extra: Iterable[Hashable] = (),
    extra_weight: int = 0,
    until: int = 0,
) -> Candidate:
    """A candidate from the outcome of `apply_transaction`.

    `until` bounds it more tightly than the transaction says (a veto, which soon comes too late).
    """
    ends = [end for end in (tx.body.valid_until, until) if end]
    return Candidate(
        tx,
        applied.delta,
        applied.fees.get(fee_asset, 0),
        weight(tx, applied.checks) + extra_weight,
        sum(isinstance(check, BlsCheck) for check in applied.checks),
        priority,
        frozenset(tx.body.inputs[index] for index in effects.inputs),
        tuple(extra),
        min(ends, default=0),
    )


def displaces(new: Candidate, old: Candidate, increment: int = 0) -> bool:
    """Whether `new` puts `old` out by the rules of vaults; False where the two meet elsewhere, in a
    sponsor's coin, and fees decide. Between equals the rate is higher by `increment` at least.

    Raises `PriorityLower`, `FeeNotHigher`, `RelayUnpaid`.
    """
    if new.priority is None or old.priority is None:
        return False
    if new.vault_inputs.isdisjoint(old.vault_inputs):
        return False
    if new.priority < old.priority:
        raise PriorityLower(waiting=old.tx.id, priority=old.priority.name)
    if new.priority == old.priority and new.rate <= old.rate:
        raise FeeNotHigher(rate=new.rate, rate_over=old.rate, waiting=old.tx.id)
    if new.priority == old.priority and new.rate < old.rate + increment:
        raise RelayUnpaid(rate=new.rate, rate_over=old.rate, increment=increment)
    return True
