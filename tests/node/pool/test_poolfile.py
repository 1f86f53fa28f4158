"""The pool between two runs: what was written comes back, and what is damaged is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.ledger.estimates import FeeEstimates
from bystack.node.pool import poolfile
from bystack.node.pool.poolfile import Kept, PoolFileDamaged, PoolFileLong, Waited
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB, body, coin, outpoint, pay, signed
from tests.wire import check_wire

CHAIN = b"\x07" * 32
COINS = {outpoint(n): coin(ALICE, 50) for n in (1, 2)}
ONE, TWO = (signed(COINS, body([place], [pay(BOB, 40)]), [ALICE]) for place in COINS)


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    path = str(tmp_path / "mempool.dat")
    assert poolfile.read_pool(path, CHAIN) == []
    length = poolfile.write_pool(path, CHAIN, [(ONE, 7), (TWO, 9)])
    assert length == (tmp_path / "mempool.dat").stat().st_size
    assert poolfile.read_pool(path, CHAIN) == [Waited(ONE, 7), Waited(TWO, 9)]
    poolfile.write_pool(path, CHAIN, [])
    assert poolfile.read_pool(path, CHAIN) == []


def test_estimates_come_back(tmp_path: Path) -> None:
    path, record = str(tmp_path / "fees.dat"), FeeEstimates().record()
    assert poolfile.read_fees(path, CHAIN) is None
    poolfile.write_fees(path, CHAIN, record)
    assert poolfile.read_fees(path, CHAIN) == record


def test_every_damage_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mempool.dat"
    poolfile.write_pool(str(file), CHAIN, [(ONE, 7)])
    data = file.read_bytes()
    damaged = [data[:length] for length in range(0, len(data), 7)]
    damaged += [data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :] for at in range(0, len(data), 5)]
    for one in (*damaged, data + b"\0"):
        file.write_bytes(one)
        with pytest.raises(PoolFileDamaged):
            poolfile.read_pool(str(file), CHAIN)
        assert file.read_bytes() == one


def test_another_chains_file_is_refused_and_one_kind_is_not_the_other(tmp_path: Path) -> None:
    path = str(tmp_path / "x.dat")
    poolfile.write_pool(path, CHAIN, [(ONE, 7)])
    with pytest.raises(PoolFileDamaged):
        poolfile.read_pool(path, bytes(32))
    with pytest.raises(PoolFileDamaged):
        poolfile.read_fees(path, CHAIN)


def test_what_is_well_sealed_and_yet_no_pool_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "x.dat")
    for content in (b"\0\0", b"\0\0\0\0", b"\xff\xff\xff\xff\x01", b"\0\0\0\1\xc0"):
        poolfile._write(path, poolfile.POOL + CHAIN + content)
        with pytest.raises(Invalid):
            poolfile.read_pool(path, CHAIN)


def test_a_file_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "x.dat")
    poolfile.write_pool(path, CHAIN, [(ONE, 7)])
    monkeypatch.setattr(poolfile, "MAX_POOL", 100)
    with pytest.raises(PoolFileLong):
        poolfile.read_pool(path, CHAIN)


def test_setting_aside(tmp_path: Path) -> None:
    (tmp_path / "x.dat").write_bytes(b"x")
    aside = poolfile.set_aside(str(tmp_path / "x.dat"))
    assert Path(aside).read_bytes() == b"x"
    assert not (tmp_path / "x.dat").exists()


def test_golden_bytes() -> None:
    check_wire("node_poolfile_kept", Kept(1_700_000_000, b"\x93\x01"))
