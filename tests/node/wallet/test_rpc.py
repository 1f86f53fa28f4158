"""The wallet's RPC over a real main chain and a played sidechain: keys, money, ways between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, PolicyLock, Transaction, decode_transaction
from bystack.node.ipc import RemoteError, serve
from bystack.node.keyfiles import is_sealed
from bystack.node.mainchain.forms import address_of
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.keys import key_path
from bystack.node.wallet.registry import wallet_methods
from bystack.primitives.codec import decode
from bystack.sidechain.burns import Burn
from bystack.sidechain.claims import note_for
from tests.ledger.people import BOB
from tests.mainchain.builders import EASY
from tests.node.mainchain.network import Node, running
from tests.node.mainchain.test_service import service
from tests.node.wallet.people import HERE
from tests.node.wallet.sides import FakeSide, trade
from tests.node.wallet.test_following import mint, serving

PHRASE = "abandon " * 11 + "about"
BOB_HERE = address_of(BOB.lock, HERE.hrp)
BOB_THERE = address_of(BOB.lock, trade().hrp)


class World:
    """A wallet process's RPC, the main chain under it and the sidechain beside."""

    def __init__(self, node: Node, side: FakeSide, keeper: Keeper, data: str) -> None:
        self.node, self.side, self.keeper, self.data = node, side, keeper, data
        self.methods = wallet_methods(keeper)

    async def rpc(
        self, method: str, *params: Any, chain: str = "main", wallet: str = "", **named: Any
    ) -> Any:
        given = {"args": list(params), **named} if named else list(params)
        return await self.methods.answer([method, given, "admin", chain, wallet])

    async def refusal(self, method: str, *params: Any, **where: Any) -> tuple[int, str]:
        with pytest.raises(RemoteError) as refused:
            await self.rpc(method, *params, **where)
        return refused.value.code, refused.value.rule

    async def mine(self, count: int, address: str) -> None:
        params = ["generatetoaddress", [count, address], "wallet", "main"]
        await service(self.node).handle("rpc", params)

    async def sent(self, txid: str) -> Transaction:
        raw = await service(self.node).handle("rpc", ["getrawtransaction", [txid], "read", "main"])
        return decode_transaction(bytes.fromhex(raw))


@asynccontextmanager
async def world(tmp_path: Path) -> AsyncIterator[World]:
    side, data = FakeSide(), str(tmp_path / "data")
    async with running(tmp_path / "chain") as (node,), trio.open_nursery() as nursery:
        answering = service(node)
        await nursery.start(serve, HERE.socket, answering.handle, answering.streams)
        await serving(side, nursery)
        keeper = Keeper(data, EASY, lambda: (HERE, trade()), nursery)
        keeper.cheap = True  # seals quickly
        try:
            yield World(node, side, keeper, data)
        finally:
            await keeper.close()
            nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_wallets_are_made_sealed_loaded_and_found_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            assert await here.refusal("getnewaddress") == (-18, "")
            made = await here.rpc("createwallet", "first", "secret")
            assert len(made["mnemonic"].split()) == 24
            assert is_sealed(key_path(here.data, "first"))
            assert (await here.refusal("createwallet", "first"))[0] == -4
            assert (await here.refusal("createwallet", "third", "", "not a phrase"))[0] == -4
            again = await here.rpc("createwallet", "second", "", PHRASE)
            assert "mnemonic" not in again
            assert await here.rpc("listwallets") == ["first", "second"]
            assert (await here.refusal("getnewaddress"))[0] == -19
            assert (await here.refusal("getnewaddress", wallet="third"))[0] == -18
            own = await here.rpc("getrawchangeaddress", wallet="*")  # as the miner asks
            assert (await here.rpc("getaddressinfo", own, wallet="first"))["ischange"]
            address = await here.rpc("getnewaddress", wallet="second")
            assert (await here.refusal("loadwallet", "second"))[0] == -35
            assert (await here.refusal("loadwallet", "none"))[0] == -18
            described = await here.rpc("getaddressinfo", address, wallet="first")
            assert described["ismine"] is False
            await here.rpc("unloadwallet", "first")
            assert (await here.refusal("loadwallet", "first", "wrong"))[0] == -14
            assert await here.rpc("listwallets") == ["second"]
            await here.rpc("loadwallet", "first", "secret")
            assert (await here.rpc("getwalletinfo", wallet="first"))["locked"] is False
            await here.rpc("unloadwallet", "second")
            await here.keeper.close()
            await here.keeper.start()
            assert await here.rpc("listwallets") == ["first"]  # the one loaded last, locked
            assert (await here.rpc("getwalletinfo"))["locked"] is True
            listed = (await here.rpc("listwalletdir"))["wallets"]
            assert [one["name"] for one in listed] == ["first", "second"]
            await here.rpc("createwallet", "copy", "", PHRASE)
            assert await here.rpc("getnewaddress", wallet="copy") == address

    trio.run(main)


