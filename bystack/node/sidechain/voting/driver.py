"""The one task that owns the consensus of a sidechain: one engine, one inbox, no locks.

Events come from peers, timers, the application, the signer; the engine's outputs are performed in
order. What takes long (executing, building, signing) runs beside it and comes back as an event.
A node without a validator's key, or whose signer is away, runs the same engine and signs nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

import structlog
import trio

from bystack.ledger.candidates import FeeNotHigher
from bystack.ledger.mempool import AlreadyPooled
from bystack.node.mainchain.signals import Signal
from bystack.node.mainchain.wire import GOSSIP
from bystack.node.sidechain.accusing import Accusations
from bystack.node.sidechain.executing.application import Application
from bystack.node.sidechain.executing.upgrading import Upgrade
from bystack.node.sidechain.executing.workshop import Workshop
from bystack.node.sidechain.mainline import MainLine
from bystack.node.sidechain.pooling import BlockFinal, Joined, Left, Pooling
from bystack.node.sidechain.serving import Serving
from bystack.node.sidechain.snapshots.state_sync import AID_KINDS, StateSync
from bystack.node.sidechain.voting.shorthand import SHORT_CAPS, Shorthand
from bystack.node.sidechain.voting.signing import Admitted, SignerLine
from bystack.node.sidechain.voting.speech import Speech
from bystack.node.sidechain.voting.timers import Timers
from bystack.p2p.host import Connected, Host, Lost, Message
from bystack.p2p.meeting import WHEREABOUTS, Meeting
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus import events as engine
from bystack.sidechain.consensus.engine import Birth, Engine
from bystack.sidechain.consensus.evidence import AnyEvidence
from bystack.sidechain.consensus.messages import (
    EvidenceFound,
    GetBlocks,
)
from bystack.sidechain.consensus.positions import JournalRecord
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.engines import engine_of
from bystack.sidechain.epochs import upcoming
from bystack.sidechain.eras import era_after
from bystack.sidechain.messages import read_message
from bystack.sidechain.misconduct import Accuse, EvidenceKnown
from bystack.sidechain.state import SystemState

INBOX: Final = 256
LEAST_SKEW: Final = 20
"""Milliseconds by which the wall clock may drift from the timers' before the engine is told."""
MALFORMED_POINTS: Final = 50
BREACH_POINTS: Final = 20

log = structlog.get_logger("consensus")


@dataclass(frozen=True)
class Found:
    """Evidence handed in from outside, verified."""

    evidence: AnyEvidence


DriverEvent = Connected | Lost | Message | Admitted | Found | engine.Input


def steady_ms() -> int:
    """Milliseconds on a clock that nobody sets: what timers run on."""
    return int(trio.current_time() * 1000)


