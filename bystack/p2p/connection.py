"""What one connection does, without touching a socket (sans-I/O, in the manner of h11).

Bytes go in by `receive_data`, events come out of `next_event`, bytes to write come from
`data_to_send` and `send`. Time is an argument in seconds of any steady clock; `deadline` says when
`tick` must next be called. A broken rule is raised as `Invalid`, and the connection is then over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeVar

from bystack.p2p.events import (
    AddressesAsked,
    AddressesGiven,
    ConnectionEvent,
    Established,
    Farewell,
    Received,
    RoundTrip,
)
from bystack.p2p.frames import FIRST_APPLICATION_KIND, Frame, FrameReader, frame
from bystack.p2p.handshake import (
    Admission,
    Channel,
    Hello,
    Proof,
    check_hello,
    check_proof,
    prove,
)
from bystack.p2p.identity import Identity, NodeId
from bystack.p2p.messages import (
    HANDSHAKE_CAPS,
    MAX_REASON,
    OPEN_CAPS,
    Addresses,
    GetAddresses,
    Goodbye,
    Kind,
    Ping,
    Pong,
)
from bystack.primitives.codec import Wire, decode, encode
from bystack.primitives.errors import Invalid, Misuse


class OutOfTurn(Invalid):
    """The message does not belong at this point of the connection."""


class HandshakeLate(Invalid):
    """The handshake did not finish in time."""


class FrameLate(Invalid):
    """A frame was begun and not finished in time."""


class Silent(Invalid):
    """The peer did not answer a ping in time."""


@dataclass(frozen=True)
class Limits:
    """How long we wait, in seconds."""

    handshake: float = 5.0
    frame: float = 30.0
    idle: float = 20.0
    pong: float = 20.0


class State(Enum):
    """How far a connection has come."""

    HELLO = auto()
    PROOF = auto()
    OPEN = auto()
    OVER = auto()


@dataclass(frozen=True)
class Local:
    """Our side of a connection: who we are, what we say, whom we accept, which kinds we take."""

    identity: Identity
    hello: Hello
    admission: Admission
    caps: Mapping[int, int]
    limits: Limits = Limits()


_W = TypeVar("_W", bound=Wire)
_NEVER: Final = float("inf")


class Connection:
    """One connection to one peer, from the first byte after TLS to the last."""

    def __init__(self, local: Local, channel: Channel, now: float) -> None:
        self._local = local
        self._channel = channel
        self._reader = FrameReader(HANDSHAKE_CAPS)
        self._state = State.HELLO
        self._theirs: Hello | None = None
        self._peer: NodeId | None = None
        self._opened = self._heard = now
        self._frame_since = _NEVER
        self._ping_since = _NEVER
        self._pings = 0
        self._asked = False
        self._proved = False
        self.frames = 0
        """How many frames came in so far."""
        self._outgoing = [frame(Kind.HELLO, encode(local.hello))]

    @property
    def state(self) -> State:
        """How far the connection has come."""
        return self._state

    @property
    def proved(self) -> bool:
        """Whether the peer has proved its node key, now over or not."""
        return self._proved

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes as they came; then call `next_event` until it answers None."""
        if not self._reader.pending:
            self._frame_since = now
        self._heard = now
        self._reader.feed(data)

    def next_event(self, now: float) -> ConnectionEvent | None:
        """The next thing that happened, or None until more bytes come; raises `Invalid`."""
        try:
            return self._advance(now)
        except Invalid:
            self._state = State.OVER
            raise

    def data_to_send(self) -> list[bytes]:
        """Frames the protocol itself wants written, each once."""
        frames, self._outgoing = self._outgoing, []
        return frames

    def send(self, kind: int, payload: bytes) -> bytes:
        """The bytes that carry an application message."""
        if self._state is not State.OPEN:
            raise Misuse(f"a connection in state {self._state.name} carries no message")
        return message(kind, payload)

    def ask_addresses(self) -> bytes:
        """The bytes that ask for other nodes' addresses; makes an answer acceptable."""
        self._asked = True
        return frame(Kind.GET_ADDRESSES, encode(GetAddresses()))

    def deadline(self) -> float:
        """When `tick` must be called, should nothing be received before."""
        if self._state is State.OVER:
            return _NEVER
        if self._state is not State.OPEN:
            return self._opened + self._local.limits.handshake
        return min(self._frame_deadline(), self._life_deadline())

    def tick(self, now: float) -> None:
        """Act on the passage of time: ping a silent peer, or raise what came too late."""
        try:
            self._check_time(now)
        except Invalid:
            self._state = State.OVER
            raise

    def excuse(self, seconds: float) -> None:
        """Move all deadlines: for so long we did not read, which is not the peer's fault."""
        self._opened += seconds
        self._heard += seconds
        self._frame_since += seconds
        self._ping_since += seconds

    def _advance(self, now: float) -> ConnectionEvent | None:
        while self._state is not State.OVER:
            received = self._reader.next_frame()
            if received is None:
                return None
            self._frame_since = now
            self.frames += 1
            event = self._take(received, now)
            if event is not None:
                return event
        return None

    def _take(self, received: Frame, now: float) -> ConnectionEvent | None:
        match received.kind, self._state:
            case Kind.GOODBYE, _:
                return self._take_goodbye(_read(Goodbye, received))
            case Kind.HELLO, State.HELLO:
                return self._take_hello(_read(Hello, received))
            case Kind.PROOF, State.PROOF:
                return self._take_proof(_read(Proof, received))
            case kind, State.OPEN:
                return self._take_open(kind, received, now)
            case kind, state:
                raise OutOfTurn(kind=kind, state=state.name)

    def _take_open(self, kind: int, received: Frame, now: float) -> ConnectionEvent | None:
        match kind:
            case Kind.PING:
                return self._take_ping(_read(Ping, received))
            case Kind.PONG:
                return self._take_pong(_read(Pong, received), now)
            case Kind.GET_ADDRESSES:
                _read(GetAddresses, received)
                return AddressesAsked()
            case Kind.ADDRESSES:
                return self._take_addresses(_read(Addresses, received))
            case _:
                return Received(kind, received.payload)

    def _take_hello(self, theirs: Hello) -> ConnectionEvent | None:
        ours = self._local.hello
        self._peer = check_hello(ours, theirs, self._local.admission)
        self._theirs = theirs
        self._state = State.PROOF
        proof = prove(self._local.identity, self._channel, ours, theirs)
        self._outgoing.append(frame(Kind.PROOF, encode(proof)))
        return None

    def _take_proof(self, proof: Proof) -> Established:
        if self._theirs is None or self._peer is None:
            raise Misuse("a proof was taken before a hello")
        check_proof(self._channel, self._local.hello, self._theirs, proof)
        self._state = State.OPEN
        self._proved = True
        self._reader.accept({**OPEN_CAPS, **self._local.caps})
        return Established(self._peer, self._theirs.key, text(self._theirs.listen))

    def _take_ping(self, ping: Ping) -> ConnectionEvent | None:
        self._outgoing.append(frame(Kind.PONG, encode(Pong(ping.number))))
        return None

    def _take_pong(self, pong: Pong, now: float) -> RoundTrip:
        if self._ping_since == _NEVER or pong.number != self._pings:
            raise OutOfTurn(pong=pong.number)
        since, self._ping_since = self._ping_since, _NEVER
        return RoundTrip(now - since)

    def _take_addresses(self, answer: Addresses) -> AddressesGiven:
        if not self._asked:
            raise OutOfTurn(kind=int(Kind.ADDRESSES))
        self._asked = False
        return AddressesGiven(tuple(map(text, answer.addresses)))

    def _take_goodbye(self, goodbye: Goodbye) -> Farewell:
        self._state = State.OVER
        return Farewell(text(goodbye.reason))

    def _frame_deadline(self) -> float:
        return self._frame_since + self._local.limits.frame if self._reader.pending else _NEVER

    def _life_deadline(self) -> float:
        if self._ping_since != _NEVER:
            return self._ping_since + self._local.limits.pong
        return self._heard + self._local.limits.idle

    def _check_time(self, now: float) -> None:
        if now < self.deadline() or self._state is State.OVER:
            return
        if self._state is not State.OPEN:
            raise HandshakeLate(limit=self._local.limits.handshake)
        if now >= self._frame_deadline():
            raise FrameLate(limit=self._local.limits.frame, received=self._reader.pending)
        if self._ping_since != _NEVER:
            raise Silent(limit=self._local.limits.pong)
        self.ping(now)

    def ping(self, now: float) -> None:
        """Measure the round trip now, unless a ping is already under way."""
        if self._ping_since == _NEVER and self._state is State.OPEN:
            self._pings += 1
            self._ping_since = now
            self._outgoing.append(frame(Kind.PING, encode(Ping(self._pings))))


def message(kind: int, payload: bytes) -> bytes:
    """The frame of an application message, the same for every peer."""
    if kind < FIRST_APPLICATION_KIND:
        raise Misuse(f"kinds below {FIRST_APPLICATION_KIND} are the protocol's own, not {kind}")
    return frame(kind, payload)


def goodbye(reason: str) -> bytes:
    """The frame that tells a peer why the connection ends."""
    return frame(Kind.GOODBYE, encode(Goodbye(reason.encode("ascii", "replace")[:MAX_REASON])))


def addresses(known: tuple[str, ...]) -> bytes:
    """The frame that answers a question for addresses."""
    return frame(Kind.ADDRESSES, encode(Addresses(tuple(a.encode("ascii") for a in known))))


def text(data: bytes) -> str:
    """Bytes from outside as printable ASCII, anything else as a dot: safe for logs and pages."""
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def _read(kind: type[_W], received: Frame) -> _W:
    """The message in a frame; the frame reader has already held it to its cap."""
    return decode(kind, received.payload, len(received.payload))
