"""The signer's audit log on disk: a decision is there before what it allows leaves.

It is an append-only journal: what was torn by a crash is dropped, for nothing left after it. Each
distinct decision on a digest is one record; asking again and again fills nothing. What was spent,
and what operators said, is read from it again at each start.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bystack.federation.audit import (
    APPROVE,
    BEGIN,
    EMPTY,
    MAX_RECORD,
    POLICY,
    AuditLine,
    AuditRecord,
    Head,
    Spend,
    read_log,
    signed,
    verified,
)
from bystack.federation.policies.allowance import Spending, Spent
from bystack.federation.policies.judging import Past
from bystack.federation.policies.requests import Decision, Outcome, Request
from bystack.node.signer.votes import JournalRefused
from bystack.node.store.failpoints import failpoint
from bystack.node.store.journal import (
    Journal,
    JournalCorrupt,
    JournalError,
    JournalMissing,
)
from bystack.primitives import keys as schnorr
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid

AUDIT = "audit"
MAX_WORDS = 2_000

Clock = Callable[[], int]


def unix_time() -> int:
    """Seconds since 1970 by this host's clock."""
    return int(time.time())


class AuditDamaged(JournalError):
    """The audit log does not verify: what was decided, and what is spent, is not known."""


def audit_path(folder: str, name: str) -> str:
    """Where the audit log of a federation's signer lies."""
    return f"{folder}/audit-{name}.journal"


def open_audit(folder: str, name: str, magic: bytes, *, must_exist: bool) -> Journal:
    """The journal of a federation's decisions; `must_exist` once anything was signed.

    Without its log a signer does not know what it spent, so only its operator's own hand has it
    begin another: the file `audit-NAME.journal.lost`. Raises what `Journal.open` raises.
    """
    path = audit_path(folder, name)
    accepted = f"{path}.lost"
    must_exist = must_exist and not os.path.exists(accepted)
    try:
        journal = Journal.open(path, kind=AUDIT, magic=magic, must_exist=must_exist)
    except (JournalMissing, JournalCorrupt) as error:
        step = f"restore it; if it is lost for good, move it away and make the file {accepted}"
        raise type(error)(path, error.fault, step) from None
    with suppress(FileNotFoundError):
        os.unlink(accepted)
    return journal


def read_lines(path: str) -> tuple[AuditLine, ...]:
    """The records of a log, also while its signer runs; raises as `read_log`."""
    return read_log(Path(path).read_bytes())


class AuditLog:
    """An open log. `clock`: Unix seconds. One task owns it."""

    def __init__(self, journal: Journal, secret: bytes, beginning: bytes, clock: Clock) -> None:
        self._journal, self._secret, self.clock = journal, secret, clock
        self.head, self.height = EMPTY, 0
        self.policy = bytes(32)
        self._spent = Spending()
        self._charged: set[bytes] = set()
        self._said: dict[bytes, bool] = {}
        self._last: dict[bytes, tuple[int, bytes]] = {}
        self._load()
        if self.head == EMPTY:
            self._append(BEGIN, Request("", beginning, 0, 0), Decision(Outcome.ALLOW, "begin"))

    def _load(self) -> None:
        path, public = self._journal.path, schnorr.public_key(self._secret)
        lines = (decode(AuditLine, one, MAX_RECORD) for one in self._journal.records())
        try:
            for line, head in verified(lines, public):
                self._take(line.record)
                self.head = head
        except Invalid as error:
            step = "keep it as evidence, and restore the newest whole copy"
            raise AuditDamaged(path, str(error), step) from None

    def _take(self, record: AuditRecord) -> None:
        self.height = max(self.height, record.height)
        if record.kind == APPROVE:
            self._said[record.digest] = record.outcome == Outcome.ALLOW
            return
        if record.kind == POLICY:
            self.policy = record.digest
            return
        self._last[record.digest] = record.outcome, record.reason
        if record.outcome == Outcome.ALLOW and record.digest not in self._charged:
            self._charged.add(record.digest)
            spends = (Spent(record.height, one.asset, one.amount) for one in record.spends)
            self._spent.rows.extend(spends)

    def close(self) -> None:
        """Release the journal."""
        self._journal.close()

    @property
    def past(self) -> Past:
        """What was decided before, for the next decision."""
        return Past(self._spent, self._charged, self._said)

    def lines(self, first: int, count: int) -> tuple[AuditLine, ...]:
        """Records from number `first` on, or the last ones where it is negative."""
        every = read_lines(self._journal.path)
        start = max(0, len(every) - count) if first < 0 else first
        return every[start : start + count]

    def note(self, request: Request, decision: Decision) -> None:
        """Make a decision durable unless it is the last one on this digest already.

        Raises `JournalRefused`.
        """
        if self._last.get(request.digest) != (decision.outcome, decision.reason.encode()):
            self._append(request.kind.encode(), request, decision)

    def reason_of(self, digest: bytes) -> str:
        """The reason of the last decision on a digest; empty where there was none."""
        return self._last.get(digest, (0, b""))[1].decode(errors="replace")

    def bind(self, policy: bytes) -> None:
        """Note that another policy binds from here on, by its file's digest (zeros: none)."""
        if policy != self.policy:
            self._append(POLICY, Request("", policy, 0, 0), Decision(Outcome.ALLOW, "policy"))

    def say(self, request: Request, *, approved: bool, reason: str) -> None:
        """Make an operator's word on a request durable; raises `JournalRefused`."""
        outcome = Outcome.ALLOW if approved else Outcome.DENY
        self._append(APPROVE, request, Decision(outcome, "operator", reason))

    def _append(self, kind: bytes, request: Request, decision: Decision) -> None:
        record = AuditRecord(
            number=self.head.records,
            previous=self.head.hash,
            time=self.clock(),
            height=max(self.height, request.height),
            kind=kind,
            seq=request.seq,
            digest=request.digest,
            outcome=int(decision.outcome),
            reason=decision.reason.encode()[:64],
            words=decision.words.encode()[:MAX_WORDS],
            spends=tuple(Spend(asset, amount) for asset, amount in sorted(request.sums.items())),
        )
        line = signed(record, self._secret, os.urandom(32))
        failpoint("signer.before_audit")
        try:
            self._journal.append(encode(line))
        except JournalError as error:
            raise JournalRefused(reason=str(error)) from None
        failpoint("signer.after_audit")
        self.head = Head(record.number + 1, line.hash)
        self._take(record)
