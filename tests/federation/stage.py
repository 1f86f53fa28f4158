"""A federation for tests: members with known keys, and a network whose every choice is visible."""

from __future__ import annotations

from collections import deque

from bystack.federation.ceremony import Ceremony
from bystack.federation.events import Aborted, Broadcast, Done, Persist, Received, Send
from bystack.federation.identity import identity_public
from bystack.federation.members import Roster, Seat, seat
from bystack.federation.session import Kind, Previous, Session
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import sha256

SUPERS = (2, 2, 1, 1, 1)  # two super, three ordinary members: 5 of 7


def secret(member: int) -> bytes:
    return sha256(b"identity %d" % member)


def dice(*words: object) -> bytes:
    return sha256(repr(words).encode())


def roster(weights: tuple[int, ...], threshold: int) -> Roster:
    return seat(
        threshold,
        [
            Seat(b"m%d" % n, identity_public(secret(n)), dice("node", n), weight, dice("pay", n))
            for n, weight in enumerate(weights)
        ],
    )


def changed(old: Done, seats: tuple[tuple[int, int], ...], threshold: int) -> Session:
    """The reshare of a key to another set: (member, weight) each, with fresh indices."""
    rows = [
        Seat(b"m%d" % n, identity_public(secret(n)), dice("node", n), weight, dice("pay", n))
        for n, weight in seats
    ]
    return continued(old, Kind.RESHARE, seat(threshold, rows))


def continued(done: Done, kind: Kind, roster: Roster | None = None, attempt: int = 0) -> Session:
    """The session that refreshes or reshares the key which `done` made."""
    held = done.certificate.session
    previous = Previous(held.epoch, held.roster, done.certificate.polynomial)
    new, epoch = roster or held.roster, held.epoch + 1
    return Session(held.chain, held.federation, epoch, attempt, int(kind), new, (previous,))


def holdings(network: Network) -> dict[bytes, dict[int, int]]:
    """By identity: the shares that a finished network's members hold."""
    return {
        network.session.parties[n].identity: {
            share.index: int.from_bytes(share.secret, "big") for share in results[-1].shares
        }
        for n, results in network.results.items()
        if results and isinstance(results[-1], Done)
    }


def number(held: Session, at: int) -> int:
    """Which known secret the party in a seat has: its name says so."""
    return int(held.parties[at].name[1:])


def session(weights: tuple[int, ...] = (1, 1, 1), threshold: int = 2, attempt: int = 0) -> Session:
    return Session(dice("chain"), dice("charter"), 1, attempt, 0, roster(weights, threshold), ())


class Network:
    """Machines of the honest members, one optional villain, and the messages on their way.

    Outputs are performed in order; what was persisted survives a crash, all else is lost.
    """

    def __init__(self, held: Session, villain=None, shares=None, mute=()) -> None:
        self.session = held
        self.shares = shares or {}
        self.mute = set(mute)
        self.villain = villain
        self.wires: deque[tuple[int, object]] = deque()
        self.disks: dict[int, bytes] = {}
        self.machines: dict[int, Ceremony] = {}
        self.results: dict[int, list[Done | Aborted]] = {n: [] for n in range(len(held.parties))}
        self.rolls = 0
        for member in self.honest:
            self.begin(member)
        if villain is not None:
            self.wires.extend(villain.act())

    @property
    def honest(self) -> list[int]:
        taken = self.villain.seat if self.villain else None
        seats = range(len(self.session.parties))
        return [n for n in seats if n != taken and n not in self.mute]

    def roll(self) -> bytes:
        self.rolls += 1
        return dice("roll", self.rolls)

    def begin(self, member: int) -> None:
        self.adopt(
            member,
            Ceremony.begin(self.session, self.secret(member), self.roll(), self.held(member)),
        )

    def secret(self, member: int) -> bytes:
        return secret(number(self.session, member))

    def held(self, member: int) -> dict[int, int]:
        return self.shares.get(self.session.parties[member].identity, {})

    def adopt(self, member: int, outcome, crash_after: int | None = None) -> None:
        self.machines[member], outputs = outcome
        for count, output in enumerate(outputs):
            if count == crash_after:
                return self.restart(member)
            self.perform(member, output)
        if crash_after is not None:
            self.restart(member)

    def perform(self, member: int, output) -> None:
        match output:
            case Persist(state):
                self.disks[member] = encode(state)
            case Send(to, message):
                self.wires.append((to, message))
            case Broadcast(message):
                others = [n for n in range(len(self.session.parties)) if n != member]
                self.wires.extend((to, message) for to in others)
            case Done() | Aborted():
                self.results[member].append(output)

    def restart(self, member: int) -> None:
        if member not in self.disks:
            return self.begin(member)
        self.adopt(
            member, Ceremony.resume(self.disks[member], self.secret(member), self.held(member))
        )

    def deliver(self, at: int = 0, crash_after: int | None = None) -> None:
        to, message = self.wires[at]
        del self.wires[at]
        if to in self.mute:
            return
        if self.villain and to == self.villain.seat:
            self.wires.extend(self.villain.hear(message))
            return
        self.handle(to, Received(message), crash_after)

    def handle(self, member: int, event, crash_after: int | None = None) -> None:
        try:
            outcome = self.machines[member].handle(event, self.roll())
        except Invalid:
            return  # refused: nothing has changed
        self.adopt(member, outcome, crash_after)

    def run(self, limit: int = 20_000) -> None:
        while self.wires and limit:
            self.deliver()
            limit -= 1
        assert limit, "the members never stop talking"

    def result(self, member: int) -> Done | Aborted | None:
        return self.results[member][-1] if self.results[member] else None

    def verdicts(self, member: int) -> set[tuple[int, str]]:
        found = self.result(member)
        return {(v.member, v.rule) for v in found.verdicts} if isinstance(found, Aborted) else set()
