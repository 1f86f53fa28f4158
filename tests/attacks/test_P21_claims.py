"""P21, the claim's side: a deposit in a transaction of an unknown version mints nothing.

The relay sees headers only, so a miner can put anything into a block: what the bytes of a proved
transaction show to be invalid is refused, whatever work lies on top.
"""

from collections.abc import Callable

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output, Transaction
from bystack.mainchain.assembly import build_block, mine
from bystack.mainchain.blocks import Block, witness_root
from bystack.mainchain.chain import Entry
from bystack.mainchain.proofs import TransactionProof
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import merkle_prove
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.inclusion import Inclusion
from bystack.sidechain.relay import Relay
from tests.ledger.people import ALICE, CAROL
from tests.mainchain.builders import EASY, entries_after, headers_after
from tests.sidechain.world import K, World, ready


def smuggled(world: World, tx: Transaction, data: bytes) -> Inclusion:
    """Mine a block with this transaction, valid or not, and K on top; relay the headers."""
    parent: Entry = world.main.tip
    made = build_block(parent, [tx], ALICE.lock, 0, EASY)
    root = witness_root(made.transactions)
    block = mine(Block(msgspec.structs.replace(made.header, witness_root=root), ()), parent)
    assert block is not None
    (entry,) = entries_after(parent, [block.header])
    headers = (block.header, *headers_after(entry, K))
    world.side.commit(
        world.side.build([system_transaction(Relay(headers))], headers[-1].time * 1000)
    )
    branch = merkle_prove([t.witness_id for t in made.transactions], 1)
    return Inclusion(TransactionProof(block.id, block.header.height, branch, data), ())


CHANGES: list[tuple[str, Callable[[Transaction], dict[str, object]]]] = [
    *(("VersionUnknown", lambda t, v=v: {"version": v}) for v in (0, 2, 3, 128, 255, 65_535)),
    ("InputRepeated", lambda t: {"inputs": t.body.inputs * 2}),
    ("NothingDone", lambda t: {"inputs": ()}),
    ("AmountZero", lambda t: {"outputs": (*t.body.outputs, Output(BTM, 0, CAROL.lock))}),
    ("WindowEmpty", lambda t: {"valid_from": 9, "valid_until": 8}),
]


@pytest.mark.parametrize(("rule", "change"), CHANGES)
def test_an_ill_formed_deposit_mints_nothing(
    rule: str, change: Callable[[Transaction], dict[str, object]]
) -> None:
    world = ready()
    good = world.main.deposit(ALICE, 1_000, BTM, world.note(CAROL))
    bad = Transaction(msgspec.structs.replace(good.body, **change(good)), good.witnesses)
    claim = world.claim_of(smuggled(world, bad, encode(bad)), bad)
    with pytest.raises(Invalid) as caught:
        world.block(claim)
    assert caught.value.rule == rule and world.supply(BTM) == 0


def test_an_unknown_lock_is_no_transaction() -> None:
    world = ready()
    good = world.main.deposit(ALICE, 1_000, BTM, world.note(CAROL))
    data = encode(good)
    lock = encode(good.body.outputs[0].lock)
    assert lock[1] == 3
    at = data.index(lock)
    honest = smuggled(world, good, data)
    for tag in (*range(7, 128),):
        other = data[: at + 1] + bytes([tag]) + data[at + 2 :]
        forged = msgspec.structs.replace(honest.proof, transaction=other)
        built = world.side.build(
            [world.claim_of(msgspec.structs.replace(honest, proof=forged), good)], world.now
        )
        assert [error.rule for _, error in built.refused] == ["Malformed"]
    # The same block with the true bytes: the relay takes it, and the claim passes.
    world.block(world.claim_of(honest, good))
    assert world.supply(BTM) == 990
