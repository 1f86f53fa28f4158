"""Who said what to whom, with names instead of hashes; rendered only when someone wants to read it.

Blocks are called by height and letter in order of appearance: 3A is the first block of height 3
that anyone mentioned, 3B a rival of it.
"""

from __future__ import annotations

from collections import deque
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
    """The latest events of a run: (time, text, message) or (time, source, target, message)."""

    def __init__(self, latest: int | None = LATEST) -> None:
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
                return f"TIMEOUT height {height} view {view} by {message.index}{best}"
            case TimeoutCertificate():
                return self.sum(message)
            case ProposalSeen(proposal=seen):
                named = self.name(seen.height, seen.block)
                return f"SEEN {named} view {seen.view} signed by {seen.index}"
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
            groups = [f"{bits(g.bitmap)} know {g.high}" for g in one.signers]
            best = f" best {self.name(one.height, one.best[0].block)}" if one.best else ""
            return f"CLOSED height {one.height} view {one.view}: {', '.join(groups)}{best}"
        step = "PREPARE" if one.kind == PREPARE else Step(one.kind).name
        who = str(one.index) if isinstance(one, Vote) else bits(one.bitmap)
        kind = "" if isinstance(one, Vote) else f"{type(one).__name__} "
        return f"{kind}{step} {self.name(one.height, one.block)} view {one.view} by {who}"


def bits(bitmap: bytes) -> str:
    """The indexes in a bitmap, well-formed or not."""
    number = int.from_bytes(bitmap, "little")
    return ",".join(str(i) for i in range(number.bit_length()) if number >> i & 1) or "nobody"
