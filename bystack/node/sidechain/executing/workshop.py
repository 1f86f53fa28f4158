"""What an engine has done beside it: blocks executed and built, on final parents or others.

A transaction that does not apply is told to the pool only where the parent is final: on another
branch it may apply again.
"""

from __future__ import annotations

import structlog

from bystack.node.sidechain.executing.application import Application, VersionUnknown
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
        self._interval = self._store.genesis.consensus.interval / 1_000

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
        height = min(wish.height, self._store.height + 1)
        taken = self._application.taken(wish.parent.id)
        most = len(taken) + self._application.pace.most(self._interval)
        candidates = await self._pooling.candidates(height, most)
        waiting = [tx for tx in candidates if tx.id not in taken]
        try:
            built = await self._application.build(wish, [*first, *waiting])
        except VersionUnknown as unknown:
            self._upgrade.meet(unknown.version, unknown.height)
            return None
        except Invalid as error:
            log.info("nothing built", height=wish.height, rule=error.rule, reason=str(error))
            return None
        if built.refused and wish.parent.id == self._store.header.id:
            await self._refused(built)
        return engine.Built(built.header, encode(built.body))

    async def _refused(self, built: Built) -> None:
        tx, reason = built.refused[0]
        log.info("left out", count=len(built.refused), first=tx.id.hex(), rule=reason.rule)
        await self._pooling.tell(Useless(tuple(tx.id for tx, _ in built.refused)))

    def behind_main(self) -> bool:
        """Whether our main chain has more work than the relay."""
        with self._store.snapshot() as snapshot:
            state = SystemState(self._store.base(snapshot).state)
            return self._main.work > RelayView(state).best().work
