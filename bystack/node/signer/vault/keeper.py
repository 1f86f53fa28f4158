"""A federation's share keys behind their socket: one call at a time, each in its room.

The signer compiles the terms itself, verifies headers, certificates and records itself, and
journals a warrant before any signature leaves, of a share or of a charter key (W04, W06, W08).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import trio

from bystack.federation.warrants import Warrant
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.vault.approvals import Approvals
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.feeding import Feeding
from bystack.node.signer.vault.keygen import Keygen
from bystack.node.signer.vault.operations import Operations
from bystack.node.signer.vault.orders import Orders
from bystack.node.signer.vault.release import Release
from bystack.node.signer.vault.view import View
from bystack.node.store.journal import Journal
from bystack.primitives.codec import decode

MAX_WARRANT = 3_000_000


class VaultKeeper:
    """One federation's keys. Calls enter one at a time.

    `named`: the node's Schnorr keys by their charter names; `governance`: the member's own key for
    actions on the sidechain.
    """

    view_kind: type[View] = View

    def __init__(
        self,
        name: str,
        main: bytes,
        ceremonies: Ceremonies,
        journal: Journal,
        named: Mapping[str, bytes],
        governance: bytes,
        folder: str = "data/signer",
    ) -> None:
        self.records = records = [decode(Warrant, line, MAX_WARRANT) for line in journal.records()]
        self._ceremonies = ceremonies
        self.view = self.view_kind(name, main, ceremonies, records, folder)
        self.release = Release(self.view, ceremonies, journal, records, named)
        self._approvals = Approvals(self.view, governance)
        self._calls = Calls()
        self._calls.add(self.info)
        Keygen(self.view, ceremonies).add_to(self._calls)
        Feeding(self.view).add_to(self._calls)
        Orders(self.view, self.release, records).add_to(self._calls)
        Operations(self.view, self.release).add_to(self._calls)
        self._approvals.add_to(self._calls)
        self._order = trio.Lock()

    async def handle(self, method: str, params: Sequence[Any]) -> Any:
        """One call of the member's process; raises the rule that refuses."""
        async with self._order:
            return await trio.to_thread.run_sync(self.answer, method, params)

    def answer(self, method: str, params: Sequence[Any]) -> Any:
        """The same, when nobody else calls."""
        return self._calls.call(method, params)

    def info(self) -> dict[str, Any]:
        """What is held here, and how far the sidechain is followed."""
        certificate = self._ceremonies.certificate
        epoch, frozen = self.view.told
        return {
            "key": certificate.key if certificate else None,
            "shares": len(self._ceremonies.shares()) if certificate else 0,
            "attempt": self._ceremonies.attempt,
            "named": self.release.names(),
            "governance": self._approvals.public,
            "epoch": epoch,
            "frozen": frozen,
        }
