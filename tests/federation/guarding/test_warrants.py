"""A guard's signer: freeze, cancel, veto of what it verified; a replacement after recovery only."""

from __future__ import annotations

from typing import get_args

import pytest
from msgspec.structs import replace

from bystack.federation.guarding.warrants import (
    FrozenAlready,
    GuardForeign,
    GuardWarrants,
    NothingAnnounced,
    NothingPending,
    RecoveryAbsent,
    TurnPast,
    VaultUnseen,
)
from bystack.federation.watch import Watch
from bystack.ledger.fulfilment import SignaturesInsufficient
from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import Transaction
from bystack.ledger.vault_operations import (
    Announce,
    Freeze,
    Operation,
    Replace,
    Veto,
    operation_digest,
)
from bystack.primitives.keys import public_key, sign
from tests.federation.guarding.tower import paid
from tests.ledger.people import BOB
from tests.sidechain.mainside import CHAIN, KEYS, SLOW, TERMS, VaultChain, vault_chain
from tests.sidechain.world import genesis_for

GUARD = public_key(KEYS["guard"])
NEW = replace(TERMS, note=b"n" * 32)


class Signer:
    """Watch and judge, fed from a chain at depth 0."""

    def __init__(self, main: VaultChain | None = None, key: bytes = GUARD) -> None:
        self.main = main or vault_chain()
        self.watch = Watch(genesis_for(self.main), depth=0)
        self.judge = GuardWarrants(self.watch, key)
        self.fed = 0

    def feed(self, *, anchors: bool = True) -> Signer:
        start = self.watch.tip.header.height
        headers = [entry.header for entry in self.main.entries[start + 1 :]]
        if headers:
            self.watch.headers(headers, headers[-1].time + 100)
        seqs = [tx for block in self.main.line for tx in block.transactions[1:] if self._moves(tx)]
        for tx in seqs[self.fed :] if anchors else ():
            self.watch.anchor(self.main.inclusion(tx))
            self.fed += 1
        return self

    def _moves(self, tx: Transaction) -> bool:
        return any(getattr(o.lock, "vault", 0) == self.main.vault and not o.amount
                   for o in tx.body.outputs)  # fmt: skip


def test_a_freeze_of_the_present_turn() -> None:
    signer = Signer().feed()
    warrant = signer.judge.freeze(0)
    assert warrant.digest == operation_digest(CHAIN, signer.main.vault, 0, Freeze(0))
    with pytest.raises(TurnPast):
        signer.judge.freeze(1)


def test_nothing_before_the_vault_is_seen_and_nothing_with_a_strange_key() -> None:
    with pytest.raises(VaultUnseen):
        Signer().feed(anchors=False).judge.freeze(0)
    with pytest.raises(GuardForeign):
        Signer(key=public_key(KEYS["super"])).feed().judge.freeze(0)


def test_no_second_freeze_before_the_rest_is_over() -> None:
    signer = Signer()
    signer.main.send(signer.main.spend(Freeze(0)))
    signer.feed()
    with pytest.raises(FrozenAlready):
        signer.judge.freeze(1)
    while signer.main.height + 1 < signer.main.state.freeze_from:
        signer.main.mine()
    assert signer.feed().judge.freeze(1).turn == 1
    signer.main.send(signer.main.spend(Freeze(1)))


def test_only_what_stands_announced_is_cancelled() -> None:
    signer = Signer()
    with pytest.raises(NothingAnnounced):
        signer.feed().judge.cancel(0, terms_hash(NEW))
    signer.main.send(signer.main.spend(Announce(0, terms_hash(NEW))))
    assert signer.feed().judge.cancel(0, terms_hash(NEW)).turn == 0
    with pytest.raises(NothingAnnounced):
        signer.judge.cancel(0, terms_hash(TERMS))


def test_only_a_pending_coin_of_this_vault_is_vetoed() -> None:
    signer = Signer()
    main = signer.main
    main.send(main.deposit(BOB, 1_000, b"\xff" * 32, b"n" * 64))
    for _ in range(6):
        main.mine()
    order = main.send(main.order([paid(300)], SLOW))
    signer.feed()
    ((point, _),) = main.pendings()
    inclusion = main.inclusion(order)
    warrant = signer.judge.veto(inclusion, point.index)
    assert warrant.digest == operation_digest(CHAIN, main.vault, 0, Veto(point))
    for index in (0, 2, 99):
        with pytest.raises(NothingPending):
            signer.judge.veto(inclusion, index)
    signer.watch.genesis = replace(signer.watch.genesis, vault=b"\x01" * 32)
    with pytest.raises(NothingPending):
        signer.judge.veto(inclusion, point.index)


def test_a_replacement_needs_recoverys_signatures_first() -> None:
    signer = Signer().feed()
    change = Replace(0, NEW)
    digest = operation_digest(CHAIN, signer.main.vault, 0, change)
    recovery = public_key(KEYS["recover"])
    with pytest.raises(SignaturesInsufficient):
        signer.judge.replace(change, {})
    wrong = sign(KEYS["recover"], bytes(32), bytes(32))
    with pytest.raises(RecoveryAbsent):
        signer.judge.replace(change, {recovery: wrong})
    right = sign(KEYS["recover"], digest, bytes(32))
    assert signer.judge.replace(change, {recovery: right}).digest == digest


def test_no_method_of_the_judge_knows_an_operation_that_moves_value() -> None:
    """Freeze, cancel, veto, replace: of the twelve operations no other can be signed."""
    offered = {name for name in vars(GuardWarrants) if not name.startswith("_")}
    every = {kind.__name__.lower() for kind in get_args(Operation)}
    assert offered == {"freeze", "cancel", "veto", "replace"}
    assert offered < every


def test_a_reorganisation_takes_the_signers_vault_back_too() -> None:
    signer = Signer()
    signer.main.send(signer.main.spend(Freeze(0)))
    signer.feed()
    signer.main.reorganise(1)
    headers = [entry.header for entry in signer.main.entries[-2:]]
    signer.watch.headers(headers, headers[-1].time + 100)
    assert signer.judge.freeze(0).turn == 0
