"""Engines of installed packages: found by name, held to their promise, used wherever it matters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec
import pytest
import trio

from bystack.federation.watch import Watch, Window
from bystack.mainchain.assembly import build_block, mine
from bystack.mainchain.chain import HeaderWork, check_header, genesis_entry
from bystack.mainchain.params import REGTEST
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import ENGINES, NO_SEED, SHA256D, bits_of, meets, search, target_of
from bystack.node.engines import EngineError, engines_of, installed_engine
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.mining import generate
from bystack.node.mainchain.searcher import answer
from bystack.node.sidechain.modules import modules_of
from bystack.node.store.chainstore import ChainStore
from bystack.p2p.host import Host
from bystack.primitives.codec import encode
from bystack.primitives.errors import Misuse
from bystack.sidechain.relay import extend, start_relay
from bystack.sidechain.state import SystemState
from tests.ledger.people import ALICE
from tests.mainchain.builders import EASY, LATE, child
from tests.node.mainchain.network import Wired
from tests.node.offered_engine import install
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import genesis_for

BLAKE = msgspec.structs.replace(EASY, name="blake", work="blake")
TENSORITY = msgspec.structs.replace(EASY, name="tensority", work="tensority")


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(install(tmp_path / "site")))
    installed_engine.cache_clear()
    yield
    installed_engine.cache_clear()


def test_built_in_engines_need_no_package() -> None:
    assert dict(engines_of(REGTEST)) == dict(ENGINES) == {"sha256d": SHA256D}


def test_an_installed_engine_is_found_by_the_name_in_the_parameters() -> None:
    digest = engines_of(BLAKE)["blake"].digest(b"i" * 32, b"s" * 32)
    assert digest == hashlib.blake2s(b"s" * 32 + b"i" * 32).digest()
    assert engines_of(BLAKE)["blake"] is installed_engine("blake")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("unheard-of", "unheard-of is not installed.*bystack.work"),
        ("broken", "no library of that kind; install what it needs"),
        ("empty", "has no digest"),
        ("arguments", "does not load"),
        ("nowhere", "does not load"),
        ("lost", "does not load"),
    ],
)
def test_an_engine_that_cannot_be_used_is_named(name: str, reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        engines_of(msgspec.structs.replace(EASY, work=name))


def test_a_short_digest_meets_no_target() -> None:
    """As a number it would be nothing, below every target."""
    with pytest.raises(Misuse, match="short made a digest that is not 32 bytes"):
        installed_engine("short").digest(bytes(32), bytes(32))


def test_a_node_mines_and_judges_with_the_engine_of_its_network(tmp_path: Path) -> None:
    store = ChainStore.open(tmp_path / "chain", BLAKE, engines=engines_of(BLAKE))

    async def main() -> None:
        with trio.fail_after(180):
            host = Wired(1)
            driver = Driver(store, cast(Host, host), lambda: float(LATE))
            async with trio.open_nursery() as nursery:
                await nursery.start(driver.run)
                await generate(driver, 20, ALICE.lock)
                nursery.cancel_scope.cancel()

    trio.run(main)
    tree = store.load().tree
    target = target_of(BLAKE.genesis_target)
    assert tree.best().header.height == 20
    ids = [tree.line.at(height) or b"" for height in range(1, 21)]
    store.close()
    digests = [installed_engine("blake").digest(id, tree.first.seed) for id in ids]
    assert all(meets(digest, target) for digest in digests)
    # Of twenty random blocks about half meet the target with the other function as well.
    assert not all(meets(SHA256D.digest(id, NO_SEED), target) for id in ids)


def test_another_engines_work_is_no_work() -> None:
    root = genesis_entry(BLAKE)
    tree = HeaderTree([root], BLAKE, engines_of(BLAKE))
    hard = target_of(BLAKE.genesis_target)
    made = child(root, params=BLAKE).header
    for number in range(1_000):
        nonce = search(made, number, 1)
        header = msgspec.structs.replace(made, nonce=nonce or bytes(8))
        if nonce and not meets(installed_engine("blake").digest(header.id, root.seed), hard):
            with pytest.raises(HeaderWork):
                check_header(tree, header, BLAKE, None, engines_of(BLAKE))
            return
    raise AssertionError("of a thousand nonces half meet one function and not the other")


def test_a_searchers_process_uses_it() -> None:
    header = child(genesis_entry(BLAKE), params=BLAKE).header
    target = bits_of(2**250)
    hard = msgspec.structs.replace(header, target=target)
    nonce = answer(f"{encode(hard).hex()} 0 5000 {NO_SEED.hex()} blake")
    found = msgspec.structs.replace(hard, nonce=bytes.fromhex(nonce))
    assert meets(installed_engine("blake").digest(found.id, NO_SEED), target_of(target))


def test_a_sidechain_judges_its_main_chain_with_it() -> None:
    genesis = genesis_for(vault_chain())
    other = msgspec.structs.replace(genesis, main=BLAKE)
    assert modules_of(other).engines["blake"] is installed_engine("blake")
    assert dict(modules_of(genesis).engines) == dict(ENGINES)


def test_a_signers_window_and_a_relay_refuse_headers_without_it() -> None:
    root = genesis_entry(BLAKE)
    other = msgspec.structs.replace(genesis_for(vault_chain()), main=BLAKE, checkpoint=root)
    made = build_block(root, (), ALICE.lock, 0, BLAKE)
    block = mine(made, root, installed_engine("blake"))
    assert block is not None
    now = block.header.time
    with pytest.raises(Misuse, match="blake is not installed"):
        Watch(other).headers([block.header], now)
    watch = Watch(other, engines_of(BLAKE))
    watch.headers([block.header], now)
    assert watch.tip.id == block.id
    state = SystemState(Window())
    start_relay(state, other)
    assert extend(state, other, [block.header], now, engines_of(BLAKE)).new_tip == block.id


def test_tensority_is_offered_like_any_other() -> None:
    engine = engines_of(TENSORITY)["tensority"]
    root = genesis_entry(TENSORITY)
    header = child(root, params=TENSORITY).header
    nonce = search(header, 0, 50, root.seed, engine)
    assert nonce is not None
    found = msgspec.structs.replace(header, nonce=nonce)
    tree = HeaderTree([root], TENSORITY, engines_of(TENSORITY))
    assert check_header(tree, found, TENSORITY, None, engines_of(TENSORITY)).header == found
