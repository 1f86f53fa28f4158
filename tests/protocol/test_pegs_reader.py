"""What docs/protocol/pegs.md says, done by a reader of its own, is what the program does."""

from __future__ import annotations

from typing import Any

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Transaction
from bystack.ledger.vault_operations import Order, operation_digest
from bystack.mainchain.params import chain_id
from bystack.primitives.codec import encode
from bystack.sidechain.burns import fee_share
from bystack.sidechain.inclusion import verify_included
from bystack.sidechain.relay import RelayView
from tests.ledger.people import CAROL
from tests.protocol import pegs_reader as pegs
from tests.protocol import sidechain_reader as reader
from tests.sidechain.mainside import GOLD
from tests.sidechain.world import ASSETS, K, World, funded, ready


def relayed(world: World) -> tuple[pegs.EntryAt, int]:
    """The window of headers as it lies in the state, and the height of its tip."""
    state = world.side.state

    def at(height: int) -> Any:
        id = state.get(b"relay/height/" + reader.fixed(height))
        return None if id is None else reader.read(state[b"relay/entry/" + id])

    return at, reader.read(state[b"relay/entry/" + state[b"relay/tip/"]])[0][1]


def action_of(tx: Transaction) -> tuple[int, Any]:
    """Kind and body of a transaction's only action."""
    ((kind, body),) = reader.read(encode(tx))[0][3]
    return kind, reader.read(body)


def sums(world: World, asset: bytes = BTM) -> tuple[int, ...]:
    return reader.read(world.side.state[b"sums/" + asset])


def test_a_claim_is_what_its_proof_shows() -> None:
    world = ready()
    paid = world.deposit(5_000)
    world.relay(K)
    tx = world.claim_tx(paid)
    kind, claim = action_of(tx)
    at, tip = relayed(world)
    height = claim[0][0][1]
    entry = pegs.buried(at, tip, height, K)
    header = entry[0]
    assert kind == 2 and claim[0][0][2][1] == header[5]
    chain, vault = world.genesis.id, world.genesis.vault
    asset, amount, recipient, id = pegs.deposit(claim, header[4], vault, chain)
    genesis = reader.read(encode(world.genesis))
    points, unit = genesis[8], genesis[7][0][3]
    outputs = reader.read(encode(tx))[0][2]
    assert outputs == (pegs.minted(asset, amount, points, unit, recipient),)
    world.block(tx)
    key = b"claimed/" + id + reader.fixed(claim[1])
    mined = reader.tagged("mainchain/header", reader.write(header))
    assert reader.read(world.side.state[key]) == (mined, asset, 5_000, 0, 0)
    fee = pegs.fee(amount, points, unit)
    assert sums(world) == (amount - fee, fee, 0, 0, 0)
    minted = reader.read(world.side.state[b"minted/" + asset])
    assert minted == ((tip, 5_000),)


def test_a_deposit_counts_only_where_the_reader_finds_it() -> None:
    world = ready()
    paid = world.deposit(700)
    world.relay(K - 1)
    inclusion = world.main.inclusion(paid)
    claim = action_of(world.claim_tx(paid))[1]
    at, tip = relayed(world)
    with pytest.raises(ValueError, match="not deep enough"):
        pegs.buried(at, tip, claim[0][0][1], K)
    world.relay(1)
    at, tip = relayed(world)
    entry = pegs.buried(at, tip, claim[0][0][1], K)
    view = RelayView(world.view)
    assert verify_included(view, inclusion, K).header == view.at(claim[0][0][1]).header
    with pytest.raises(ValueError, match="not in the block"):
        pegs.deposit(claim, entry[0][3], world.genesis.vault, world.genesis.id)
    with pytest.raises(ValueError, match="no deposit"):
        pegs.deposit(claim, entry[0][4], world.genesis.vault, b"\x07" * 32)


def test_fees() -> None:
    for amount in (1, 99, 100, 12_345, 2**62):
        for points in (0, 1, 200, 9_999):
            assert pegs.fee(amount, points, 1) == fee_share(ASSETS[0], amount, points)


def test_a_burn_its_request_and_the_order_of_its_batch() -> None:
    world = funded()
    before = sums(world)
    tx = world.burn_tx(300)
    kind, (destination, asset, amount, refund) = action_of(tx)
    world.block(tx)
    genesis = reader.read(encode(world.genesis))
    chain, points, own = world.genesis.id, genesis[9], genesis[7][0]
    payout = amount - own[9] - pegs.fee(amount, points, own[3])
    tx_id, _ = pegs.transaction_ids(reader.read(encode(tx)))
    id = pegs.pegout_id(chain, tx_id, 0)
    asked = (0, destination, asset, amount, payout, own[9], refund, 0, 0, 0, 0)
    assert world.side.outbox[0] == pegs.record_leaf(id, asked)
    state = world.side.state
    assert kind == 7 and reader.read(state[b"pegout/" + id]) == (*asked[:8], 1, 0, 0)
    circulating, pool, owed, *_ = sums(world)
    assert (circulating, pool, owed) == (
        before[0] - amount - 1, before[1] + amount - payout + 1, payout
    )  # fmt: skip
    assert reader.read(state[b"reserved/" + asset]) == amount - payout
    record = (world.genesis.vault, 0, 0, ((asset, payout, destination),), (id,))
    batch = reader.read(state[b"batch/" + reader.fixed(0)])
    assert batch == (record, 0, 1, world.side.header.height)
    assert world.side.outbox[1] == pegs.record_leaf(bytes(32), record)
    assert reader.read(state[b"batches/open/"]) == (0,) and reader.read(state[b"batches/seq/"]) == 1
    main, held = chain_id(world.genesis.main), world.record(0)
    order = Order(held.seq, held.tier, held.outputs)
    assert pegs.order_digest(main, record) == operation_digest(main, held.vault, 0, order)


def test_a_sponsor_is_repaid_by_the_page() -> None:
    """Two requests of two assets in one batch: flat fees of each, to the memo's root."""
    world = funded()
    world.block(world.burn_tx(300), world.burn_tx(200, asset=GOLD))
    flat, before = reader.read(encode(world.genesis))[7][0][9], sums(world)
    world.pay(0, CAROL.lock.root)
    assert world.side.state[b"repaid/" + reader.fixed(0) + reader.fixed(0)] == b"\x01"
    after = sums(world)
    assert (after[0] - before[0], before[1] - after[1], after[2]) == (flat, flat, 0)
    assert reader.read(world.side.state[b"batch/" + reader.fixed(0)])[1] == 2
    assert b"batches/open/" in world.side.state and world.open == ()
