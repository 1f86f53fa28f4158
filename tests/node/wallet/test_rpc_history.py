"""What came and went is told per asset, with fees, labels, notes, and what is on its way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from bystack.ledger.addressbook import GAP
from bystack.ledger.transactions import decode_transaction
from bystack.node.mainchain.forms import address_of
from bystack.node.wallet import expecting
from tests.node.wallet.test_following import until
from tests.node.wallet.test_rpc import BOB_HERE, PHRASE, World, world


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def listed(here: World, *params: Any) -> list[tuple[str, str, float, int]]:
    every = await here.rpc("listtransactions", "*", *(params or (100,)))
    return [(e["category"], e["name"], e["amount"], e["confirmations"]) for e in every]


def test_every_kind_of_movement_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            mine = await here.rpc("getnewaddress", "miner")
            await here.mine(3, mine)
            await here.rpc("setlabel", str(BOB_HERE), "Bob")
            txid = await here.rpc("sendtoaddress", BOB_HERE, "1.5", "rent", "the landlord")
            assert await listed(here) == [
                ("generate", "BTM", 412.5, 3),
                ("generate", "BTM", 412.5, 2),
                ("immature", "BTM", 412.5, 1),
                ("send", "BTM", -1.5, 0),
            ]
            (waiting,) = await here.rpc("listtransactions", "*", 1)
            assert (waiting["txid"], waiting["address"], waiting["label"]) == (
                txid,
                BOB_HERE,
                "Bob",
            )
            assert (waiting["comment"], waiting["to"]) == ("rent", "the landlord")
            await here.mine(1, str(BOB_HERE))
            to_self = await here.rpc("sendtoaddress", await here.rpc("getnewaddress"), 5)
            await here.mine(1, str(BOB_HERE))
            assert (await listed(here))[-2:] == [("send", "BTM", -1.5, 2), ("self", "BTM", 0, 1)]
            (sent, own) = await here.rpc("listtransactions", "*", 2)
            tx = await here.sent(txid)
            paid = (await here.rpc("gettransaction", txid))["movements"][0]["fee"]
            assert sent["fee"] == paid < 0
            assert own["txid"] == to_self and own["fee"] < 0
            assert sent["comment"] == "rent" and sent["time"] > 0
            assert sum(out.amount for out in tx.body.outputs) / 10**8 == 412.5 + paid
            assert [e["category"] for e in await here.rpc("listtransactions", "miner", 9)] == (
                ["generate"] * 3
            )
            assert await listed(here, 2, 1) == (await listed(here))[-3:-1]
            assert await listed(here, 2, 99) == []

    trio.run(main)


def test_one_transaction_in_full(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            await here.mine(3, await here.rpc("getnewaddress"))
            txid = await here.rpc("sendtoaddress", BOB_HERE, 2)
            waiting = await here.rpc("gettransaction", txid)
            assert waiting["confirmations"] == 0 and not waiting["abandoned"]
            await here.mine(2, str(BOB_HERE))
            told = await here.rpc("gettransaction", txid.upper())
            assert (told["blockheight"], told["confirmations"]) == (4, 2)
            assert told["movements"][0]["fee"] == waiting["movements"][0]["fee"]
            assert decode_transaction(bytes.fromhex(told["hex"])).id.hex() == txid
            outputs = {d["address"]: d for d in told["details"]}
            assert outputs[str(BOB_HERE)]["ismine"] is False
            assert outputs[str(BOB_HERE)]["amount"] == 2
            (change,) = [d for d in told["details"] if d["address"] != str(BOB_HERE)]
            assert change["ismine"] and change["ischange"]
            assert (await here.refusal("gettransaction", "ab" * 32))[0] == -5

    trio.run(main)


def test_each_output_that_others_paid_is_told_by_itself(tmp_path: Path) -> None:
    """One payment may pay several bills: who reads one sum credits it all to the first of them."""

    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "payee")
            bills = {name: await here.rpc("getnewaddress", name) for name in ("one", "two")}
            await here.rpc("unloadwallet")
            await here.rpc("createwallet", "payer", "", PHRASE)
            await here.mine(3, await here.rpc("getnewaddress"))
            txid = await here.rpc("sendmany", "", {bills["one"]: 1, bills["two"]: 2})
            tx = await here.sent(txid)
            await here.mine(1, str(BOB_HERE))
            await here.rpc("unloadwallet")
            await here.rpc("loadwallet", "payee")
            rows = (await here.rpc("listsinceblock"))["transactions"]
            assert {one["label"]: (one["address"], one["amount"]) for one in rows} == {
                "one": (bills["one"], 1),
                "two": (bills["two"], 2),
            }
            for one in rows:
                assert tx.body.outputs[one["vout"]].amount == one["amount"] * 10**8
            assert [one["amount"] for one in await here.rpc("listtransactions", "two")] == [2]

    trio.run(main)


def test_since_a_block(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            mine = await here.rpc("getnewaddress")
            await here.mine(2, mine)
            first = await here.rpc("listsinceblock")
            assert len(first["transactions"]) == 2
            await here.mine(1, mine)
            second = await here.rpc("listsinceblock", first["lastblock"])
            assert [one["blockheight"] for one in second["transactions"]] == [3]
            assert (await here.refusal("listsinceblock", "ab" * 32))[0] == -5

    trio.run(main)


def test_since_a_block_that_the_wallet_has_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bystack.node.wallet.purse.KEPT_BLOCKS", 2)

    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            mine = await here.rpc("getnewaddress")
            await here.mine(1, mine)
            mark = (await here.rpc("listsinceblock"))["lastblock"]
            await here.mine(4, mine)
            told = await here.rpc("listsinceblock", mark)
            assert [one["blockheight"] for one in told["transactions"]] == [2, 3, 4, 5]

    trio.run(main)


def test_since_a_block_that_left_the_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a reorganisation: told from where the chain parted from it."""

    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            mine = await here.rpc("getnewaddress")
            await here.mine(2, mine)
            kept = (await here.rpc("listsinceblock"))["lastblock"]
            await here.mine(1, mine)
            client = here.keeper._wallets["default"].opened.follower("main").client
            ask = client.call

            async def call(method: str, *params: Any) -> Any:
                if params[:2] != ("getblockheader", ["ab" * 32]):
                    return await ask(method, *params)
                return {"confirmations": -1, "height": 3, "previousblockhash": kept}

            monkeypatch.setattr(client, "call", call)
            told = await here.rpc("listsinceblock", "ab" * 32)
            assert [one["blockheight"] for one in told["transactions"]] == [3]

    trio.run(main)


