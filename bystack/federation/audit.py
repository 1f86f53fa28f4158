"""The audit log of a signer: each decision a record, chained by hashes, each record signed.

A record names the one before by its hash, so that none can be changed, dropped or put in between;
that the end was cut off shows against a head that was published (S07). No secret ever enters it.
The signature is the member's, by its governance key (BIP 340).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from bystack.primitives import keys
from bystack.primitives.codec import U8, U63, Bytes32, Bytes64, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.framing import scan, torn
from bystack.primitives.hashes import tagged

BEGIN: Final = b"begin"
"""Kind of the first record: its digest names main chain and federation."""
POLICY: Final = b"policy"
"""Kind of a record that says which policy binds from here on: its digest is the file's."""
APPROVE: Final = b"approve"
"""Kind of an operator's word on a digest: allowed, or denied."""
MAX_RECORD: Final = 16_384
MAX_SPENDS: Final = 100
NOWHERE: Final = bytes(32)
"""What the first record has in place of a record before it."""

_sign_digest = tagged("federation/audit")
_record_hash = tagged("federation/audit/record")
_beginning = tagged("federation/audit/begin")


class AuditBroken(Invalid):
    """The log does not verify from this record on: it was changed, or is another's."""


class AuditTruncated(Invalid):
    """The log lacks records that its member has published a head of."""


class LogDamaged(Invalid):
    """The file is no audit log, or damaged before its end."""


class Spend(Wire):
    """What a decision took from the allowance."""

    asset: Bytes32
    amount: U63


class AuditRecord(Wire):
    """A decision: `number` counts from 0, `time` is Unix seconds, `height` the best main-chain
    header's as verified. `outcome` as `policies.requests.Outcome`, `reason` its code.
    """

    number: U63
    previous: Bytes32
    time: U63
    height: U63
    kind: Annotated[bytes, Meta(max_length=32)]
    seq: U63
    digest: Bytes32
    outcome: U8
    reason: Annotated[bytes, Meta(max_length=64)]
    words: Annotated[bytes, Meta(max_length=2_000)]
    spends: Annotated[tuple[Spend, ...], Meta(max_length=MAX_SPENDS)]


class AuditLine(Wire):
    """A record and its member's signature."""

    record: AuditRecord
    signature: Bytes64

    @property
    def hash(self) -> bytes:
        """What the next record names it by."""
        return _record_hash(encode(self))


class Head(NamedTuple):
    """How many records there are, and the hash of the last: published, it shows a cut end."""

    records: int
    hash: bytes


EMPTY: Final = Head(0, NOWHERE)


def signing_digest(record: AuditRecord) -> bytes:
    """What the member signs of a record."""
    return _sign_digest(encode(record))


def signed(record: AuditRecord, secret: bytes, salt: bytes) -> AuditLine:
    """The record with its signature; `salt`: 32 random bytes."""
    return AuditLine(record, keys.sign(secret, signing_digest(record), salt))


def verified(lines: Iterable[AuditLine], public: bytes) -> Iterator[tuple[AuditLine, Head]]:
    """Each line in order, with the head after it; raises `AuditBroken` at the first that is wrong.

    `public`: the member's governance key, 32 bytes, from whoever checks.
    """
    head = EMPTY
    for line in lines:
        record = line.record
        if record.number != head.records:
            raise AuditBroken(record=head.records, reason=f"its number is {record.number}")
        if record.previous != head.hash:
            raise AuditBroken(record=head.records, reason="it does not follow the one before")
        if not keys.verify(public, signing_digest(record), line.signature):
            raise AuditBroken(record=head.records, reason="its signature is not the member's")
        head = Head(head.records + 1, line.hash)
        yield line, head


def check_head(heads: Iterable[Head], published: bytes) -> None:
    """Raise `AuditTruncated` unless the log once ended with the record of a published hash."""
    if all(head.hash != published for head in heads):
        raise AuditTruncated(published=published)


def beginning(main: bytes, name: str) -> bytes:
    """The first record's digest: of the main chain's id and the federation's name."""
    return _beginning(main, name.encode())


def read_log(data: bytes) -> tuple[AuditLine, ...]:
    """The records in a log file's bytes; raises `LogDamaged` and the codec's errors.

    A last record that is being written, or was torn, is not there yet.
    """
    found = scan(data)
    if not found.spans or not torn(data[found.end :]):
        raise LogDamaged(at=found.end, size=len(data))
    return tuple(decode(AuditLine, data[start:end], MAX_RECORD) for start, end in found.spans[1:])
