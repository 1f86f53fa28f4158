"""A pruning node: what it drops, what it still does, what it refuses; it never corrupts."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from bystack.mainchain.blocks import Block
from bystack.mainchain.events import Switch
from bystack.mainchain.work import ENGINES
from bystack.node.ipc import RemoteError
from bystack.node.mainchain import pruning
from bystack.node.mainchain.following import follow
from bystack.node.mainchain.pruning import PrunedTooDeep
from bystack.node.mainchain.reading import Reader
from bystack.node.offline.checking import Options, check_chain
from bystack.node.offline.findings import Report
from bystack.node.store import chainstore
from bystack.node.store.chainstore import ChainStore, open_raw
from tests.ledger.people import BOB
from tests.mainchain.builders import EASY
from tests.mainchain.builders import Chain as Model
from tests.node.mainchain.branches import replayed
from tests.node.mainchain.forest import derived, pay
from tests.node.mainchain.network import running
from tests.node.wallet.people import ME

KEEP = 10


def story() -> tuple[list[Block], list[Block], list[Block]]:
    """A chain of 40 blocks, a branch that leaves it 10 blocks deep, and one that leaves it 11."""
    model, chain = Model(EASY), list[Block]()
    for number in range(40):
        txs = (pay(model, 0, 1_000),) if number > 6 else ()
        chain.append(model.mine(*txs, miner=ME))
    allowed, deeper = replayed(tuple(chain[:30])), replayed(tuple(chain[:29]))
    return (
        chain,
        [allowed.mine(miner=BOB, extra=b"allowed") for _ in range(11)],
        [deeper.mine(miner=BOB, extra=b"deeper") for _ in range(12)],
    )


CHAIN, ALLOWED, DEEPER = story()


def made(path: Path) -> None:
    async def main() -> None:
        async with running(path, prune=KEEP) as (node,):
            await node.take(*CHAIN)

    trio.run(main)


def checked(path: Path, *, repair: bool = False) -> Report:
    return trio.run(check_chain, str(path), EASY, ENGINES, Options(repair=repair))


def bodies(path: Path) -> set[int]:
    with open_raw(path, EASY) as store:
        return {at + 1 for at, b in enumerate(CHAIN) if store.get(chainstore.BLOCK + b.id)}


def test_only_the_last_blocks_stay_and_everything_else_is_as_in_a_full_node(
    tmp_path: Path,
) -> None:
    made(tmp_path / "pruned")

    async def full() -> None:
        async with running(tmp_path / "full") as (node,):
            await node.take(*CHAIN)

    trio.run(full)
    assert bodies(tmp_path / "pruned") == set(range(31, 41))
    pruned, whole = derived(tmp_path / "pruned"), derived(tmp_path / "full")
    old = CHAIN[:30]
    gone = {b"u" + block.id for block in old}
    gone |= {b"t" + tx.id for block in old for tx in block.transactions}
    assert pruned.pop(b"P") == (31).to_bytes(8, "big")
    assert pruned == {key: value for key, value in whole.items() if key not in gone}
    report = checked(tmp_path / "pruned")
    assert report.sound, report
    assert (report.first_kept, report.height, report.blocks) == (31, 40, 10)


def test_a_reorganisation_of_as_many_blocks_as_are_kept_is_followed(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "s", prune=KEEP) as (node,):
            await node.take(*CHAIN, *ALLOWED)
            assert node.tip == ALLOWED[-1].id
            assert node.driver.deepest == 10

    trio.run(main)
    assert checked(tmp_path / "s").sound


def test_a_deeper_one_stops_the_process_by_name_and_harms_nothing(tmp_path: Path) -> None:
    made(tmp_path / "s")
    before = derived(tmp_path / "s")

    async def main() -> None:
        async with running(tmp_path / "s", prune=KEEP) as (node,):
            await node.take(*DEEPER)

    with trio_raises(PrunedTooDeep) as told:
        trio.run(main)
    assert "leaves ours 11 blocks deep; blocks below 31 are pruned; move" in told[0]
    assert derived(tmp_path / "s") == before
    assert checked(tmp_path / "s").sound


class trio_raises:
    """Expects an error inside any number of exception groups."""

    def __init__(self, kind: type[Exception]) -> None:
        self._kind, self._told = kind, list[str]()

    def __enter__(self) -> list[str]:
        return self._told

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        assert isinstance(error, self._kind), error
        self._told.append(str(error))
        return True


def test_whoever_needs_an_old_block_is_told_from_which_on_there_are_any(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "s", prune=KEEP) as (node,):
            await node.take(*CHAIN)
            reader = Reader(node.driver)
            with pytest.raises(RemoteError, match="pruned; this node has those from 31 on"):
                reader.block_bytes(CHAIN[5].id)
            with pytest.raises(RemoteError, match="blocks below 31 are pruned"):
                reader.transaction(CHAIN[5].transactions[0].id)
            assert reader.block(CHAIN[35].id) == CHAIN[35]
            assert reader.transaction(CHAIN[35].transactions[0].id).block is not None
            with pytest.raises(RemoteError, match=r"block 1 is pruned; .* from 31 on"):
                async for _ in follow(node.driver, []):
                    pass
            seen = []
            async for item in follow(node.driver, [(30, CHAIN[29].id)]):
                seen.append(item[0])
                if item[0] == "tip":
                    break
            assert seen == ["connect"] * 10 + ["tip"]

    trio.run(main)


def test_pruning_goes_in_bounded_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "STEP_BLOCKS", 4)

    async def full() -> None:
        async with running(tmp_path / "s") as (node,):
            await node.take(*CHAIN)

    trio.run(full)
    store = ChainStore.open(tmp_path / "s", EASY)
    stored = store.load()
    tip = stored.tree.entry(stored.connected)
    assert tip is not None
    pruner, firsts = pruning.Pruner(store, stored.tree, KEEP), list[int]()

    async def prune() -> None:
        while await pruner.step(tip):
            firsts.append(store.first_kept)

    trio.run(prune)
    assert firsts == [5, 9, 13, 17, 21, 25, 29]
    assert store.first_kept == 31
    store.close()
    assert checked(tmp_path / "s").sound


def test_what_is_due_to_go_carries_no_reorganisation(tmp_path: Path) -> None:
    """A node that has only begun to prune holds older blocks still: they go while it judges."""

    async def full() -> None:
        async with running(tmp_path / "s") as (node,):
            await node.take(*CHAIN)

    trio.run(full)
    store = ChainStore.open(tmp_path / "s", EASY)
    stored = store.load()
    tip = stored.tree.entry(stored.connected)
    assert tip is not None and store.first_kept == 1
    pruner = pruning.Pruner(store, stored.tree, KEEP)
    leaving = tuple(block.id for block in reversed(CHAIN))
    pruner.require(Switch(leaving[:KEEP], ()), tip)
    with pytest.raises(PrunedTooDeep, match="11 blocks deep"):
        pruner.require(Switch(leaving[: KEEP + 1], ()), tip)
    pruning.Pruner(store, stored.tree, 0).require(Switch(leaving, ()), tip)
    store.close()


SPOILT = {
    "undo data": lambda store: {b"u" + CHAIN[35].id: None},
    "transaction index missing": lambda store: {b"t" + CHAIN[35].transactions[0].id: None},
    "height missing": lambda store: {b"h" + (3).to_bytes(8, "big"): None},
    "history node missing": lambda store: {b"m" + bytes(9): None},
    "vault coin missing": lambda store: {next(key for key, _ in store.iterate(b"v")): None},
    "coin": lambda store: {b"c" + CHAIN[37].transactions[0].id + bytes(4): None},
}


@pytest.mark.parametrize("what", SPOILT)
def test_the_check_of_a_pruned_store_finds_what_can_be_found(tmp_path: Path, what: str) -> None:
    made(tmp_path / "s")
    with open_raw(tmp_path / "s", EASY) as store:
        store.commit_now(SPOILT[what](store))
    report = checked(tmp_path / "s")
    assert not report.sound
    assert what in " ".join([*report.counts, *map(str, report.damaged)])
    again = checked(tmp_path / "s", repair=True)
    if report.damaged:  # coins before the first kept block cannot be made anew
        assert again.step.startswith("move the directory away")
    else:
        assert checked(tmp_path / "s").sound
