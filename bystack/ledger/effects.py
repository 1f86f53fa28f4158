"""What a chain tells the ledger that an action does: the seam between `apply_transaction` and the
actions it never looks into (ledger.md, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bystack.ledger.coins import NO_CHANGE, Delta


class SchnorrCheck(NamedTuple):
    """A BIP 340 signature still to be verified."""

    key: bytes
    digest: bytes
    signature: bytes


class BlsCheck(NamedTuple):
    """A BLS signature still to be verified."""

    key: bytes
    digest: bytes
    signature: bytes


Check = SchnorrCheck | BlsCheck


@dataclass(frozen=True)
class Effects:
    """What the actions of one transaction create, destroy, authorise and require.

    `created`/`destroyed`: amounts per asset. `units`: unit of each asset created. `inputs`: indices
    an operation authorises, which need no spend witness. `outputs`: index -> state of outputs whose
    locks only an operation may create (state is empty but for an anchor). `records`: record coins
    replaced. `checks`: signatures the actions need. `coinbase`: 1 when the coins created here are a
    block's reward, which matures before it moves.
    """

    created: Mapping[bytes, int] = field(default_factory=dict)
    destroyed: Mapping[bytes, int] = field(default_factory=dict)
    units: Mapping[bytes, int] = field(default_factory=dict)
    inputs: frozenset[int] = frozenset()
    outputs: Mapping[int, bytes] = field(default_factory=dict)
    records: Delta = NO_CHANGE
    checks: tuple[Check, ...] = ()
    coinbase: int = 0


NO_EFFECTS = Effects()


class Applied(NamedTuple):
    """The outcome of a valid transaction: coins changed, signatures to verify, fee per asset."""

    delta: Delta
    checks: tuple[Check, ...]
    fees: Mapping[bytes, int]
