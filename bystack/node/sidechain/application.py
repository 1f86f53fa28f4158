"""The application beside the engine: executes blocks, builds them, makes final ones durable.

Executing runs in a thread on a snapshot of the store, so votes go on meanwhile. What a block does
is remembered until its height is final; nothing is written before a commit certificate is here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import trio

from bystack.ledger.transactions import Transaction
from bystack.node.sidechain.columns import MAX_CERTIFICATE
from bystack.node.sidechain.store import SideStore
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.assembly import Built, Proposal, assemble
from bystack.sidechain.blocks import Body, Header, decode_body
from bystack.sidechain.consensus.events import BuildBlock, Decide
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.transition import Base, Executed, apply_block

REMEMBERED = 32

T = TypeVar("T")


class BodyCertificate(Invalid):
    """The certificate in the body is not the one the header names."""


class StaleParent(Invalid):
    """The block does not follow the last final block."""


class Application:
    """What final blocks and proposals do to one sidechain's store."""

    def __init__(self, store: SideStore, modules: Modules, verifier: Verifier) -> None:
        self.store, self.modules = store, modules
        self._verifier = verifier
        self._executed: dict[bytes, Executed] = {}

    async def execute(self, header: Header, body: bytes) -> Executed:
        """What a block on the tip does, signatures verified; raises the rule it breaks."""
        known = self._executed.get(header.id)
        if known is not None:
            return known
        executed = await self._on_snapshot(partial(self._apply, header, body))
        await self._verifier.require(executed.checks)
        self._remember(header.id, executed)
        return executed

    def _apply(self, header: Header, body: bytes, base: Base) -> Executed:
        read = decode_body(body)
        named = decode(Certificate, read.certificate, MAX_CERTIFICATE)
        if named.hash != header.parent_certificate:
            raise BodyCertificate(named=named.hash, header=header.parent_certificate)
        if header.parent != base.parent.id:
            raise StaleParent(parent=header.parent, tip=base.parent.id)
        return apply_block(self.store.genesis, self.modules, base, header, read)

    async def build(self, wish: BuildBlock, candidates: Sequence[Transaction]) -> Built:
        """A block of the candidates that apply, as the engine wishes it."""
        certificate = wish.certificate
        proposal = Proposal(wish.proposer, wish.time, encode(certificate), certificate.hash)
        built = await self._on_snapshot(partial(self._assemble, proposal, candidates))
        self._remember(built.header.id, built.executed)
        return built

    def _assemble(self, proposal: Proposal, candidates: Sequence[Transaction], base: Base) -> Built:
        verified = self._verifier.holds
        return assemble(
            self.store.genesis,
            self.modules,
            base,
            proposal,
            candidates,
            lambda _, checks: verified(checks),
        )

    async def finish(self, decided: Decide) -> Body | None:
        """Make a decided block durable; its body, None when it was durable already."""
        header, body, certificate = decided.header, decided.body, decided.certificate
        if header.height <= self.store.height:
            return None
        executed = await self.execute(header, body)
        read = await self.store.commit(header, body, certificate, executed)
        self._executed.clear()
        return read

    async def _on_snapshot(self, work: Callable[[Base], T]) -> T:
        with self.store.snapshot() as snapshot:
            return await trio.to_thread.run_sync(lambda: work(self.store.base(snapshot)))

    def _remember(self, block: bytes, executed: Executed) -> None:
        while len(self._executed) >= REMEMBERED:
            del self._executed[next(iter(self._executed))]
        self._executed[block] = executed
