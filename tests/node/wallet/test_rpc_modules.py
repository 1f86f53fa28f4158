"""Certificates and orders by a wallet: alone and with others; what it refuses to build."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.pst_finishing import DraftUnfinished
from bystack.node.ipc import RemoteError
from bystack.primitives.codec import encode
from bystack.sidechain.modules.base import read_only
from bystack.sidechain.modules.registry.certificates import Certificate, Register
from bystack.sidechain.modules.registry.entries import Registry
from bystack.sidechain.modules.registry.module import REGISTER
from tests.node.wallet.trading import Traders, traders

DEED = "d1" * 32


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def played(tmp_path: Path, work: Callable[[Traders], Awaitable[None]], *names: str) -> None:
    async def main() -> None:
        async with traders(tmp_path, *(names or ("ann",))) as here:
            await work(here)

    trio.run(main)


def certificate(here: Traders) -> Certificate:
    return Registry(read_only(here.side.world.side.state, "registry")).find(bytes.fromhex(DEED))


def test_a_digest_is_entered_given_away_endorsed_and_revoked(tmp_path: Path) -> None:
    async def work(here: Traders) -> None:
        made = await here.rpc("registerdigest", DEED, "a deed", wallet="ann")
        assert made["paid_units"] == 10 + 6 and certificate(here).memo == b"a deed"
        assert certificate(here).owner.hex() == made["owner"]
        assert await here.units("ann") == 400 - 16 - 1
        theirs = await here.rpc("getnewaddress", wallet="ben")
        for method in ("transfercertificate", "revokecertificate"):
            with pytest.raises(RemoteError, match="does not know"):
                await here.rpc(method, DEED, theirs, wallet="ben")
        await here.rpc("transfercertificate", DEED, theirs, wallet="ann")
        assert certificate(here).transfers == 1
        with pytest.raises(RemoteError, match="does not know"):
            await here.rpc("endorsecertificate", DEED, theirs, wallet="ann")
        await here.rpc("endorsecertificate", DEED, theirs, wallet="ben")
        assert certificate(here).endorsements[0].owner == certificate(here).owner
        await here.rpc("revokecertificate", DEED, "sold", wallet="ben")
        assert certificate(here).reason == b"sold"
        with pytest.raises(RemoteError, match="CertificateVoid"):
            await here.rpc("revokecertificate", DEED, wallet="ben")

    played(tmp_path, work, "ann", "ben")


def test_what_two_own_only_both_give_away(tmp_path: Path) -> None:
    async def work(here: Traders) -> None:
        keys = [(await here.rpc("getnewpublickey", wallet=n))["key"] for n in ("ann", "ben")]
        text = f"all(key({keys[0]}), key({keys[1]}))"
        shared = [await here.rpc("createpolicyaddress", [text], wallet=n) for n in ("ann", "ben")]
        await here.rpc("registerdigest", DEED, "", shared[0]["address"], wallet="ann")
        home = await here.rpc("getnewaddress", wallet="ben")
        draft = await here.rpc("transfercertificate", DEED, home, wallet="ann")
        assert draft["next"] == "signer" and certificate(here).transfers == 0
        with pytest.raises(DraftUnfinished):
            await here.rpc("sendpst", draft["pst"], wallet="ann")
        signed = await here.rpc("walletprocesspst", draft["pst"], wallet="ben")
        assert signed["complete"]
        await here.rpc("sendpst", signed["pst"], wallet="ann")
        assert certificate(here).transfers == 1

    played(tmp_path, work, "ann", "ben")


def test_orders_meet_are_listed_and_cancelled(tmp_path: Path) -> None:
    async def work(here: Traders) -> None:
        # a tick is 2 BTM for one GOLD
        made = await here.rpc("placeorder", "GOLD/BTM", "sell", "50", "8", wallet="ann")
        (mine,) = await here.rpc("listmyorders", wallet="ann")
        assert (mine["order"], mine["price"], mine["amount"]) == (made["order"], "8", 50)
        assert mine["owner"] == made["owner"] and mine["expires"] == made["expires"]
        assert await here.rpc("listmyorders", wallet="ben") == []
        money = await here.units("ann")
        await here.rpc("placeorder", "0", "buy", 20, 10, 5, "now", wallet="ben")
        assert await here.units("ben", "GOLD") == 200 + 20
        assert await here.units("ben") == 400 - 1 - 20 * 8
        assert await here.units("ann") == money + 160  # half a percent of it is nothing yet
        with pytest.raises(RemoteError, match="does not know"):
            await here.rpc("cancelorder", made["order"], wallet="ben")
        await here.rpc("cancelorder", made["order"], wallet="ann")
        assert await here.units("ann", "GOLD") == 200 - 20
        with pytest.raises(RemoteError, match="OrderUnknown"):
            await here.rpc("cancelorder", made["order"], wallet="ann")

    played(tmp_path, work, "ann", "ben")


def test_what_comes_back_at_a_blocks_end_reaches_the_wallet(tmp_path: Path) -> None:
    async def work(here: Traders) -> None:
        await here.rpc("placeorder", "GOLD/BTM", "sell", "50", "8", 3, wallet="ann")
        assert await here.units("ann", "GOLD") == 150
        for _ in range(3):
            here.side.block()
        assert await here.units("ann", "GOLD") == 200

    played(tmp_path, work)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("GOLD/EUR", "buy", 1, 2), "no market"),
        (("GOLD/BTM", "borrow", 1, 2), "the side"),
        (("GOLD/BTM", "buy", 1, 3), "steps of 2"),
        (("GOLD/BTM", "buy", "0.5", 2), "no amount"),
        (("GOLD/BTM", "buy", 0, 2), "steps of 1"),
        (("GOLD/BTM", "buy", 1, 0), "steps of 2"),
        (("GOLD/BTM", "buy", 1, 2, 0, "never"), "terms"),
        (("GOLD/BTM", "buy", 1_000, 2), "Insufficient funds"),
    ],
)
def test_orders_that_make_no_sense_are_refused_by_name(
    tmp_path: Path, given: tuple[Any, ...], said: str
) -> None:
    async def work(here: Traders) -> None:
        with pytest.raises(RemoteError, match=said):
            await here.rpc("placeorder", *given, wallet="ann")
        assert await here.units("ann") == 400

    played(tmp_path, work)


def test_any_modules_action_as_bytes(tmp_path: Path) -> None:
    async def work(here: Traders) -> None:
        body = encode(Register(bytes.fromhex(DEED), b"\x05" * 32, b"hello", 0)).hex()
        with pytest.raises(RemoteError, match="no module weather"):
            await here.rpc("moduleaction", "weather", REGISTER, body, wallet="ann")
        await here.rpc(
            "moduleaction", "registry", REGISTER, body, {"BTM": "0.00000015"}, wallet="ann"
        )
        assert certificate(here).memo == b"hello"
        assert here.side.world.genesis.by_asset[BTM].name == "BTM"

    played(tmp_path, work)


@pytest.mark.parametrize(("memo", "length"), [("é" * 129, 258), ("x" * 257, 257)])
def test_texts_are_bounded_in_bytes(tmp_path: Path, memo: str, length: int) -> None:
    async def work(here: Traders) -> None:
        with pytest.raises(RemoteError):
            await here.rpc("registerdigest", DEED, memo, wallet="ann")
        assert len(memo.encode()) == length

    played(tmp_path, work)
