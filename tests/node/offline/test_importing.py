"""Export and import: the same chain arrives; what a file must not do it cannot do."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import trio

from bystack.mainchain.archive import ArchiveForeign, ArchiveTruncated, Writer, network_of
from bystack.mainchain.blocks import Block
from bystack.node.offline.exporting import export_chain
from bystack.node.offline.findings import silent
from bystack.node.offline.importing import BlockRefused, Imported, Importing
from bystack.node.store.chainstore import ChainStore, open_raw
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, LATE, child
from tests.node.mainchain.branches import branches, chain_to, replayed
from tests.node.mainchain.test_driver import forged, with_transactions
from tests.node.offline.test_checking import checked, content, made

KNOWN = branches()
LEFT, RIGHT = chain_to(KNOWN.left[-1].id), chain_to(KNOWN.right[-1].id)


def archived(blocks: tuple[Block, ...]) -> bytes:
    writer = Writer(network_of(EASY), 1, len(blocks))
    return writer.begin + b"".join(writer.block(encode(b)) for b in blocks) + writer.end()


def imported(folder: Path, data: bytes) -> Imported:
    store = ChainStore.open(folder, EASY)
    importing = Importing(store, Verifier(1), LATE, silent)
    try:
        trio.run(importing.run, io.BytesIO(data))
    finally:
        store.close()
    return importing.done


def tip(folder: Path) -> bytes:
    with open_raw(folder, EASY) as store:
        return store.get(b"T") or b""


def exported(folder: Path, file: Path) -> bytes:
    store = ChainStore.open(folder, EASY)
    assert export_chain(store, str(file), 1, silent) == (1, len(RIGHT))
    store.close()
    return file.read_bytes()


def test_a_chain_carried_over_is_the_same_chain(tmp_path: Path) -> None:
    data = exported(made(tmp_path / "a"), tmp_path / "chain")
    assert data == archived(RIGHT)
    done = imported(tmp_path / "b", data)
    assert (done.read, done.known, done.height) == (len(RIGHT), 0, len(RIGHT))
    assert checked(tmp_path / "b").sound
    beside = {b"e", b"b", b"o", b"m"}  # the exporting node also knows the other branch
    one, other = content(tmp_path / "a"), content(tmp_path / "b")
    assert {k: v for k, v in one.items() if k[:1] not in beside} == {
        k: v for k, v in other.items() if k[:1] not in beside
    }


def test_an_import_that_was_cut_goes_on_where_it_stopped(tmp_path: Path) -> None:
    data = archived(RIGHT)
    for length in (0, 40, len(data) // 2, len(data) - 1):
        with pytest.raises(ArchiveTruncated):
            imported(tmp_path / "s", data[:length])
        assert checked(tmp_path / "s").sound
    stood = checked(tmp_path / "s").height
    assert stood == len(RIGHT)
    done = imported(tmp_path / "s", data)
    assert (done.known, done.height) == (stood, len(RIGHT))


def test_the_heavier_branch_wins_whichever_comes_first(tmp_path: Path) -> None:
    for name, order in (("a", (LEFT, RIGHT)), ("b", (RIGHT, LEFT))):
        for blocks in order:
            imported(tmp_path / name, archived(blocks))
        assert tip(tmp_path / name) == RIGHT[-1].id
        assert checked(tmp_path / name).sound


def hostile() -> dict[str, tuple[Block, ...]]:
    fork = replayed(KNOWN.trunk)
    paid = fork.pay(ALICE, BOB, 9_000, 10)
    unsigned = with_transactions(child(fork.tip, [paid], fees=10), fork, forged(paid))
    other = Block(RIGHT[4].header, RIGHT[5].transactions)
    return {
        "SignatureWrong": (*KNOWN.trunk, unsigned),
        "TransactionRoot": (*RIGHT[:4], other, *RIGHT[5:]),
        "HeaderOrphan": (*RIGHT[:4], *RIGHT[5:]),
        "HeaderTimeAhead": (*RIGHT[:4], child(fork.tip, time=LATE + EASY.tolerance + 1)),
    }


@pytest.mark.parametrize("rule", list(hostile()))
def test_an_invalid_block_ends_the_import_and_those_before_it_stay(
    tmp_path: Path, rule: str
) -> None:
    with pytest.raises(BlockRefused, match=r"at height [56]") as caught:
        imported(tmp_path / "s", archived(hostile()[rule]))
    assert caught.value.reason.rule == rule
    assert tip(tmp_path / "s") == KNOWN.trunk[-1].id
    assert checked(tmp_path / "s").sound
    imported(tmp_path / "s", archived(RIGHT))
    assert tip(tmp_path / "s") == RIGHT[-1].id


def test_bits_flipped_in_a_file_change_nothing_but_what_is_valid(tmp_path: Path) -> None:
    data = archived(RIGHT)
    for at in range(5, len(data), len(data) // 23):
        spoilt = bytearray(data)
        spoilt[at] ^= 0x10
        folder = tmp_path / str(at)
        with pytest.raises((Invalid, BlockRefused)):
            imported(folder, bytes(spoilt))
        assert checked(folder).sound  # at this work a flipped nonce may make another valid block


def test_a_file_that_is_none_changes_nothing(tmp_path: Path) -> None:
    folder = made(tmp_path / "s")
    before = content(folder)
    with pytest.raises(ArchiveForeign):
        imported(folder, b"no chain at all")
    assert content(folder) == before


def test_an_export_is_whole_or_absent(tmp_path: Path) -> None:
    folder, file = made(tmp_path / "s"), tmp_path / "chain"
    exported(folder, file)
    store = ChainStore.open(folder, EASY)
    with pytest.raises(FileExistsError):
        export_chain(store, str(file), 1, silent)
    store.close()
    with open_raw(folder, EASY) as raw:
        raw.commit_now({b"b" + RIGHT[3].id: None})
    store = ChainStore.open(folder, EASY)
    with pytest.raises(Exception, match="height 4 is missing; stop the node and run"):
        export_chain(store, str(tmp_path / "other"), 1, silent)
    store.close()
    assert {one.name for one in tmp_path.iterdir()} == {"s", "chain"}
