"""Moves of several blocks: a wrong signature refuses its own block; what is kept is the rules'."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import trio

from bystack.ledger.checks import SignatureWrong
from bystack.ledger.coins import CoinSet, Delta
from bystack.ledger.transactions import Outpoint, Output, Spend, Transaction, TransactionBody
from bystack.ledger.validation import Overspent
from bystack.mainchain.blocks import Block
from bystack.mainchain.events import Refused, Switch
from bystack.mainchain.transition import connect_block, connect_onto, encode_undo, undo_of
from bystack.node.mainchain.switching import Decision, Switcher
from bystack.node.store.chainstore import (
    UNDO,
    ChainStore,
    connect_changes,
    connected,
    vault_changes,
)
from bystack.node.store.coinstore import coin_key, coin_rows
from bystack.node.verifying import verifier as verifying
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.codec import encode
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, Chain, child
from tests.node.mainchain.branches import branches, replayed

COUNT, EACH = 4, 3
FEE = 1_000


class World:
    """A store with a few mature rewards of Alice's in it; blocks that spend them come on top."""

    def __init__(self, path: Path) -> None:
        self.chain = Chain(EASY)
        self.base = [self.chain.mine() for _ in range(COUNT * EACH + EASY.maturity)]
        self.coins = self.chain.owned(ALICE)
        self.store = ChainStore.open(path, EASY)
        self.tree = self.store.load().tree
        self.tree.add([block.header for block in self.base], None)

    def payment(self, number: int, amount: int = 10_000) -> Transaction:
        place, coin = self.coins[number]
        change = coin.amount - FEE - 10_000
        outputs = (Output(coin.asset, amount, BOB.lock), Output(coin.asset, change, ALICE.lock))
        body = TransactionBody(1, (place,), outputs, (), 0, 0, b"")
        return self.chain.sign(body, ALICE)

    def blocks(self, spoilt: dict[tuple[int, int], Transaction]) -> list[Block]:
        """Blocks of payments, some of which are replaced."""
        made, parent = list[Block](), self.tree.best()
        for number in range(COUNT):
            txs = [
                spoilt.get((number, at)) or self.payment(number * EACH + at) for at in range(EACH)
            ]
            block = child(parent, txs)
            parent = self.tree.add([block.header], None).added[0]
            made.append(block)
        return made

    def judge(self, blocks: list[Block], one: Verifier) -> Decision | Refused:
        switcher = Switcher(self.store, self.tree, one)
        fresh = {block.id: block for block in [*self.base, *blocks]}
        return trio.run(switcher.judge, Switch((), tuple(fresh)), fresh)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    one = World(tmp_path)
    yield one
    one.store.close()


@pytest.fixture(params=[1, 2])
def verifier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Verifier]:
    """On one core; and on two, with the process used for any number of checks."""
    monkeypatch.setattr(verifying, "ENOUGH", 2)
    monkeypatch.setattr(verifying, "CHUNK", 2)
    one = Verifier(request.param)
    yield one
    one.close()


def wrongly_signed(tx: Transaction) -> Transaction:
    spend = tx.witnesses[0]
    assert isinstance(spend, Spend)
    return Transaction(tx.body, (msgspec.structs.replace(spend, items=(bytes(63) + b"\x01",)),))


def test_a_wrong_signature_at_each_place_refuses_its_own_block(
    world: World, verifier: Verifier
) -> None:
    for number in range(COUNT):
        for at in range(EACH):
            wrong = wrongly_signed(world.payment(number * EACH + at))
            blocks = world.blocks({(number, at): wrong})
            refused = world.judge(blocks, verifier)
            assert isinstance(refused, Refused)
            assert refused.block == blocks[number].id
            assert isinstance(refused.reason, SignatureWrong)
            assert refused.reason.facts == {"index": at, "key": ALICE.policy.key}