def test_money_comes_and_goes_on_the_main_chain(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            address = await here.rpc("getnewaddress")
            await here.mine(4, address)
            assert await here.rpc("getbalance") == 3 * 412.5  # the last one still matures
            txid = await here.rpc("sendtoaddress", BOB_HERE, "1.00000001")
            tx = await here.sent(txid)
            assert [o.amount for o in tx.body.outputs if o.lock == BOB.lock] == [100_000_001]
            issued = await here.rpc("issueasset", "GOLD", "10.5", 2)
            await here.mine(2, str(BOB_HERE))
            assert await here.rpc("getbalance", asset="GOLD") == 10.5
            held = {one["name"]: one for one in await here.rpc("listassets")}
            assert held["GOLD"]["asset"] == issued["asset"]
            assert (await here.rpc("getbalances"))["mine"]["GOLD"]["units"] == 1_050
            listed = await here.rpc("listtransactions", "*", 2)
            assert [one["category"] for one in listed if one["txid"] == txid] == ["send"]
            assert await here.refusal("sendtoaddress", BOB_HERE, 0) == (-3, "")
            assert await here.refusal("sendtoaddress", BOB_HERE, "0.001", asset="GOLD") == (-3, "")
            assert await here.refusal("sendtoaddress", BOB_HERE, 1, asset="SILVER") == (-5, "")
            assert (await here.refusal("issueasset", "COIN", "0.5", 0))[0] == -3

    trio.run(main)


def test_the_way_in_is_a_deposit_that_names_chain_and_recipient(tmp_path: Path) -> None:
    genesis = trade().genesis
    assert genesis is not None

    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            await here.mine(6, await here.rpc("getnewaddress"))
            info = await here.rpc("pegin", "trade", 5)
            tx = await here.sent(info["txid"])
            lock = tx.body.outputs[info["vout"]].lock
            assert isinstance(lock, DepositLock)
            root = bytes.fromhex(info["recipient"])
            assert (lock.vault, lock.note) == (genesis.vault, note_for(genesis.id, root))
            mine = str(address_of(PolicyLock(root), trade().hrp))
            described = await here.rpc("getaddressinfo", mine)
            assert (described["ismine"], described["chain"]) == (True, "trade")
            given = await here.rpc("pegin", "", 5, "BTM", BOB_THERE, chain="trade")
            assert bytes.fromhex(given["recipient"]) == BOB.lock.root
            across = await here.sent(
                (await here.rpc("sendtosidechain", "main", BOB_THERE, 5))["txid"]
            )
            bobs = DepositLock(genesis.vault, note_for(genesis.id, BOB.lock.root))
            assert bobs in [output.lock for output in across.body.outputs]
            assert (await here.refusal("pegin", "main", 5))[0] == -8
            assert (await here.refusal("pegin", "nowhere", 5))[0] == -8
            assert (await here.refusal("pegin", "trade", 5, "BTM", BOB_HERE))[0] == -5

    trio.run(main)


def test_a_deposit_that_nobody_could_claim_is_not_paid(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            await here.mine(6, await here.rpc("getnewaddress"))
            await here.rpc("issueasset", "GOLD", "10.5", 2)
            await here.mine(2, str(BOB_HERE))
            here.side.least = 500_000_000
            for method, where in (("pegin", ("trade",)), ("sendtosidechain", ("main", BOB_THERE))):
                few = await here.refusal(method, *where, "4.99999999")
                assert few == (-8, "DepositBelowMinimum")
                assert await here.refusal(method, *where, 1, "GOLD") == (-8, "AssetUnmapped")
                assert (await here.rpc(method, *where, 5))["txid"]
            with pytest.raises(RemoteError, match=r"4\.9 BTM is below the minimum .* 5\.0 BTM"):
                await here.rpc("pegin", "trade", "4.9")

    trio.run(main)


def test_the_way_out_is_a_burn(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            mine = here.keeper.opened().purse("trade").wallet.new_lock()
            here.side.block(*(_to(mine, mint(10_000, number)) for number in range(3)))
            assert await here.rpc("getbalance", chain="trade") == 30_000 / 10**8
            (row,) = await here.rpc("listtransactions", "*", 1, chain="trade")
            last = next(reversed(here.keeper.opened().purse("trade").wallet.history.values()))
            assert row["blocktime"] == row["time"] == last.time // 1_000 < last.time
            amount = "0.00004"
            await here.rpc("sendtomainchain", "trade", BOB_HERE, amount)
            deposit = str(address_of(DepositLock(b"v" * 32, b"n" * 64), HERE.hrp))
            await here.rpc("sendtosidechain", "trade", deposit, amount)
            await here.rpc("sendtoaddress", BOB_THERE, amount, chain="trade")
            locks = [decode(Burn, tx.body.actions[0].body, 999) for tx in here.side.pool[:2]]
            assert [burn.destination for burn in locks] == [
                BOB.lock,
                DepositLock(b"v" * 32, b"n" * 64),
            ]
            assert all((burn.asset, burn.amount) == (BTM, 4_000) for burn in locks)
            assert BOB.lock in [output.lock for output in here.side.pool[2].body.outputs]
            assert (await here.refusal("sendtomainchain", "main", BOB_HERE, amount))[0] == -8
            assert (await here.refusal("sendtomainchain", "trade", BOB_THERE, amount))[0] == -5

    trio.run(main)


def _to(lock: PolicyLock, tx: Transaction) -> Transaction:
    import msgspec

    outputs = tuple(msgspec.structs.replace(output, lock=lock) for output in tx.body.outputs)
    return Transaction(msgspec.structs.replace(tx.body, outputs=outputs), tx.witnesses)
