"""What an engine has done beside it: blocks executed and built, on final parents or others.

A transaction that does not apply is told to the pool only where the parent is final: on another
branch it may apply again.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from bystack.ledger.transactions import Transaction
from bystack.node.sidechain.executing.application import Application, Begun, VersionUnknown
from bystack.node.sidechain.executing.beginning import Beginning
from bystack.node.sidechain.executing.upgrading import Upgrade
from bystack.node.sidechain.mainline import MainLine
from bystack.node.sidechain.pooling import Pooling, Useless
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.assembly import Built
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus import events as engine
from bystack.sidechain.relay import RelayView
from bystack.sidechain.state import SystemState

log = structlog.get_logger("consensus")


class Workshop:
    """Executes and builds for one engine."""

    def __init__(
        self, application: Application, pooling: Pooling, main: MainLine, upgrade: Upgrade
    ) -> None:
        self._application, self._pooling, self._main = application, pooling, main
        self._upgrade = upgrade
        self._store = application.store
        self._beginning = Beginning(application, pooling)

    async def execute(self, header: Header, body: bytes) -> engine.Executed | None:
        """The verdict on a block; None where it cannot be judged (`application.VersionUnknown`)."""
        try:
            await self._application.execute(header, body)
        except VersionUnknown as unknown:
            self._upgrade.meet(unknown.version, unknown.height)
            return None
        except Invalid as error:
            log.warning("block refused", height=header.height, rule=error.rule, reason=str(error))
            return engine.Executed(header.id, False, error.rule)
        return engine.Executed(header.id, True)

    async def build(self, wish: engine.BuildBlock) -> engine.Built | None:
        """A block as the engine wishes it; None when its parent is overtaken meanwhile."""
        latest = wish.time // 1000 + self._store.genesis.main.tolerance
        with self._store.snapshot() as snapshot:
            relay = await self._main.relay(self._store.base(snapshot).state, latest)
        memo = self._main.carrier
        first = [] if relay is None else [system_transaction(relay, memo=memo)]
        begun = self._beginning.take(wish.parent.id)
        waiting = await self._waiting(wish, begun)
        prelude = begun.prelude if begun else None
        try:
            built = await self._application.build(wish, [*first, *waiting], prelude)
        except VersionUnknown as unknown:
            self._upgrade.meet(unknown.version, unknown.height)
            return None
        except Invalid as error:
            log.info("nothing built", height=wish.height, rule=error.rule, reason=str(error))
            return None
        if built.refused and wish.parent.id == self._store.header.id:
            await self._refused(built)
        return engine.Built(built.header, encode(built.body))

    async def _waiting(self, wish: engine.BuildBlock, begun: Begun | None) -> list[Transaction]:
        """What the pool has for a block; where it was begun, what came since, with no wait for a
        pool that follows the parent still."""
        most = self._application.pace.most
        if begun is None:
            taken = self._application.taken(wish.parent.id)
            height = min(wish.height, self._store.height + 1)
            candidates = await self._pooling.candidates(height, len(taken) + most)
            return [tx for tx in candidates if tx.id not in taken]
        within, most = begun.prelude.taken, max(most, self._beginning.most)
        candidates = self._pooling.standing(len(begun.behind) + most)
        fresh = [tx for tx in candidates if tx.id not in begun.behind and tx.id not in within]
        return _beside(fresh, within.values())[: max(0, most - len(within))]

    async def begin(self, parent: Header) -> None:
        """A block on this parent may be wished: what it holds is gathered until then."""
        if not self._upgrade.outdated:
            await self._beginning.run(parent, self._application.pace.most)

    async def _refused(self, built: Built) -> None:
        tx, reason = built.refused[0]
        log.info("left out", count=len(built.refused), first=tx.id.hex(), rule=reason.rule)
        await self._pooling.tell(Useless(tuple(tx.id for tx, _ in built.refused)))

    def behind_main(self) -> bool:
        """Whether our main chain has more work than the relay."""
        with self._store.snapshot() as snapshot:
            state = SystemState(self._store.base(snapshot).state)
            return self._main.work > RelayView(state).best().work


def _beside(fresh: Iterable[Transaction], taken: Iterable[Transaction]) -> list[Transaction]:
    """Those that can stand beside what was taken. Where the pool has replaced a payment since, what
    replaced it and all that needs it wait: no mistake of theirs, and the block may come to nothing.
    """
    spent = {place for tx in taken for place in tx.body.inputs}
    able, out = list[Transaction](), set[bytes]()
    for tx in fresh:
        if any(place in spent or place.transaction in out for place in tx.body.inputs):
            out.add(tx.id)
        else:
            able.append(tx)
    return able
