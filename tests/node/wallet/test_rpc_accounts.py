"""Accounts, labels, and what is watched without keys: found again by others with the text alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.ledger.addressbook import GAP
from bystack.node.mainchain.forms import address_of
from bystack.node.wallet.purse import LOOKAHEAD
from tests.ledger.people import BOB, CAROL
from tests.node.wallet.people import HERE
from tests.node.wallet.test_rpc import BOB_HERE, PHRASE, World, world

CAROL_HERE = str(address_of(CAROL.lock, HERE.hrp))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def accounts(here: World, **where: str) -> dict[str, Any]:
    return {one["name"]: one for one in await here.rpc("listaccounts", **where)}


def test_accounts_are_pots_of_their_own(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            made = await here.rpc("createaccount", "savings")
            assert made["number"] == 1
            assert made["paths"]["main"] == "m/86'/1'/1'"
            assert await here.refusal("createaccount", "savings") == (-8, "AccountNameTaken")
            await here.rpc("createaccount", "rent")
            await here.rpc("renameaccount", "rent", "house")
            savings = await here.rpc("getnewaddress", "", "", "main", "savings")
            await here.mine(3, savings)
            await here.mine(2, await here.rpc("getnewaddress"))
            assert await here.rpc("getbalance") == 4 * 412.5
            assert await here.rpc("getbalance", account="savings") == 3 * 412.5
            assert await here.refusal("getbalance", account="none") == (-8, "")
            shown = await accounts(here)
            assert [shown[n]["number"] for n in ("default", "savings", "house")] == [0, 1, 2]
            assert (shown["savings"]["balance"], shown["savings"]["addresses"]) == (3 * 412.5, 1)
            spend = ("sendtoaddress", BOB_HERE, 500)
            assert (await here.refusal(*spend, account="default"))[0] == -6
            tx = await here.sent(await here.rpc(*spend, account="savings"))
            wallet = here.keeper.opened().purse("main").wallet
            places = [wallet.place(out.lock) for out in tx.body.outputs if out.lock != BOB.lock]
            assert [(p.account, p.change) for p in places if p] == [(1, 1)]
            assert {c["address"] for c in await here.rpc("listunspent", account="savings")} == {
                savings
            }

    trio.run(main)


def test_accounts_are_found_again_from_the_phrase(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            for number in range(LOOKAHEAD):
                await here.rpc("createaccount", f"pot{number}")
            far = await here.rpc("getnewaddress", "", "", "main", f"pot{LOOKAHEAD - 1}")
            await here.mine(3, far)
            await here.rpc("unloadwallet")
            await here.rpc("createwallet", "again", "", PHRASE)
            assert await here.rpc("getbalance") == 2 * 412.5
            shown = await accounts(here)
            assert shown[f"account-{LOOKAHEAD}"]["balance"] == 2 * 412.5
            assert (await here.rpc("createaccount", "next"))["number"] == LOOKAHEAD + 1

    trio.run(main)


def test_addresses_beyond_the_gap_need_a_word_and_widen_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            given = [await here.rpc("getnewaddress") for _ in range(GAP)]
            assert await here.refusal("getnewaddress") == (-12, "GapExceeded")
            beyond = [await here.rpc("getnewaddress", "", "", "main", "", True) for _ in range(3)]
            assert len({*given, *beyond}) == GAP + 3
            assert [one["address"] for one in await here.rpc("listaddresses")] == [*given, *beyond]
            await here.mine(3, beyond[-1])
            assert await here.rpc("getbalance") == 2 * 412.5
            await here.rpc("unloadwallet")
            await here.rpc("createwallet", "narrow", "", PHRASE)
            assert await here.rpc("getbalance") == 0  # the phrase alone looks no further
            await here.rpc("setaddressgap", GAP + 5)
            await here.rpc("rescanblockchain")
            assert await here.rpc("getbalance") == 2 * 412.5
            await here.rpc("unloadwallet")
            await here.rpc("createwallet", "wide", "", PHRASE, False, GAP + 5)
            assert await here.rpc("getbalance") == 2 * 412.5

    trio.run(main)


def test_labels_are_kept(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            mine = await here.rpc("getnewaddress", "shop")
            await here.rpc("setlabel", str(BOB_HERE), "Bob")
            await here.rpc("unloadwallet")
            await here.rpc("loadwallet", "default")
            assert await here.rpc("listlabels") == ["Bob", "shop"]
            assert await here.rpc("listlabels", "send") == ["Bob"]
            assert await here.rpc("listlabels", "receive") == ["shop"]
            assert await here.rpc("getaddressesbylabel", "shop") == {mine: {"purpose": "receive"}}
            bobs = await here.rpc("getaddressesbylabel", "Bob")
            assert bobs == {str(BOB_HERE): {"purpose": "send"}}
            assert (await here.rpc("getaddressinfo", mine))["labels"] == ["shop"]
            await here.rpc("setlabel", mine, "")
            assert (await here.refusal("getaddressesbylabel", "shop"))[0] == -11
            assert await here.rpc("listlabels", chain="trade") == []

    trio.run(main)


def test_an_account_is_watched_by_its_public_key(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "owner", "", PHRASE)
            await here.mine(3, await here.rpc("getnewaddress"))
            (desc,) = [d["desc"] for d in (await here.rpc("listdescriptors"))["descriptors"]]
            await here.rpc("createwallet", "watcher", "", "", True)
            watcher = {"wallet": "watcher"}
            bad = desc.replace("/1'/", "/153'/").partition("#")[0]
            foreign = desc.replace("(rm,", "(bm,").partition("#")[0]
            results = await here.rpc(
                "importdescriptors",
                [{"desc": desc, "height": 0}, {"desc": bad}, {"desc": foreign}, {"desc": desc}],
                **watcher,
            )
            assert [one["success"] for one in results] == [True, False, False, False]
            assert await here.rpc("getbalance", **watcher) == 2 * 412.5
            known = (await here.rpc("listdescriptors", **watcher))["descriptors"]
            assert [one["desc"] for one in known] == [desc]
            fresh = await here.rpc("getnewaddress", wallet="owner")
            assert (await here.rpc("getaddressinfo", fresh, **watcher))["iswatchonly"]
            assert (await here.refusal("sendtoaddress", BOB_HERE, 1, **watcher))[0] == -4
            assert (await here.refusal("dumpphrase", **watcher))[0] == -4
            await here.rpc("unloadwallet", "watcher")
            await here.rpc("loadwallet", "watcher")
            await here.mine(1, fresh)
            assert await here.rpc("getbalance", **watcher) == 3 * 412.5

    trio.run(main)


def test_single_addresses_are_watched_beside_our_own(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            await here.mine(3, CAROL_HERE)
            await here.mine(2, await here.rpc("getnewaddress"))
            await here.rpc("importaddress", CAROL_HERE, "Carol")
            assert await here.rpc("getbalance") == 412.5
            balances = await here.rpc("getbalances")
            assert balances["watchonly"]["BTM"]["trusted"] == 3 * 412.5
            assert balances["mine"]["BTM"]["trusted"] == 412.5
            info = await here.rpc("getaddressinfo", CAROL_HERE)
            assert (info["ismine"], info["iswatchonly"], info["labels"]) == (False, True, ["Carol"])
            assert (await here.refusal("sendtoaddress", BOB_HERE, 1000))[0] == -6
            key = BOB.policy.key.hex()
            policy = f"policy(rm, key({key}) | all(key({CAROL.policy.key.hex()}), older(9)))"
            (done,) = await here.rpc("importdescriptors", [{"desc": policy, "label": "shared"}])
            assert done["success"]
            (address,) = await here.rpc("getaddressesbylabel", "shared")
            assert len((await here.rpc("getaddressinfo", address))["policies"]) == 2
            await here.rpc("unloadwallet")
            await here.rpc("loadwallet", "default")
            texts = [d["desc"] for d in (await here.rpc("listdescriptors"))["descriptors"]]
            assert [text.partition("(")[0] for text in texts] == ["account", "address", "policy"]
            foreign = str(address_of(BOB.lock, "bm"))
            assert (await here.refusal("importaddress", foreign))[0] == -5

    trio.run(main)


def test_accounts_far_ahead_of_those_in_use_are_paid_and_carried_by_a_backup(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "secret", PHRASE)
            for number in range(1, 6):
                made = await here.rpc("createaccount", f"pot {number}")  # known while locked
                assert "warning" not in made
            assert (await here.refusal("createaccount", "pot 6"))[0] == -13
            await here.rpc("walletpassphrase", "secret", 1000)
            for number in range(6, 9):
                made = await here.rpc("createaccount", f"pot {number}")
                assert "make a new backup" in made["warning"]
            last = await here.rpc("getnewaddress", "", "", "main", "pot 8")
            await here.mine(2, last)
            assert await here.rpc("getbalance", account="pot 8") > 0
            await here.rpc("getnewaddress", "", "", "trade", "pot 8")
            text = (await here.rpc("backupwallet", "secret"))["backup"]
            held = await here.rpc("getbalance")
            await here.rpc("restorewallet", "copy", text, "secret")
            assert await here.rpc("getbalance", account="pot 8", wallet="copy") == held
            await here.rpc("unloadwallet", "default")
            await here.rpc("loadwallet", "default")
            assert (await here.rpc("getaddressinfo", last, wallet="default"))["ismine"]

    trio.run(main)
