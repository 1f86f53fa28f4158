"""Bits flipped and files cut anywhere in a store: the same content, or a named fault and a cure.

A log cut short is what a power cut leaves too: the store opens at an earlier whole commit.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
import trio

from bystack.mainchain.work import ENGINES
from bystack.node.offline.checking import Options, check_chain
from bystack.node.store.chainstore import ChainStore
from bystack.node.store.storage import StoreError
from tests.mainchain.builders import EASY
from tests.node.mainchain.forest import derived
from tests.node.mainchain.network import running, until
from tests.node.mainchain.test_pruning import CHAIN

CUTS = ((0, 20), (20, 35), (35, 40))
TRIES = {"flip": 25, "cut": 12, "gone": 1, "zeros": 6}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store opened three times: tables, a log, a MANIFEST; and its own copy of a peer."""
    folder = tmp_path_factory.mktemp("whole")

    async def main() -> None:
        for begin, end in CUTS:
            async with running(folder / "s") as (node,):
                await node.take(*CHAIN[begin:end])
        async with running(folder / "peer") as (node,):
            await node.take(*CHAIN)

    trio.run(main)
    return folder


def content(folder: Path) -> tuple[bytes, dict[bytes, bytes]]:
    """Everything, as a daemon reads it at its start and later."""
    store = ChainStore.open(folder, EASY)
    try:
        stored = store.load()
        return stored.connected, dict(store.view.iterate())
    finally:
        store.close()


def spoil(file: Path, how: str, rng: random.Random) -> None:
    data = bytearray(file.read_bytes())
    match how:
        case "flip":
            bit = rng.randrange(len(data) * 8)
            data[bit // 8] ^= 1 << bit % 8
        case "zeros":
            at = rng.randrange(len(data))
            data[at : at + 512] = bytes(len(data[at : at + 512]))
        case "cut":
            del data[rng.randrange(len(data)) :]
        case _:
            return file.unlink()
    file.write_bytes(data)


def copied(folder: Path, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder, place)
    return place


@pytest.mark.parametrize("how", TRIES)
@pytest.mark.parametrize("kind", ["*.ldb", "*.log", "MANIFEST-*", "CURRENT"])
def test_damage_is_never_taken_for_data(whole: Path, tmp_path: Path, kind: str, how: str) -> None:
    rng = random.Random(f"{kind} {how}")
    reference = content(copied(whole / "s", tmp_path / "reference"))
    outcomes: set[str] = set()
    for number in range(TRIES[how]):
        folder = copied(whole / "s", tmp_path / str(number))
        files = sorted(file for file in folder.glob(kind) if file.stat().st_size)
        spoil(rng.choice(files), how, rng)
        try:
            found = content(folder)
        except StoreError as error:
            assert str(folder) in str(error) and "bystackd check --repair" in error.step
            outcomes.add("named")
            continue
        outcomes.add("same" if found == reference else "earlier")
        if found != reference:
            assert kind == "*.log", "only a log that is cut may give an earlier state"
            assert found[0] in {block.id for block in CHAIN}
            assert trio.run(check_chain, str(folder), EASY, ENGINES, Options()).sound
    assert outcomes, "nothing was tried"
    if kind == "*.ldb":
        assert "earlier" not in outcomes and "named" in outcomes


@pytest.mark.parametrize("kind", ["*.ldb", "*.log", "MANIFEST-*", "CURRENT"])
def test_repair_brings_back_what_can_be_read_and_peers_give_the_rest(
    whole: Path, tmp_path: Path, kind: str
) -> None:
    rng = random.Random(kind)
    for number, how in enumerate(("flip", "flip", "zeros", "cut", "gone")):
        folder = copied(whole / "s", tmp_path / str(number))
        spoil(rng.choice(sorted(folder.glob(kind))), how, rng)
        trio.run(check_chain, str(folder), EASY, ENGINES, Options(repair=True))
        report = trio.run(check_chain, str(folder), EASY, ENGINES, Options())
        assert report.sound, (how, report)
        peer = copied(whole / "peer", tmp_path / "peer")
        trio.run(caught_up, folder, peer)
        assert derived(folder) == derived(peer)


async def caught_up(folder: Path, peer: Path) -> None:
    async with running(folder, peer) as (node, other):
        node.host.join(other.host)
        await until(lambda: node.tip == CHAIN[-1].id)
