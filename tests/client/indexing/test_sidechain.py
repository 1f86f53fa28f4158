"""Rows of sidechain blocks: claims, burns, what the chain itself gives out, and its events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bystack.client.indexing.columns import BlockRows, tables_of
from bystack.client.indexing.sidechain import BlockForeign, SideRows
from bystack.client.indexing.source import NodeSource
from bystack.primitives.addresses import decode_address
from bystack.primitives.codec import encode
from bystack.sidechain.action_kinds import SYSTEM_OUTPUTS
from tests.client.indexing.nodes import SideNode, indexed, rows
from tests.sidechain.histories import History
from tests.sidechain.world import World


def read(world: World) -> list[BlockRows]:
    source = NodeSource(SideNode(world), "trade")  # type: ignore[arg-type]
    top, found = source.standing().height, list[BlockRows]()
    while len(found) < top:
        found += source.blocks(range(len(found) + 1, top + 1))
    return found


def every(blocks: list[BlockRows], table: str) -> list[tuple[object, ...]]:
    return [row for block in blocks for row in block.rows.get(table, ())]


@pytest.fixture(scope="module")
def world() -> World:
    history = History(2, deep=False)
    history.run(120)
    return history.world


def test_rows_have_the_columns_of_their_tables(world: World) -> None:
    tables = {table.name: table for table in tables_of("sidechain")}
    for block in read(world):
        assert block.rows.keys() <= tables.keys()
        for name, made in block.rows.items():
            for row in made:
                assert len(row) == len(tables[name].written)
                for column, value in zip(tables[name].written, row, strict=True):
                    assert value is not None or column.empty, (name, column.name)


def test_claims_and_burns_say_what_the_events_say(world: World) -> None:
    blocks, told = read(world), world.side.events
    minted = [facts for name, facts in told if name == "claimed"]
    claims = every(blocks, "claims")
    assert claims and len(claims) == len(minted)
    for row, facts in zip(claims, minted, strict=True):
        place = facts["outpoint"]
        assert row[2:4] == (place.transaction.hex(), place.index)  # type: ignore[attr-defined]
        assert row[4:7] == (facts["asset"].hex(), facts["amount"], facts["fee"])  # type: ignore[attr-defined]
        assert decode_address(str(row[7]), world.side.genesis.hrp)
    asked = {f["id"].hex(): f for name, f in told if name == "pegout"}  # type: ignore[attr-defined]
    burns = {str(row[3]): row for row in every(blocks, "burns")}
    assert burns and burns.keys() == asked.keys()
    for id, row in burns.items():
        request = world.request(bytes.fromhex(id))
        assert row[4:7] == (request.asset.hex(), request.burned, asked[id]["payout"])
        assert decode_address(str(row[7]), world.side.genesis.main.hrp)
        assert decode_address(str(row[8]), world.side.genesis.hrp).payload == request.refund


def test_the_last_state_told_is_the_one_it_is_in(world: World) -> None:
    states = {
        str(row[3]): row[4] for row in every(read(world), "peg_events") if row[2] == "pegout_state"
    }
    assert states
    for id, state in states.items():
        assert world.stands(bytes.fromhex(id)).name.lower() == state


def test_coins_the_chain_gave_out_are_outputs(world: World) -> None:
    made = {row[1:3]: row[3:5] for row in every(read(world), "outputs")}
    given = {
        (place.transaction.hex(), place.index): (coin.asset.hex(), coin.amount)
        for place, coin in world.side.coins.items()
        if place.index >= SYSTEM_OUTPUTS
    }
    assert given and given.items() <= made.items()


def test_a_block_of_another_chain_is_refused(world: World) -> None:
    built = world.side.blocks[0]
    with pytest.raises(BlockForeign):
        SideRows(bytes(32), "tr", "rm").block(encode(built.header), encode(built.body), [])


def test_an_events_texts_can_be_kept(world: World) -> None:
    """What a module says may hold anything; the database takes no NUL."""
    built, genesis = world.side.blocks[0], world.side.genesis
    event = {"event": "x\0", "id": "a\0b", "reason": ["\0", {"k\0": 2**62}], "seq": 3}
    rows = SideRows(genesis.id, "tr", "rm")
    made = rows.block(encode(built.header), encode(built.body), [event]).rows["peg_events"]
    ((_, _, name, subject, *_, facts),) = made
    assert "\0" not in f"{name}{subject}{facts}" and "\\u0000" not in str(facts)
    assert json.loads(str(facts))["reason"][1] == {"k\ufffd": 2**62}


HOSTILE: tuple[dict[str, Any], ...] = (
    {"event": "m.x", "id": "long" * 5_000, "state": "s" * 9_000, "asset": "a" * 9_000},
    {"event": "m." + "y" * 9_000, "seq": 2**64 - 1, "amount": 2**63},
    {"event": "m.x", "seq": True, "amount": True, "asset": 7, "state": None},
    {"event": "m.x", "outpoint": ["z" * 9_000, 2**64 - 1], "amount": -1},
    {"event": "m.x", "id": "'; DROP SCHEMA trade CASCADE; --\0", "amount": 2**63 - 1},
)


def test_no_event_of_a_module_stops_the_index(world: World, address: str) -> None:
    """Whatever its facts are: PostgreSQL takes the row, and the facts are whole."""
    node = SideNode(world)
    node.getblockevents = lambda id: list(HOSTILE)  # type: ignore[method-assign]
    indexed(node, address, "trade")
    found = rows(address, "SELECT event, subject, amount, facts FROM trade.peg_events "
                 "WHERE height = 1 ORDER BY position")  # fmt: skip
    assert [row["amount"] for row in found] == [None, None, None, None, 2**63 - 1]
    assert [row["facts"]["id"] for row in found if "id" in row["facts"]] == [
        one["id"].replace("\0", "\ufffd") for one in HOSTILE if "id" in one
    ]
    assert found[0]["subject"] == ("long" * 50) and len(found[1]["event"]) == 200
