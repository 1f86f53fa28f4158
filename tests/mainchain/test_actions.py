import msgspec
import pytest

from bystack.ledger.amounts import (
    BTM,
    AssetDefinition,
)
from bystack.ledger.checks import verify_checks
from bystack.ledger.transactions import (
    Action,
    Approval,
    DepositLock,
    Outpoint,
    Output,
    Transaction,
    VaultLock,
)
from bystack.ledger.validation import WitnessKind
from bystack.ledger.vault_errors import OneOperation
from bystack.ledger.vault_operations import Complete, encode_operation
from bystack.mainchain.actions import (
    COINBASE,
    ActionUnknown,
    Coinbase,
    CoinbaseHeight,
    CoinbaseLock,
    CoinbaseMalformed,
    CoinbaseMisplaced,
    RewardExceeded,
    coinbase_action,
    coinbase_effects,
    is_coinbase,
    main_effects,
)
from bystack.mainchain.assembly import build_coinbase
from bystack.mainchain.issues import Issue
from bystack.mainchain.params import chain_id
from bystack.mainchain.transition import apply_main
from bystack.primitives.codec import Malformed, encode
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, Chain
from tests.wire import check_wire

GOLD = AssetDefinition("GOLD", "gram", 2, 1, 1, b"", 0)
ROOT = ALICE.lock.root


def rich() -> Chain:
    chain = Chain()
    chain.grow(6)
    return chain


def apply(chain: Chain, tx: Transaction) -> None:
    """Judge a transaction for the next block, signatures included."""
    done = apply_main(chain.coins, tx, chain.tip.header.height + 1, EASY)
    assert verify_checks(done.checks)


# On the wire


def test_coinbase_on_the_wire() -> None:
    check_wire("mainchain_coinbase", Coinbase(7, b"extra"))


# Other actions


def replaced(tx: Transaction, **fields: object) -> Transaction:
    return Transaction(msgspec.structs.replace(tx.body, **fields), tx.witnesses)


@pytest.mark.parametrize("kind", [0, 3, 15, 28, 65_535])
def test_unknown_kinds_are_refused_by_name(kind: int) -> None:
    chain = rich()
    tx = chain.pay(ALICE, BOB, 5)
    odd = replaced(tx, actions=(Action(kind, b""),))
    with pytest.raises(ActionUnknown) as caught:
        main_effects(chain.coins, odd, 7, EASY)
    assert caught.value.facts == {"kind": kind}
    beside = chain.issue(ALICE, Issue(ROOT, GOLD, 5))
    with pytest.raises(ActionUnknown):
        main_effects(
            chain.coins,
            replaced(beside, actions=(*beside.body.actions, Action(kind, b""))),
            7,
            EASY,
        )


def test_a_vault_operation_stands_alone() -> None:
    chain = rich()
    tx = chain.issue(ALICE, Issue(ROOT, GOLD, 5))
    operation = encode_operation(Complete())
    for actions in ((operation, operation), (*tx.body.actions, operation)):
        with pytest.raises(OneOperation):
            main_effects(chain.coins, replaced(tx, actions=actions), 7, EASY)
    spend = Transaction(
        msgspec.structs.replace(tx.body, actions=(operation,)),
        (*tx.witnesses[:-1], tx.witnesses[0]),
    )
    with pytest.raises(WitnessKind):
        main_effects(chain.coins, spend, 7, EASY)


# Coinbase

COIN = build_coinbase(7, 100, ALICE.lock)


def test_a_coinbase_creates_its_reward() -> None:
    assert is_coinbase(COIN) and not is_coinbase(rich().pay(ALICE, BOB, 5))
    effects = coinbase_effects(COIN, 7, 100)
    assert dict(effects.created) == {BTM: 100} and effects.coinbase == 1
    assert build_coinbase(7, 0, ALICE.lock).body.outputs == ()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"inputs": (Outpoint(b"\x01" * 32, 0),)}, CoinbaseMalformed),
        ({"valid_from": 1}, CoinbaseMalformed),
        ({"valid_until": 9}, CoinbaseMalformed),
        ({"actions": ()}, CoinbaseMisplaced),
        ({"actions": (coinbase_action(7),) * 2}, CoinbaseMisplaced),
        ({"actions": (coinbase_action(7), encode_operation(Complete()))}, CoinbaseMisplaced),
        ({"actions": (coinbase_action(8),)}, CoinbaseHeight),
        ({"actions": (Action(COINBASE, b"\x90"),)}, Malformed),
        ({"actions": (Action(COINBASE, encode((7, bytes(101)))),)}, Malformed),
        ({"outputs": (Output(BTM, 101, ALICE.lock),)}, RewardExceeded),
        ({"outputs": (Output(BTM, 60, ALICE.lock), Output(BTM, 41, BOB.lock))}, RewardExceeded),
        ({"outputs": (Output(BTM, 1, DepositLock(b"\x01" * 32, bytes(64))),)}, CoinbaseLock),
        ({"outputs": (Output(BTM, 0, VaultLock(b"\x01" * 32)),)}, CoinbaseLock),
    ],
)
def test_each_coinbase_rule_refuses_by_name(
    change: dict[str, object], error: type[Invalid]
) -> None:
    with pytest.raises(error):
        coinbase_effects(replaced(COIN, **change), 7, 100)


def test_a_coinbase_carries_no_witness_to_play_with() -> None:
    with pytest.raises(CoinbaseMalformed):
        coinbase_effects(Transaction(COIN.body, (Approval(b"", ()),)), 7, 100)
    with pytest.raises(CoinbaseMalformed):
        coinbase_effects(Transaction(COIN.body, ()), 7, 100)


def test_a_coinbase_outside_a_block_is_refused() -> None:
    with pytest.raises(CoinbaseMisplaced):
        main_effects({}, COIN, 7, EASY)  # type: ignore[arg-type]
    assert chain_id(EASY) not in (b"", bytes(32))
