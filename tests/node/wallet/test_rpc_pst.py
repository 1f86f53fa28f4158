"""Drafts over the wallet's RPC: an offline signer, chosen coins, hashes and heights, refusals."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.pst import parse_draft
from bystack.ledger.transactions import NoWitness, Outpoint, Output, RetireLock, Transaction
from tests.node.wallet.test_following import mint
from tests.node.wallet.test_rpc import BOB_HERE, BOB_THERE, PHRASE, world

SINK = str(BOB_HERE)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_watching_wallet_drafts_and_an_offline_one_signs(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "vault", "", PHRASE)
            listed = (await here.rpc("listdescriptors", wallet="vault"))["descriptors"]
            first = await here.rpc("getnewaddress", wallet="vault")
            await here.rpc("createwallet", "watch", "", "", True)
            await here.rpc("importdescriptors", [{"desc": listed[0]["desc"], "height": 0}],
                           wallet="watch")  # fmt: skip
            await here.mine(3, first)
            paid = [{"address": SINK, "amount": 5}]
            made = await here.rpc("walletcreatefundedpst", paid, wallet="watch")
            shown = await here.rpc("decodepst", made["pst"], wallet="watch")
            assert shown["gains"]["BTM"] == pytest.approx(-5 - made["fee"]["BTM"])
            assert await here.refusal("walletprocesspst", made["pst"], wallet="watch") == (
                -4, "PrivateKeysDisabled")  # fmt: skip
            unsigned = await here.rpc("walletprocesspst", made["pst"], False, wallet="watch")
            assert unsigned["next"] == "signer"
            params = [made["pst"], True, [], True]
            done = await here.rpc("walletprocesspst", *params, wallet="vault")
            assert done["complete"]
            txid = await here.rpc("sendpst", done["pst"], wallet="watch")
            await here.mine(1, SINK)
            assert (await here.sent(txid)).id.hex() == txid == done["txid"]

    trio.run(main)


def test_a_draft_of_chosen_coins_retires_and_says_what_is_left_over(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default")
            await here.mine(4, await here.rpc("getnewaddress"))
            coin = (await here.rpc("listunspent"))[0]
            place = {"txid": coin["txid"], "vout": coin["vout"]}
            outputs = [{"amount": 2, "retire": b"gone".hex()}, {"amount": 410, "address": SINK}]
            draft = await here.rpc("createpst", [place], outputs)
            shown = await here.rpc("decodepst", draft)
            assert shown["outputs"][0]["retired"] == b"gone".hex()
            assert shown["fee"] == {"BTM": 0.5}
            assert shown["inputs"][0]["policy"].startswith("key(")
            done = await here.rpc("walletprocesspst", draft)
            tx = await here.sent(await here.rpc("sendpst", done["pst"]))
            assert tx.body.outputs[0].lock == RetireLock(b"gone")
            assert (await here.refusal("createpst", [{"txid": "11" * 32, "vout": 0}], outputs))[
                0
            ] == -5
            for odd in ([{"amount": 1}], [{"amount": 1, "address": SINK, "retire": ""}],
                        [{"amount": 1, "retire": "00" * 257}]):  # fmt: skip
                assert (await here.refusal("createpst", [place], odd))[0] == -8

    trio.run(main)


def test_preimages_and_heights_open_the_other_way(tmp_path: Path) -> None:
    secret = b"\x07" * 32
    digest = hashlib.sha256(secret).hexdigest()

    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default")
            await here.mine(4, await here.rpc("getnewaddress"))
            key, late = [(await here.rpc("getnewpublickey"))["key"] for _ in range(2)]
            texts = [f"all(key({key}), sha256({digest}))", f"all(key({late}), older(5))"]
            address = (await here.rpc("createpolicyaddress", texts))["address"]
            await here.rpc("sendtoaddress", address, 10)
            await here.rpc("sendtoaddress", address, 20)
            await here.mine(1, SINK)
            paid = [{"address": SINK, "amount": 3}]
            made = await here.rpc("walletcreatefundedpst", paid, {"source": address})
            half = await here.rpc("walletprocesspst", made["pst"])
            missing = (await here.rpc("analyzepst", half["pst"]))["slots"][0]["missing"]
            assert missing["preimages"] == [digest]
            done = await here.rpc("walletprocesspst", half["pst"], True, [secret.hex()])
            assert done["complete"]
            await here.rpc("sendpst", done["pst"])
            options = {"source": address, "branch": 1}
            await here.mine(1, SINK)
            made = await here.rpc(
                "walletcreatefundedpst", [{"address": SINK, "amount": 9}], options
            )
            early = await here.rpc("walletprocesspst", made["pst"])
            assert not early["complete"]
            slot = (await here.rpc("analyzepst", early["pst"]))["slots"][0]
            assert len(slot["missing"]["not_before_height"]) == 1
            await here.mine(5, SINK)
            await here.rpc("getbalances")
            assert (await here.rpc("finalizepst", early["pst"]))["complete"]
            await here.rpc("sendpst", early["pst"])

    trio.run(main)


def test_drafts_are_hostile_until_checked(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default")
            await here.mine(4, await here.rpc("getnewaddress"))
            made = await here.rpc("walletcreatefundedpst", [{"address": SINK, "amount": 3}])
            draft = parse_draft(made["pst"])
            assert len(draft.parts) == len(draft.body.inputs)
            for text in ("", "bystack-pst:", "bystack-pst:AAAA", made["pst"][:-8]):
                with pytest.raises(Exception, match=r"Draft|Malformed|NotCanonical"):
                    await here.rpc("decodepst", text)
            done = await here.rpc("walletprocesspst", made["pst"])
            with pytest.raises(Exception, match="DraftUnfinished"):
                await here.rpc("sendpst", made["pst"])
            assert await here.rpc("combinepst", [made["pst"], done["pst"]]) == done["pst"]
            other = await here.rpc("walletcreatefundedpst", [{"address": SINK, "amount": 4}])
            with pytest.raises(Exception, match="DraftsDiffer"):
                await here.rpc("combinepst", [made["pst"], other["pst"]])

    trio.run(main)


def test_a_drafts_coins_are_set_aside_until_it_is_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default")
            await here.mine(3, await here.rpc("getnewaddress"))
            paid = [{"address": SINK, "amount": 800}]
            made = await here.rpc("walletcreatefundedpst", paid)
            assert (await here.refusal("sendtoaddress", SINK, 800))[0] == -6
            assert await here.rpc("releasepst", made["pst"]) is True
            assert await here.rpc("releasepst", made["pst"]) is False
            await here.rpc("walletcreatefundedpst", paid, {"lock_unspents": False})
            await here.rpc("sendtoaddress", SINK, 800)

    trio.run(main)


def test_drafts_of_a_sidechain_are_signed_and_sent_there(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            await here.rpc("createwallet", "default", "", PHRASE)
            where = {"chain": "trade"}
            lock = here.keeper.opened().purse("trade").wallet.new_lock()
            body = msgspec.structs.replace(mint(0).body, outputs=(Output(BTM, 10_000, lock),))
            paid_in = Transaction(body, (NoWitness(),))
            here.side.block(paid_in)
            coin = Coin(BTM, 10_000, lock, 1, 0, 1, b"")
            here.side.coins[Outpoint(paid_in.id, 0)] = coin
            paid = [{"address": str(BOB_THERE), "amount": "0.00001"}]
            made = await here.rpc("walletcreatefundedpst", paid, **where)
            shown = await here.rpc("decodepst", made["pst"])  # whatever the path: it says its chain
            assert shown["chain"] == "trade"
            done = await here.rpc("walletprocesspst", made["pst"])
            assert done["complete"]
            txid = await here.rpc("sendpst", done["pst"])
            assert [tx.id.hex() for tx in here.side.pool] == [txid]
            here.side.coins.clear()
            with pytest.raises(Exception, match="CoinGone"):
                await here.rpc("walletprocesspst", made["pst"])

    trio.run(main)
