"""One node on the peer network: listens, dials, keeps connections, delivers what peers send.

`Host.events` is bounded: while the application does not read it, no peer is read from, and TCP
passes that back to them. Sending never waits: a full queue drops and counts. At most one connection
per node id is kept. What a peer can make us hold is bounded by the kinds' caps, times the peers,
plus the queues.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from random import SystemRandom
from typing import Final

import structlog
import trio

from bystack.p2p.addresses import Address, BadAddress, Target, observed, parse, parse_target
from bystack.p2p.connection import Connection, HandshakeLate, Limits, Local, addresses, message
from bystack.p2p.events import (
    AddressesAsked,
    AddressesGiven,
    ConnectionEvent,
    Established,
    Farewell,
    Received,
    RoundTrip,
)
from bystack.p2p.faults import STRANGERS
from bystack.p2p.handshake import VERSION, Admission, Channel, Hello, Role, SelfConnection
from bystack.p2p.identity import Identity, NodeId
from bystack.p2p.messages import MAX_ADDRESSES
from bystack.p2p.peers import PeerBook
from bystack.p2p.queues import Class
from bystack.p2p.reports import (
    Connected,
    Event,
    HostConfig,
    HostStatistics,
    Lost,
    Message,
    PeerInfo,
)
from bystack.p2p.roster import Roster, Session, bearers, name, names
from bystack.p2p.transport import (
    Ending,
    Link,
    SecureStream,
    make_certificate,
    open_tcp,
    secure_client,
    secure_server,
)
from bystack.primitives.codec import MAX_INT
from bystack.primitives.errors import Invalid, Misuse

__all__ = [
    "Class",
    "Connected",
    "Event",
    "Host",
    "HostConfig",
    "HostStatistics",
    "Lost",
    "Message",
    "PeerInfo",
]

INBOX: Final = 16
"""Events that wait for the application; few, since one may be as large as the largest cap."""
DIAL_SECONDS: Final = 10.0
FILL_SECONDS: Final = 1.0
KEEP_SECONDS: Final = 0.25
LONGEST_KEEP_SECONDS: Final = 10.0

Dial = Callable[[Address], Awaitable[trio.abc.Stream]]

_log = structlog.get_logger("p2p")


class Host:
    """The peer network of one process; run it in a nursery, read `events` until it ends."""

    def __init__(
        self,
        identity: Identity,
        config: HostConfig,
        book: PeerBook | None = None,
        *,
        wall: Callable[[], float] = time.time,
        dial: Dial = open_tcp,
        limits: Limits | None = None,
    ) -> None:
        self.book = PeerBook() if book is None else book
        self.events: trio.MemoryReceiveChannel[Event]
        self._inbox, self.events = trio.open_memory_channel[Event](INBOX)
        self._identity = identity
        self._config = config
        self._wall = wall
        self._open = dial
        self._limits = limits or Limits()
        self._dice = SystemRandom()
        self._certificate = make_certificate()
        self._nursery: trio.Nursery | None = None
        self._roster = Roster(identity.node_id, config, self.book)
        self._gone: dict[Session, trio.Event] = {}

    # For the application

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen, dial and serve until cancelled; the status value is the bound "host:port".

        With an empty `listen` it only dials, and the value is empty. Raises OSError when the
        address cannot be bound.
        """
        with self._inbox:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                listeners = await self._listen()
                for target in self._roster.kept.values():
                    nursery.start_soon(self._keep, target)
                nursery.start_soon(self._fill)
                task_status.started(self._roster.listening)
                if listeners:
                    await trio.serve_listeners(self._accept, listeners)

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        """Queue a payload for a peer; False when it is not connected or its queue is full.

        Raises `Misuse` when the kind or the length is not one our own caps admit.
        """
        session = self._roster.sessions.get(NodeId(peer))
        frame = self._frame(kind, payload)
        return session is not None and self._roster.post(session, frame, cls)

    def broadcast(self, kind: int, payload: bytes, cls: Class, *, skip: bytes | None = None) -> int:
        """Queue a payload for every connected peer but `skip`; how many took it."""
        frame = self._frame(kind, payload)
        others = [session for peer, session in self._roster.sessions.items() if peer != skip]
        return sum(self._roster.post(session, frame, cls) for session in others)

    def admit(self, nodes: frozenset[bytes]) -> None:
        """From the next handshake on, only these node ids are admitted."""
        self._config = replace(self._config, allow=nodes)

    def penalise(self, peer: bytes, points: int, reason: str) -> None:
        """Add to a peer's score; at 100 it is disconnected and banned."""
        session = self._roster.sessions.get(NodeId(peer))
        blamed = (peer.hex(),) if session is None else session.blamed
        _log.info("peer penalised", peer=peer.hex(), points=points, reason=reason)
        if self._roster.score(blamed, points, self._now()) and session is not None:
            session.link.close("Banned")

    def connect(self, address: str) -> None:
        """Keep a connection to "host:port" or "nodeidhex@host:port" from now on.

        Raises `BadAddress`.
        """
        target = parse_target(address)
        if self._roster.keep(target) and self._nursery is not None:
            self._nursery.start_soon(self._keep, target)

    def let_go(self, address: str) -> None:
        """Stop keeping a connection begun by `connect` with the same words; it is not closed."""
        self._roster.let_go(parse_target(address))

    def disconnect(self, peer: bytes) -> None:
        """Close the connection to a peer and stop keeping it."""
        self._roster.dismiss(peer)

    def ban(self, target: bytes | str, seconds: float) -> None:
        """Refuse a node id (32 bytes) or an address ("host" or "host:port") for a time."""
        banned = name(target)
        self.book.ban(banned, min(MAX_INT, int(self._wall() + seconds)))
        self._roster.put_out(banned)

    def unban(self, target: bytes | str) -> None:
        """Lift a ban."""
        self.book.unban(name(target))

    @property
    def listening(self) -> str:
        """Where we listen, "host:port"; empty before `run` has begun, or if we only dial."""
        return self._roster.listening

    def peers(self) -> tuple[PeerInfo, ...]:
        """The connected peers, in order of node id."""
        sessions, now = sorted(self._roster.sessions.items()), self._now()
        return tuple(self._roster.info(session, now) for _, session in sessions)

    def statistics(self) -> HostStatistics:
        """What was refused and dropped so far."""
        return HostStatistics(dict(self._roster.refused), dict(self._roster.dropped))

    # Listening and dialling

    async def serve(self, stream: trio.abc.Stream, address: Address) -> None:
        """Attend one inbound byte stream to its end; refused at once when there is no room."""
        refusal = self._roster.refusal(address, self._now(), trio.current_time())
        if refusal is not None:
            self._roster.refused[refusal] += 1
            return await trio.aclose_forcefully(stream)
        self._roster.inbound[address.host] += 1
        try:
            await self._attend(stream, Role.LISTENER, Target(address, None))
        finally:
            self._roster.inbound -= Counter({address.host: 1})  # hosts at zero are forgotten

    async def _listen(self) -> list[trio.SocketListener]:
        if not self._config.listen:
            return []
        asked = parse(self._config.listen)
        listeners = await trio.open_tcp_listeners(asked.port, host=asked.host)
        host, port = listeners[0].socket.getsockname()[:2]
        self._roster.listening = str(Address(host, port))
        return listeners

    async def _accept(self, stream: trio.SocketStream) -> None:
        try:
            host, port = stream.socket.getpeername()[:2]
        except OSError:  # it left before we looked
            return await trio.aclose_forcefully(stream)
        await self.serve(stream, observed(host, port))

    async def _keep(self, target: Target) -> None:
        """Hold a connection to one address, with back-off, until told otherwise."""
        text, failures = str(target.address), 0
        while self._roster.kept.get(text) is target:
            if (session := self._roster.connected(target)) is not None:
                await self._gone[session].wait()
                failures = 0
            elif not self.book.banned(self._now(), *names(target)):
                ending = await self._dial(target)
                if ending is not None and isinstance(ending.error, SelfConnection):
                    return
                failures = 0 if ending is not None and ending.proved else failures + 1
            pause = min(LONGEST_KEEP_SECONDS, KEEP_SECONDS * 2 ** min(failures, 16))
            await trio.sleep(pause * self._dice.uniform(0.5, 1))

    async def _fill(self) -> None:
        """Give free outbound slots to known addresses, one per neighbourhood."""
        while True:
            text = self._roster.candidate(self._now(), self._dice)
            if text is not None and self._nursery is not None:
                self._nursery.start_soon(self._dial_known, text)
            await trio.sleep(FILL_SECONDS)

    async def _dial_known(self, text: str) -> None:
        ending = await self._dial(Target(parse(text), None))
        if ending is not None and isinstance(ending.error, STRANGERS):
            self.book.forget(text)  # ourselves, or no node of our chain

    async def _dial(self, target: Target) -> Ending | None:
        """Dial once and attend the connection to its end; None when nobody answered."""
        text = str(target.address)
        self._roster.dialling.add(text)
        try:
            stream = await self._reach(target.address)
            ending = await self._attend(stream, Role.DIALER, target) if stream else None
        finally:
            self._roster.dialling.discard(text)
        if ending is None or not ending.proved:
            self.book.failed(text, self._now())
        return ending

    async def _reach(self, address: Address) -> trio.abc.Stream | None:
        with trio.move_on_after(DIAL_SECONDS), suppress(OSError, trio.BrokenResourceError):
            return await self._open(address)
        return None

    # One connection

    async def _attend(self, stream: trio.abc.Stream, role: Role, target: Target) -> Ending:
        """Attend a connection to its end, whatever happens in it: the boundary of one peer."""
        try:
            began = trio.current_time()
            secured = await self._secure(stream, role)
            ending = await self._converse(secured, role, target, began)
        except Invalid as error:
            ending = Ending(error.rule, error)
            self._refuse(bearers(role, target.address), target.address, error)
        except MemoryError:  # not the peer's matter: the process ends and is started again
            raise
        except Exception:
            ending = Ending("Crashed")
            _log.exception("peer session crashed", address=str(target.address))
        finally:
            await trio.aclose_forcefully(stream)
        return ending

    async def _secure(self, stream: trio.abc.Stream, role: Role) -> SecureStream:
        with trio.move_on_after(self._limits.handshake):
            if role is Role.LISTENER:
                return await secure_server(stream, self._certificate)
            return await secure_client(stream)
        raise HandshakeLate(limit=self._limits.handshake)

    async def _converse(
        self, secured: SecureStream, role: Role, target: Target, began: float
    ) -> Ending:
        channel = Channel(role, secured.certificate)
        link = Link(secured, Connection(self._local(target.node), channel, began))
        session = Session(link, role, target.address, trio.current_time(), self._wall())
        self._roster.everyone.add(session)
        self._gone[session] = trio.Event()
        ending = Ending("Crashed")
        try:
            ending = await link.run(lambda event: self._take(session, link, event))
        finally:
            await self._conclude(session, ending)
        return ending

    def _local(self, expect: NodeId | None) -> Local:
        config, listen = self._config, self._roster.listening.encode("ascii")
        nonce = secrets.token_bytes(32)
        hello = Hello(VERSION, config.magic, config.chain, self._identity.public, nonce, listen)
        admission = Admission(config.allow, expect)
        return Local(self._identity, hello, admission, config.caps, self._limits)

    async def _take(self, session: Session, link: Link, event: ConnectionEvent) -> None:
        match event:
            case Received(kind, payload):
                await self._inbox.send(Message(session.peer, kind, payload))
            case Established():
                await self._admit(session, link, event)
            case AddressesAsked():
                self._answer(session, link)
            case AddressesGiven(given):
                self._learn(session, given)
            case RoundTrip(seconds):
                session.rtt = seconds
            case Farewell():
                pass  # the link has ended itself

    async def _admit(self, session: Session, link: Link, proved: Established) -> None:
        """Make a proved connection the one to its peer, or close it for the one there is."""
        roster, peer = self._roster, proved.peer
        if session.role is Role.DIALER:
            roster.met(session.address, peer)
            self.book.answered(str(session.address), self._now())
        if self.book.banned(self._now(), peer.hex()):
            return link.close("Banned")
        while (old := roster.sessions.get(peer)) is not None:
            if not roster.prefers(session, old, peer):
                return link.close("Duplicate")
            old.link.close("Duplicate")
            await self._gone[old].wait()
        session.peer, roster.sessions[peer] = peer, session
        self._greet(session, link, proved.listen)
        await self._inbox.send(Connected(peer, str(session.address), session.role is Role.LISTENER))

    def _greet(self, session: Session, link: Link, listen: str) -> None:
        """Measure the round trip; ask a node we chose for others, remember one that chose us."""
        link.connection.ping(trio.current_time())
        link.flush()
        if session.role is Role.DIALER:
            return link.post_control(link.connection.ask_addresses())
        try:
            session.advertised = str(Address(session.address.host, parse(listen).port))
        except BadAddress:
            return  # it does not listen
        self.book.learn(session.advertised, session.address.host)

    def _answer(self, session: Session, link: Link) -> None:
        if not session.answered:
            session.answered = True
            link.post_control(addresses(self.book.sample(MAX_ADDRESSES, self._dice)))

    def _learn(self, session: Session, given: tuple[str, ...]) -> None:
        for text in (one for one in given if one != self._roster.listening):
            self.book.learn(text, session.address.host)

    async def _conclude(self, session: Session, ending: Ending) -> None:
        """Strike a session off, whatever ended it, and say so before its peer may be back."""
        self._roster.everyone.discard(session)
        if ending.error is not None:
            self._refuse(session.blamed, session.address, ending.error)
        try:
            if self._roster.sessions.get(session.peer) is session:
                del self._roster.sessions[session.peer]
                await self._inbox.send(Lost(session.peer, ending.reason))
        finally:
            self._gone.pop(session).set()

    def _refuse(self, blamed: tuple[str, ...], address: Address, error: Invalid) -> None:
        self._roster.blame(blamed, error, self._now())
        _log.info("peer refused", peer=blamed or (str(address),), reason=str(error))

    def _now(self) -> int:
        return int(self._wall())

    def _frame(self, kind: int, payload: bytes) -> bytes:
        if len(payload) > self._config.caps.get(kind, -1):
            raise Misuse(f"kind {kind} carries no payload of {len(payload)} bytes")
        return message(kind, payload)
