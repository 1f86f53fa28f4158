"""The reserves law from public data: what the vault held at a height, and what that stands for.

vault coins = circulating + pool + owed + unclaimed + surplus - deficit, per asset, over main-chain
data at the relay's depth (federation.md, section 5). Fed with main-chain blocks from the
checkpoint on, since the vault is created after it; the sidechain's own terms come from its state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bystack.ledger.transactions import (
    DepositLock,
    Lock,
    Outpoint,
    Output,
    PendingLock,
    Transaction,
    TreasuryLock,
)
from bystack.mainchain.blocks import Block
from bystack.mainchain.filters import outpoint_key
from bystack.sidechain.claims import claimable, claimed_at
from bystack.sidechain.params import Genesis
from bystack.sidechain.peg_numbers import in_force
from bystack.sidechain.relayed import HeldCoin
from bystack.sidechain.state import SystemState
from bystack.sidechain.sums import sums_of

NEVER = 2**63


@dataclass
class Held:
    """A coin of the vault: what it is, when it came and when it went."""

    output: Output
    created: int
    spent: int = NEVER


class Row(NamedTuple):
    """The law's terms for one asset."""

    vault: int
    circulating: int
    pool: int
    owed: int
    unclaimed: int
    surplus: int
    deficit: int

    @property
    def difference(self) -> int:
        """What the vault holds beyond what the terms explain: 0 by the law."""
        stands_for = self.circulating + self.pool + self.owed + self.unclaimed + self.surplus
        return self.vault - stands_for + self.deficit


class Holdings:
    """Every coin the vault ever held on the main chain's best chain, by the blocks seen."""

    def __init__(self, genesis: Genesis) -> None:
        self._genesis = genesis
        self._coins: dict[Outpoint, Held] = {}
        self.height = genesis.checkpoint.header.height

    def connect(self, height: int, block: Block) -> None:
        """A block joined the best chain."""
        self.disconnect(height)
        for tx in block.transactions:
            self._spend(height, tx)
            for index, output in enumerate(tx.body.outputs):
                if _vault_of(output.lock) == self._genesis.vault:
                    self._coins[Outpoint(tx.id, index)] = Held(output, height)
        self.height = height

    def _spend(self, height: int, tx: Transaction) -> None:
        for place in tx.body.inputs:
            if place in self._coins:
                self._coins[place].spent = height

    def disconnect(self, height: int) -> None:
        """The blocks from a height on left the best chain."""
        if height > self.height:
            return
        self._coins = {p: held for p, held in self._coins.items() if held.created < height}
        for held in self._coins.values():
            held.spent = NEVER if held.spent >= height else held.spent
        self.height = height - 1

    @property
    def kept(self) -> tuple[HeldCoin, ...]:
        """Every coin, for `resume`."""
        return tuple(
            HeldCoin(place, one.output, one.created, () if one.spent == NEVER else (one.spent,))
            for place, one in self._coins.items()
        )

    def resume(self, kept: Iterable[HeldCoin], height: int) -> None:
        """Go on where others of this sidechain were after the block at `height`."""
        self._coins = {
            one.place: Held(one.output, one.created, one.spent[0] if one.spent else NEVER)
            for one in kept
        }
        self.height = height

    def watched(self) -> list[bytes]:
        """What a light chain must look for, to show all that concerns the vault from here on.

        Its id, and the places of its coins that wait to be paid out: completing names no vault.
        """
        waiting = (
            p for p, held in self._coins.items() if isinstance(held.output.lock, PendingLock)
        )
        return [self._genesis.vault, *(outpoint_key(place) for place in waiting)]

    def deposits(self) -> Iterator[tuple[Outpoint, Held]]:
        """Every deposit ever made into the vault, whoever is named, spent since or not."""
        for place, held in self._coins.items():
            if isinstance(held.output.lock, DepositLock):
                yield place, held

    def ended(self) -> Iterator[tuple[Outpoint, int]]:
        """Every delayed payout that was completed or vetoed, and the height of that."""
        for place, held in self._coins.items():
            if isinstance(held.output.lock, PendingLock) and held.spent != NEVER:
                yield place, held.spent

    def reserves(
        self, state: SystemState, height: int, retired: Callable[[bytes], int]
    ) -> dict[bytes, Row]:
        """The law's terms by asset, with the vault as of a height.

        `retired` tells what was paid to nobody on the sidechain: nobody can ask for its backing.
        `state` must have proved every vault operation up to `height`. A deposit that is counted
        already though it lies above `height` is counted on the vault's side too.
        """
        vault, unclaimed = Counter[bytes](), Counter[bytes]()
        numbers = in_force(state)
        given = Counter({asset: retired(asset) for asset in self._genesis.by_asset})
        for held in self._coins.values():
            if held.created <= height < held.spent:
                vault[held.output.asset] += held.output.amount
        for place, held in self.deposits():
            asset, amount = held.output.asset, held.output.amount
            record = claimed_at(state, place)
            counted = record is not None and not record.orphaned
            if held.created > height and not counted:
                continue
            if held.created > height:
                vault[asset] += amount
            if counted and record is not None and not record.donation:
                continue  # circulates, or is owed, or was paid out since
            if counted or not claimable(self._genesis, numbers, held.output):
                given[asset] += amount
            else:
                unclaimed[asset] += amount
        return {
            asset.asset: self._row(state, asset.asset, vault, unclaimed, given)
            for asset in self._genesis.assets
        }

    def _row(
        self, state: SystemState, asset: bytes, vault: Counter[bytes], unclaimed: Counter[bytes],
        given: Counter[bytes],
    ) -> Row:  # fmt: skip
        sums = sums_of(state, asset)
        surplus = given[asset] - min(sums.donated, sums.lost)
        terms = (sums.circulating, sums.pool, sums.owed, unclaimed[asset], surplus, sums.deficit)
        return Row(vault[asset], *terms)


def _vault_of(lock: Lock) -> bytes:
    """The vault a coin belongs to; the anchor holds nothing and does not count."""
    match lock:
        case DepositLock(vault) | TreasuryLock(vault) | PendingLock(vault):
            return vault
        case _:
            return b""
