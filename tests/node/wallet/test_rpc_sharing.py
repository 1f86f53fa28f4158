"""Policies and keys of several wallets, signed through files: any policy, and MuSig2."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from bystack.ledger.policies import Key
from bystack.ledger.pst import draft_text, parse_draft
from bystack.ledger.pst_auditing import PartialForged, SignatureForged
from bystack.ledger.transactions import Spend
from bystack.node.wallet.keyring import PointOther, SignerTwice
from bystack.node.wallet.keys import folder_of
from bystack.node.wallet.nonces import NonceElsewhere, NonceUsed
from bystack.node.wallet.rpc_sharing import KeyNobodys
from bystack.primitives.codec import encode
from tests.node.wallet.test_rpc import BOB_HERE, World, world

NAMES = ("ann", "ben", "cleo")

SINK = str(BOB_HERE)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def people(here: World, count: int) -> None:
    """Wallets, each of its own phrase; the first one mines."""
    for name in NAMES[:count]:
        await here.rpc("createwallet", name)
    await here.mine(5, await here.rpc("getnewaddress", wallet=NAMES[0]))


async def shared_policy(here: World, threshold: int) -> str:
    """An address that `threshold` of everybody open, watched by all of them, with 20 BTM on it."""
    keys = [(await here.rpc("getnewpublickey", wallet=name))["key"] for name in NAMES]
    text = f"thresh({threshold}, {', '.join(f'key({key})' for key in keys)})"
    made = [await here.rpc("createpolicyaddress", [text], wallet=name) for name in NAMES]
    (address,) = {one["address"] for one in made}
    await here.rpc("sendtoaddress", address, 20, wallet=NAMES[0])
    await here.mine(1, SINK)
    return str(address)


async def draft_of(here: World, source: str, wallet: str = NAMES[0]) -> str:
    paid = [{"address": SINK, "amount": 3}]
    made = await here.rpc("walletcreatefundedpst", paid, {"source": source}, wallet=wallet)
    return str(made["pst"])


async def sign(here: World, wallet: str, pst: str, **how: Any) -> dict[str, Any]:
    params = [pst, True, [], how.get("offline", False), False, how.get("newnonces", False)]
    answer: dict[str, Any] = await here.rpc("walletprocesspst", *params, wallet=wallet)
    return answer


def test_two_of_three_sign_one_after_the_other_or_side_by_side(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await people(here, 3)
            address = await shared_policy(here, 2)
            draft = await draft_of(here, address)
            shown = await here.rpc("decodepst", draft, wallet="ben")
            assert [one["name"] for one in shown["inputs"]] == ["BTM"]
            assert shown["gains"] == {}
            assert 0 < shown["fee"]["BTM"] < 0.001
            assert shown["next"] == "signer"
            hers, his = await sign(here, "ann", draft), await sign(here, "ben", draft)
            assert not hers["complete"] and not his["complete"]
            missing = (await here.rpc("analyzepst", hers["pst"], wallet="cleo"))["slots"][0]
            assert len(missing["missing"]["signatures"]) == 2
            assert len(missing["signed"]) == 1
            both = await here.rpc("combinepst", [hers["pst"], his["pst"]], wallet="cleo")
            done = await here.rpc("finalizepst", both, wallet="cleo")
            assert done["complete"]
            after = await sign(here, "cleo", hers["pst"])
            assert after["complete"]  # the second in line finishes it
            txid = await here.rpc("sendpst", both, wallet="ann")
            assert txid == done["txid"]
            await here.mine(1, SINK)
            assert (await here.rpc("decodepst", draft, wallet="ann"))["txid"] == txid
            with pytest.raises(Exception, match="CoinGone"):
                await sign(here, "cleo", draft)
            await sign(here, "cleo", draft, offline=True)

    trio.run(main)


def test_a_signer_is_not_lied_to(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await people(here, 3)
            draft = await draft_of(here, await shared_policy(here, 2))
            hers = parse_draft((await sign(here, "ann", draft))["pst"])
            coin = msgspec.structs.replace(hers.coins[0], amount=7)
            lied = type(hers)(hers.chain_id, hers.body, (coin,), hers.witnesses, hers.parts)
            with pytest.raises(SignatureForged):
                await sign(here, "ben", draft_text(encode(lied)))
            clean = lied.with_part(0, signatures=())
            with pytest.raises(Exception, match="CoinDiffers"):
                await sign(here, "ben", draft_text(encode(clean)))
            alien = type(hers)(bytes(32), hers.body, hers.coins, hers.witnesses, hers.parts)
            assert (await here.refusal("decodepst", draft_text(encode(alien)), wallet="ben"))[
                0
            ] == -8

    trio.run(main)


@pytest.mark.parametrize("count", [2, 3])
def test_musig2_through_files_looks_like_one_key(count: int, tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await people(here, count)
            address = await musig_address(here, count)
            draft = await draft_of(here, address)
            for name in NAMES[:count]:  # everyone's nonce; the last one can sign already
                draft = (await sign(here, name, draft))["pst"]
            report = (await here.rpc("analyzepst", draft, wallet="ann"))["slots"][0]["missing"]
            assert len(report["nonces"]) == 0
            assert len(report["partial_signatures"]) == count - 1
            for name in NAMES[: count - 1]:
                done = await sign(here, name, draft)
                draft = done["pst"]
            assert done["complete"]
            txid = await here.rpc("sendpst", draft, wallet="ann")
            await here.mine(1, SINK)
            spend = (await here.sent(txid)).witnesses[0]
            assert isinstance(spend, Spend)
            assert isinstance(spend.policy, Key)
            assert [len(item) for item in spend.items] == [64]

    trio.run(main)


async def musig_address(here: World, count: int) -> str:
    points = [(await here.rpc("getnewpublickey", wallet=name))["point"] for name in NAMES[:count]]
    made = [await here.rpc("createmusig", points, wallet=name) for name in NAMES[:count]]
    turned = await here.rpc("createmusig", points[::-1], wallet=NAMES[0])
    (address,) = {one["address"] for one in (*made, turned)}
    await here.rpc("sendtoaddress", address, 20, wallet=NAMES[0])
    await here.mine(1, SINK)
    return str(address)


def test_no_shared_key_is_made_that_could_never_sign(tmp_path: Path) -> None:
    """Coins on its address would be lost."""

    async def main() -> None:
        async with world(tmp_path) as here:
            await people(here, 2)
            ann, ben = [
                (await here.rpc("getnewpublickey", wallet=name))["point"] for name in NAMES[:2]
            ]
            with pytest.raises(SignerTwice):
                await here.rpc("createmusig", [ann, ben, ann], wallet="ann")
            other = f"{5 - int(ann[:2]):02x}" + ann[2:]  # the same x, the other y
            with pytest.raises(PointOther):
                await here.rpc("createmusig", [other, ben], wallet="ann")
            await here.rpc("createmusig", [ann, ben], wallet="ann")
            nobody = f"any(key({ann[2:]}), key({'ff' * 32}))"
            for method, params in (
                ("createpolicyaddress", [[nobody]]),
                ("issueasset", ["GOLD", 5, 2, True, True, "", "", 0, [nobody]]),
            ):
                with pytest.raises(KeyNobodys):
                    await here.rpc(method, *params, wallet="ann")

    trio.run(main)


def test_a_nonce_signs_once_whatever_file_comes_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await people(here, 2)
            draft = await draft_of(here, await musig_address(here, 2))
            hers = (await sign(here, "ann", draft))["pst"]
            both = (await sign(here, "ben", hers))["pst"]
            signed = await sign(here, "ann", both)
            assert signed["complete"]
            with pytest.raises(NonceUsed):  # the same file again
                await sign(here, "ann", both)
            await here.rpc("unloadwallet", "ann")
            await here.rpc("loadwallet", "ann")
            with pytest.raises(NonceUsed):  # nor after a restart
                await sign(here, "ann", both)
            renewed = await sign(here, "ann", both, newnonces=True)
            assert not renewed["complete"]
            again = await sign(here, "ben", renewed["pst"], newnonces=True)
            assert not again["complete"]
            assert (await sign(here, "ann", again["pst"], newnonces=True))["complete"] is False

    trio.run(main)


def test_a_copy_of_a_wallet_does_not_use_the_nonces_of_the_original(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await people(here, 2)
            draft = await draft_of(here, await musig_address(here, 2))
            hers = (await sign(here, "ann", draft))["pst"]
            await here.rpc("unloadwallet", "ann")
            folder = folder_of(here.data, "ann")
            shutil.copytree(folder, tmp_path / "backup")
            await here.rpc("loadwallet", "ann")
            both = (await sign(here, "ben", hers))["pst"]
            assert (await sign(here, "ann", both))["complete"]
            await here.rpc("unloadwallet", "ann")
            shutil.rmtree(folder)
            shutil.copytree(tmp_path / "backup", folder)  # the nonce is unused in this copy
            await here.rpc("loadwallet", "ann")
            with pytest.raises(NonceElsewhere):
                await sign(here, "ann", both)

    trio.run(main)


def test_a_bad_partial_signature_names_its_signer(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await people(here, 2)
            draft = await draft_of(here, await musig_address(here, 2))
            hers = (await sign(here, "ann", draft))["pst"]
            both = parse_draft((await sign(here, "ben", hers))["pst"])
            (shared,) = both.parts[0].shared
            spoiled = tuple(
                type(one)(one.key, one.nonce, bytes(31) + b"\x01" if one.partial else b"")
                for one in shared.signers
            )
            bad = both.with_part(0, shared=(type(shared)(spoiled),))
            with pytest.raises(PartialForged) as caught:
                await sign(here, "ann", draft_text(encode(bad)))
            (liar,) = [one.key for one in shared.signers if one.partial]
            assert caught.value.facts["key"] == liar
            assert (await sign(here, "ann", draft_text(encode(both))))["complete"]

    trio.run(main)
