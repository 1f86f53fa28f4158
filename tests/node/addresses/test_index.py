"""The index follows the chain, over reorganisations too, and is what one pass makes."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, PolicyLock
from bystack.mainchain.work import ENGINES
from bystack.node.addresses import rows
from bystack.node.mainchain import indexing as main_indexing
from bystack.node.mainchain.switching import Switcher
from bystack.node.offline.checking import Options, check_chain
from bystack.node.offline.sidechains import check_sidechain
from bystack.node.sidechain import indexing as side_indexing
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.store import SideStore
from bystack.node.store.storage import View
from bystack.node.verifying.verifier import Verifier
from tests.mainchain.builders import EASY
from tests.node.mainchain.branches import Opened, branches
from tests.node.sidechain.test_store import busy, follow

KNOWN = branches()


class Indexed(Opened):
    """A store whose index follows."""

    def __init__(self, path: Path, indexed: bool = True) -> None:
        super().__init__(path)
        self.switcher = Switcher(self.store, self.tree, Verifier(1), indexed)


def index(view: View) -> dict[bytes, bytes]:
    return {key: data for kind in rows.KINDS for key, data in view.iterate(kind)}


def noted(view: View, coins: dict[Outpoint, Coin]) -> bool:
    """The index notes exactly the coins that have an address."""
    wanted = {
        rows.coin_key(coin.lock.root, place)
        for place, coin in coins.items()
        if isinstance(coin.lock, PolicyLock)
    }
    return {key for key, _ in view.iterate(rows.COIN)} == wanted != set()


async def moved(path: Path, *goals: bytes, indexed: bool = True) -> Indexed:
    opened = Indexed(path, indexed)
    await opened.keep(*KNOWN.all)
    for goal in goals:
        await opened.move(goal)
    return opened


def test_over_a_reorganisation_it_is_what_one_pass_over_the_blocks_makes(tmp_path: Path) -> None:
    left, right = KNOWN.left[-1].id, KNOWN.right[-1].id

    async def main() -> None:
        live = await moved(tmp_path / "live", left, right, left, right)
        held = index(live.store.view)
        assert held[rows.MARK] == right
        assert noted(live.store.view, dict(live.store.coins.all()))
        plain = await moved(tmp_path / "plain", right, indexed=False)
        assert index(plain.store.view) == {}
        await main_indexing.make_index(plain.store)
        assert index(plain.store.view) == held
        live.store.close()
        plain.store.close()

    trio.run(main)
    report = trio.run(check_chain, str(tmp_path / "live"), EASY, ENGINES, Options())
    assert report.sound, report


def test_an_index_of_another_moment_is_made_anew(tmp_path: Path) -> None:
    left, right = KNOWN.left[-1].id, KNOWN.right[-1].id

    async def main() -> None:
        opened = await moved(tmp_path, left)
        opened.switcher = Switcher(opened.store, opened.tree, Verifier(1))  # switched off
        await opened.move(right)
        assert index(opened.store.view)[rows.MARK] == left
        await main_indexing.make_index(opened.store)
        held = index(opened.store.view)
        assert held[rows.MARK] == right and noted(opened.store.view, dict(opened.store.coins.all()))
        opened.store.close()

    trio.run(main)


def test_a_pass_cut_short_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        opened = await moved(tmp_path, KNOWN.left[-1].id)
        view, commit = opened.store.view, opened.store.view.commit_now
        whole, steps = index(view), 0

        def cut(changes: dict[bytes, bytes | None]) -> None:
            nonlocal steps
            steps += 1
            if steps == 3:
                raise KeyboardInterrupt
            commit(changes)

        await opened.store.commit({rows.MARK: b"?" * 32, rows.PASSAGE + b"stale" * 8: b""})
        monkeypatch.setattr(view, "commit_now", cut)
        with pytest.raises(KeyboardInterrupt):
            await main_indexing.make_index(opened.store)
        assert rows.MARK not in index(view)
        monkeypatch.setattr(view, "commit_now", commit)
        await main_indexing.make_index(opened.store)
        assert index(view) == whole
        opened.store.close()

    trio.run(main)


def test_a_sidechains_index_is_what_one_pass_makes(tmp_path: Path) -> None:
    world = busy()
    modules = modules_of(world.genesis)

    async def main() -> None:
        live = SideStore.open(str(tmp_path / "live"), world.genesis, modules)
        await side_indexing.make_index(live)
        live.indexed = True
        await follow(live, world)
        held = index(live.raw)
        assert held[rows.MARK] == live.header.id and noted(live.raw, world.side.coins)
        assert any(key[:1] == rows.PASSAGE for key in held)
        plain = SideStore.open(str(tmp_path / "plain"), world.genesis, modules)
        await follow(plain, world)
        assert index(plain.raw) == {}
        await side_indexing.make_index(plain)
        assert index(plain.raw) == held
        live.close()
        plain.close()

    trio.run(main)
    report = trio.run(check_sidechain, str(tmp_path / "live"), world.genesis, modules, False)
    assert report.sound, report
