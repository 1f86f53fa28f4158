"""A relayer's file: taken up by the same sidechain that stands as high, by no other."""

from __future__ import annotations

from pathlib import Path

import trio

from bystack.node.sidechain import recalling
from bystack.node.sidechain.recalling import Recalling
from bystack.sidechain.holdings import Holdings
from bystack.sidechain.params import Genesis
from bystack.sidechain.relayer import Relayer
from tests.sidechain.test_relayer import Follower
from tests.sidechain.world import K, World, funded, genesis_for

KNOWN = [(7, b"\x07" * 32), (8, b"\x08" * 32)]


def kept(path: Path, world: World, final: int = 5) -> Follower:
    """A relayer that has read the world's main chain and written it down."""
    follower, keeping = Follower(world), Recalling(str(path), world.genesis)
    for _ in range(recalling.EVERY_BLOCKS):
        keeping.moved()
    trio.run(keeping.keep, follower.relayer, follower.holdings, KNOWN, final)
    return follower


def taken(path: str, genesis: Genesis, final: int) -> tuple[Relayer, list[tuple[int, bytes]]]:
    relayer, holdings = Relayer(genesis), Holdings(genesis)
    return relayer, Recalling(path, genesis).resume(relayer, holdings, final)


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    world = funded()
    world.deposit(80)
    world.relay(K)
    follower = kept(tmp_path / "relayed", world)
    relayer, known = taken(str(tmp_path / "relayed"), world.genesis, 5)
    assert relayer.kept == follower.relayer.kept != () and known == KNOWN
    assert relayer.wanted(world.view)


def test_it_begins_anew_otherwise(tmp_path: Path) -> None:
    world, path = funded(), tmp_path / "relayed"
    kept(path, world)
    other = genesis_for(world.main, name="other")
    lower = 4  # a store that was made anew has not seen what was proved by then
    for genesis, final in ((other, 5), (world.genesis, lower)):
        relayer, known = taken(str(path), genesis, final)
        assert relayer.kept == () and known == []
    path.write_bytes(path.read_bytes()[:-1])
    assert taken(str(path), world.genesis, 5)[1] == []
    assert taken("", world.genesis, 5)[1] == []
    assert taken(str(tmp_path / "none"), world.genesis, 5)[1] == []
