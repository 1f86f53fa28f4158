"""A guard's excerpts: followed in place of the blocks they lead to the same vault and purse."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from bystack.federation.guarding import excerpts as module
from bystack.federation.guarding.excerpts import (
    MAX_EXCERPTS,
    Excerpts,
    ExcerptsForeign,
    KeptExcerpts,
)
from bystack.federation.guarding.vault import Vault
from bystack.federation.purse import KEPT_BLOCKS, Purse
from bystack.federation.trail import Operations
from bystack.ledger.amounts import BTM
from bystack.ledger.payments import single_key_root
from bystack.ledger.transactions import DepositLock, Output
from bystack.mainchain.blocks import Block
from bystack.mainchain.params import chain_id
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB, CAROL
from tests.mainchain.builders import EASY
from tests.sidechain.mainside import SLOW, VaultChain, vault_chain
from tests.sidechain.world import genesis_for
from tests.wire import check_wire


def test_golden_bytes() -> None:
    kept = KeptExcerpts(b"\x01" * 32, b"\x02" * 32, b"\x03" * 32, (b"one", b"two"))
    check_wire("federation_kept_excerpts", kept)


def excerpts(chain: VaultChain) -> Excerpts:
    return Excerpts(chain_id(EASY), chain.vault, single_key_root(CAROL.secret))


def again(chain: VaultChain, one: Excerpts) -> Excerpts:
    """Others that go on from these ones' bytes."""
    other = excerpts(chain)
    other.resume(decode(KeptExcerpts, encode(one.kept), MAX_EXCERPTS))
    return other


def connect(chain: VaultChain, one: Excerpts) -> None:
    for block in chain.line[one.height :]:
        one.connect(block)


def seen(chain: VaultChain, blocks: list[Block]) -> list[object]:
    """What a guard knows after blocks, and after each of the last is undone."""
    vault, purse, operations = Vault(genesis_for(chain)), Purse(CAROL.secret, 1), Operations()
    for block in blocks:
        vault.connect(block.header.height, block)
        purse.connect(block.id, block.header.height, block.transactions)
        operations.connect(block.header.height, block)
    states: list[object] = [operations.rows]
    for block in reversed(blocks[-min(40, chain.height // 2) :]):
        held = vault.holdings, vault.waiting, vault.terms, vault.height
        states.append((held, vault.anchor if vault.known else None, purse.kept.coins))
        vault.disconnect(block.header.height)
        assert purse.disconnect(block.id)
    return states


def act(chain: VaultChain, random: Random, step: int) -> None:
    """Something that a guard looks for, or nothing to it."""
    match random.randrange(6):
        case 0:
            chain.send(chain.touch())
        case 1:
            chain.send(chain.transfer(ALICE, CAROL.lock, 300 + step))
        case 2:
            chain.send(chain.transfer(ALICE, DepositLock(chain.vault, bytes(64)), 900))
            chain.send(chain.order((Output(BTM, 20, BOB.lock),), SLOW))
            place, _ = max(chain.pendings(), key=lambda one: one[1].height)
            chain.send(chain.veto(place))
        case 3:
            chain.send(chain.transfer(CAROL, BOB.lock, 3 + step))
        case 4:
            chain.send(chain.transfer(ALICE, BOB.lock, 3 + step))
        case _:
            chain.grow(4)


def test_followed_in_place_of_the_blocks_they_lead_to_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "KEPT_BLOCKS", 25)
    random, chain = Random(6), vault_chain()
    chain.send(chain.transfer(ALICE, CAROL.lock, 50_000_000))
    one = excerpts(chain)
    connect(chain, one)
    for step in range(40):
        one = again(chain, one) if random.random() < 0.4 else one
        if random.random() < 0.3:
            depth = random.randint(1, 5)
            for block in reversed(chain.line[-depth:]):
                one.disconnect(block.header.height)
            chain.reorganise(depth)
        else:
            act(chain, random, step)
        connect(chain, one)
    one = again(chain, one)
    assert [place.id for place in one.known] == [block.id for block in chain.line[-25:]]
    assert len(one.blocks) < chain.height
    whole = sum(len(encode(block)) for block in chain.line)
    assert len(encode(one.kept)) < whole
    monkeypatch.setattr(module, "KEPT_BLOCKS", KEPT_BLOCKS)
    mine, theirs = seen(chain, one.blocks), seen(chain, list(chain.line))
    assert mine[:25] == theirs[:25]


def test_of_too_much_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_BLOCKS", 2)
    monkeypatch.setattr(module, "MAX_EXCERPTS", 500)
    chain = vault_chain()
    one = excerpts(chain)
    for step in range(3):
        chain.send(chain.transfer(ALICE, CAROL.lock, 300 + step))
    chain.grow(3)
    connect(chain, one)
    assert one.kept.blocks == () and len(one.blocks) == 2


@pytest.mark.parametrize("field", ["chain", "vault", "sponsor"])
def test_anothers_are_not_taken_up(field: str) -> None:
    chain = vault_chain()
    one = excerpts(chain)
    with pytest.raises(ExcerptsForeign):
        one.resume(msgspec.structs.replace(one.kept, **{field: b"\x09" * 32}))


def test_what_is_no_block_changes_nothing() -> None:
    chain = vault_chain()
    one = excerpts(chain)
    connect(chain, one)
    before = one.kept
    with pytest.raises(Invalid):
        one.resume(msgspec.structs.replace(before, blocks=(*before.blocks[:3], b"no block")))
    assert one.kept == before
