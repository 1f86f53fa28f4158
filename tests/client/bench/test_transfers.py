"""Transfers of the sidechain benchmark: whoever judges them finds nothing to refuse."""

from __future__ import annotations

import pytest

from bystack.client.bench import transfers
from bystack.client.bench.transfers import Held, Signed, Terms, cut, root_of, rounds
from bystack.ledger.checks import failed
from bystack.ledger.coins import Coin, CoinSet
from bystack.ledger.effects import NO_EFFECTS
from bystack.ledger.transactions import Outpoint, PolicyLock, decode_transaction
from bystack.ledger.validation import Rules, apply_transaction

TERMS = Terms(b"\x01" * 32, b"\xff" * 32, 1_000, workers=1)
COIN = Held(Outpoint(b"\x02" * 32, 0), 10**9, 0)
RULES = Rules(TERMS.chain, 100)


def apply(coins: CoinSet, signed: Signed) -> int:
    """The fee that a transfer leaves; its signatures hold."""
    tx = decode_transaction(signed.data)
    assert tx.id == signed.id
    applied = apply_transaction(coins, tx, 5, NO_EFFECTS, RULES)
    assert failed(applied.checks) is None
    coins.apply(applied.delta)
    return applied.fees[TERMS.asset]


def test_a_coin_is_cut_and_spent_round_by_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "WIDE", 3)
    coins = CoinSet({COIN.place: Coin(TERMS.asset, COIN.amount, lock(0), 1, 0, 1, b"")})
    cuts, held = cut(TERMS, COIN, 7)
    assert [apply(coins, one) for one in cuts] == [1_000] * 3
    assert len({one.place for one in held}) == 7
    assert all(coins[one.place].amount == one.amount for one in held)
    lines = rounds(TERMS, held, 3)
    assert [len(line) for line in lines] == [7, 7, 7]
    assert {apply(coins, one) for line in lines for one in line} == {1_000}


def lock(number: int) -> PolicyLock:
    return PolicyLock(root_of(number))
