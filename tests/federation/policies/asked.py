"""Requests that policies are asked in tests, and assets they name."""

from __future__ import annotations

from bystack.federation.charter import ListedAsset
from bystack.federation.policies.requests import ORDER, Payout, Request, destination_key
from bystack.ledger.transactions import DepositLock, Lock
from bystack.primitives.codec import encode
from tests.ledger.people import ALICE, BOB, CAROL

BTC, GOLD = b"\x11" * 32, b"\x22" * 32
ASSETS = {"BTC": ListedAsset(BTC, 8), "GOLD": ListedAsset(GOLD, 0)}
VAULT = b"\x33" * 32
PEOPLE: tuple[Lock, ...] = (ALICE.lock, BOB.lock, CAROL.lock)
DEPOSIT = DepositLock(VAULT, b"\x01" * 64)
NOON = 1_700_049_600
"""Wednesday, 15 November 2023, 12:00 UTC."""


def pays(amount: int, asset: bytes = BTC, to: Lock = CAROL.lock) -> Payout:
    return Payout(destination_key(to), encode(to), asset, amount)


def asked(*payouts: Payout, kind: str = ORDER, digest: int = 1, height: int = 100) -> Request:
    return Request(kind, bytes([digest]) * 32, 7, height, payouts)
