"""A federation's share keys behind their socket: one call at a time, each in its room.

The signer compiles the terms itself, verifies headers, certificates and records itself, and
journals a warrant before any signature leaves, of a share or of a charter key (W04, W06, W08).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import trio
from msgspec import Meta

from bystack.federation.audit import beginning
from bystack.federation.module.records import SIGNER_VERSION
from bystack.federation.upstreams import Upstreams
from bystack.federation.warrants import Warrant
from bystack.node.signer.audit_log import AuditLog, Clock, unix_time
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.epochs import Departed
from bystack.node.signer.vault.approvals import Approvals
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.deciding import Deciding
from bystack.node.signer.vault.feeding import Feeding
from bystack.node.signer.vault.keygen import Keygen
from bystack.node.signer.vault.operations import Operations
from bystack.node.signer.vault.operators import Operators
from bystack.node.signer.vault.orders import Orders
from bystack.node.signer.vault.release import Release
from bystack.node.signer.vault.stating import Stating
from bystack.node.signer.vault.view import View
from bystack.node.signer.watching import WatchFile, watch_path
from bystack.node.store.journal import Journal
from bystack.primitives.codec import decode, encode

MAX_WARRANT = 3_000_000

RecordNumber = Annotated[int, Meta(ge=-1, le=2**40)]
RecordCount = Annotated[int, Meta(ge=1, le=1000)]


class Held(NamedTuple):
    """What a signer holds for one federation.

    `main`: the main chain's id, `hrp` its address prefix; `identity`: the member's, public;
    `named`: the node's Schnorr keys by their charter names; `governance`: the member's own secret,
    for actions on the sidechain and for its audit log; `folder`: where journals lie.
    """

    name: str
    main: bytes
    hrp: str
    identity: bytes
    named: Mapping[str, bytes]
    governance: bytes
    folder: str = "data/signer"


class VaultKeeper:
    """One federation's keys. Calls enter one at a time. `audit`: the journal of its decisions."""

    view_kind: type[View] = View

    def __init__(
        self,
        held: Held,
        ceremonies: Ceremonies,
        journal: Journal,
        audit: Journal,
        upstreams: Upstreams,
        clock: Clock = unix_time,
    ) -> None:
        self.records = records = [decode(Warrant, line, MAX_WARRANT) for line in journal.records()]
        self._ceremonies, self._upstreams = ceremonies, upstreams
        self.audit = AuditLog(audit, held.governance, beginning(held.main, held.name), clock)
        kept = WatchFile(watch_path(held.folder, held.name), held.governance)
        self.view = self.view_kind(
            held.name, held.main, held.identity, ceremonies, records, held.folder, kept
        )
        self.deciding = Deciding(self.view, self.audit, held.hrp, upstreams)
        self.release = Release(self.view, ceremonies, self.deciding, journal, records, held.named)
        self._clock = clock
        self._approvals = Approvals(self.view, self.deciding, held.governance)
        self._calls, self._operators = Calls(), Calls()
        self._add_rooms(held, clock)
        self._order = trio.Lock()

    def _add_rooms(self, held: Held, clock: Clock) -> None:
        self._calls.add(self.info, self.log_head, self.log_lines)
        Keygen(self.view, self._ceremonies, self.audit).add_to(self._calls)
        Feeding(self.view, self._upstreams, clock).add_to(self._calls)
        Orders(self.view, self.deciding, self.release, self.records).add_to(self._calls)
        Operations(self.view, self.release, self._ceremonies).add_to(self._calls)
        self._approvals.add_to(self._calls)
        Stating(self.view, self.deciding, held.governance).add_to(self._calls)
        Operators(self.deciding, held.name, held.hrp).add_to(self._operators)
        self._operators.add(self.info)

    async def handle(self, method: str, params: Sequence[Any]) -> Any:
        """One call of the member's process; raises the rule that refuses."""
        async with self._order:
            return await trio.to_thread.run_sync(self.answer, method, params)

    async def operate(self, method: str, params: Sequence[Any]) -> Any:
        """One call of the operator, on a socket of his own."""
        async with self._order:
            return await trio.to_thread.run_sync(self._operators.call, method, params)

    def answer(self, method: str, params: Sequence[Any]) -> Any:
        """The same, when nobody else calls."""
        return self._calls.call(method, params)

    def info(self) -> dict[str, Any]:
        """What is held here, and how far the sidechain is followed."""
        certificate = self._ceremonies.certificate
        epoch, frozen = self.view.told
        return {
            "key": certificate.key if certificate else None,
            "shares": self._count() if certificate else 0,
            "attempt": self._ceremonies.attempt,
            "named": self.release.names(),
            "governance": self._approvals.public,
            "epoch": epoch,
            "frozen": frozen,
            "version": SIGNER_VERSION,
            "waiting": len(self.deciding.waiting),
            "stalled": self.deciding.stalled_now(),
            "time": self._clock(),
        }

    def _count(self) -> int:
        """How many shares sign here: none once this member has left."""
        try:
            return len(self._ceremonies.shares())
        except Departed:
            return 0

    def log_head(self) -> list[Any]:
        """How many records the audit log has, and the hash of the last: for others to publish."""
        return list(self.audit.head)

    def log_lines(self, first: RecordNumber, count: RecordCount) -> list[bytes]:
        """Signed records of the audit log from `first` on, or the last ones (-1)."""
        return [encode(line) for line in self.audit.lines(first, count)]