def test_coins_are_left_alone_over_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            await here.mine(3, await here.rpc("getnewaddress"))
            first, second = await here.rpc("listunspent")
            point = {"txid": first["txid"], "vout": first["vout"]}
            await here.rpc("lockunspent", False, [point])
            assert (await here.refusal("lockunspent", False, [point]))[0] == -8
            await here.rpc("unloadwallet")
            await here.rpc("loadwallet", "default")
            assert await here.rpc("listlockunspent") == [point]
            tx = await here.sent(await here.rpc("sendtoaddress", BOB_HERE, "all"))
            assert [p.transaction.hex() for p in tx.body.inputs] == [second["txid"]]
            await here.rpc("lockunspent", True)
            assert await here.rpc("listlockunspent") == []
            assert [one["txid"] for one in await here.rpc("listunspent")] == [first["txid"]]

    trio.run(main)


def test_a_pool_is_told_of_addresses_that_were_handed_out_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expecting, "SETTLED", 0.05)

    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "payer", "", PHRASE)
            await here.mine(3, await here.rpc("getnewaddress"))
            await here.rpc("createwallet", "payee")
            opened = here.keeper._wallets["payee"].opened
            purse, book = opened.purse("main"), opened.purse("main").wallet.book
            watched, listeners = frozenset(book.places), here.node.driver.pool._listeners
            with trio.fail_after(180):  # and the first of two has been let go
                await until(lambda: watched in [one._roots for one in listeners._listeners])
                await trio.testing.wait_all_tasks_blocked(cushion=2 * expecting.SETTLED)
            locks = [book.new_lock(force=True) for _ in range(GAP + 1)]
            opened.follower("main").tell()
            assert locks[-1].root not in watched
            far = str(address_of(locks[-1], purse.chain.hrp))
            await here.rpc("sendtoaddress", far, 7, wallet="payer")
            with trio.fail_after(180):
                await until(lambda: purse.expected)

    trio.run(main)


def test_a_payment_to_us_is_seen_before_its_block_and_not_spent(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "payer", "", PHRASE)
            await here.mine(3, await here.rpc("getnewaddress"))
            await here.rpc("createwallet", "payee")
            payee = {"wallet": "payee"}
            mine = await here.rpc("getnewaddress", **payee)
            txid = await here.rpc("sendtoaddress", mine, 7, wallet="payer")
            purse = here.keeper._wallets["payee"].opened.purse("main")
            with trio.fail_after(180):
                await until(lambda: purse.expected)
            (coming,) = await here.rpc("listtransactions", **payee)
            assert (coming["txid"], coming["category"], coming["amount"]) == (txid, "receive", 7)
            assert coming["confirmations"] == 0
            shown = (await here.rpc("getbalances", **payee))["mine"]["BTM"]
            assert (shown["trusted"], shown["untrusted_pending"]) == (0, 7)
            assert await here.rpc("getbalance", **payee) == 0
            assert (await here.refusal("sendtoaddress", BOB_HERE, 1, **payee))[0] == -6
            payer = (await here.rpc("getbalances", wallet="payer"))["mine"]["BTM"]
            assert payer["untrusted_pending"] == 0
            await here.mine(1, str(BOB_HERE))
            shown = (await here.rpc("getbalances", **payee))["mine"]["BTM"]
            assert (shown["trusted"], shown["untrusted_pending"]) == (7, 0)
            assert len(await here.rpc("listtransactions", **payee)) == 1

    trio.run(main)
