"""The signer's audit log over RPC: what it decided, as `bystack federation log` shows it."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bystack.federation.audit import MAX_RECORD, AuditLine
from bystack.federation.policies.requests import Outcome
from bystack.node.federation.links import Links
from bystack.node.federation.shapes import ANSWERS
from bystack.node.rpc import Methods
from bystack.primitives.codec import decode

OUTCOMES = {int(one): one.name.lower() for one in Outcome}

First = Annotated[
    int, Meta(ge=-1, le=2**40, description="number of the first record; -1 for the last ones")
]
Count = Annotated[int, Meta(ge=1, le=1000, description="how many")]


def add_auditing(methods: Methods, links: Links) -> None:
    """Add the method."""

    async def getauditlog(first: First = -1, count: Count = 100) -> list[dict[str, Any]]:
        """What this member's signer decided, oldest first; `hex` is the signed record."""
        found: list[bytes] = await links.signer.call("log_lines", first, count)
        return [_row(decode(AuditLine, one, MAX_RECORD), one) for one in found]

    methods.add("getauditlog", getauditlog, returns=ANSWERS["getauditlog"])


def _row(line: AuditLine, data: bytes) -> dict[str, Any]:
    record = line.record
    return {
        "number": record.number,
        "time": record.time,
        "height": record.height,
        "kind": record.kind.decode(errors="replace"),
        "seq": record.seq,
        "outcome": OUTCOMES.get(record.outcome, str(record.outcome)),
        "reason": record.reason.decode(errors="replace"),
        "digest": record.digest.hex(),
        "words": record.words.decode(errors="replace"),
        "spends": {one.asset.hex(): one.amount for one in record.spends},
        "hash": line.hash.hex(),
        "hex": data.hex(),
    }
