"""Wallet methods by position, as clients made for Bitcoin Core call them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import address_of
from tests.ledger.people import BOB, CAROL
from tests.node.wallet.people import HERE
from tests.node.wallet.test_rpc import BOB_THERE, PHRASE, World, world

REWARD = 412.5
TO_BOB, TO_CAROL = (str(address_of(one.lock, HERE.hrp)) for one in (BOB, CAROL))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def mined(here: World, blocks: int) -> str:
    """A wallet with rewards, the last of which still matures; the address they went to."""
    await here.rpc("createwallet", "default", "", PHRASE)
    address = str(await here.rpc("getnewaddress", "miner", "bech32m"))
    await here.mine(blocks, address)
    return address


def test_coins_and_sums_by_their_confirmations(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            address = await mined(here, 4)
            assert await here.rpc("getbalance", "*") == 3 * REWARD
            assert await here.rpc("getbalance", "*", 3) == 2 * REWARD
            assert await here.rpc("getbalance", "*", 1, True, False) == 3 * REWARD
            assert (await here.refusal("getbalance", "main"))[0] == -3
            rows = await here.rpc("listunspent", 1, 9_999_999)
            assert [one["confirmations"] for one in rows] == [4, 3, 2]
            assert await here.rpc("listunspent", 3, 3) == [rows[1]]
            assert await here.rpc("listunspent", 1, 9_999_999, [address], True) == rows
            other = await here.rpc("getnewaddress")
            assert await here.rpc("listunspent", 1, 9_999_999, [other]) == []
            assert (await here.refusal("listunspent", 1, 9, ["nowhere"]))[0] == -5

    trio.run(main)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 3),
        ({"maximumCount": 2}, 2),
        ({"minimumAmount": 412.5}, 3),
        ({"minimumAmount": "412.50000001"}, 0),
        ({"maximumAmount": 412.5}, 3),
        ({"maximumAmount": 412.4}, 0),
    ],
)
def test_coins_by_what_they_hold(tmp_path: Path, options: dict[str, Any], count: int) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await mined(here, 4)
            rows = await here.rpc("listunspent", 1, 9_999_999, [], True, options)
            assert len(rows) == count

    trio.run(main)


def test_a_payment_with_comments_and_the_fee_off_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await mined(here, 4)
            rest = (True, False, 6, "economical")
            txid = await here.rpc("sendtoaddress", TO_BOB, 1, "rent", "Bob", *rest)
            told = await here.rpc("gettransaction", txid, True, False)
            assert (told["comment"], told["to"]) == ("rent", "Bob")
            (row,) = await here.rpc("listtransactions", "*", 1, 0, True)
            assert (row["txid"], row["category"]) == (txid, "send")
            tx = await here.sent(txid)
            fee = -round(row["fee"] * 10**8)
            assert 10**8 - fee in [out.amount for out in tx.body.outputs] and fee > 0
            assert [one["category"] for one in await here.rpc("listtransactions", "miner")] == [
                *["generate"] * 3,
                "immature",
            ]
            assert await here.rpc("listtransactions", "nobody", 10, 0) == []

    trio.run(main)


def test_many_payments_by_address(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await mined(here, 4)
            amounts = {TO_BOB: 2, TO_CAROL: "3"}
            txid = await here.rpc("sendmany", "", amounts, 1, "wages", [TO_CAROL])
            tx = await here.sent(txid)
            told = await here.rpc("gettransaction", txid)
            fee = -round(told["movements"][0]["fee"] * 10**8)
            paid = [out.amount for out in tx.body.outputs]
            assert told["comment"] == "wages" and {2 * 10**8, 3 * 10**8 - fee} <= set(paid)
            rows = [{"address": TO_BOB, "amount": 1}, {"address": TO_BOB, "amount": 2}]
            tx = await here.sent(await here.rpc("sendmany", "", rows))
            assert {10**8, 2 * 10**8} <= {out.amount for out in tx.body.outputs}
            for bad in (("main", amounts), ("", {TO_BOB: 1, BOB_THERE: 1})):
                assert (await here.refusal("sendmany", *bad))[0] == -8
            assert (await here.refusal("sendmany", "", {TO_BOB: 1}, 1, "", [TO_CAROL]))[0] == -8
            assert (await here.refusal("sendmany", "", {}))[0] == -3
            with pytest.raises(RemoteError, match="the address whose payment bears the fee"):
                await here.rpc("sendmany", "", amounts, 1, "", [TO_BOB, TO_CAROL])

    trio.run(main)


def test_since_a_block_with_so_many_confirmations(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await mined(here, 4)
            last, earlier = [
                (await here.rpc("listsinceblock", None, deep))["lastblock"] for deep in (1, 3)
            ]
            assert (await here.rpc("listsinceblock", last))["transactions"] == []
            again = (await here.rpc("listsinceblock", earlier, 1))["transactions"]
            assert [one["blockheight"] for one in again] == [3, 4]

    trio.run(main)
