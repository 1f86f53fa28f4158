"""The catalogue of Byzantine behaviours: a node that runs the rules and then betrays them.

It signs anything, keeps no journal, and twists what leaves it.
"""

from __future__ import annotations

import msgpack
from msgspec.structs import replace

from bystack.sidechain.consensus.events import Built, Executed, Input, Received, Sign, Signed
from bystack.sidechain.consensus.evidence import TwoVotes
from bystack.sidechain.consensus.machine import Machine
from bystack.sidechain.consensus.messages import (
    BlockData,
    EvidenceFound,
    Message,
    Propose,
)
from bystack.sidechain.consensus.statements import (
    COMMIT,
    PREPARE,
    Aggregate,
    Certificate,
    HighSigners,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.validators import bitmap_of, quorum
from tests.simulation.harness import Node, digest

BEHAVIOURS = (
    "mute",
    "withhold",
    "late",
    "equivocate",
    "twins",
    "bad_share",
    "foreign_bits",
    "stale",
    "low_view_tc",
    "lying_timeout",
    "future_spam",
    "wrong_epoch",
    "wrong_chain",
    "bad_root",
    "body_withheld",
    "evidence_spam",
    "double_vote",
    "double_prepare",
    "double_commit",
    "two_timeouts",
    "forgetful",
    "aggregate",
)

GATEWAY_BEHAVIOURS = (
    "gateway_withholds",
    "gateway_late",
    "gateway_starves",
    "foreign_sum",
    "overlapping_sum",
    "bad_sum",
)
"""What only one who carries others' messages can do."""


class Byzantine(Node):
    """Runs the machine, then `behaviour` decides what others see of it."""

    honest = False
    behaviour = "mute"

    @property
    def seat(self) -> int:
        """Our index in the set of the epoch our machine is in, -1 when it follows."""
        seat: int | None = self.machine._m.me
        return -1 if seat is None else seat

    def sign(self, asked: Sign) -> None:
        signature = self.keyring.sign(self.index, asked.digest)
        self.world.answer(self, Signed(asked.position, signature, asked.digest), "work")

    def signed(self, message: Message, chain: bytes = b"") -> Message:
        """The same message with a good signature over its (altered) content."""
        chain = chain or self.schedule.chain
        if isinstance(message, Propose):
            digest_ = message.signed_by(self.seat).digest(chain)
        elif isinstance(message, Vote | Timeout):
            digest_ = message.digest(chain)
        else:
            return message
        return replace(message, signature=self.keyring.sign(self.index, digest_))

    def handle(self, event: Input) -> None:
        if self.behaviour == "twins" and self.alive and self.rng.random() < 0.5:
            return self.twin_handle(event)
        super().handle(event)

    def twin_handle(self, event: Input) -> None:
        """The other half hears half of the messages and answers with the same key."""
        twin = self.__dict__.get("twin")
        if twin is None:
            twin = self.twin = self._machine()
            self.perform(twin.begin(self.world.now))
        if isinstance(event, Received | Signed | Built | Executed):
            self.perform(twin.handle(event, self.world.now))

    def send(self, index: int, message: Message) -> None:
        twist = getattr(self, f"do_{self.behaviour}", None)
        for twisted in twist(index, message) if twist else [message]:
            super().send(index, twisted)

    def lucky(self, index: int, salt: object = "") -> bool:
        """A fixed half of the others, another for each salt."""
        return digest(f"{self.index} {index} {salt}".encode())[0] < 128

    def do_mute(self, index: int, message: Message) -> list[Message]:
        return []

    def do_withhold(self, index: int, message: Message) -> list[Message]:
        return [message] if self.lucky(index, self.machine.height) else []

    def do_late(self, index: int, message: Message) -> list[Message]:
        """Everything arrives, later than anyone waits for it."""
        wait = self.rng.randrange(1, 3 * self.world.schedule.config.tau0)
        self.world.send(self.index, index, message, wait)
        return []

    def do_equivocate(self, index: int, message: Message) -> list[Message]:
        """One block to a subset, another to the rest; a new subset every time."""
        if not isinstance(message, Propose):
            return [message]
        if self.lucky(index, (message.header.height, message.view)) or message.timeouts:
            return [message]
        place = (message.header.height, message.view)
        other = self.__dict__.setdefault("others", {})
        if place not in other:
            other[place] = self.signed(self._other_block(message))
        return [other[place]]

    def _other_block(self, message: Propose) -> Propose:
        body = msgpack.packb([b"other" + self.rng.randbytes(4), []])
        parent = self.machine._m.parent
        header = replace(
            message.header,
            transaction_root=digest(body),
            state_root=digest(parent.state_root, body),
            proposer=self.seat,
        )
        return replace(message, header=header, body=body)

    def do_bad_share(self, index: int, message: Message) -> list[Message]:
        if isinstance(message, Vote | Timeout):
            return [self.signed(message, b"x" * 32)]
        return [message]

    def do_foreign_bits(self, index: int, message: Message) -> list[Message]:
        if isinstance(message, Certificate):
            longer = replace(message, bitmap=message.bitmap + b"\1")
            size = len(self.machine._m.validators)
            every = bitmap_of(range(size), size)
            return [longer, replace(message, bitmap=every), replace(message, bitmap=b"\xff")]
        return [message]

    def do_stale(self, index: int, message: Message) -> list[Message]:
        kept = self.__dict__.setdefault("old", [])
        kept.append(message)
        del kept[:-200]
        return [message, self.rng.choice(kept)]

    def do_low_view_tc(self, index: int, message: Message) -> list[Message]:
        if isinstance(message, TimeoutCertificate):
            return [self._lowest(message), replace(message, best=())]
        return [message]

    def _lowest(self, message: TimeoutCertificate) -> TimeoutCertificate:
        """The quorum of those who reported least."""
        m: Machine = self.machine._m
        size = len(m.validators)
        known = [t for t in m.at.timeouts._highest.values() if t.view == message.view]
        taken = sorted(known, key=lambda t: t.high)[: quorum(size)]
        if len(taken) < quorum(size):
            return message
        groups = tuple(
            HighSigners(h, bitmap_of([t.index for t in taken if t.high == h], size))
            for h in sorted({t.high for t in taken})
        )
        whole = self.keyring.scheme.aggregate([t.signature for t in taken])
        return replace(message, signers=groups, signature=whole, best=taken[-1].best)

    def do_lying_timeout(self, index: int, message: Message) -> list[Message]:
        if isinstance(message, Timeout) and self.lucky(index, message.view):
            return [self.signed(replace(message, high=-1, best=()))]
        return [message]

    def do_future_spam(self, index: int, message: Message) -> list[Message]:
        if isinstance(message, Vote | Timeout):
            far = [replace(message, view=message.view + n) for n in (1, 2, 3, 1000, 2**30)]
            high = [replace(message, height=message.height + n) for n in (1, 2, 1000)]
            return [message, *(self.signed(m) for m in far + high)]
        return [message]

    def do_wrong_epoch(self, index: int, message: Message) -> list[Message]:
        if isinstance(message, Vote | Timeout):
            return [self.signed(replace(message, epoch=message.epoch + 1)), message]
        return [message]

    def do_wrong_chain(self, index: int, message: Message) -> list[Message]:
        return [self.signed(message, b"other chain of the same validators"[:32])]

    def do_bad_root(self, index: int, message: Message) -> list[Message]:
        if isinstance(message, Propose) and not message.timeouts:
            header = replace(message.header, state_root=b"r" * 32)
            return [self.signed(replace(message, header=header))]
        return [message]

    def do_body_withheld(self, index: int, message: Message) -> list[Message]:
        if isinstance(message, BlockData):
            return []
        if isinstance(message, Propose) and not self.lucky(index, message.header.height):
            return [replace(message, body=b"not the body")]
        return [message]

    def do_evidence_spam(self, index: int, message: Message) -> list[Message]:
        if isinstance(message, Vote):
            framed = replace(message, index=(message.index + 1) % len(self.machine._m.validators))
            other = replace(framed, block=b"z" * 32)
            return [message, EvidenceFound(TwoVotes(framed, other))]
        return [message]

    def do_double_vote(self, index: int, message: Message) -> list[Message]:
        if isinstance(message, Vote):
            return [message, self.signed(replace(message, block=b"d" * 32))]
        return [message]

    def do_double_prepare(self, index: int, message: Message) -> list[Message]:
        return self._twice(message, PREPARE)

    def do_double_commit(self, index: int, message: Message) -> list[Message]:
        return self._twice(message, COMMIT)

    def _twice(self, message: Message, kind: int) -> list[Message]:
        if isinstance(message, Vote) and message.kind == kind:
            return [message, self.signed(replace(message, block=b"d" * 32))]
        return [message]

    def do_two_timeouts(self, index: int, message: Message) -> list[Message]:
        if isinstance(message, Timeout):
            return [message, self.signed(replace(message, high=-1, best=()))]
        return [message]

    def do_forgetful(self, index: int, message: Message) -> list[Message]:
        """Commits, and knows of nothing when it gives the view up."""
        if isinstance(message, Timeout):
            return [self.signed(replace(message, high=-1, best=()))]
        return [message]

    def do_aggregate(self, index: int, message: Message) -> list[Message]:
        if isinstance(message, Certificate):
            fields = (message.kind, message.epoch, message.height, message.view)
            named = (message.block, message.justify, message.bitmap, message.signature)
            return [message, Aggregate(*fields, *named)]
        return [message]

    def carried(self, message: Message) -> bool:
        """What a gateway passes on for others."""
        others = isinstance(message, Propose) and message.header.proposer != self.seat
        return others or isinstance(message, Certificate | Aggregate)

    def do_gateway_withholds(self, index: int, message: Message) -> list[Message]:
        return [] if self.carried(message) else [message]

    def do_gateway_late(self, index: int, message: Message) -> list[Message]:
        return self.do_late(index, message) if self.carried(message) else [message]

    def do_gateway_starves(self, index: int, message: Message) -> list[Message]:
        """Its sums leave out everybody but itself."""
        if not isinstance(message, Aggregate):
            return [message]
        size = len(self.machine._m.validators)
        mine = self.keyring.sign(self.index, message.digest(self.schedule.chain))
        return [replace(message, bitmap=bitmap_of([self.seat], size), signature=mine)]

    def do_foreign_sum(self, index: int, message: Message) -> list[Message]:
        if not isinstance(message, Aggregate):
            return [message]
        size = len(self.machine._m.validators)
        return [replace(message, bitmap=bitmap_of(range(size), size)), message]

    def do_overlapping_sum(self, index: int, message: Message) -> list[Message]:
        if not isinstance(message, Aggregate):
            return [message]
        size = len(self.machine._m.validators)
        mine = self.keyring.sign(self.index, message.digest(self.schedule.chain))
        alone = replace(message, bitmap=bitmap_of([self.seat], size), signature=mine)
        return [message, alone, message]

    def do_bad_sum(self, index: int, message: Message) -> list[Message]:
        if not isinstance(message, Aggregate):
            return [message]
        return [replace(message, signature=self.keyring.sign(self.index, b"x" * 32))]
