"""What a policy is asked, and what it says: allow, deny, or wait.

Amounts are in the asset's smallest units, heights those of main-chain blocks this signer verified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from bystack.ledger.transactions import DepositLock, Lock, Output, PolicyLock
from bystack.primitives.codec import encode

ORDER: Final = "order"
TOUCH: Final = "touch"
CREATE: Final = "create"
ACTION: Final = "action"
"""The member's own action on its sidechain; other kinds are vault operations by their names."""
KEYGEN: Final = "keygen"
"""A part in a key ceremony, by its session's id; no policy holds it back, the log names it."""

POLICY_KEY, VAULT_KEY, OTHER_KEY = b"p", b"v", b"o"


class Outcome(IntEnum):
    """What a policy says. Who is told to wait may ask again; who is denied, once it changed."""

    ALLOW = 0
    DENY = 1
    WAIT = 2


class Decision(NamedTuple):
    """An outcome, the code of its reason (letters and underscores), and the reason in words."""

    outcome: Outcome
    reason: str
    words: str = ""


class Payout(NamedTuple):
    """An amount that leaves the vault, where it goes (`destination_key`), and the encoded lock."""

    destination: bytes
    lock: bytes
    asset: bytes
    amount: int


class Request(NamedTuple):
    """A digest to be signed, and what it means.

    `kind`: `order`, `touch`, `create`, another operation's name, or `action`. `height`: of the best
    main-chain header verified. `seq`: the anchor's, 0 where there is none.
    """

    kind: str
    digest: bytes
    seq: int
    height: int
    payouts: tuple[Payout, ...] = ()

    @property
    def sums(self) -> Mapping[bytes, int]:
        """What leaves the vault, per asset."""
        sums: dict[bytes, int] = {}
        for one in self.payouts:
            sums[one.asset] = sums.get(one.asset, 0) + one.amount
        return sums


def destination_key(lock: Lock) -> bytes:
    """Names who is paid: a policy's root, or a vault whatever its note says."""
    match lock:
        case PolicyLock(root):
            return POLICY_KEY + root
        case DepositLock(vault, _):
            return VAULT_KEY + vault
        case _:
            return OTHER_KEY


def payouts_of(outputs: Sequence[Output]) -> tuple[Payout, ...]:
    """The payouts of an order's outputs."""
    return tuple(
        Payout(destination_key(one.lock), encode(one.lock), one.asset, one.amount)
        for one in outputs
    )
