import os
import subprocess
import sys
from pathlib import Path

import pytest

from bystack.client.bench import usage
from bystack.client.bench.usage import cpu_seconds, family, pss_bytes


def test_a_family_is_all_that_descend() -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as child:
        try:
            assert {child.pid, os.getpid()} <= set(family(iter([os.getpid()])))
            assert os.getpid() not in family([child.pid])
        finally:
            assert child.stdin is not None
            child.stdin.close()


def test_what_a_process_takes() -> None:
    before = cpu_seconds([os.getpid()])
    sum(number * number for number in range(300_000))
    assert cpu_seconds([os.getpid()]) >= before > 0
    assert pss_bytes([os.getpid()]) > 1_000_000


def test_what_is_swapped_out_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "7").mkdir()
    rows = "Rss: 90 kB\nPss: 40 kB\nPss_Anon: 30 kB\nSwap: 9 kB\nSwapPss: 2 kB\n"
    (tmp_path / "7" / "smaps_rollup").write_text(rows)
    monkeypatch.setattr(usage, "PROC", tmp_path)
    assert pss_bytes([7]) == 42 * 1024


def test_one_that_is_gone_takes_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert cpu_seconds([child.pid]) == 0 and pss_bytes([child.pid]) == 0
