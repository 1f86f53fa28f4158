"""`bystack verify-proof` needs no node: a file and a trusted id."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from bystack.client.cli.main import main
from bystack.mainchain.evidence import MAX_EVIDENCE, decode_evidence
from bystack.primitives.codec import encode
from bystack.sidechain.modules.registry.certificates import Certificate, certificate_key
from bystack.sidechain.proof_files import ProofFile, write_proof
from bystack.sidechain.records import claimed_key
from tests.sidechain.test_proof_files import BURN, ORDER, PLACE, of_entry, of_record
from tests.wire import golden

EVIDENCE = golden("mainchain_evidence")
TRUSTED = decode_evidence(EVIDENCE).header.id.hex()


def verify(path: Path, data: bytes, header: str, *more: str) -> Result:
    path.write_bytes(data)
    return CliRunner().invoke(main, ["verify-proof", str(path), "--header", header, *more])


def test_it_says_what_was_retired_and_when(tmp_path: Path) -> None:
    shown = verify(tmp_path / "p", EVIDENCE, TRUSTED)
    assert shown.exit_code == 0
    assert "retired: 30 smallest units of " in shown.stdout
    assert f"data {b'melted'.hex()}" in shown.stdout
    facts = msgspec.json.decode(verify(tmp_path / "p", EVIDENCE, TRUSTED, "--json").stdout)
    assert (facts["proved"], facts["height"], facts["block"]) == (True, 8, TRUSTED)
    assert facts["retired"][0]["units"] == 30


@pytest.mark.parametrize(
    ("file", "lines", "raw"),
    [
        (of_record(BURN), ("burned: 30 BTM", "payout: 20 BTM", "number: 0"), 30),
        (of_record(ORDER), ("amount 20 BTM", "seq: 3"), 20),
        (of_entry(claimed_key(PLACE)), ("amount: 500 BTM",), 500),
    ],
)
def test_a_sidechains_proof_is_read_in_units_people_know(
    tmp_path: Path, file: ProofFile, lines: tuple[str, ...], raw: int
) -> None:
    (tmp_path / "p").write_bytes(write_proof(file))
    words = ["verify-proof", str(tmp_path / "p"), "--chain", file.genesis.id.hex()]
    shown = CliRunner().invoke(main, words)
    assert all(line in shown.stdout for line in lines), shown.output
    fields = msgspec.json.decode(CliRunner().invoke(main, [*words, "--json"]).stdout)["fields"]
    assert f": {raw}" in str(fields)


def test_when_a_digest_was_registered_is_told_apart_from_the_block_that_shows_it(
    tmp_path: Path,
) -> None:
    since = (7, 1_700_000_000_123, 3, b"\x05" * 32, 0, 7, 0, 0, b"", ())
    entry = Certificate(b"\x01" * 32, b"", *since)
    file = of_entry(certificate_key(b"\x02" * 32), encode(entry))
    (tmp_path / "p").write_bytes(write_proof(file))
    words = ["verify-proof", str(tmp_path / "p"), "--chain", file.genesis.id.hex()]
    shown = CliRunner().invoke(main, words).stdout.splitlines()
    header = file.claim.final.header
    assert {f"height: {header.height}", f"time: {header.time // 1000}"} <= {*shown}
    assert {"certificate_height: 7", "certificate_time: 1700000000"} <= {*shown}


def test_what_is_not_proved_is_exit_code_1_with_the_rule(tmp_path: Path) -> None:
    wrong = verify(tmp_path / "p", EVIDENCE, "11" * 32)
    assert (wrong.exit_code, "HeaderNotTrusted" in wrong.output) == (1, True)
    for data in (b"", EVIDENCE[:-1], EVIDENCE + b"\x00", b"\xff" * 100, bytes(MAX_EVIDENCE + 2)):
        assert verify(tmp_path / "p", data, TRUSTED).exit_code == 1


def test_usage_errors_are_exit_code_2(tmp_path: Path) -> None:
    assert verify(tmp_path / "p", EVIDENCE, "no hex").exit_code == 2
    missing = ["verify-proof", str(tmp_path / "none"), "--header", TRUSTED]
    assert CliRunner().invoke(main, missing).exit_code == 2
