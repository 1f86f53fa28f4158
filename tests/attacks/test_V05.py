"""V05: create in a coinbase or genesis; two creations of one id. Impossible."""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import CoinMissing
from bystack.ledger.transactions import (
    NoWitness,
    Output,
    Transaction,
    TransactionBody,
    VaultLock,
)
from bystack.ledger.vault_building import Sponsor, build_create, created_vault
from bystack.ledger.vault_errors import AnchorMismatch, CreateSpendsNothing
from bystack.ledger.vault_operations import Create, encode_operation
from bystack.mainchain.actions import (
    CoinbaseLock,
    CoinbaseMisplaced,
    coinbase_action,
    coinbase_effects,
)
from bystack.mainchain.params import MAIN, REGTEST, TEST, genesis
from tests.ledger.vault_world import World, edited, new_terms, usual_terms

ANCHOR = Output(BTM, 0, VaultLock(b"\x05" * 32))


def coinbase(*actions: object) -> Transaction:
    return Transaction(TransactionBody(1, (), (ANCHOR,), actions, 0, 0, b""), (NoWitness(),))


def test_no_creation_in_a_coinbase() -> None:
    create = encode_operation(Create(usual_terms()))
    for actions in ((create,), (coinbase_action(5), create)):
        with pytest.raises(CoinbaseMisplaced):
            coinbase_effects(coinbase(*actions), 5, 100)
    with pytest.raises(CoinbaseLock):
        coinbase_effects(coinbase(coinbase_action(5)), 5, 100)


def test_no_creation_without_a_coin() -> None:
    """What a coinbase looks like to the vault's rule."""
    world = World()
    body = build_create(usual_terms(), world.sponsor())
    with pytest.raises(CreateSpendsNothing):
        world.judge(world.signed(replace(body, inputs=()), NoWitness()))


@pytest.mark.parametrize("params", [MAIN, TEST, REGTEST], ids=lambda params: params.name)
def test_no_genesis_holds_a_vault(params: object) -> None:
    for tx in genesis(params).transactions:
        assert [action.kind for action in tx.body.actions] == [1]
        assert not any(isinstance(output.lock, VaultLock) for output in tx.body.outputs)


def test_one_id_once() -> None:
    """The id names the first coin spent, and that coin is gone."""
    world = World()
    sponsor = world.sponsor()
    first = world.create(usual_terms(), sponsor)
    world.submit(first)
    again = replace(first, body=replace(first.body, memo=b"again"))
    with pytest.raises(CoinMissing):
        world.judge(again)
    other = world.sponsor()
    assert created_vault(usual_terms(), other) != created_vault(usual_terms(), sponsor)
    second = world.create(usual_terms(), other)
    stolen = replace(second.body.outputs[0], lock=first.body.outputs[0].lock)
    with pytest.raises(AnchorMismatch):
        world.judge(edited(world, second, outputs=(stolen, *second.body.outputs[1:])))


def test_the_first_coin_alone_names_it() -> None:
    world = World()
    one, two = world.sponsor(), world.sponsor()
    both = Sponsor(one.inputs + two.inputs)
    swapped = Sponsor(two.inputs + one.inputs)
    assert created_vault(usual_terms(), both) == created_vault(usual_terms(), one)
    assert created_vault(usual_terms(), swapped) != created_vault(usual_terms(), both)
    assert created_vault(new_terms(), one) != created_vault(usual_terms(), one)
