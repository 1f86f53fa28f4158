"""The member: one task, one inbox. Follows both chains, carries partials, assembles orders.

Nothing here decides what may be signed: every partial signature is the signer's own verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
import trio

from bystack.federation.bridge import (
    AskOperation,
    Bridge,
    BridgeMessage,
    Culprit,
    NamedSignature,
    Partials,
    Signature,
)
from bystack.federation.members import Member as Seated
from bystack.federation.members import Roster
from bystack.federation.messages import MESSAGE_LIMIT as MAX_CEREMONY
from bystack.federation.messages import KeyCertificate, PartialSignature, SessionForeign
from bystack.federation.purse import Purse
from bystack.federation.signing import PartialKeyForeign
from bystack.federation.trail import Followed, Trail
from bystack.node.federation.events import (
    Ask,
    Event,
    MainConnected,
    MainDisconnected,
    MainRestarted,
    PeerMessage,
    SideFinal,
    Tick,
)
from bystack.node.federation.keygen import Keygen
from bystack.node.federation.links import Links
from bystack.node.federation.memory import Memory
from bystack.node.federation.operating.building import Builder
from bystack.node.federation.operating.desk import Desk
from bystack.node.federation.operating.founding import Founding
from bystack.node.federation.orders import Orders
from bystack.node.federation.requests import answer
from bystack.node.federation.rotating import Rotating
from bystack.node.federation.setting import Setting
from bystack.node.federation.sitting import Sitting
from bystack.node.ipc import RemoteError, Unavailable
from bystack.p2p.host import Class, Host
from bystack.primitives.codec import decode, decode_union, encode
from bystack.primitives.errors import Invalid

log = structlog.get_logger("federation")

CEREMONY, BRIDGE = 16, 17
MAX_BRIDGE = 100_000
CAPS = {CEREMONY: MAX_CEREMONY, BRIDGE: MAX_BRIDGE}


class Member:
    """One membership. Made once; `run` owns everything in it."""

    def __init__(
        self,
        setting: Setting,
        links: Links,
        host: Host,
        trail: Trail,
        memory: Memory[Followed] | None = None,
    ) -> None:
        self.setting, self.links, self.host = setting, links, host
        self.trail, self._memory = trail, memory
        self.sitting = Sitting(setting.identity, setting.roster)
        self.keygen = Keygen(self)
        self.rotating = Rotating(self, self.keygen)
        self.founding = Founding(self)
        self.orders = Orders(self, trail.operations)
        self.desk = Desk(self, self.founding, self.orders)
        self.builder = Builder(self, self.founding, self.orders)
        self.bridge: Bridge | None = None

    @property
    def purse(self) -> Purse:
        """The sponsor's coins."""
        return self.trail.purse

    @property
    def roster(self) -> Roster:
        """Who sits in the federation: the members of the key epoch in force."""
        return self.sitting.roster

    @property
    def seat(self) -> int:
        """This member's seat there; behind all others if it has none (any more)."""
        return self.sitting.seat

    async def run(self, inbox: trio.MemoryReceiveChannel[Event]) -> None:
        """Handle events for ever; what a chain or the signer refuses is logged, not fatal."""
        async for event in inbox:
            try:
                await self._handle(event)
            except (Unavailable, RemoteError, Invalid) as error:
                log.info("put off", on=type(event).__name__, reason=str(error))

    async def _handle(self, event: Event) -> None:
        match event:
            case PeerMessage(node, kind, payload):
                await self._hear(node, kind, payload)
            case MainConnected(height, id, block):
                self.trail.connect(height, id, block)
                self.orders.moved()
            case MainDisconnected(height, id):
                self.trail.disconnect(height, id)
                self.orders.moved()
            case MainRestarted():
                self.trail.restart()
                self.orders.moved()
            case SideFinal():
                await self.orders.final(event)
            case Tick():
                await self._tick()
            case Ask():
                await answer(self, event)

    async def _hear(self, node: bytes, kind: int, payload: bytes) -> None:
        try:
            if kind == CEREMONY:
                await self._ceremony(payload)
            else:
                message = decode_union(BridgeMessage, payload, MAX_BRIDGE)
                await self._bridge(node, message)
        except PartialKeyForeign as error:
            # Of an epoch that is over, or not here yet: it counts for nothing, and is no malice.
            log.info("partial of another key", node=node.hex(), reason=str(error))
        except Invalid as error:
            self.host.penalise(node, 10, error.rule)

    async def _ceremony(self, payload: bytes) -> None:
        try:
            await self.keygen.hear(payload)
        except RemoteError as error:
            if error.rule != SessionForeign.__name__:
                raise
            self.rotating.overheard(payload)

    async def _bridge(self, node: bytes, message: BridgeMessage) -> None:
        """The seat is looked up last, for a new key epoch reseats everybody; who left has none."""
        bridge = await self.ensure_bridge()
        seat = self.sitting.of_node(node)
        if bridge is None or seat is None:
            return
        match message:
            case Partials():
                await self.take(bridge.received(seat, message))
            case AskOperation():
                await self.desk.asked(seat, message)
            case NamedSignature():
                self.desk.named(message)
                bridge.named(message)

    async def ensure_bridge(self) -> Bridge | None:
        """The bridge of the certified key, once there is one."""
        if self.bridge is None:
            data = await self.links.signer.call("certificate")
            if data is not None:
                charter = frozenset(self.setting.charter_keys.values())
                certificate = decode(KeyCertificate, data, MAX_CEREMONY)
                self.bridge = Bridge(certificate, charter)
                self._reseat(lambda: self.sitting.take(certificate.session.roster))
        return self.bridge

    def renew(self) -> None:
        """Another key epoch is in force: what is open is signed again under it."""
        self.bridge = None

    def expect(self, parties: tuple[Seated, ...]) -> None:
        """Who takes part in a change beside those who sit: they are heard too."""
        self._reseat(lambda: self.sitting.expect(parties))

    def _reseat(self, change: Callable[[], None]) -> None:
        before = self.sitting.nodes
        change()
        if self.bridge is not None:
            self.bridge.newcomers = tuple(one.node for one in self.sitting.newcomers)
        if self.sitting.nodes != before:
            self.host.admit(self.sitting.nodes)

    async def signed(
        self, message: bytes, partials: list[bytes], named: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        """Our signer signed: count its partials and its named keys' (key, signature), say them."""
        bridge = await self.ensure_bridge()
        assert bridge is not None, "a signer without a key signs nothing"
        own = tuple(decode(PartialSignature, partial, 1_000) for partial in partials)
        outputs = bridge.signed(message, own)
        bridge.signed_named(message, dict(named))
        self.say(Partials(own))
        await self.take(outputs)

    async def take(self, outputs: tuple[Signature | Culprit, ...]) -> None:
        """What the bridge found: complete signatures, and who gave a wrong partial."""
        for output in outputs:
            match output:
                case Signature(message):
                    log.info("signature complete", message=message.hex())
                case Culprit(seat, index):
                    name = self.roster.members[seat].name.decode()
                    log.warning("wrong partial signature", member=name, index=index)

    def say(self, message: BridgeMessage) -> None:
        """To every other member."""
        self.host.broadcast(BRIDGE, encode(message), Class.CONSENSUS)

    def say_ceremony(self, seat: int | None, payload: bytes) -> None:
        """A ceremony message to one seat, or to all."""
        if seat is None:
            self.host.broadcast(CEREMONY, payload, Class.CONSENSUS)
        else:
            nodes = self.keygen.nodes or tuple(one.node for one in self.roster.members)
            self.host.send(nodes[seat], CEREMONY, payload, Class.CONSENSUS)

    async def _rotate(self) -> None:
        """What is amiss with a change never stops the signing under the epoch in force (K10)."""
        try:
            await self.rotating.tick()
        except (Unavailable, RemoteError, Invalid) as error:
            log.info("change put off", reason=str(error))

    async def _tick(self) -> None:
        if self._memory is not None:
            await self._memory.tick(self.trail)
        await self.keygen.tick()
        await self._rotate()
        bridge = await self.ensure_bridge()
        if bridge is None:
            return
        if self.orders.founded:
            self.desk.over(bridge)
        self.desk.again()
        await self.desk.renew()
        for own in bridge.again():
            self.say(own)
        await self.orders.tick()
