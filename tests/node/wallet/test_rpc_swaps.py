"""A swap of two assets between two wallets over a real chain, and what neither can do."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from bystack.ledger.pst import draft_text, parse_draft
from bystack.ledger.pst_auditing import WitnessForged
from bystack.node.wallet.drafting import OnlyBeside
from bystack.primitives.codec import encode
from tests.node.wallet.test_rpc import BOB_HERE, World, world

SINK = str(BOB_HERE)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def traders(here: World) -> str:
    """Ann with 10 GOLD and some BTM, Ben with BTM; the asset's id."""
    for name in ("ann", "ben"):
        await here.rpc("createwallet", name)
        await here.mine(4, await here.rpc("getnewaddress", wallet=name))
    issued = await here.rpc("issueasset", "GOLD", 10, 2, wallet="ann")
    await here.mine(3, SINK)
    return str(issued["asset"])


async def held(here: World, wallet: str, asset: str) -> float:
    return float(await here.rpc("getbalance", asset=asset, wallet=wallet))


def test_gold_for_btm(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            gold = await traders(here)
            before = await held(here, "ben", "BTM")
            offer = (await here.rpc("createswap", 4, gold, 100, "BTM", wallet="ann"))["pst"]
            shown = await here.rpc("decodeswap", offer, wallet="ben")
            assert (shown["gives"], shown["wants"]) == ({"GOLD": 4}, {"BTM": 100})
            assert await held(here, "ann", gold) == 6  # set aside, so nothing else spends it
            done = await here.rpc("acceptswap", offer, wallet="ben")
            assert (done["paid"], done["received"]) == ({"BTM": 100}, {"GOLD": 4})
            await here.mine(1, SINK)
            assert await held(here, "ben", gold) == 4
            assert await held(here, "ann", gold) == 6
            assert before - 100.01 < await held(here, "ben", "BTM") < before - 100
            with pytest.raises(Exception, match="CoinGone"):  # an offer is taken once
                await here.rpc("acceptswap", offer, wallet="ben")

    trio.run(main)


def test_an_offer_is_withdrawn_by_spending_its_coin(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            gold = await traders(here)
            made = await here.rpc("createswap", 10, gold, 100, "BTM", wallet="ann")
            assert (await here.refusal("sendtoaddress", SINK, 10, asset=gold, wallet="ann"))[
                0
            ] == -6
            assert await here.rpc("releasepst", made["pst"], wallet="ann") is True
            await here.rpc("sendtoaddress", SINK, 10, asset=gold, wallet="ann")
            await here.mine(1, SINK)
            with pytest.raises(Exception, match="CoinGone"):
                await here.rpc("acceptswap", made["pst"], wallet="ben")

    trio.run(main)


def test_an_offer_that_has_ended_costs_nothing_but_the_try(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            gold = await traders(here)
            offer = ("createswap", 10, gold, 100, "BTM", 2)  # until block 2
            made = await here.rpc(*offer, wallet="ann")
            before = (await here.rpc("getbalances", wallet="ben"))["mine"]
            with pytest.raises(Exception, match="Expired"):
                await here.rpc("acceptswap", made["pst"], wallet="ben")
            assert (await here.rpc("getbalances", wallet="ben"))["mine"] == before

    trio.run(main)


def test_what_a_counterparty_cannot_do(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as here:
            gold = await traders(here)
            offer = (await here.rpc("createswap", 4, gold, 100, "BTM", wallet="ann"))["pst"]
            draft = parse_draft(offer)
            output = draft.body.outputs[0]
            cheap = type(output)(output.asset, 1, output.lock)
            body = type(draft.body)(1, draft.body.inputs, (cheap,), (), 0, 0, b"")
            lied = type(draft)(draft.chain_id, body, draft.coins, draft.witnesses, draft.parts)
            for method in ("decodeswap", "acceptswap", "decodepst"):
                with pytest.raises(WitnessForged):
                    await here.rpc(method, draft_text(encode(lied)), wallet="ben")
            # Ben sends Ann a draft in which her coin would sign for the output beside it alone.
            plain = await here.rpc("walletcreatefundedpst", [{"address": SINK, "amount": 1}],
                                   wallet="ann")  # fmt: skip
            trap = parse_draft(plain["pst"]).with_part(0, mode=1)
            with pytest.raises(OnlyBeside):
                await here.rpc("walletprocesspst", draft_text(encode(trap)), wallet="ann")

    trio.run(main)


def test_a_name_deceives_nobody(tmp_path: Path) -> None:
    """Mal issues a BTM and a GOLD of his own: neither passes for the true one."""

    async def main() -> None:
        async with world(tmp_path) as here:
            gold, btm = await traders(here), "ff" * 32
            await here.rpc("createwallet", "mal")
            await here.mine(6, await here.rpc("getnewaddress", wallet="mal"))
            issues = [("BTM", 8), ("Btm", 8), ("GOLD", 2)]
            fakes = [
                (await here.rpc("issueasset", name, 50, decimals, wallet="mal"))["asset"]
                for name, decimals in issues
            ]
            await here.mine(3, SINK)
            offer = (await here.rpc("createswap", 40, fakes[0], 4, gold, wallet="mal"))["pst"]
            shown = await here.rpc("decodeswap", offer, wallet="ann")
            assert (shown["gives"], shown["wants"]) == ({fakes[0]: 40}, {"GOLD": 4})
            assert shown["assets"] == {fakes[0]: fakes[0], "GOLD": gold}
            for fake in fakes:
                ann = await here.rpc("getnewaddress", wallet="ann")
                await here.rpc("sendtoaddress", ann, 1, asset=fake, wallet="mal")
            await here.mine(1, SINK)
            mine = (await here.rpc("getbalances", wallet="ann"))["mine"]
            named = {name: one["asset"] for name, one in mine.items()}
            assert named == {"BTM": btm, gold: gold, **{fake: fake for fake in fakes}}
            swapped = (await here.rpc("createswap", 4, gold, 1, fakes[2], wallet="ann"))["pst"]
            shown = await here.rpc("decodeswap", swapped, wallet="ben")
            assert (shown["gives"], shown["wants"]) == ({gold: 4}, {fakes[2]: 1})

    trio.run(main)
