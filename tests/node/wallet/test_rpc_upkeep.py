"""Many coins become few, payments are sped up or given up, rescans find what was not looked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.ledger import payments, sweeping
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.node.ipc import RemoteError, Unanswered
from bystack.node.mainchain.forms import address_of
from bystack.node.mainchain.pruning import Pruner
from tests.ledger.people import BOB, CAROL
from tests.mainchain.builders import EASY
from tests.node.mainchain.test_service import service
from tests.node.wallet.people import HERE
from tests.node.wallet.test_following import mint
from tests.node.wallet.test_rpc import BOB_HERE, BOB_THERE, PHRASE, World, _to, world

REWARD = 412.5
CAROL_HERE = str(address_of(CAROL.lock, HERE.hrp))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def funded(here: World, count: int) -> str:
    await here.rpc("createwallet", "default", "", PHRASE)
    mine: str = await here.rpc("getnewaddress")
    await here.mine(count, mine)
    await here.mine(1, CAROL_HERE)
    return mine


async def pooled(here: World) -> list[str]:
    params = ["getrawmempool", [], "read", "main"]
    found: list[str] = await service(here.node).handle("rpc", params)
    return found


def to_bob(tx: Transaction) -> int:
    return sum(out.amount for out in tx.body.outputs if out.lock == BOB.lock)


def test_small_coins_are_gathered_in_several_transactions(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here, 7)
            told = await here.rpc("consolidate", "main", "BTM", "", 3)
            assert (len(told["txids"]), told["coins"], told["not_worth_it"]) == (2, 6, 0)
            await here.mine(1, CAROL_HERE)
            coins = await here.rpc("listunspent")
            assert len(coins) == 3
            assert 7 * REWARD - 0.01 < await here.rpc("getbalance") < 7 * REWARD
            assert len((await here.rpc("consolidate"))["txids"]) == 1
            await here.mine(1, CAROL_HERE)
            assert (await here.rpc("consolidate"))["txids"] == []
            selfs = await here.rpc("listtransactions", "*", 3)
            assert {one["category"] for one in selfs} == {"self"}

    trio.run(main)


def test_accounts_are_gathered_each_for_itself_and_paid_from_in_turn(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            await here.rpc("createaccount", "savings")
            await here.mine(2, await here.rpc("getnewaddress"))
            await here.mine(3, await here.rpc("getnewaddress", "", "", "main", "savings"))
            await here.mine(1, CAROL_HERE)
            await here.rpc("sendtoaddress", BOB_HERE, 800)
            await here.mine(1, CAROL_HERE)
            assert await here.rpc("getbalance", account="savings") == 3 * REWARD
            told = await here.rpc("consolidate")
            assert (len(told["txids"]), told["coins"]) == (1, 3)
            await here.mine(1, CAROL_HERE)
            assert await here.rpc("getbalance", account="savings") > 3 * REWARD - 0.01
            await here.rpc("sendtoaddress", BOB_HERE, 100)  # more than is in the first account
            await here.mine(1, CAROL_HERE)
            left = 5 * REWARD - 900
            assert left - 0.01 < await here.rpc("getbalance") < left

    trio.run(main)


def test_a_wallet_is_emptied(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here, 5)
            told = await here.rpc("sendall", BOB_HERE)
            assert told["coins"] == 5
            paid = sum([to_bob(await here.sent(txid)) for txid in told["txids"]])
            assert paid == round(told["amount"] * 10**8)
            assert await here.rpc("getbalance") == 0
            assert (await here.refusal("sendtoaddress", BOB_HERE, "all")) == (-6, "NothingHeld")

    trio.run(main)


def test_the_fee_comes_off_what_is_sent(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here, 3)
            txid = await here.rpc("sendtoaddress", BOB_HERE, 400, "", "", True)
            fee = (await here.rpc("gettransaction", txid))["movements"][0]["fee"]
            assert to_bob(await here.sent(txid)) == round((400 + fee) * 10**8)
            await here.mine(1, CAROL_HERE)
            txid = await here.rpc("sendtoaddress", BOB_HERE, "all")
            assert len((await here.sent(txid)).body.outputs) == 1
            assert await here.rpc("getbalance") == 0

    trio.run(main)


def test_too_many_coins_for_one_payment_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here, 6)
            monkeypatch.setattr(payments, "MAX_WEIGHT", 1_000)
            monkeypatch.setattr(sweeping, "PER_TRANSACTION", 3)
            error = await here.refusal("sendtoaddress", BOB_HERE, 6 * REWARD - 1)
            assert error == (-6, "PaymentTooHeavy")
            with pytest.raises(Exception, match=r"about 1237\.5 BTM .* consolidate"):
                await here.rpc("sendtoaddress", BOB_HERE, 6 * REWARD - 1)
            assert not here.keeper.opened().purse("main").wallet.reserved

    trio.run(main)


def test_a_payment_is_replaced_by_a_dearer_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here, 3)
            first = await here.rpc("sendtoaddress", BOB_HERE, 10, "for eggs")
            told = await here.rpc("bumpfee", first)
            assert told["fee"] > told["origfee"] > 0
            assert await pooled(here) == [told["txid"]]
            old, new = await here.rpc("gettransaction", first), await here.sent(told["txid"])
            assert old["replaced_by_txid"] == told["txid"]
            assert to_bob(new) == 10 * 10**8
            assert (await here.rpc("listtransactions", "*", 1))[0]["comment"] == "for eggs"
            assert (await here.refusal("bumpfee", first))[0] == -5
            far = await here.rpc("bumpfee", told["txid"], "0.05")
            assert far["fee"] > 20 * told["fee"]
            for method, to in (("bumpfee", far["txid"]), ("sendall", BOB_HERE)):
                rate = ["0.10000001"] if method == "bumpfee" else ["BTM", "", "0.10000001"]
                assert await here.refusal(method, to, *rate) == (-8, "FeeRateAbsurd")
            await here.mine(1, CAROL_HERE)
            assert await here.rpc("getbalance") == round(3 * REWARD - 10 - far["fee"], 8)
            everything = await here.rpc("sendtoaddress", BOB_HERE, "all")
            assert await here.refusal("bumpfee", everything) == (-6, "InsufficientFunds")
            assert await pooled(here) == [everything]

    trio.run(main)


def test_a_payment_that_no_pool_has_can_be_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            side, mine = here.side, here.keeper.opened().purse("trade").wallet.new_lock()
            side.block(_to(mine, mint(10_000)))
            await here.rpc("getbalance", chain="trade")
            txid = await here.rpc("sendtoaddress", BOB_THERE, "0.00004", chain="trade")
            assert (await here.refusal("abandontransaction", txid, "trade"))[0] == -5
            side.lost = True
            await here.rpc("abandontransaction", txid, "trade")
            assert await here.rpc("getbalance", chain="trade") == 0.0001
            assert (await here.rpc("gettransaction", txid, chain="trade"))["abandoned"]
            assert (await here.refusal("abandontransaction", txid, "trade"))[0] == -5

    trio.run(main)


def test_a_rescan_finds_what_was_not_looked_for(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here, 3)
            paid = await here.rpc("sendtoaddress", BOB_HERE, 100)
            await here.mine(2, CAROL_HERE)
            before = await here.rpc("getbalance")
            history = await here.rpc("listtransactions", "*", 100)
            for start in (0, 1, 3, 5, 6):
                told = await here.rpc("rescanblockchain", start)
                assert told == {"start_height": max(0, start - 1), "stop_height": 6}
                assert await here.rpc("getbalance") == before
                assert await here.rpc("listtransactions", "*", 100) == history
            await here.rpc("importaddress", BOB_HERE, "", False)
            await here.rpc("rescanblockchain", 5)
            watched = (await here.rpc("getbalances"))["watchonly"]["BTM"]
            assert watched["trusted"] == 100
            assert (await here.rpc("gettransaction", paid))["confirmations"] == 2
            assert (await here.refusal("rescanblockchain", 99))[0] == -8

    trio.run(main)


def test_what_is_pruned_cannot_be_read_again(tmp_path: Path) -> None:
    """Refused before the wallet is wound back; one that has to begin there says what is wrong."""

    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here, 8)
            before = await here.rpc("getbalance")
            driver = here.node.driver
            await Pruner(here.node.store, driver.machine.tree, 3).step(driver.machine.tip)
            with pytest.raises(RemoteError, match=r"block 1 is pruned; .* from 7 on") as refused:
                await here.rpc("rescanblockchain", 0)
            assert refused.value.code == -1
            assert await here.rpc("getbalance") == before
            assert not (await here.rpc("getwalletinfo"))["chains"]["main"]["scanning"]
            assert (await here.rpc("rescanblockchain", 7))["start_height"] == 6
            assert await here.rpc("getbalance") == before
            await here.rpc("createwallet", "old", "", PHRASE)
            while "block 1 is pruned" not in await trouble(here, "old"):  # noqa: ASYNC110
                await trio.sleep(0.01)
            assert await trouble(here, "default") == ""

    trio.run(main)


async def trouble(here: World, wallet: str) -> str:
    told = await here.rpc("getwalletinfo", wallet=wallet)
    return str(told["chains"]["main"]["trouble"])


def test_a_phrase_is_read_from_its_birth_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here, 3)
            await here.rpc("unloadwallet")
            for name in ("late", "later", "last"):  # a block may be read before it is told where
                await here.rpc("createwallet", name, "", PHRASE, False, 20, "scrypt", 3)
                held = await here.rpc("getbalance")
                if held == REWARD:
                    break
                await here.rpc("unloadwallet")
            assert held == REWARD  # the third block's, and no earlier
            text = (await here.rpc("backupwallet"))["backup"]
            await here.rpc("restorewallet", "copy", text)
            assert await here.rpc("getbalance", wallet="copy") == REWARD
            await here.rpc("rescanblockchain", 0, wallet="copy")
            assert await here.rpc("getbalance", wallet="copy") == 3 * REWARD

    trio.run(main)


async def free(here: World) -> set[Outpoint]:
    wallet = here.keeper.opened().purse("main").wallet
    return set(wallet.spendable(EASY.maturity))


@pytest.mark.parametrize("fault", ["refused", "unanswered", "unsigned"])
def test_a_payment_that_is_not_replaced_keeps_its_coins(tmp_path: Path, fault: str) -> None:
    """At no moment are they free: the old one is in the pool, and its payee is to be paid."""

    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here, 3)
            first = await here.rpc("sendtoaddress", BOB_HERE, 10, "for eggs")
            purse = here.keeper.opened().purse("main")
            client = here.keeper.opened().follower("main").client
            call, before, moments = client.call, await free(here), list[set[Outpoint]]()
            taken = set(purse.open[bytes.fromhex(first)].body.inputs)

            async def failing(method: str, *params: Any, **how: Any) -> Any:
                if method != "submit":
                    return await call(method, *params, **how)
                moments.append(await free(here))
                raise Unanswered("gone") if fault == "unanswered" else RemoteError(-26, "no")

            async def saved() -> None:
                moments.append(await free(here))
                await save()

            save = purse.save
            client.call = failing  # type: ignore[method-assign]
            purse.save = saved  # type: ignore[method-assign]
            if fault == "unsigned":
                here.keeper.opened().lock()
            code = {"refused": -26, "unanswered": -4, "unsigned": -13}[fault]
            assert (await here.refusal("bumpfee", first, "0.01"))[0] == code
            assert all(not taken & coins for coins in [*moments, await free(here)])
            told = await here.rpc("gettransaction", first)
            assert not told["abandoned"] and "replaced_by_txid" not in told
            if fault != "unanswered":
                assert list(purse.open) == [bytes.fromhex(first)]
                assert await free(here) == before
            assert len(purse.open) == 1 + (fault == "unanswered")
            purse.save = save  # type: ignore[method-assign]
            await here.mine(1, CAROL_HERE)
            await here.rpc("getbalance")
            assert not purse.open and not purse.wallet.reserved and not purse.wallet.pending

    trio.run(main)


def test_a_payment_mined_while_its_fee_is_asked_for_is_not_replaced(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here, 3)
            first = await here.rpc("sendtoaddress", BOB_HERE, 10)
            follower = here.keeper.opened().follower("main")
            call = follower.client.call

            async def late(method: str, *params: Any, **how: Any) -> Any:
                if params[:1] == ("estimatesmartfee",):
                    await here.mine(1, CAROL_HERE)
                    await follower.reach(5)
                return await call(method, *params, **how)

            follower.client.call = late  # type: ignore[method-assign]
            assert (await here.refusal("bumpfee", first))[0] == -5
            told = await here.rpc("gettransaction", first)
            assert (told["confirmations"], told["abandoned"]) == (1, False)

    trio.run(main)


def test_a_payment_mined_while_the_pool_is_asked_is_not_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here, 3)
            first = await here.rpc("sendtoaddress", BOB_HERE, 10)
            follower = here.keeper.opened().follower("main")
            call = follower.client.call

            async def late(method: str, *params: Any, **how: Any) -> Any:
                if params[:1] == ("getrawmempool",):
                    await here.mine(1, CAROL_HERE)
                    await follower.reach(5)
                return await call(method, *params, **how)

            follower.client.call = late  # type: ignore[method-assign]
            await here.rpc("abandontransaction", first)
            told = await here.rpc("gettransaction", first)
            assert (told["confirmations"], told["abandoned"]) == (1, False)

    trio.run(main)
