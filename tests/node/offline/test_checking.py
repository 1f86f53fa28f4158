"""The check names every difference between a store and its blocks, and the repair undoes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from bystack.mainchain.work import ENGINES
from bystack.node.offline.checking import Options, check_chain
from bystack.node.offline.findings import KINDS, SHOWN, Report
from bystack.node.store import chainstore
from bystack.node.store.chainstore import ChainStore, open_raw
from bystack.node.store.storage import Store, StoreError, StoreUnfinished
from bystack.primitives.hashes import fixed
from tests.mainchain.builders import EASY
from tests.node.mainchain.branches import Opened, branches, chain_to, image_after

KNOWN = branches()
LINE = chain_to(KNOWN.right[-1].id)


def checked(folder: Path, *, repair: bool = False, signatures: bool = True) -> Report:
    options = Options(signatures, repair)
    return trio.run(check_chain, str(folder), EASY, ENGINES, options)


def made(folder: Path) -> Path:
    """A store that went over from the left branch to the right one."""

    async def main() -> None:
        opened = Opened(folder)
        await opened.keep(*KNOWN.all)
        await opened.move(KNOWN.left[-1].id)
        await opened.move(KNOWN.right[-1].id)
        opened.store.close()

    trio.run(main)
    return folder


def content(folder: Path) -> dict[bytes, bytes]:
    with open_raw(folder, EASY) as store:
        return dict(store.iterate())


def spoil(folder: Path, change: Callable[[Store], dict[bytes, bytes | None]]) -> None:
    with open_raw(folder, EASY) as store:
        store.commit_now(change(store))


def test_a_store_that_was_reorganised_is_sound(tmp_path: Path) -> None:
    report = checked(made(tmp_path / "s"))
    assert report.sound, report
    assert (report.height, report.blocks) == (len(LINE), len(LINE))
    assert report.tip == LINE[-1].id.hex()
    assert report.transactions == sum(len(block.transactions) for block in LINE)
    assert report.coins > 0
    assert [path.name for path in tmp_path.iterdir()] == ["s"], "the scratch store is removed"


def first(store: Store, prefix: bytes) -> bytes:
    return next(key for key, _ in store.iterate(prefix))


def changed(store: Store, key: bytes) -> dict[bytes, bytes | None]:
    data = store.get(key)
    assert data
    return {key: data[:-1] + bytes([data[-1] ^ 1])}


NODE = chainstore.NODE + fixed(0, 1) + fixed(1)
SPOILT: dict[str, tuple[str, Callable[[Store], dict[bytes, bytes | None]]]] = {
    "lost coin": ("coin missing", lambda s: {first(s, b"c"): None}),
    "other coin": ("coin changed", lambda s: changed(s, first(s, b"c"))),
    "coin too many": ("coin surplus", lambda s: {b"c" + bytes(36): s.get(first(s, b"c"))}),
    "lost undo": ("undo data missing", lambda s: {first(s, b"u"): None}),
    "other undo": ("undo data changed", lambda s: changed(s, first(s, b"u"))),
    "undo too much": ("undo data surplus", lambda s: {b"u" + bytes(32): b"x"}),
    "lost place": ("transaction index missing", lambda s: {first(s, b"t"): None}),
    "other place": ("transaction index changed", lambda s: changed(s, first(s, b"t"))),
    "lost height": ("height missing", lambda s: {b"h" + fixed(2): None}),
    "other height": ("height changed", lambda s: changed(s, b"h" + fixed(3))),
    "height too many": ("height surplus", lambda s: {b"h" + fixed(99): bytes(32)}),
    "lost node": ("history node missing", lambda s: {NODE: None}),
    "other node": ("history node changed", lambda s: changed(s, NODE)),
    "vault that is none": ("vault coin surplus", lambda s: {b"v" + bytes(68): b""}),
    "anchor that is none": ("vault anchor surplus", lambda s: {b"a" + bytes(32): bytes(36)}),
    "other tip": ("tip changed", lambda s: changed(s, b"T")),
    "lost tip": ("tip missing", lambda s: {b"T": None}),
    "lost entry": ("header entry missing", lambda s: {b"e" + fixed(2): None}),
    "damaged entry": ("header entry damaged", lambda s: changed(s, b"e" + fixed(2))),
    "unknown key": ("unknown key surplus", lambda s: {b"Zoo": b"?"}),
    "other filter": ("filter changed", lambda s: {b"f" + LINE[1].id: b"wrong"}),
    "connected and at hand": ("block at hand", lambda s: {b"o" + LINE[1].id: b""}),
    "at hand and absent": ("block at hand", lambda s: {b"o" + bytes(32): b""}),
}


@pytest.mark.parametrize("what", SPOILT)
def test_every_difference_is_named_and_put_right(tmp_path: Path, what: str) -> None:
    named, change = SPOILT[what]
    folder = made(tmp_path / "s")
    before = content(folder)
    spoil(folder, change)
    report = checked(folder)
    assert not report.sound
    assert any(name.startswith(named) for name in report.counts), report.counts
    assert "--repair" in report.step
    assert checked(folder, repair=True).step.startswith("repaired")
    assert checked(folder).sound
    after = content(folder)
    entries = {key: value for key, value in before.items() if key[:1] == b"e"}
    assert sorted(entries.values()) == sorted(v for k, v in after.items() if k[:1] == b"e")
    assert {k: v for k, v in after.items() if k[:1] != b"e"} == {
        k: v for k, v in before.items() if k[:1] != b"e"
    }


@pytest.mark.parametrize("fault", ["missing", "bits", "another"])
def test_a_damaged_block_is_named_and_the_chain_before_it_kept(tmp_path: Path, fault: str) -> None:
    folder, at = made(tmp_path / "s"), 3
    key = b"b" + LINE[at].id
    match fault:
        case "missing":
            spoil(folder, lambda store: {key: None})
        case "bits":
            spoil(folder, lambda store: changed(store, key))
        case _:
            spoil(folder, lambda store: {key: store.get(b"b" + LINE[0].id)})
    report = checked(folder)
    assert [one.id for one in report.damaged] == [LINE[at].id.hex()]
    assert "fetched again" in report.step
    checked(folder, repair=True)
    assert checked(folder).sound
    store = ChainStore.open(folder, EASY)
    stored = store.load()
    assert stored.connected == LINE[at - 1].id
    assert store.block_bytes(LINE[at].id) is None
    assert {block.id for block in LINE[at + 1 :]} <= set(stored.at_hand)
    store.close()

    async def finish() -> None:
        opened = Opened(folder)
        await opened.store.commit(opened.store.block_changes(LINE[at]))
        await opened.move(LINE[-1].id)
        opened.store.close()

    trio.run(finish)
    assert checked(folder).sound


def test_a_signature_that_does_not_hold_is_found_unless_not_asked_for(tmp_path: Path) -> None:
    """A block whose signatures nobody verified got in: its bytes and coins are consistent."""
    from tests.ledger.people import ALICE, BOB
    from tests.mainchain.builders import child
    from tests.node.mainchain.branches import replayed
    from tests.node.mainchain.test_driver import forged, with_transactions

    fork = replayed(KNOWN.trunk)
    paid = fork.pay(ALICE, BOB, 9_000, 10)
    bad = with_transactions(child(fork.tip, [paid], fees=10), fork, forged(paid))

    async def main() -> None:
        from bystack.node.mainchain.switching import Switcher
        from bystack.node.offline.growth import Unverified

        opened = Opened(tmp_path / "s")
        await opened.keep(*KNOWN.trunk, bad)
        opened.switcher = Switcher(opened.store, opened.tree, Unverified())
        await opened.move(bad.id)
        opened.store.close()

    trio.run(main)
    assert checked(tmp_path / "s", signatures=False).sound
    report = checked(tmp_path / "s")
    assert [str(one) for one in report.damaged] == [
        f"block {bad.id.hex()}: invalid (SignatureWrong)"
    ]
    checked(tmp_path / "s", repair=True)
    assert checked(tmp_path / "s").sound
    opened = Opened(tmp_path / "s")
    assert opened.store.tip() == KNOWN.trunk[-1].id
    assert opened.tree.entry(bad.id) is None, "it is marked invalid"
    opened.store.close()


def test_a_repair_that_is_cut_short_keeps_everybody_out_until_it_is_done(tmp_path: Path) -> None:
    folder = made(tmp_path / "s")
    spoil(folder, lambda store: {b"T": None})
    with open_raw(folder, EASY) as store:
        store.change_unfinished({})
    for _ in range(2):
        with pytest.raises(StoreUnfinished, match="bystackd check --repair"):
            ChainStore.open(folder, EASY)
    checked(folder, repair=True)
    ChainStore.open(folder, EASY).close()
    assert checked(folder).sound


def test_a_store_that_was_made_and_not_begun_is_sound(tmp_path: Path) -> None:
    open_raw(tmp_path / "s", EASY).close()
    assert checked(tmp_path / "s").sound
    ChainStore.open(tmp_path / "s", EASY).close()
    assert checked(tmp_path / "s").sound


def test_every_kind_of_key_has_a_name() -> None:
    prefixes = {
        value
        for name, value in vars(chainstore).items()
        if name.isupper() and isinstance(value, bytes) and len(value) == 1
    }
    assert prefixes <= KINDS.keys()


def test_a_store_of_another_kind_is_refused(tmp_path: Path) -> None:
    Store.open(tmp_path / "s", kind="wallet", magic=EASY.magic, version=1).close()
    with pytest.raises(StoreError, match="not of 'mainchain'"):
        checked(tmp_path / "s")


def test_many_differences_of_a_kind_are_counted_and_a_few_listed(tmp_path: Path) -> None:
    folder = made(tmp_path / "s")
    spoil(folder, lambda store: {key: None for key, _ in store.iterate(b"c")})
    report = checked(folder)
    assert report.counts["coin missing"] == len(image_after(LINE)) > SHOWN
    assert len(report.differences) == SHOWN
