"""Who said what to whom, with names instead of hashes; rendered only when someone wants to read it.

Blocks are called by height and letter in order of appearance: 3A is the first block of height 3
that anyone mentioned, 3B a rival of it. Validators are called by their node, whatever place they
have in the set of an epoch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.messages import (
    BlockData,
    Blocks,
    EvidenceFound,
    GetBlock,
    GetBlocks,
    GetProposal,
    Message,
    ProposalSeen,
    Propose,
    Status,
)
from bystack.sidechain.consensus.statements import (
    PREPARE,
    Aggregate,
    Certificate,
    Step,
    Timeout,
    TimeoutCertificate,
    Vote,
)

LATEST = 400


class Transcript:
    """The latest events of a run: (time, text, message) or (time, source, target, message).

    `member` tells which node has a place in the set of an epoch.
    """

    def __init__(self, member: Callable[[int, int], int], latest: int | None = LATEST) -> None:
        self._member = member
        self._events: deque[tuple[Any, ...]] = deque(maxlen=latest)
        self._names: dict[bytes, str] = {}
        self._count: dict[int, int] = {}

    def note(self, now: int, text: str, block: Header | None = None) -> None:
        """Something a node did."""
        self._events.append((now, text, block))

    def message(self, now: int, source: object, target: object, message: Message) -> None:
        """Something that arrived."""
        self._events.append((now, source, target, message))

    def lines(self) -> list[str]:
        """All of it, readable."""
        return [self._line(*event) for event in self._events]

    def tail(self, count: int = 120) -> str:
        """The last events, for a failure's message."""
        return "\n".join(self.lines()[-count:])

    def _line(self, now: int, *event: Any) -> str:
        if len(event) == 2:
            text, block = event
            named = f" {self.name(block.height, block.id)}" if block else ""
            return f"{now:7d}  {text}{named}"
        source, target, message = event
        return f"{now:7d}  {source} -> {target}  {self.show(message)}"

    def name(self, height: int, block: bytes) -> str:
        """What a block is called here."""
        if block not in self._names:
            number = self._count[height] = self._count.get(height, -1) + 1
            letter = chr(ord("A") + number) if number < 26 else f"z{number}"
            self._names[block] = f"{height}{letter}"
        return self._names[block]

    def show(self, message: Message) -> str:
        """One message in words."""
        match message:
            case Propose(header=header, view=view):
                after = f" after {self.sum(message.timeouts[0])}" if message.timeouts else ""
                return f"PROPOSE {self.name(header.height, header.id)} view {view}{after}"
            case Vote() | Certificate() | Aggregate():
                return self.sum(message)
            case Timeout(height=height, view=view):
                best = f" shows {self.sum(message.best[0])}" if message.best else ""
                by = self.who(message.epoch, message.index)
                return f"TIMEOUT height {height} view {view} by {by}{best}"
            case TimeoutCertificate():
                return self.sum(message)
            case ProposalSeen(proposal=seen):
                named = self.name(seen.height, seen.block)
                return f"SEEN {named} view {seen.view} signed by {self.who(seen.epoch, seen.index)}"
            case _:
                return self._pull(message)

    def _pull(self, message: Message) -> str:
        match message:
            case GetProposal(height=height, view=view):
                return f"asks for the proposal of height {height} view {view}"
            case GetBlock(height=height, block=block):
                return f"asks for {self.name(height, block)}"
            case GetBlocks(from_height=height):
                return f"asks for blocks from {height} on"
            case BlockData(header=header):
                return f"BLOCK {self.name(header.height, header.id)}"
            case Blocks(blocks=blocks):
                return f"BLOCKS {[self.name(b.header.height, b.header.id) for b in blocks]}"
            case Status(certificate=certificate):
                return f"STATUS {self.sum(certificate)}"
            case EvidenceFound(evidence=evidence):
                return f"EVIDENCE {type(evidence).__name__}"
            case _:
                return type(message).__name__

    def sum(self, one: Vote | Aggregate | Certificate | TimeoutCertificate) -> str:
        """A vote, a sum of votes, or a certificate of a view given up."""
        if isinstance(one, TimeoutCertificate):
            groups = [f"{self.all(one.epoch, g.bitmap)} know {g.high}" for g in one.signers]
            best = f" best {self.name(one.height, one.best[0].block)}" if one.best else ""
            return f"CLOSED height {one.height} view {one.view}: {', '.join(groups)}{best}"
        step = "PREPARE" if one.kind == PREPARE else Step(one.kind).name
        said = f"{step} {self.name(one.height, one.block)} view {one.view} by"
        if isinstance(one, Vote):
            return f"{said} {self.who(one.epoch, one.index)}"
        return f"{type(one).__name__} {said} {self.all(one.epoch, one.bitmap)}"

    def who(self, epoch: int, place: int) -> str:
        """The node that has a place in an epoch's set; a place that there is not, as it is."""
        try:
            return str(self._member(epoch, place))
        except IndexError:
            return f"no. {place}"

    def all(self, epoch: int, bitmap: bytes) -> str:
        """The nodes in a bitmap, well-formed or not."""
        number = int.from_bytes(bitmap, "little")
        places = [i for i in range(number.bit_length()) if number >> i & 1]
        nodes = sorted((self.who(epoch, place) for place in places), key=lambda n: (len(n), n))
        return ",".join(nodes) or "nobody"
