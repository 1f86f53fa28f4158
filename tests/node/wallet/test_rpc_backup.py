"""A backup restored elsewhere shows the same balances, labels, accounts, and hands out no address
twice; a wrong word, network or byte is refused and leaves nothing behind."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from bystack.ledger.addressbook import GAP, AddressRecord
from bystack.ledger.transactions import PolicyLock
from bystack.node.mainchain.forms import address_of
from bystack.node.wallet import stored
from bystack.node.wallet.asking import lock_at
from bystack.node.wallet.backup import (
    VERSION,
    ChainBackup,
    WalletBackup,
    open_backup,
    seal_backup,
)
from bystack.node.wallet.keyring import COUNT, KeysHandedOut
from bystack.node.wallet.settings import AccountName
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from tests.ledger.people import CAROL
from tests.node.wallet.people import HERE
from tests.node.wallet.sides import trade
from tests.node.wallet.test_following import mint
from tests.node.wallet.test_rpc import BOB_HERE, PHRASE, World, _to, world

CAROL_HERE = str(address_of(CAROL.lock, HERE.hrp))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def lived(here: World, passphrase: str) -> None:
    """A wallet with everything in it that a backup must carry."""
    await here.rpc("createwallet", "first", passphrase)
    if passphrase:
        await here.rpc("walletpassphrase", passphrase, 1000)
    await here.rpc("createaccount", "savings")
    for _ in range(GAP):
        far = await here.rpc("getnewaddress", "", "", "main", "savings")
    far = await here.rpc("getnewaddress", "far out", "", "main", "savings", True)
    await here.mine(4, far)
    await here.rpc("importaddress", CAROL_HERE, "Carol")
    await here.rpc("setlabel", BOB_HERE, "Bob")
    await here.rpc("sendtoaddress", BOB_HERE, 7, "for the boat")
    await here.mine(2, CAROL_HERE)
    mine = here.keeper.opened().purse("trade").wallet.new_lock()
    here.side.block(_to(mine, mint(10_000)))


async def shown(here: World, name: str) -> list[Any]:
    """Everything about a wallet that two of them can be compared by."""
    asked: list[tuple[Any, ...]] = [
        ("getbalances",), ("getbalances", "trade"), ("listaccounts",), ("listlabels",),
        ("listdescriptors",), ("listaddresses", "main", "savings"), ("listunspent",),
        ("listtransactions", "*", 100),
    ]  # fmt: skip
    told = [await here.rpc(*params, wallet=name) for params in asked]
    told.append(await here.rpc("getbalance", account="savings", wallet=name))
    return [{**one, "wallet_name": ""} if isinstance(one, dict) else one for one in told]


@pytest.mark.parametrize("passphrase", ["", "secret"])
def test_restored_elsewhere_it_is_the_same(tmp_path: Path, passphrase: str) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await lived(here, passphrase)
            text = (await here.rpc("backupwallet", passphrase))["backup"]
            assert not passphrase or "words" not in text
            await here.rpc("restorewallet", "second", text, passphrase)
            assert await shown(here, "second") == await shown(here, "first")
            info = await here.rpc("getwalletinfo", wallet="second")
            assert (info["encrypted"], info["locked"]) == (bool(passphrase), bool(passphrase))
            assert info["chains"]["main"]["open_payments"] == 0
            fresh = [await here.rpc("getnewaddress", wallet=n) for n in ("first", "second")]
            assert fresh[0] == fresh[1]
            if passphrase:
                refused = await here.refusal("sendtoaddress", BOB_HERE, 1, wallet="second")
                assert refused[0] == -13
                await here.rpc("walletpassphrase", passphrase, 1000, wallet="second")
            await here.rpc("sendtoaddress", BOB_HERE, 1, wallet="second")

    trio.run(main)


def test_what_is_no_backup_of_ours_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "first", "secret", PHRASE)
            assert (await here.refusal("backupwallet"))[0] == -14
            assert (await here.refusal("backupwallet", "wrong"))[0] == -14
            text = (await here.rpc("backupwallet", "secret"))["backup"]
            found = open_backup(text, "secret", HERE.params.magic, cheap=True)
            again = partial(_sealed, found)
            for backup, word, code in (
                (text, "wrong", -14),
                (text, "", -14),
                (text[:-9] + "00000000\n", "secret", -14),
                ("", "", -14),
                (again(magic=b"none"), "secret", -4),
                (again(version=VERSION + 1), "secret", -4),
                (again(phrase=b"no phrase"), "secret", -4),
                (again(phrase=b"\xff"), "secret", -4),
                (again(names=((1, AccountName(b"\xff")),)), "secret", -4),
                (again(chains=_chains(found, labels=((bytes(32), b"\xff"),))), "secret", -4),
                (again(chains=_chains(found, accounts=_far(2**32 - 1))), "secret", -4),
                (again(chains=_chains(found, accounts=_far(1, b"xpub"))), "secret", -4),
                (again(chains=_chains(found, beside=_handed(2**32 - 1))), "secret", -4),
            ):
                assert (await here.refusal("restorewallet", "second", backup, word))[0] == code
            assert (await here.refusal("restorewallet", "first", text, "secret"))[0] == -4
            assert await here.rpc("getaddressinfo", BOB_HERE, wallet="first")
            assert await here.rpc("listwallets") == ["first"]
            listed = (await here.rpc("listwalletdir"))["wallets"]
            assert [one["name"] for one in listed] == ["first"]

    trio.run(main)


def _chains(found: WalletBackup, **facts: Any) -> tuple[ChainBackup, ...]:
    return tuple(replace(chain, **facts) for chain in found.chains)


def _far(index: int, key: bytes = b"") -> tuple[tuple[int, AddressRecord, bytes], ...]:
    return ((0, AddressRecord(key, (0, 0), (0, index)), b""),)


def _handed(count: int) -> tuple[tuple[bytes, bytes], ...]:
    return ((COUNT + HERE.id, encode(KeysHandedOut(count))),)


def _sealed(found: WalletBackup, **facts: Any) -> str:
    return seal_backup(replace(found, **facts), "secret", cheap=True)


def test_a_backup_in_the_clear_is_for_regtest_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "first", "", PHRASE)
            told = await here.rpc("backupwallet")
            assert "not encrypted" in told["warning"]
            here.keeper.cheap = False
            assert (await here.refusal("backupwallet"))[0] == -8
            text = (await here.rpc("backupwallet", "given here"))["backup"]
            await here.rpc("restorewallet", "second", text, "given here")
            assert (await here.rpc("getwalletinfo", wallet="second"))["encrypted"]

    trio.run(main)


def test_a_wallet_that_only_watches_is_backed_up_as_well(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "owner", "", PHRASE)
            await here.mine(3, await here.rpc("getnewaddress"))
            (desc,) = (await here.rpc("listdescriptors"))["descriptors"]
            await here.rpc("createwallet", "eyes", "", "", True)
            request = [{"desc": desc["desc"], "label": "till", "height": 0}]
            await here.rpc("importdescriptors", request, wallet="eyes")
            text = (await here.rpc("backupwallet", wallet="eyes"))["backup"]
            assert encode(PHRASE.encode()).hex() not in text
            await here.rpc("restorewallet", "glasses", text)
            assert await here.rpc("getbalance", wallet="glasses") == 2 * 412.5
            (known,) = (await here.rpc("listdescriptors", wallet="glasses"))["descriptors"]
            assert (known["desc"], known["label"]) == (desc["desc"], "till")

    trio.run(main)


def test_a_chain_that_is_not_followed_any_more_is_backed_up_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await lived(here, "")
            far = [await here.rpc("getnewaddress", "", "", "trade") for _ in range(GAP - 1)][-1]
            far = await here.rpc("getnewaddress", "far there", "", "trade", "", True)
            lock = lock_at(far, trade().hrp)
            assert isinstance(lock, PolicyLock)
            here.side.block(_to(lock, mint(20_000, 1)))
            before = await here.rpc("getbalances", "trade")
            assert before["mine"]["BTM"]["units"] == 30_000
            chains, here.keeper._chains = here.keeper._chains, lambda: (HERE,)
            here.keeper.arrange()
            text = (await here.rpc("backupwallet"))["backup"]
            await here.rpc("restorewallet", "second", text)
            here.keeper._chains = chains
            here.keeper.arrange()
            assert await here.rpc("getbalances", "trade", wallet="second") == before
            assert "far there" in await here.rpc("listlabels", chain="trade", wallet="second")

    trio.run(main)


def test_a_restore_that_is_cut_short_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await lived(here, "")
            text = (await here.rpc("backupwallet"))["backup"]
            with monkeypatch.context() as cut:
                cut.setattr(here.keeper, "make", _killed)
                with pytest.raises(RuntimeError):
                    await here.rpc("restorewallet", "second", text)
            assert "second" not in str(await here.rpc("listwalletdir"))
            await here.rpc("restorewallet", "second", text)
            assert await shown(here, "second") == await shown(here, "first")

    trio.run(main)


async def _killed(*_: object) -> None:
    raise RuntimeError("the process ends here")


def test_a_wallet_with_a_damaged_row_stops_nobody_else(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "whole", "", PHRASE)
            await here.rpc("createwallet", "torn", "", PHRASE)
            store = here.keeper._wallets["torn"].opened.store
            await store.commit({stored.COIN + HERE.id + b"x": b"y"})
            await here.keeper.close()
            here.keeper._wallets.clear()
            await here.keeper.start()
            assert await here.rpc("listwallets") == ["whole"]
            for _ in range(2):  # and its store is let go
                with pytest.raises(Invalid):
                    await here.rpc("loadwallet", "torn")

    trio.run(main)
