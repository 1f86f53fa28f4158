"""A signer's key ceremonies over real files, the other members played in memory.

`Home` may be killed at any failpoint and opened again; what the process had said until then stands.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from bystack.federation.ceremony import Ceremony
from bystack.federation.events import Broadcast, Done, Received, Retry, Send
from bystack.federation.messages import Signed, decode_message
from bystack.federation.module.records import KeyEpoch
from bystack.federation.session import Session
from bystack.node.signer import ceremonies, epochs
from bystack.node.signer.ceremonies import Ceremonies
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from tests.federation.stage import dice, number, secret

OWN = 0


class Dead(Exception):
    """The process was killed here."""


class Kills:
    """Raises in place of SIGKILL at the nth passage of a failpoint, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.armed: tuple[str, int] | None = None
        self.passed: Counter[str] = Counter()
        for module in (ceremonies, epochs):
            monkeypatch.setattr(module, "failpoint", self.at)

    def arm(self, name: str, nth: int) -> None:
        self.passed.clear()
        self.armed = (name, nth)

    def at(self, name: str) -> None:
        self.passed[name] += 1
        if self.armed == (name, self.passed[name]):
            self.armed = None
            raise Dead(name)


class Home:
    """Seat 0's signer; `said` is what ever left it, by session, round and digest."""

    def __init__(self) -> None:
        self.said: set[tuple[bytes, int, bytes]] = set()
        self.deaths = 0
        self.open()

    def open(self) -> None:
        while True:
            try:
                self.signer = Ceremonies("trade", secret(OWN), "data", cheap=True)
                return
            except Dead:
                self.deaths += 1

    def do(self, call: Any, *given: Any) -> list[Any]:
        """What a call of the signer says; nothing if it dies of it, and then it is opened again."""
        try:
            outputs = list(getattr(self.signer, call)(*given))
        except Dead:
            self.deaths += 1
            self.open()
            return []
        except Invalid:
            return []
        for output in outputs:
            if output and output[0] in ("broadcast", "send"):
                message = decode_message(output[-1])
                if isinstance(message, Signed):
                    self.said.add((message.session, message.body.ROUND, message.digest))
        return outputs


class Partners:
    """Everybody else in a session: honest machines in memory, which never crash."""

    def __init__(self, session: Session, shares: dict[bytes, dict[int, int]]) -> None:
        self.session = session
        self.machines: dict[int, Ceremony] = {}
        self.done: dict[int, Done] = {}
        self.rolls = 0
        self.waiting: list[tuple[int, Any]] = []
        for seat, member in enumerate(session.parties):
            if number(session, seat) != OWN:
                held = shares.get(member.identity, {})
                own = secret(number(session, seat))
                self._take(seat, Ceremony.begin(session, own, self._roll(), held))

    def _roll(self) -> bytes:
        self.rolls += 1
        return dice("partners", self.session.id, self.rolls)

    def _take(self, seat: int, outcome: Any) -> None:
        self.machines[seat], outputs = outcome
        for output in outputs:
            match output:
                case Broadcast(message):
                    others = range(len(self.session.parties))
                    self.waiting += [(to, message) for to in others if to != seat]
                case Send(to, message):
                    self.waiting.append((to, message))
                case Done():
                    self.done[seat] = output

    def run(self, home: Home, begin: Any = None) -> None:
        """Carry messages until everybody is done, or nothing more is said."""
        for _ in range(12):
            if begin is not None and home.signer.session != self.session:
                self.hear(home.do(*begin))
            while self.waiting:
                to, message = self.waiting.pop(0)
                if to in self.machines:
                    self.tell(to, message)
                else:
                    self.hear(home.do("hear", encode(message)))
            certified = home.signer.epochs.certificates
            if len(self.done) == len(self.machines) and self.session.id in certified:
                return
            for seat in self.machines:
                self._take(seat, self.machines[seat].handle(Retry(), self._roll()))
            self.hear(home.do("retry"))

    def tell(self, to: int, message: Any) -> None:
        try:
            self._take(to, self.machines[to].handle(Received(message), self._roll()))
        except Invalid:
            return

    def hear(self, outputs: list[Any]) -> None:
        for output in outputs:
            match output:
                case ["broadcast", data]:
                    for to in self.machines:
                        self.tell(to, decode_message(data))
                case ["send", to, data] if to in self.machines:
                    self.tell(to, decode_message(data))

    def shares(self) -> dict[bytes, dict[int, int]]:
        return {
            self.session.parties[seat].identity: {
                share.index: int.from_bytes(share.secret, "big") for share in done.shares
            }
            for seat, done in self.done.items()
        }

    @property
    def certificate(self) -> Any:
        (found,) = {done.certificate for done in self.done.values()}
        return found


def epoch_of(certificate: Any, since: int = 0) -> KeyEpoch:
    """What the state has in force once this certificate was shown to the chain."""
    made = certificate.session
    polynomial = certificate.polynomial
    return KeyEpoch(made.epoch, made.kind, made.id, certificate.key, polynomial, made.roster, since)
