"""Format 1 of a wallet's store: a chain's whole state as one value. Carried forward row by row.

It kept no keys: the account's are filled in when the phrase is unsealed next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from bystack.ledger.addressbook import GAP, AddressRecord
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint
from bystack.ledger.wallet_records import HistoryRecord, Movement
from bystack.node.store.storage import Changes, View
from bystack.node.wallet import stored
from bystack.node.wallet.stored import Block, Position, number, place_of
from bystack.primitives.codec import U32, U63, Bytes32, Wire, decode, encode

STATE, RECENT = b"s", b"r"
MAX_STATE = 1_000_000_000
KEPT_BLOCKS = 1_000


class HistoryEntry(Wire):
    """A transaction in a block that concerns us."""

    transaction: Bytes32
    height: U63
    movements: tuple[Movement, ...]


class WalletState(Wire):
    """What a wallet remembered over a restart."""

    height: U63
    given: tuple[U32, U32]
    used: tuple[U32, U32]
    coins: tuple[tuple[Outpoint, Coin], ...]
    history: tuple[HistoryEntry, ...]


class RecentBlocks(Wire):
    """The last blocks followed, oldest first."""

    blocks: Annotated[tuple[Block, ...], Meta(max_length=KEPT_BLOCKS)]


def to_rows(view: View) -> Changes:
    """Every chain's state in rows of format 2."""
    changes: dict[bytes, bytes | None] = {}
    for key, data in view.iterate(STATE):
        changes[key] = None
        changes.update(_state(key[1:], decode(WalletState, data, MAX_STATE)))
    for key, data in view.iterate(RECENT):
        changes[key] = None
        for block in decode(RecentBlocks, data, MAX_STATE).blocks:
            changes[stored.BLOCK + key[1:] + number(block.height, 8)] = encode(block)
    return changes


def _state(chain: bytes, state: WalletState) -> Iterator[tuple[bytes, bytes]]:
    record = AddressRecord(b"", state.given, state.used)
    yield stored.POSITION + chain, encode(Position(state.height, GAP, 0, b""))
    yield stored.ACCOUNT + chain + number(0), encode(record)
    for point, coin in state.coins:
        yield stored.COIN + chain + encode(point), encode(coin)
    at, position = -1, 0
    for entry in state.history:
        position = position + 1 if entry.height == at else 0
        at = entry.height
        moved = HistoryRecord(entry.transaction, at, position, 0, 0, entry.movements, ())
        yield stored.HISTORY + chain + place_of((at, position)), encode(moved)