def test_of_two_wrong_signatures_the_first_block_is_refused(
    world: World, verifier: Verifier
) -> None:
    wrong = {
        (number, at): wrongly_signed(world.payment(number * EACH + at))
        for number, at in ((1, 2), (3, 0))
    }
    blocks = world.blocks(wrong)
    refused = world.judge(blocks, verifier)
    assert isinstance(refused, Refused) and refused.block == blocks[1].id


def test_a_broken_rule_is_found_without_waiting_for_signatures(
    world: World, verifier: Verifier
) -> None:
    """The blocks before it are judged again by themselves, and then their signatures count."""
    greedy = world.payment(2 * EACH, amount=10_000 + FEE + 1)
    blocks = world.blocks({(0, 0): wrongly_signed(world.payment(0)), (2, 0): greedy})
    refused = world.judge(blocks, verifier)
    assert isinstance(refused, Refused)
    assert refused.block == blocks[2].id and isinstance(refused.reason, Overspent)
    before = world.judge(blocks[:2], verifier)
    assert isinstance(before, Refused) and before.block == blocks[0].id


def test_sound_blocks_are_decided_and_their_signatures_remembered(
    world: World, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = world.blocks({})
    decision = world.judge(blocks, verifier)
    assert isinstance(decision, Decision)
    assert [len(checks) for checks in decision.checks[-COUNT:]] == [EACH] * COUNT
    monkeypatch.setattr(verifying, "first_wrong", lambda records: 0)
    again = world.judge(blocks, verifier)
    assert isinstance(again, Decision) and again.delta == decision.delta
    assert all(verifier.holds(checks) for checks in decision.checks)


def test_a_move_changes_what_its_blocks_change_one_after_the_other(
    world: World, verifier: Verifier
) -> None:
    """What is made and spent within the move is gone; the rest lies under its key."""
    block = child(world.tree.best(), [world.payment(0)])
    world.tree.add([block.header], None)
    decision = world.judge([block], verifier)
    assert isinstance(decision, Decision)
    model = replayed((*world.base, block))
    expected = {coin_key(place): encode(coin) for place, coin in model.coins.items()}
    assert {key: data for key, data in decision.delta.items() if data is not None} == expected
    assert decision.delta[coin_key(world.coins[0][0])] is None


def test_undo_from_bytes_is_the_undo_of_the_rules() -> None:
    known = branches()
    chain, checked = Chain(EASY), 0
    for block in (*known.trunk, *known.right):
        entry = chain.tree.add([block.header], None).added[0]
        parent = chain.tree.entry(block.header.previous)
        assert parent is not None
        before = CoinSet(chain.coins)
        done = connect_block(chain.coins, block, parent, EASY)
        onto = connect_onto(before, block, parent, EASY)
        assert onto == done
        chain.connect(block)
        assert before == chain.coins and before.delta() == ({}, {})
        undo = encode(undo_of(done.delta))
        moved = connected(entry, block, done.delta)
        assert moved.beside[UNDO + block.id] == undo
        beside = {**connect_changes(entry, block, done.delta), **vault_changes(done.delta)}
        assert moved.beside == beside
        assert moved.coins == {
            **{coin_key(place): None for place in done.delta.spent},
            **{coin_key(place): encode(coin) for place, coin in done.delta.created.items()},
        }
        checked += len(done.delta.spent)
    assert checked, "no block spent anything"


def test_undo_is_in_ascending_order_whatever_the_order_of_the_coins() -> None:
    chain = Chain(EASY)
    chain.grow(3)
    (_, coin), *_ = chain.owned(ALICE)
    places = [Outpoint(bytes([n]) * 32, i) for n in (9, 1, 5) for i in (200, 3, 70_000, 0)]
    rows = coin_rows({place: coin for place in places})
    assert [key for key, _, _ in rows] == sorted(coin_key(place) for place in places)
    undo = encode_undo([pair for _, pair, _ in rows], [])
    assert undo == encode(undo_of(Delta({place: coin for place in places}, {})))
