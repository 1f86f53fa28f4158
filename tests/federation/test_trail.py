"""A member's trail: the same whether it was followed at once or taken up again from its bytes."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from bystack.federation.purse import KEPT_BLOCKS, KeptPurse, PurseCoin, PurseUndo
from bystack.federation.trail import (
    MAX_FOLLOWED,
    Followed,
    FollowedForeign,
    SeenOperation,
    Trail,
)
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, Outpoint, Output
from bystack.mainchain.params import chain_id
from bystack.primitives.codec import decode, encode
from bystack.sidechain.relayed import ChainPlace
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY
from tests.sidechain.mainside import SLOW, VaultChain, vault_chain
from tests.wire import check_wire

COIN = PurseCoin(Outpoint(b"\x01" * 32, 2), 500, 7, 1)
UNDO = PurseUndo(b"\x02" * 32, (COIN,), (Outpoint(b"\x03" * 32, 0),))
PURSE = KeptPurse(b"\x04" * 32, 9, (COIN,), (UNDO,))
SPEND = SeenOperation(8, b"\x05" * 32, (b"\x06" * 32,), ())
WIRES = {
    "purse_coin": COIN,
    "purse_undo": UNDO,
    "kept_purse": PURSE,
    "chain_place": ChainPlace(9, b"\x07" * 32),
    "seen_operation": SPEND,
    "followed": Followed(b"\x08" * 32, (ChainPlace(9, b"\x07" * 32),), PURSE, (SPEND,)),
}


@pytest.mark.parametrize("name", WIRES)
def test_golden_bytes(name: str) -> None:
    check_wire(f"federation_{name}", WIRES[name])


def trail(sponsor: bytes = ALICE.secret) -> Trail:
    return Trail(chain_id(EASY), sponsor, EASY.maturity)


def again(one: Trail) -> Trail:
    """Another trail that goes on from this one's bytes."""
    other = trail()
    other.resume(decode(Followed, encode(one.kept), MAX_FOLLOWED))
    return other


def connect(chain: VaultChain, one: Trail) -> None:
    """Follow what is new on the best chain."""
    for block in chain.line[len(one.known) and one.known[-1].height :]:
        one.connect(block.header.height, block.id, block)


def test_taken_up_at_any_point_it_is_the_trail_followed_at_once() -> None:
    random, chain = Random(5), vault_chain()
    one = trail()
    connect(chain, one)
    for step in range(60):
        one = again(one) if random.random() < 0.4 else one
        if random.random() < 0.3:
            depth = random.randint(1, 5)
            gone = [(b.header.height, b.id) for b in chain.line[-depth:]]
            chain.reorganise(depth)
            for height, id in reversed(gone):
                one.disconnect(height, id)
        else:
            act(chain, random, step)
        connect(chain, one)
    fresh = trail()
    connect(chain, fresh)
    assert one.kept == fresh.kept
    mine = [row.transaction for row in one.operations.anchors(chain.vault)]
    assert len(mine) > 5 and mine[0] == chain.created.id
    assert one.operations.anchors(b"\x09" * 32) == ()
    assert one.operations.vetoes and len(one.known) == min(KEPT_BLOCKS, chain.height)


def act(chain: VaultChain, random: Random, step: int) -> None:
    """Something that a member looks for: an operation, a payment, a veto."""
    match random.randrange(4):
        case 0:
            chain.send(chain.touch())
        case 1:
            chain.send(chain.transfer(ALICE, BOB.lock, 3 + step))
        case 2:
            chain.send(chain.transfer(ALICE, DepositLock(chain.vault, bytes(64)), 900))
            chain.send(chain.order((Output(BTM, 20, BOB.lock),), SLOW))
            place, _ = max(chain.pendings(), key=lambda one: one[1].height)
            chain.send(chain.veto(place))
        case _:
            chain.grow(1)


def test_another_purse_or_chain_is_not_taken_up() -> None:
    kept = trail().kept
    with pytest.raises(FollowedForeign):
        trail(BOB.secret).resume(kept)
    with pytest.raises(FollowedForeign):
        trail().resume(msgspec.structs.replace(kept, chain=b"\x09" * 32))
