"""Assets over the wallet's RPC: classes, caps, issues by several people, retirement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.ledger.amounts import DefinitionInvalid
from bystack.ledger.transactions import RetireLock
from bystack.node.ipc import RemoteError, Unanswered
from tests.mainchain.builders import EASY
from tests.node.mainchain.test_service import service
from tests.node.wallet.test_rpc import BOB_HERE, World, world

SINK = str(BOB_HERE)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def rich(here: World, *names: str) -> None:
    for name in names:
        await here.rpc("createwallet", name)
        await here.mine(4, await here.rpc("getnewaddress", wallet=name))
    await here.mine(2, SINK)


async def on_chain(here: World, asset: str) -> dict[str, Any]:
    answer = await service(here.node).handle("rpc", ["getassetinfo", [asset], "read", "main"])
    return dict(answer)


def test_what_is_missing_is_told_in_units_and_names_people_use(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await rich(here, "ann")
            await here.rpc("issueasset", "GOLD", 600, 2)
            await here.mine(1, SINK)
            with pytest.raises(RemoteError) as poor:
                await here.rpc("sendtoaddress", SINK, "600.01", asset="GOLD")
            assert poor.value.message == (
                "Insufficient funds: 600.01 GOLD needed, 600.0 GOLD can be spent now"
            )
            facts = {"needed": 60_001, "available": 60_000}
            assert facts.items() <= poor.value.data.items()
            with pytest.raises(RemoteError, match="no asset gold known; there are: BTM, GOLD"):
                await here.rpc("sendtoaddress", SINK, "1", asset="gold")

    trio.run(main)


def test_an_asset_is_issued_reissued_up_to_its_cap_and_retired(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await rich(here, "ann")
            made = await here.rpc("issueasset", "GOLD", 600, 2, True, True, "", "gram", 1000)
            await here.mine(1, SINK)
            asset = made["asset"]
            info = await on_chain(here, asset)
            assert (info["class"], info["unit"], info["cap_value"]) == ("byte", "gram", 1000)
            assert (info["issued_value"], info["last_height"]) == (600, info["first_height"])
            with pytest.raises(Exception, match="IssueCapExceeded"):
                await here.rpc("reissueasset", asset, "400.01")
            await here.rpc("reissueasset", asset, 400, None, SINK)
            await here.mine(1, SINK)
            info = await on_chain(here, asset)
            assert (info["issued_value"], info["last_height"]) == (1000, info["first_height"] + 1)
            (mine,) = [one for one in await here.rpc("listassets") if one["asset"] == asset]
            assert (mine["balance"], mine["class"], mine["cap"], mine["issued"]) == (
                600, "byte", 1000, 1000)  # fmt: skip
            assert mine["issuers"][0].startswith("key(")
            gone = await here.rpc("retireasset", "GOLD", "0.5", b"melted".hex())
            output = (await here.sent(gone["txid"])).body.outputs[gone["vout"]]
            assert (output.lock, output.amount) == (RetireLock(b"melted"), 50)
            await here.mine(1, SINK)
            assert await here.rpc("getbalance", asset="GOLD") == 599.5
            with pytest.raises(Exception, match="IssueCapExceeded"):  # what is gone is gone
                await here.rpc("reissueasset", asset, "0.5")

    trio.run(main)


@pytest.mark.parametrize(
    ("decimals", "divisible", "fungible", "serial", "amount", "name"),
    [
        (2, True, True, "", "1.5", "byte"),
        (2, True, False, "01", 1, "atomic"),
        (2, False, False, "01", 1, "quark"),
        (0, False, True, "", 5, "quantum"),
    ],
)
def test_the_four_classes(
    decimals: int, divisible: bool, fungible: bool, serial: str, amount: Any, name: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    async def main() -> None:
        async with world(tmp_path) as here:
            await rich(here, "ann")
            params = ["THING", amount, decimals, divisible, fungible, serial]
            asset = (await here.rpc("issueasset", *params))["asset"]
            await here.mine(1, SINK)
            assert (await on_chain(here, asset))["class"] == name
            if not fungible:
                with pytest.raises(Exception, match="AlreadyIssued"):
                    await here.rpc("reissueasset", asset, amount)
            if not divisible and decimals:
                with pytest.raises(Exception, match="UnitBroken"):
                    await here.rpc("sendtoaddress", SINK, "0.5", asset=asset)
            if divisible:
                await here.rpc("sendtoaddress", SINK, "0.01", asset=asset)

    trio.run(main)


def test_definitions_that_contradict_themselves_are_refused_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await rich(here, "ann")
            for params in (["A", 1, 2, True, False], ["A", 1, 2, True, True, "01"],
                           ["A", 1, 2, True, False, "01", "", 1]):  # fmt: skip
                with pytest.raises(DefinitionInvalid):
                    await here.rpc("issueasset", *params)
            assert (await here.refusal("reissueasset", "11" * 32, 1))[0] == -5

    trio.run(main)


def test_two_people_issue_together_and_one_alone_cannot(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await rich(here, "ann", "ben")
            keys = [(await here.rpc("getnewpublickey", wallet=w))["key"] for w in ("ann", "ben")]
            policy = [f"all(key({keys[0]}), key({keys[1]}))"]
            params = ["BOND", 50, 0, True, True, "", "", 100, policy]
            made = await here.rpc("issueasset", *params, wallet="ann")
            assert made["next"] == "signer"
            shown = await here.rpc("decodepst", made["pst"], wallet="ben")
            assert shown["issues"][0]["symbol"] == "BOND"
            assert shown["gains"] == {}  # it costs Ben nothing
            assert set(shown["fee"]) == {"BTM"}
            with pytest.raises(Exception, match="DraftUnfinished"):
                await here.rpc("sendpst", made["pst"], wallet="ann")
            done = await here.rpc("walletprocesspst", made["pst"], wallet="ben")
            assert done["complete"]
            await here.rpc("sendpst", done["pst"], wallet="ben")
            await here.mine(1, SINK)
            assert await here.rpc("getbalance", asset=made["asset"], wallet="ann") == 50
            more = await here.rpc("reissueasset", made["asset"], 50, wallet="ann")
            assert "pst" in more
            assert (await here.refusal("reissueasset", made["asset"], 1, wallet="ben"))[0] == -8
            told = await here.rpc("reissueasset", made["asset"], 1, policy, wallet="ben")
            assert "pst" in told

    trio.run(main)


def test_a_reissue_without_an_answer_keeps_its_coins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain may have taken it: what it spends is not free for another payment."""

    async def main() -> None:
        async with world(tmp_path) as here:
            await rich(here, "ann")
            asset = (await here.rpc("issueasset", "GOLD", 600, 2))["asset"]
            await here.mine(1, SINK)
            purse = here.keeper.opened().purse("main")
            client = here.keeper.opened().follower("main").client
            call = client.call

            async def unanswered(method: str, *params: Any, **how: Any) -> Any:
                if method == "submit":
                    raise Unanswered("gone")
                return await call(method, *params, **how)

            monkeypatch.setattr(client, "call", unanswered)
            with pytest.raises(RemoteError, match="gone"):
                await here.rpc("reissueasset", asset, 400)
            spent = {place for tx in purse.open.values() for place in tx.body.inputs}
            assert spent and spent.isdisjoint(purse.wallet.spendable(EASY.maturity))

    trio.run(main)
