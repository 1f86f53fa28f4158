"""S07 log honesty: one record of a signer's audit log is tampered with; the hash chain shows it.

Whoever checks has the log and the member's public key, and perhaps a head that was published.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bystack.client.cli.federation.log import log
from bystack.federation.audit import AuditLine, signed
from bystack.federation.policies.judging import ALLOWED
from bystack.node.signer.audit_log import AuditLog, audit_path, open_audit, read_lines
from bystack.primitives import keys
from bystack.primitives.codec import decode, encode
from bystack.primitives.framing import record, scan
from tests.federation.policies.asked import asked, pays

SECRET, THIEF = b"\x05" * 32, b"\x06" * 32
PUBLIC = keys.public_key(SECRET).hex()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    journal = open_audit(str(tmp_path / "data/signer"), "trade", b"test", must_exist=False)
    audit = AuditLog(journal, SECRET, b"\x01" * 32, lambda: 1_700_000_000)
    for number in range(1, 5):
        audit.note(asked(pays(number), digest=number), ALLOWED)
    audit.close()
    return tmp_path


def rewrite(home: Path, lines: list[AuditLine]) -> None:
    """A file that is whole in itself, with these records."""
    path = home / audit_path("data/signer", "trade")
    data = path.read_bytes()
    title = data[: scan(data).spans[1][0] - 8]
    path.write_bytes(title + b"".join(record(encode(line)) for line in lines))


def checked(home: Path, *options: str) -> tuple[int, str]:
    arguments = ["trade", "--verify", "--key", PUBLIC, "--home", str(home), *options]
    result = CliRunner().invoke(log, arguments)
    return result.exit_code, result.output


def read(home: Path) -> list[AuditLine]:
    return list(read_lines(str(home / audit_path("data/signer", "trade"))))


def test_s07_a_whole_log_verifies_with_the_public_key_alone(home: Path) -> None:
    code, said = checked(home)
    assert code == 0 and "5 records verified" in said and read(home)[-1].hash.hex() in said
    table = home / "log.csv"
    assert checked(home, "--csv", str(table))[0] == 0
    assert len(table.read_text().splitlines()) == 6
    code, said = checked(home, "--json")
    assert code == 0 and [row["number"] for row in json.loads(said[said.index("[") :])] == [
        *range(5)
    ]


@pytest.mark.parametrize("number", [0, 2, 4])
def test_s07_a_changed_record_is_named(home: Path, number: int) -> None:
    lines = read(home)
    data = bytearray(encode(lines[number]))
    at = data.index(lines[number].record.digest)
    data[at] ^= 1
    lines[number] = decode(AuditLine, bytes(data), len(data))
    rewrite(home, lines)
    code, said = checked(home)
    assert code == 1 and "AuditBroken" in said and f"record={number}" in said


def test_s07_dropped_replaced_and_cut_records_show(home: Path) -> None:
    lines = read(home)
    published = lines[-1].hash.hex()
    forged = signed(lines[2].record, THIEF, bytes(32))
    for changed, broken in (
        ([*lines[:2], *lines[3:]], 2),
        ([*lines[:2], forged, *lines[3:]], 2),
        (lines[1:], 0),
    ):
        rewrite(home, changed)
        code, said = checked(home)
        assert code == 1 and f"record={broken}" in said
    rewrite(home, lines[:-1])
    assert checked(home)[0] == 0, "what is left is a log"
    code, said = checked(home, "--head", published)
    assert code == 1 and "AuditTruncated" in said, "and not the one that was published"
