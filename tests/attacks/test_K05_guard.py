"""K05, at the guard's own signer: who takes a guard's process has its socket, not its key.

The signer gives what the vault's state allows, as it verified it: no second freeze in the rest, no
veto of what is no pending coin, no replacement before recovery; and nothing that moves value.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.federation.guarding.warrants import FrozenAlready, RecoveryAbsent, TurnPast
from bystack.ledger.fulfilment import SignaturesInsufficient
from bystack.ledger.vault_operations import Freeze, Replace
from bystack.node.signer import guarding
from bystack.node.signer.guarding import GuardKeeper
from bystack.node.signer.votes import MethodUnknown
from bystack.node.store.journal import Journal
from bystack.primitives.codec import encode
from bystack.primitives.keys import public_key
from tests.federation.guarding.test_warrants import NEW
from tests.mainchain.builders import EASY
from tests.sidechain.mainside import KEYS, VaultChain, vault_chain
from tests.sidechain.world import genesis_for


def taken(folder: Path, main: VaultChain) -> GuardKeeper:
    journal = Journal.open(folder / "journal", kind=guarding.KIND, magic=EASY.magic)
    return GuardKeeper(KEYS["guard"], genesis_for(main), journal)


def show(keeper: GuardKeeper, main: VaultChain) -> None:
    """The thief shows it the chain as it is; what is not the chain it refuses."""
    start = keeper._handle("seen", [])[0]
    headers = [encode(entry.header) for entry in main.entries[start + 1 :]]
    if headers:
        keeper._handle("headers", [headers])
    moves = [tx for block in main.line for tx in block.transactions[1:]
             if any(o.lock == main.coins[main.anchor].lock for o in tx.body.outputs)]  # fmt: skip
    for tx in moves[keeper._handle("seen", [])[2] + 1 :]:
        keeper._handle("anchor", [encode(main.inclusion(tx))])


def test_four_blocks_of_five_are_free_however_often_it_is_asked(tmp_path: Path) -> None:
    main = vault_chain()
    keeper, frozen, blocks = taken(tmp_path, main), 0, 200
    show(keeper, main)
    for _ in range(blocks):
        try:
            keeper._handle("freeze", [main.state.turn])
            main.send(main.spend(Freeze(main.state.turn)))
        except FrozenAlready:
            main.mine()
        show(keeper, main)
        frozen += main.height < main.state.frozen_until
    assert 0 < frozen <= blocks // 5


def test_a_turn_that_is_not_the_vaults_is_not_signed(tmp_path: Path) -> None:
    main = vault_chain()
    keeper = taken(tmp_path, main)
    show(keeper, main)
    for turn in (1, 2, 10**6):
        with pytest.raises(TurnPast):
            keeper._handle("freeze", [turn])


def test_a_replacement_is_not_signed_before_recovery_has(tmp_path: Path) -> None:
    main = vault_chain()
    keeper = taken(tmp_path, main)
    show(keeper, main)
    change, recovery = encode(Replace(0, NEW)), public_key(KEYS["recover"])
    with pytest.raises(SignaturesInsufficient):
        keeper._handle("replace", [change, []])
    with pytest.raises(RecoveryAbsent):
        keeper._handle("replace", [change, [[recovery, bytes(64)]]])


@pytest.mark.parametrize("method", ["order", "touch", "announce", "adopt", "recover", "create", "approve"])  # fmt: skip  # noqa: E501
def test_what_moves_value_or_keys_it_does_not_know(tmp_path: Path, method: str) -> None:
    main = vault_chain()
    keeper = taken(tmp_path, main)
    show(keeper, main)
    with pytest.raises(MethodUnknown):
        keeper._handle(method, [0])
    assert len(list(keeper._journal.records())) == 0
