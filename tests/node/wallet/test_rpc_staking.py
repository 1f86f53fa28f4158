"""Staking by a wallet: candidates, votes, taking back, being paid; several people as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.node.ipc import RemoteError
from bystack.primitives.addresses import POLICY, Address, decode_address, encode_address
from tests.node.wallet.electing import Purses, purses
from tests.sidechain.elections import RUNNERS
from tests.sidechain.modules.stake.table import Runner, runner

NEW = runner(20)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def key_of(one: Runner, here: Purses, operator: str) -> tuple[str, str, str, str, str]:
    """What `bystackd key consent` prints."""
    root = decode_address(operator, here.chain.hrp).payload
    consent = one.consent(here.chain.id, root)
    return one.key.hex(), one.proof.hex(), consent.hex(), one.node.hex(), operator


async def balance(here: Purses) -> Any:
    return (await here.rpc("getbalances"))["mine"]["BTM"]["units"]


def stood(here: Purses, one: Runner) -> Any:
    found = here.side.world.book.candidate(one.key)
    assert found is not None
    return found


def test_an_operator_stands_changes_and_leaves(tmp_path: Path) -> None:
    async def main() -> None:
        async with purses(tmp_path, "ann") as here:
            operator = await here.fund(2_000)
            made = await here.rpc("registervalidator", *key_of(NEW, here, operator), 150, "2.5")
            assert len(made["txid"]) == 64
            assert (stood(here, NEW).own, stood(here, NEW).commission) == (150, 250)
            mine = await here.rpc("listmystake")
            assert [one["key"] for one in mine["candidates"]] == [NEW.key.hex()]
            assert mine["staked"] == 150
            await here.rpc("updatevalidator", NEW.key.hex(), "ab" * 32)
            assert (stood(here, NEW).node, stood(here, NEW).commission) == (b"\xab" * 32, 250)
            await here.rpc("updatevalidator", NEW.key.hex(), "ab" * 32, 1)
            assert stood(here, NEW).commission == 100
            with pytest.raises(RemoteError, match="NotJailed"):
                await here.rpc("unjailvalidator", NEW.key.hex())
            await here.rpc("unregistervalidator", NEW.key.hex())
            assert stood(here, NEW).gone
            mine = await here.rpc("listmystake")
            assert (mine["staked"], mine["candidates"]) == (0, [])
            assert [one["amount"] for one in mine["returns"]] == [150]

    trio.run(main)


def test_a_holder_votes_takes_back_and_is_paid(tmp_path: Path) -> None:
    async def main() -> None:
        async with purses(tmp_path, "ann") as here:
            await here.fund(1_000)
            world, one = here.side.world, RUNNERS[0]
            here.side.block(world.registering(one))
            first = await here.rpc("votestake", one.key.hex(), 100)
            again = await here.rpc("votestake", one.key.hex(), 50)
            assert first["owner"] == again["owner"], "one ballot, one owner"
            assert await balance(here) == 1_000 - 152
            with pytest.raises(RemoteError, match="BallotSmall"):
                await here.rpc("votestake", one.key.hex(), 5)
            with pytest.raises(RemoteError, match="CandidateUnknown"):
                await here.rpc("votestake", NEW.key.hex(), 50)
            await here.rpc("unvotestake", one.key.hex(), 40, first["owner"])
            await here.rpc("unvotestake", one.key.hex())
            mine = await here.rpc("listmystake")
            assert mine["staked"] == 0 and sum(one["amount"] for one in mine["returns"]) == 150
            assert await here.rpc("withdrawstake") == []
            for _ in range(world.book.config.unbonding):
                here.side.turn()
            (paid,) = await here.rpc("withdrawstake")
            assert paid["owner"] == first["owner"]
            # five fees, and what was locked is back; rewards may have come
            assert await balance(here) >= 1_000 - 5

    trio.run(main)


def test_rewards_reach_the_wallet(tmp_path: Path) -> None:
    async def main() -> None:
        async with purses(tmp_path, "ann") as here:
            operator = await here.fund(1_000)
            world = here.side.world
            await here.rpc("registervalidator", *key_of(RUNNERS[0], here, operator), 200)
            here.side.turn()
            before = await balance(here)
            others = encode_address(Address(here.chain.hrp, POLICY, bytes([7]) * 32))
            for _ in range(10):
                await here.pay(others, 5)  # whose fees are shared when the epoch turns
            here.side.turn()
            assert await balance(here) > before
            assert world.book.tally is not None
            listed = await here.rpc("listtransactions", "*", 100)
            reward = [one for one in listed if one["category"] == "generate"][-1]
            *_, last = here.keeper.opened().purse("trade").wallet.history.values()
            assert last.movements[0].received == await balance(here) - before
            assert (reward["confirmations"], reward["txid"]) == (1, last.transaction.hex())
            shown = await here.rpc("gettransaction", reward["txid"])
            assert shown["movements"] == [reward] and "hex" not in shown

    trio.run(main)


def test_what_is_not_ours_is_refused_by_name(tmp_path: Path) -> None:
    async def main() -> None:
        async with purses(tmp_path, "ann") as here:
            await here.fund(500)
            here.side.block(here.side.world.registering(RUNNERS[0]))
            for method in ("unregistervalidator", "unjailvalidator"):
                with pytest.raises(RemoteError, match="policy this wallet does not know"):
                    await here.rpc(method, RUNNERS[0].key.hex())
                with pytest.raises(RemoteError, match="nobody stands"):
                    await here.rpc(method, NEW.key.hex())
            with pytest.raises(RemoteError, match="name the owner"):
                await here.rpc("unvotestake", RUNNERS[0].key.hex())
            for wrong in ("00", "zz" * 48, 5):
                with pytest.raises(RemoteError):
                    await here.rpc("votestake", wrong, 10)

    trio.run(main)


def test_several_people_are_one_operator(tmp_path: Path) -> None:
    async def main() -> None:
        async with purses(tmp_path, "ann", "ben") as here:
            keys = [
                (await here.rpc("getnewpublickey", wallet=name))["key"] for name in ("ann", "ben")
            ]
            text = f"all(key({keys[0]}), key({keys[1]}))"
            made = [
                await here.rpc("createpolicyaddress", [text], wallet=name)
                for name in ("ann", "ben")
            ]
            operator = made[0]["address"]
            await here.fund(1_000, wallet="ann")
            draft = await here.rpc(
                "registervalidator", *key_of(NEW, here, operator), 150, wallet="ann"
            )
            assert draft["next"] == "signer"
            assert here.side.world.book.candidate(NEW.key) is None
            signed = await here.rpc("walletprocesspst", draft["pst"], wallet="ben")
            assert signed["complete"]
            await here.rpc("sendpst", signed["pst"], wallet="ann")
            assert stood(here, NEW).own == 150

    trio.run(main)
