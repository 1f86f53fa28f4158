"""A locked wallet shows everything and signs nothing; secrets are told to whoever has the key."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from bystack.ledger.transactions import PolicyLock
from bystack.node.ipc import RemoteError
from bystack.node.keyfiles import is_sealed
from bystack.node.wallet.keys import key_path
from tests.node.wallet.test_following import mint, until
from tests.node.wallet.test_rpc import BOB_HERE, BOB_THERE, PHRASE, World, _to, world


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def funded(here: World, passphrase: str = "secret") -> None:
    await here.rpc("createwallet", "default", passphrase, PHRASE)
    await here.mine(4, await here.rpc("getnewaddress"))


def test_locked_it_follows_and_shows_but_does_not_sign(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here)
            info = await here.rpc("getwalletinfo")
            assert (info["locked"], info["unlocked_until"]) == (True, 0)
            assert await here.rpc("getbalance") == 3 * 412.5
            for params in (("sendtoaddress", BOB_HERE, 1), ("consolidate",), ("pegin", "trade", 1)):
                assert (await here.refusal(*params))[0] == -13
            assert (await here.refusal("walletpassphrase", "wrong", 100))[0] == -14
            await here.rpc("walletpassphrase", "secret", 100)
            await here.rpc("sendtoaddress", BOB_HERE, 1)
            await here.rpc("walletlock")
            assert (await here.refusal("sendtoaddress", BOB_HERE, 1))[0] == -13
            assert await here.rpc("getnewaddress") != await here.rpc("getnewaddress")

    trio.run(main)


def test_it_locks_itself_when_the_time_is_over(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here)
            wallet = here.keeper.opened()
            await here.rpc("walletpassphrase", "secret", 1000)
            await here.rpc("walletpassphrase", "secret", 0.01)  # the later word counts
            with trio.fail_after(180):
                await until(lambda: wallet.locked)
            assert (await here.rpc("getwalletinfo"))["unlocked_until"] == 0
            await here.rpc("walletpassphrase", "secret", 0.01)
            await here.rpc("walletpassphrase", "secret", 1000)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert not wallet.locked

    trio.run(main)


@pytest.mark.parametrize("kdf", ["scrypt", "argon2id"])
def test_a_wallet_in_the_clear_is_sealed_later(tmp_path: Path, kdf: str) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here, "")
            for params in (("walletlock",), ("walletpassphrase", "x", 1)):
                assert (await here.refusal(*params))[0] == -15
            address = await here.rpc("getnewaddress")
            await here.rpc("encryptwallet", "first", kdf)
            assert is_sealed(key_path(here.data, "default"))
            assert (await here.refusal("encryptwallet", "again"))[0] == -15
            assert (await here.refusal("sendtoaddress", BOB_HERE, 1))[0] == -13
            assert (await here.refusal("walletpassphrasechange", "wrong", "second"))[0] == -14
            await here.rpc("walletpassphrasechange", "first", "second", kdf)
            assert (await here.refusal("walletpassphrase", "first", 9))[0] == -14
            await here.rpc("walletpassphrase", "second", 9)
            await here.rpc("sendtoaddress", BOB_HERE, 1)
            assert (await here.rpc("getaddressinfo", address))["ismine"]

    trio.run(main)


def test_the_phrase_is_told_to_the_owner_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await funded(here)
            for passphrase in ("", "wrong"):
                assert (await here.refusal("dumpphrase", passphrase))[0] == -14
            await here.rpc("walletpassphrase", "secret", 100)
            assert (await here.refusal("dumpphrase"))[0] == -14  # being unlocked is not enough
            told = await here.rpc("dumpphrase", "secret")
            assert told["mnemonic"] == PHRASE
            assert "spend everything" in told["warning"]
            for method in ("dumpphrase", "backupwallet"):  # a token that may spend may not keep
                with pytest.raises(RemoteError) as refused:
                    await here.methods.answer([method, ["secret"], "wallet", "main"])
                assert refused.value.code == -32604
            shown = str([await here.rpc(m) for m in ("getwalletinfo", "listdescriptors")])
            assert "abandon" not in shown and "xprv" not in shown

    trio.run(main)


def test_a_sidechain_is_followed_by_a_locked_wallet(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "secret")
            await here.rpc("unloadwallet")
            await here.rpc("loadwallet", "default")
            mine = here.keeper.opened().purse("trade").wallet.new_lock()
            assert isinstance(mine, PolicyLock)
            here.side.block(_to(mine, mint(10_000)))
            assert await here.rpc("getbalance", chain="trade") == 0.0001
            assert (await here.refusal("sendtoaddress", BOB_THERE, "0.00004"))[0] == -13
            assert (await here.refusal("sendtomainchain", "trade", BOB_HERE, "0.00004"))[0] == -13

    trio.run(main)


def test_a_key_file_that_is_none_stops_its_wallet_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "good")
            await here.rpc("createwallet", "bad")
            await here.keeper.close()
            await trio.Path(key_path(here.data, "bad")).write_text("no key")
            await here.keeper.start()
            assert await here.rpc("listwallets") == ["good"]
            assert (await here.refusal("loadwallet", "bad"))[0] == -4

    trio.run(main)


def test_the_keys_of_an_unloaded_wallet_leave_the_memory(tmp_path: Path) -> None:
    """Even while a timer that was to lock it still knows it."""

    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "secret", PHRASE)
            await here.rpc("walletpassphrase", "secret", 1000)
            wallet = here.keeper.opened()
            assert wallet.purse("main").wallet.account.key.private
            await here.rpc("unloadwallet")
            assert wallet.locked
            assert not wallet.purse("main").wallet.account.key.private

    trio.run(main)
