"""Key ceremonies among 5, 15 and 30 members: what one member computes, and what it sends.

All members run in this process; then one of them is run again alone on what it heard, with nothing
remembered from the others, and that is timed: its own processor time is how long a ceremony lasts
where messages take no time. Threshold: more than two thirds. A reshare replaces one member.
The floor is a single multiplication in G1, of which everything here is made.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping

from bystack.client.bench.frame import Measured, Show
from bystack.federation import certificates, combining, dealing, identity, session
from bystack.federation.ceremony import Ceremony, Outcome
from bystack.federation.events import Broadcast, Done, Received, Send
from bystack.federation.identity import identity_public
from bystack.federation.members import Roster, Seat, seat
from bystack.federation.messages import Message
from bystack.federation.session import Kind, Previous, Session
from bystack.primitives.codec import encode
from bystack.primitives.curve import g1_mul
from bystack.primitives.hashes import sha256

SIZES = (5, 15, 30)
FLOOR = 400


class Members:
    """Everybody's machine in one ceremony; `heard` is what the first member was told, in order."""

    def __init__(self, held: Session, shares: Mapping[bytes, Mapping[int, int]]) -> None:
        self.session, self.shares = held, shares
        self.names = [member.name for member in held.parties]
        self.wires: deque[tuple[int, Message]] = deque()
        self.heard: list[Message] = []
        self.sent = [0] * len(self.names)
        self.done: dict[int, Done] = {}
        self.machines: dict[int, Ceremony] = {}
        for at in range(len(self.names)):
            self._take(at, self.begin(at))

    def begin(self, at: int) -> Outcome:
        """A member says hello."""
        held = self.shares.get(self.session.parties[at].identity, {})
        return Ceremony.begin(self.session, _secret(self.names[at]), _dice(at, 0), held)

    def _take(self, at: int, outcome: Outcome) -> None:
        self.machines[at], outputs = outcome
        for output in outputs:
            match output:
                case Broadcast(message):
                    others = [to for to in range(len(self.names)) if to != at]
                    self.wires.extend((to, message) for to in others)
                    self.sent[at] += len(encode(message)) * len(others)
                case Send(to, message):
                    self.wires.append((to, message))
                    self.sent[at] += len(encode(message))
                case Done():
                    self.done[at] = output

    def run(self) -> None:
        """Until nothing more is said."""
        while self.wires:
            to, message = self.wires.popleft()
            if to == 0:
                self.heard.append(message)
            self._take(to, self.machines[to].handle(Received(message), _dice(to, 1)))

    def alone(self) -> float:
        """Seconds of processor time of the first member, by itself."""
        forget()
        begun = time.process_time()
        machine, _ = self.begin(0)
        for message in self.heard:
            machine, _ = machine.handle(Received(message), _dice(0, 1))
        return time.process_time() - begun

    def held(self) -> dict[bytes, dict[int, int]]:
        """What everyone holds afterwards, by identity."""
        return {
            self.session.parties[at].identity: {
                share.index: int.from_bytes(share.secret, "big") for share in done.shares
            }
            for at, done in self.done.items()
        }


def forget() -> None:
    """Drop everything remembered in this process of what was verified once."""
    for cached in (
        dealing._check_public,
        certificates.share_proved,
        combining.group_polynomial,
        identity.identity_verify,
        session._check_polynomial,
    ):
        cached.cache_clear()


def measure(show: Show, *, sizes: tuple[int, ...] = SIZES) -> Measured:
    """Fresh key, refresh and reshare for each size."""
    figures: dict[str, float] = {}
    for size in sizes:
        first = Session(bytes(32), bytes(32), 0, 0, int(Kind.FRESH), _set(size), ())
        fresh = _held(show, figures, "fresh", first, {})
        again = _continued(fresh, Kind.REFRESH, _set(size))
        _held(show, figures, "refresh", again, fresh.held())
        other = _continued(fresh, Kind.RESHARE, _set(size, 1))
        _held(show, figures, "reshare", other, fresh.held())
    unit = _multiplication()
    floor = {"g1_multiplication_seconds": unit}
    ratio = {
        name.replace("seconds", "in_multiplications"): value / unit
        for name, value in figures.items()
        if name.endswith("seconds")
    }
    return Measured(figures, floor, ratio)


def _held(
    show: Show,
    figures: dict[str, float],
    kind: str,
    held: Session,
    shares: Mapping[bytes, Mapping[int, int]],
) -> Members:
    size = held.size
    show(f"{kind}, {size} members")
    members = Members(held, shares)
    members.run()
    if len(members.done) < size:
        raise RuntimeError(f"{kind} of {size} made no key")
    figures[f"{kind}_{size}_member_seconds"] = members.alone()
    figures[f"{kind}_{size}_member_sent_kilobytes"] = members.sent[0] / 1000
    return members


def _continued(before: Members, kind: Kind, roster: Roster) -> Session:
    done = before.done[0]
    made = done.certificate.session
    previous = Previous(made.epoch, made.roster, done.certificate.polynomial)
    return Session(made.chain, made.federation, made.epoch + 1, 0, int(kind), roster, (previous,))


def _set(size: int, first: int = 0) -> Roster:
    """`size` members of weight 1, numbered from `first`."""
    names = [b"m%d" % (first + at) for at in range(size)]
    return seat(
        2 * size // 3 + 1,
        [Seat(n, identity_public(_secret(n)), sha256(n), 1, bytes(32)) for n in names],
    )


def _secret(name: bytes) -> bytes:
    return sha256(b"bench" + name)


def _dice(at: int, turn: int) -> bytes:
    return sha256(b"dice %d %d" % (at, turn))


def _multiplication() -> float:
    begun = time.process_time()
    for number in range(FLOOR):
        g1_mul(2**255 - number)
    return (time.process_time() - begun) / FLOOR
