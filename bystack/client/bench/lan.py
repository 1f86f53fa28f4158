"""A network of pure consensus machines in one process: one heap, one virtual clock, real BLS.

Every machine computes on a processor of its own: what handling an event costs here is measured and
passes on its clock before its answers leave. Signatures are made beside it, as by the signer's
process. Messages take a hop; nothing is lost. What one process remembers of messages hashed to the
curve is forgotten before another computes: they share this program, and on a network no memory.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from itertools import count
from random import Random
from typing import NamedTuple

from bystack.primitives import bls, bls_arkworks
from bystack.primitives.codec import encode
from bystack.primitives.hashes import fixed, tagged
from bystack.sidechain.blocks import Body, Header
from bystack.sidechain.consensus.bbft import Bbft
from bystack.sidechain.consensus.events import (
    Broadcast,
    BuildBlock,
    Built,
    Config,
    Decide,
    Era,
    Execute,
    Executed,
    Finalized,
    Input,
    Keep,
    Output,
    Received,
    Send,
    SetTimer,
    Sign,
    Signed,
    TimerFired,
    WorkAvailable,
)
from bystack.sidechain.consensus.messages import Message, Propose
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.statements import genesis_certificate
from bystack.sidechain.consensus.validators import Validator, ValidatorSet

CHAIN = bytes(range(32))
HOP_MS = 0.3
JITTER_MS = 0.2
DISK_MS = 1.0
"""What making a vote or a block durable takes."""
BEGUN_MS = 1_000_000.0

_seed = tagged("bench/validator")
_node = tagged("bench/node")
_root = tagged("bench/root")


class Member(NamedTuple):
    """A validator and its secret."""

    validator: Validator
    secret: bytes


class Decided(NamedTuple):
    """A height: when its block was proposed and when the last node had it final, in ms."""

    proposed: float
    final: float


def members(number: int) -> list[Member]:
    """Validators with keys of their own."""
    made = []
    for index in range(number):
        secret = bls.key_gen(_seed(fixed(index)))
        key, node = bls.sk_to_pk(secret), _node(fixed(index))
        made.append(Member(Validator(key, bls.pop_prove(secret), 1, node), secret))
    return made


def genesis_header(validators: ValidatorSet) -> Header:
    """A first block that names nothing but the validators."""
    zero, hash = bytes(32), validators.hash
    return Header(
        version=1, chain=CHAIN, height=0, epoch=0, time=int(BEGUN_MS) - 1, parent=zero,
        parent_certificate=zero, transaction_root=zero, witness_root=zero, transaction_count=0,
        state_root=zero, outbox_root=zero, relay_tip=zero, validators_hash=hash,
        next_validators_hash=hash, demotions=b"", proposer=0,
    )  # fmt: skip


class Lan:
    """So many validators and what happens among them."""

    def __init__(self, group: Sequence[Member], config: Config) -> None:
        validators = ValidatorSet(0, tuple(one.validator for one in group))
        self.era = Era(validators, config)
        self.group = group
        header = genesis_header(validators)
        start = (header, genesis_certificate(header))
        self.machines = [
            Bbft(self.era, one.validator.key, CHAIN, BlsScheme(), start) for one in group
        ]
        self.messages = 0
        self.cpu = 0.0
        """Seconds that machines and signers computed."""
        self._final: dict[int, list[float]] = {}
        self._proposed: dict[int, float] = {}
        self._heap: list[tuple[float, int, int, Input]] = []
        self._numbers, self._dice = count(), Random(len(group))
        self._busy = [BEGUN_MS] * len(group)
        self._signing = [BEGUN_MS] * len(group)
        self._places = {one.validator.node: at for at, one in enumerate(group)}
        self._computed = (-1, False)

    def decide(self, heights: int) -> list[Decided]:
        """Run until so many heights are final everywhere; what each took, the first left out."""
        for at in range(len(self.group)):
            self._charge(at, BEGUN_MS, None)
            self._put(BEGUN_MS, at, WorkAvailable())
        size = len(self.group)
        while len(self._final.get(heights, ())) < size:
            now, _, at, event = heapq.heappop(self._heap)
            self._charge(at, now, event)
        return [
            Decided(self._proposed[height], max(self._final[height]))
            for height in range(2, heights + 1)
        ]

    def _turn(self, at: int, *, signs: bool) -> None:
        """From here on it is this machine, or its signer, that computes."""
        if self._computed != (at, signs):
            bls_arkworks.hash_to_g2.cache_clear()
        self._computed = (at, signs)

    def _put(self, now: float, at: int, event: Input) -> None:
        heapq.heappush(self._heap, (now, next(self._numbers), at, event))

    def _charge(self, at: int, now: float, event: Input | None) -> None:
        """Let a machine handle an event once it is free; its answers leave when it is done."""
        begun, machine = max(now, self._busy[at]), self.machines[at]
        self._turn(at, signs=False)
        clock = time.process_time()
        outputs = machine.begin(int(begun)) if event is None else machine.handle(event, int(begun))
        spent = time.process_time() - clock
        self.cpu += spent
        self._busy[at] = begun + 1_000 * spent
        for output in outputs:
            self._perform(at, output)

    def _perform(self, at: int, output: Output) -> None:
        now = self._busy[at]
        match output:
            case Send(node, message):
                self._send(self._places[node], at, message)
            case Broadcast(message):
                for to in range(len(self.group)):
                    if to != at:
                        self._send(to, at, message)
            case SetTimer(timer, due):
                self._put(max(now, float(due)), at, TimerFired(timer))
            case Sign():
                self._sign(at, output)
            case Keep():
                self._busy[at] += DISK_MS
            case Execute(header, _):
                self._put(now, at, Executed(header.id, True))
            case BuildBlock():
                self._put(now, at, _built(output))
            case Decide(header, _, _):
                self._decided(at, header)
            case _:
                return

    def _send(self, to: int, at: int, message: Message) -> None:
        self.messages += 1
        now = self._busy[at]
        if isinstance(message, Propose):
            self._proposed.setdefault(message.header.height, message.header.time)
        hop = HOP_MS + self._dice.expovariate(1 / JITTER_MS)
        self._put(now + hop, to, Received(self.group[at].validator.node, message))

    def _sign(self, at: int, asked: Sign) -> None:
        self._turn(at, signs=True)
        begun, clock = max(self._busy[at], self._signing[at]), time.process_time()
        signature = bls.sign(self.group[at].secret, asked.digest)
        spent = time.process_time() - clock
        self.cpu += spent
        self._signing[at] = begun + 1_000 * spent + DISK_MS
        self._put(self._signing[at], at, Signed(asked.position, signature, asked.digest))

    def _decided(self, at: int, header: Header) -> None:
        durable = self._busy[at] + DISK_MS
        self._final.setdefault(header.height, []).append(durable)
        self._put(durable, at, Finalized(header.height, self.era))
        self._put(durable, at, WorkAvailable())


def _built(wish: BuildBlock) -> Built:
    parent, root = wish.parent, _root(fixed(wish.height))
    header = Header(
        version=1, chain=CHAIN, height=wish.height, epoch=0, time=wish.time, parent=parent.id,
        parent_certificate=wish.certificate.hash, transaction_root=root, witness_root=root,
        transaction_count=0, state_root=root, outbox_root=root, relay_tip=root,
        validators_hash=parent.validators_hash, next_validators_hash=parent.validators_hash,
        demotions=b"", proposer=wish.proposer,
    )  # fmt: skip
    return Built(header, encode(Body(encode(wish.certificate), ())))
