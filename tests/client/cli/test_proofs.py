"""`bystack verify-proof` needs no node: a file and a trusted id."""

from __future__ import annotations

from pathlib import Path

import msgspec
from click.testing import CliRunner, Result

from bystack.client.cli.main import main
from bystack.mainchain.evidence import MAX_EVIDENCE, decode_evidence
from tests.wire import golden

EVIDENCE = golden("mainchain_evidence")
TRUSTED = decode_evidence(EVIDENCE).header.id.hex()


def verify(path: Path, data: bytes, header: str, *more: str) -> Result:
    path.write_bytes(data)
    return CliRunner().invoke(main, ["verify-proof", str(path), "--header", header, *more])


def test_it_says_what_was_retired_and_when(tmp_path: Path) -> None:
    shown = verify(tmp_path / "p", EVIDENCE, TRUSTED)
    assert shown.exit_code == 0
    assert "retired: 30 units" in shown.stdout
    assert f"data {b'melted'.hex()}" in shown.stdout
    facts = msgspec.json.decode(verify(tmp_path / "p", EVIDENCE, TRUSTED, "--json").stdout)
    assert (facts["proved"], facts["height"], facts["block"]) == (True, 8, TRUSTED)
    assert facts["retired"][0]["units"] == 30


def test_what_is_not_proved_is_exit_code_1_with_the_rule(tmp_path: Path) -> None:
    wrong = verify(tmp_path / "p", EVIDENCE, "11" * 32)
    assert (wrong.exit_code, "HeaderNotTrusted" in wrong.output) == (1, True)
    for data in (b"", EVIDENCE[:-1], EVIDENCE + b"\x00", b"\xff" * 100, bytes(MAX_EVIDENCE + 2)):
        assert verify(tmp_path / "p", data, TRUSTED).exit_code == 1


def test_usage_errors_are_exit_code_2(tmp_path: Path) -> None:
    assert verify(tmp_path / "p", EVIDENCE, "no hex").exit_code == 2
    missing = ["verify-proof", str(tmp_path / "none"), "--header", TRUSTED]
    assert CliRunner().invoke(main, missing).exit_code == 2
