"""What waited comes back after a restart, judged anew; what is damaged is set aside."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from bystack.mainchain.params import chain_id
from bystack.node.config.tables import MempoolLimits
from bystack.node.mainchain import poolkeeping
from bystack.node.mainchain.poolkeeping import PoolKeeper, settings_of
from bystack.node.pool import poolfile
from tests.ledger.people import ALICE
from tests.mainchain.builders import EASY, LATE
from tests.node.mainchain.branches import branches, replayed
from tests.node.mainchain.network import Node, running
from tests.node.mainchain.test_pool import paying

KNOWN = branches()
CHAIN = chain_id(EASY)


async def loaded(node: Node, folder: Path) -> PoolKeeper:
    keeper = PoolKeeper(node.driver, str(folder))
    assert not keeper.loaded
    await keeper.load()
    assert keeper.loaded
    return keeper


def test_what_waited_comes_back_with_its_times(tmp_path: Path) -> None:
    async def main() -> None:
        model = replayed(KNOWN.trunk)
        first, second = paying(model, 5_000), paying(model, 6_000, which=1)
        async with running(tmp_path / "a", tmp_path / "b") as (one, two):
            for node in (one, two):
                await node.take(*KNOWN.trunk)
            keeper = await loaded(one, tmp_path)
            await one.driver.restore([first, second], [LATE - 500, LATE - 400])
            assert await keeper.save() == f"{tmp_path}/mempool.dat"
            await loaded(two, tmp_path)
            entries = two.driver.pool.machine.entries()
            assert [(entry.candidate.tx, entry.since) for entry in entries] == [
                (first, LATE - 500),
                (second, LATE - 400),
            ]

    trio.run(main)


def test_everything_read_is_judged_anew(tmp_path: Path) -> None:
    async def main() -> None:
        model = replayed(KNOWN.trunk)
        stale, good = paying(model, 5_000), paying(model, 6_000, which=1)
        poolfile.write_pool(f"{tmp_path}/mempool.dat", CHAIN, [(stale, 7), (good, LATE)])
        async with running(tmp_path / "a") as (node,):
            await node.take(*KNOWN.trunk)
            model.mine(model.sign(stale.body, ALICE))
            await node.take(model.blocks[model.tip.id])
            await loaded(node, tmp_path)
            assert node.driver.pool.transactions() == [good]

    trio.run(main)


@pytest.mark.parametrize("name", ["mempool.dat", "fees.dat"])
def test_a_damaged_file_is_set_aside_and_the_start_goes_on(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        async with running(tmp_path / "a") as (node,):
            (tmp_path / name).write_bytes(b"rubbish")
            keeper = await loaded(node, tmp_path)
            assert (tmp_path / f"{name}.damaged").read_bytes() == b"rubbish"
            keeper.save_now()
            assert poolfile.read_pool(f"{tmp_path}/mempool.dat", CHAIN) == []
            assert poolfile.read_fees(f"{tmp_path}/fees.dat", CHAIN) is not None

    trio.run(main)


def test_an_end_before_the_files_were_read_leaves_them(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "mempool.dat").write_bytes(b"not read yet")
        async with running(tmp_path / "a") as (node,):
            PoolKeeper(node.driver, str(tmp_path)).save_now()
            assert (tmp_path / "mempool.dat").read_bytes() == b"not read yet"

    trio.run(main)


def test_an_end_while_reading_keeps_what_was_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        model, path = replayed(KNOWN.trunk), f"{tmp_path}/mempool.dat"
        waited = [(paying(model, 5_000 + at, which=at), LATE) for at in range(2)]
        poolfile.write_pool(path, CHAIN, waited)
        monkeypatch.setattr(poolkeeping, "LOT", 1)
        async with running(tmp_path / "a") as (node,):
            await node.take(*KNOWN.trunk)
            keeper = PoolKeeper(node.driver, str(tmp_path))
            with trio.CancelScope() as scope:
                restore = node.driver.restore

                async def once(*given: object) -> None:
                    await restore(*given)  # type: ignore[arg-type]
                    scope.cancel()

                monkeypatch.setattr(node.driver, "restore", once)
                await keeper.load()
            assert not keeper.loaded
            keeper.save_now()
            found = {one.tx.id for one in poolfile.read_pool(path, CHAIN)}
            assert found == {tx.id for tx, _ in waited}

    trio.run(main)


def test_without_persistence_nothing_is_written(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "a") as (node,):
            keeper = PoolKeeper(node.driver, str(tmp_path), persist=False)
            assert keeper.loaded
            await keeper.run()
            keeper.save_now()

    trio.run(main)
    assert not list(tmp_path.glob("*.dat"))


def test_the_configuration_in_the_pools_measures() -> None:
    settings = settings_of(MempoolLimits(max_mb=5, expiry_hours=2, min_fee=3))
    assert settings.min_rate == 3_000
    assert settings.expiry == 7_200
    assert PoolKeeper.memory(settings.max_weight) <= 5 * 2**20
