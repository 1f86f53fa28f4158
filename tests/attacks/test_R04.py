"""R04: a deposit older than the window, claimed by the history root. With a wrong peak, refused."""

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Transaction
from bystack.mainchain.proofs import HistoryCount, HistoryProof, ProofHeader
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import ProofMismatch
from bystack.sidechain.claims import AlreadyClaimed
from bystack.sidechain.inclusion import HistoryMissing, Inclusion
from tests.sidechain.world import K, World, ready


def old_deposit() -> tuple[World, Transaction]:
    world = ready()
    paid = world.deposit(1_000)
    for _ in range(2):
        world.relay(600)
    return world, paid


def test_a_deposit_never_strands() -> None:
    world, paid = old_deposit()
    under = world.relayed - K
    good = world.main.inclusion(paid, under)
    (history,) = good.history
    assert world.relayed - good.proof.height > world.genesis.window

    def changed(**fields: object) -> Inclusion:
        return Inclusion(good.proof, (msgspec.structs.replace(history, **fields),))

    path = history.path
    peaks = (bytes(32), *path.peaks[1:])
    wrong: dict[type[Invalid], list[Inclusion]] = {
        HistoryMissing: [Inclusion(good.proof, ())],
        ProofMismatch: [
            changed(path=msgspec.structs.replace(path, peaks=peaks)),
            changed(path=msgspec.structs.replace(path, path=(bytes(32), *path.path[1:]))),
            changed(work=bytes(32)),
            changed(work=world.main.entries[1].work),
        ],
        HistoryCount: [
            world.main.inclusion(paid, under - 1),
            world.main.inclusion(paid, under + 1),
        ],
    }
    for error, inclusions in wrong.items():
        for inclusion in inclusions:
            with pytest.raises(error):
                world.block(world.claim_of(inclusion, paid))
    assert world.supply(BTM) == 0
    world.block(world.claim_of(good, paid))
    with pytest.raises(AlreadyClaimed):
        world.block(world.claim_tx(paid, under=world.relayed - K))
    assert world.supply(BTM) == 990


def test_an_old_header_of_another_branch_proves_nothing() -> None:
    """The history binds the very header, so its look-alike's transactions are not in it."""
    world = ready()
    aside = world.copy()
    paid = aside.deposit(1_000)
    fake = aside.main.inclusion(paid)
    other = aside.main.entries[fake.proof.height]
    world.main.mine()
    for _ in range(2):
        world.relay(600)
    true = world.main.inclusion(world.main.line[fake.proof.height - 1].transactions[0].id)
    (history,) = world.main.inclusion(
        world.main.line[fake.proof.height - 1].transactions[0].id, world.relayed - K
    ).history
    assert true.proof.header != fake.proof.header
    with pytest.raises(ProofHeader):
        world.block(world.claim_of(Inclusion(fake.proof, (history,)), paid))
    forged = HistoryProof(other.header, other.work, history.path)
    with pytest.raises(ProofMismatch):
        world.block(world.claim_of(Inclusion(fake.proof, (forged,)), paid))
    assert world.supply(BTM) == 0
