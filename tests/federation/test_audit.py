"""The audit log: one chain of signed records, in which nothing can be changed unseen (S07)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bystack.federation.audit import (
    APPROVE,
    BEGIN,
    EMPTY,
    AuditBroken,
    AuditLine,
    AuditRecord,
    AuditTruncated,
    Head,
    Spend,
    beginning,
    check_head,
    signed,
    verified,
)
from bystack.primitives import keys
from tests.wire import check_wire

SECRET, OTHER, SALT = b"\x05" * 32, b"\x06" * 32, b"\x07" * 32
PUBLIC = keys.public_key(SECRET)
SPEND = Spend(b"\x08" * 32, 1_000)
RECORD = AuditRecord(
    3, b"\x01" * 32, 1_700_000_000, 250, b"order", 7, b"\x02" * 32, 2, b"approval_needed",
    b"a payout of more than 5 is approved by an operator", (SPEND,),
)  # fmt: skip
LINE = AuditLine(RECORD, b"\x03" * 64)


@pytest.mark.parametrize(
    "name, value", [("spend", SPEND), ("audit_record", RECORD), ("audit_line", LINE)]
)
def test_golden_bytes(name: str, value: object) -> None:
    check_wire(f"federation_{name}", value)


def chain(length: int, secret: bytes = SECRET) -> list[AuditLine]:
    lines: list[AuditLine] = []
    head = EMPTY
    for number in range(length):
        kind = BEGIN if not number else APPROVE
        record = replace(RECORD, number=number, previous=head.hash, kind=kind)
        lines.append(signed(record, secret, SALT))
        head = Head(number + 1, lines[-1].hash)
    return lines


def heads(lines: list[AuditLine]) -> list[Head]:
    return [head for _, head in verified(lines, PUBLIC)]


def test_a_whole_log_verifies() -> None:
    lines = chain(5)
    assert [line for line, _ in verified(lines, PUBLIC)] == lines
    assert heads(lines)[-1] == Head(5, lines[-1].hash)
    assert heads([]) == []


def resigned(line: AuditLine, **fields: object) -> AuditLine:
    return signed(replace(line.record, **fields), SECRET, SALT)


@pytest.mark.parametrize(
    "tamper, broken",
    [
        (lambda log: [*log[:2], replace(log[2], signature=bytes(64)), *log[3:]], 2),
        (lambda log: [*log[:2], log[3], log[2], *log[4:]], 2),
        (lambda log: [*log[:2], *log[3:]], 2),
        (lambda log: log[1:], 0),
        (lambda log: [*log[:3], log[2], *log[3:]], 3),
        # Who holds the member's key signs a changed record anew: the next one shows it.
        (lambda log: [*log[:2], resigned(log[2], outcome=0), *log[3:]], 3),
        (lambda log: [*log[:2], resigned(log[2], number=9), *log[3:]], 2),
        (lambda log: [log[0], signed(log[1].record, OTHER, SALT), *log[2:]], 1),
        (lambda log: chain(5, OTHER), 0),
    ],
)
def test_the_first_record_that_is_wrong_is_named(
    tamper: Callable[[list[AuditLine]], list[AuditLine]], broken: int
) -> None:
    with pytest.raises(AuditBroken) as caught:
        heads(tamper(chain(5)))
    assert caught.value.facts["record"] == broken


@pytest.mark.parametrize(
    "field, value",
    [
        ("time", 5), ("height", 5), ("kind", b"touch"), ("seq", 8), ("digest", bytes(32)),
        ("outcome", 0), ("reason", b"allowed"), ("words", b""), ("spends", ()),
    ],
)  # fmt: skip
def test_every_field_is_signed(field: str, value: object) -> None:
    lines = chain(4)
    lines[2] = replace(lines[2], record=replace(lines[2].record, **{field: value}))
    with pytest.raises(AuditBroken):
        heads(lines)


def test_a_published_head_shows_a_cut_end() -> None:
    lines = chain(5)
    published = lines[3].hash
    check_head(heads(lines), published)
    check_head(heads(lines[:4]), published)
    with pytest.raises(AuditTruncated):
        check_head(heads(lines[:3]), published)


def test_a_log_begins_with_whose_it_is() -> None:
    names = {beginning(main, name) for main in (b"\x01" * 32, b"\x02" * 32) for name in ("a", "b")}
    assert len(names) == 4