class Driver:
    """Owns the consensus of one process. Start `run` in a nursery."""

    def __init__(
        self,
        application: Application,
        pooling: Pooling,
        host: Host,
        main: MainLine,
        now: Callable[[], int],
        meeting: Meeting,
        state_sync: StateSync,
        signer: SignerLine | None = None,
    ) -> None:
        self.application, self.pooling, self.host, self.main = application, pooling, host, main
        self.upgrade = Upgrade(application)
        self._workshop = Workshop(application, pooling, main, self.upgrade)
        self._shorthand = Shorthand(host, application, pooling)
        self._speech = Speech(host, self._shorthand)
        self.store = application.store
        self.genesis = self.store.genesis
        self.changed = Signal()
        self.key = b""
        self.now = now
        self.era = era_after(self.store.state, self.store.header)
        self.machine = self._machine(None)
        self._signer, self._meeting, self.state_sync = signer, meeting, state_sync
        self._sets = b""
        self._timers = Timers(steady_ms)
        self._skew = self._final_at = 0
        self._inbox, self._events = trio.open_memory_channel[DriverEvent](INBOX)
        self._accusations = Accusations(self.store, self._inbox.send)

    def _machine(self, recovered: JournalRecord | None) -> Engine:
        genesis, store = self.genesis, self.store
        birth = Birth(
            era=self.era,
            key=self.key,
            chain_id=genesis.id,
            scheme=BlsScheme(),
            start=(store.header, store.certificate),
            recovered=recovered,
            kept=store.kept(),
            since=genesis.time,
            slot=genesis.consensus.interval,
        )
        return engine_of(genesis).make(birth)

    # For others

    @property
    def since_final(self) -> int:
        """Milliseconds since the last block became final here: a halt shows in it."""
        return steady_ms() - self._final_at

    @property
    def index(self) -> int | None:
        """Our place among the validators of this epoch, if we are one."""
        return self.era.validators.by_key.get(self.key)

    async def report(self, evidence: AnyEvidence) -> None:
        """Keep and spread evidence that is verified."""
        await self._inbox.send(Found(evidence))

    # The task

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Handle events until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._serving = Serving(self.host, self.store, nursery)
            self.state_sync.start(nursery, self._penalise, lambda: not self.upgrade.outdated)
            nursery.start_soon(self._hear)
            nursery.start_soon(self._watch_pool)
            nursery.start_soon(self._accusations.run)
            nursery.start_soon(self._timers.run, self._fire)
            if self._signer is not None:
                nursery.start_soon(self._signer.run, self._inbox.send, self._inbox.send)
            self._final_at = steady_ms()
            task_status.started()
            for evidence in list(self.store.evidence()):  # of before a restart
                nursery.start_soon(self._accuse, evidence)
            self._meet()
            await self._perform_all(self._begin())
            async for event in self._events:
                await self._take(event)

    async def _hear(self) -> None:
        async for event in self.host.events:
            await self._inbox.send(event)

    async def _watch_pool(self) -> None:
        while True:
            await self.pooling.waiting.wait()
            await self._inbox.send(engine.WorkAvailable())

    async def _fire(self, timer: engine.Timer) -> None:
        await self._inbox.send(engine.TimerFired(timer))

    async def _take(self, event: DriverEvent) -> None:
        match event:
            case Connected(peer):
                await self._join(peer)
            case Lost(peer):
                self._serving.leave(peer)
                self._accusations.leave(peer)
                self._shorthand.leave(peer)
                self.state_sync.leave(peer)
                await self.pooling.tell(Left(peer))
            case Message(peer, kind, payload) if kind == WHEREABOUTS:
                self._meeting.hear(peer, payload)
            case Message(peer, kind, payload) if kind == GOSSIP:
                self.pooling.hear(peer, payload)
            case Message(peer, kind, payload) if kind in SHORT_CAPS:
                await self._in_short(peer, kind, payload)
            case Message(peer, kind, payload) if kind in AID_KINDS:
                self.state_sync.hear(peer, kind, payload)
            case Message(peer, kind, payload):
                await self._receive(peer, kind, payload)
            case Admitted():
                await self._become(event)
            case Found(evidence):
                await self._found(evidence)
            case _:
                await self._handle(event)

    async def _join(self, peer: bytes) -> None:
        self._serving.join(peer)
        self.state_sync.join(peer)
        self._meeting.join(peer)
        await self.pooling.tell(Joined(peer))
        self._speech.send(peer, self.machine.status)

    async def _in_short(self, peer: bytes, kind: int, payload: bytes) -> None:
        """Validators propose in short; the engine hears of whole proposals only."""
        if peer in self.era.validators.by_node:
            proposal = self._shorthand.hear(peer, kind, payload, self.machine.height)
            if proposal is not None:
                await self._handle(engine.Received(peer, proposal))

    async def _receive(self, peer: bytes, kind: int, payload: bytes) -> None:
        try:
            message = read_message(kind, payload)
        except Invalid as error:
            return self.host.penalise(peer, MALFORMED_POINTS, error.rule)
        if isinstance(message, GetBlocks):
            return self._serving.ask(peer, message)
        self.state_sync.overhear(peer, message)
        if self._signer is not None:
            self._signer.hear(peer, message)
        if isinstance(message, EvidenceFound):
            return self._accusations.hear(peer, message)
        await self._handle(engine.Received(peer, message))

    async def _become(self, admitted: Admitted) -> None:
        """From following to voting: a new engine, where the journal says we were."""
        self.key = admitted.key
        log.info("voting where elected", voter=self.key.hex(), validator=self.index)
        self._timers.clear()
        self.machine = self._machine(admitted.last)
        await self._perform_all(self._begin())
        await self._say_work()

    async def _found(self, evidence: AnyEvidence) -> None:
        if await self.store.keep_evidence(evidence):
            log.error("misbehaviour proved", kind=type(evidence).__name__)
            self._speech.broadcast(EvidenceFound(evidence))
        self._nursery.start_soon(self._accuse, evidence)

    async def _accuse(self, evidence: AnyEvidence) -> None:
        """Have the chain take evidence, which stops the pegs; after other evidence that waits."""
        while True:
            try:
                return await self.pooling.submit(system_transaction(Accuse(evidence)))
            except FeeNotHigher:
                await self.changed.wait()
            except (AlreadyPooled, EvidenceKnown):
                return
            except Invalid as error:
                log.warning("evidence not taken", rule=error.rule, reason=str(error))
                return

    # What the engine hears, and asks for

    def _begin(self) -> list[engine.Output]:
        self._skew = 0
        self.upgrade.look()
        if self.upgrade.outdated:
            return []
        return [*self._tell_time(), *self.machine.begin(steady_ms())]

    def _said(self, event: engine.Input) -> list[engine.Output]:
        """Its answer to an event; that the wall clock was set is told first.

        It is told nothing once this program does not know the chain's rules.
        """
        if self.upgrade.outdated:
            return []
        return [*self._tell_time(), *self.machine.handle(event, steady_ms())]

    def _tell_time(self) -> list[engine.Output]:
        now = steady_ms()
        skew = self.now() - now
        if abs(skew - self._skew) < LEAST_SKEW:
            return []
        self._skew = skew
        return self.machine.handle(engine.ClockMoved(skew), now)

    async def _handle(self, event: engine.Input) -> None:
        await self._perform_all(self._said(event))

    async def _perform_all(self, outputs: Sequence[engine.Output]) -> None:
        todo = deque(outputs)
        while todo:
            match todo.popleft():
                case engine.Decide() as decided:
                    todo.extend(await self._decide(decided))
                case engine.Keep(block):
                    await self.store.keep(block)
                case engine.ReportEvidence(evidence):
                    await self._found(evidence)
                case output:
                    self._perform(output)

    def _perform(self, output: engine.Output) -> None:
        match output:
            case engine.Send(node, message):
                self._speech.send(node, message)
            case engine.Broadcast(message):
                self._speech.broadcast(message)
            case engine.SetTimer(timer, at_ms):
                self._timers.set(timer, at_ms)
            case engine.Execute() | engine.Prepare() | engine.BuildBlock():
                self._work(output)
            case engine.Sign() if self.state_sync.takes_in:
                return  # a later header is known to be final
            case engine.Sync() if self.state_sync.looks:
                return
            case engine.Sign() if self._signer is not None:
                self._signer.ask(output)
            case engine.Sync(from_height, node):
                self._speech.ask_blocks(node, from_height)
            case engine.Penalise(node, reason):
                self._penalise(node, reason)
            case engine.Sign() | engine.Keep() | engine.Decide() | engine.ReportEvidence():
                return  # nothing is signed without a signer; the rest is done in `_perform_all`
            case _:
                assert_never(output)

    def _work(self, output: engine.Execute | engine.Prepare | engine.BuildBlock) -> None:
        """What takes long, beside everything else."""
        match output:
            case engine.Execute(header, body):
                self.pooling.give_way()
                self._nursery.start_soon(self._execute, header, body)
            case engine.BuildBlock():
                self.pooling.give_way()
                self._nursery.start_soon(self._build, output)
            case engine.Prepare(parent):
                self._nursery.start_soon(self._workshop.begin, parent)

    def _penalise(self, node: bytes, reason: str) -> None:
        """A validator is never put out for its words: it may be honest and merely behind."""
        log.info("refused", node=node.hex(), reason=reason)
        if node not in self.era.validators.by_node:
            self.host.penalise(node, BREACH_POINTS, reason)

    async def _execute(self, header: Header, body: bytes) -> None:
        verdict = await self._workshop.execute(header, body)
        self.pooling.go_on()
        if verdict is not None:
            await self._inbox.send(verdict)

    async def _build(self, wish: engine.BuildBlock) -> None:
        built = await self._workshop.build(wish)
        self.pooling.go_on()
        if built is not None:
            await self._inbox.send(built)

    async def _decide(self, decided: engine.Decide) -> Sequence[engine.Output]:
        """Make a block durable, let the pool and the subscribers follow, go on."""
        header = decided.header
        body = await self.application.finish(decided)
        self._timers.passed(header.height)
        self._final_at = steady_ms()
        self.upgrade.look()
        if header.height >= self.era.last:
            self.era = era_after(self.store.state, header)
        outputs = self._said(engine.Finalized(header.height, self.era))
        if body is None:
            return outputs
        log.debug("final", height=header.height, id=header.id.hex(), view=decided.certificate.view)
        await self.pooling.tell(BlockFinal(body.transactions, header.height + 1))
        self.state_sync.final(header)
        self._tell_followers(decided.certificate)
        self.changed.notify()
        self._meet()
        return [*outputs, *self._more_work()]

    def _meet(self) -> None:
        """Validators of this epoch and the next are looked for, each time they are others."""
        named = self.store.header.validators_hash + self.store.header.next_validators_hash
        if named != self._sets:
            self._sets = named
            following = upcoming(SystemState(self.store.state))
            nodes = {*self.era.validators.by_node, *(following.by_node if following else ())}
            self._meeting.turn(nodes)

    def _more_work(self) -> list[engine.Output]:
        if not len(self.pooling) and not self._workshop.behind_main():
            return []
        return self._said(engine.WorkAvailable())

    async def _say_work(self) -> None:
        await self._perform_all(self._more_work())

    def _tell_followers(self, certificate: Certificate) -> None:
        """Those who do not vote hear of final blocks from whomever they are connected to."""
        for peer in self.host.peers():
            if peer.node_id not in self.era.validators.by_node:
                self._speech.send(peer.node_id, certificate)
