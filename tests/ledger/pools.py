"""Candidates as if valid, for tests of the pool, which never looks at amounts itself."""

from __future__ import annotations

from collections.abc import Sequence

from bystack.ledger.candidates import AnchorSpend, Candidate
from bystack.ledger.coins import Delta
from bystack.ledger.transactions import Outpoint, Transaction
from tests.ledger.people import BOB, body, coin, pay

RECOVERY, GUARD = AnchorSpend.RECOVERY, AnchorSpend.GUARD
ORDER, SWEEP = AnchorSpend.OPERATION, AnchorSpend.CONSOLIDATION
HEIGHT = 10


def waiting(
    inputs: Sequence[Outpoint],
    fee: int = 1_000,
    *,
    heavy: int = 100,
    outputs: int = 2,
    salt: bytes = b"",
    until: int = 0,
    extra: tuple[bytes, ...] = (),
    bls: int = 0,
) -> Candidate:
    """A candidate as if valid; its fee is not in its outputs, which the pool never looks at."""
    tx = Transaction(body(inputs, [pay(BOB, 5)] * outputs, memo=salt), ())
    created = {Outpoint(tx.id, i): coin(BOB, 5, height=HEIGHT) for i in range(outputs)}
    return Candidate(tx, Delta({}, created), fee, heavy, bls, extra=extra, until=until)


def operation(
    kind: AnchorSpend,
    vault: Sequence[Outpoint],
    sponsors: Sequence[Outpoint],
    fee: int,
    *,
    heavy: int = 100,
    salt: bytes = b"",
) -> Candidate:
    """A vault operation that takes these coins of the vault and these of its sponsors."""
    plain = waiting([*vault, *sponsors], fee, heavy=heavy, salt=salt)
    return Candidate(plain.tx, plain.delta, fee, heavy, 0, kind, frozenset(vault))


def out(parent: Candidate, index: int = 0) -> Outpoint:
    """An output of a candidate."""
    return Outpoint(parent.tx.id, index)
