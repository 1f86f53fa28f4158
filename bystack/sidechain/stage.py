"""What the rules of one block work on: the genesis, the block's place, the state being written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from bystack.primitives.mountain import EMPTY_PEAKS, Peaks, append
from bystack.sidechain.modules.base import BlockContext, Modules
from bystack.sidechain.params import Genesis
from bystack.sidechain.peg_events import PegEvent
from bystack.sidechain.records import OUTBOX
from bystack.sidechain.state import SystemState


class Told(NamedTuple):
    """Something the pegs did in a block, for subscribers: never an input to a rule."""

    name: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """The state as the block's rules see and change it, and what they say beside it."""

    genesis: Genesis
    modules: Modules
    block: BlockContext
    state: SystemState
    outbox: list[bytes] = field(default_factory=list)
    events: list[Told] = field(default_factory=list)
    pegs: list[PegEvent] = field(default_factory=list)

    def fork(self) -> Stage:
        """A stage of its own for one transaction."""
        return replace(self, state=self.state.fork(), outbox=[], events=[], pegs=[])

    def merge(self, other: Stage) -> None:
        """Take over a fork whose transaction was valid."""
        self.state.merge(other.state)
        self.outbox.extend(other.outbox)
        self.events.extend(other.events)
        self.pegs.extend(other.pegs)

    def record(self, leaf: bytes) -> int:
        """Append a leaf to the outbox; its index."""
        peaks = self.state.read(Peaks, OUTBOX) or EMPTY_PEAKS
        after, _ = append(peaks, leaf)
        self.state.write(OUTBOX, after)
        self.outbox.append(leaf)
        return peaks.count

    def tell(self, name: str, **facts: Any) -> None:
        """Say what happened."""
        self.events.append(Told(name, facts))

    def note(self, event: PegEvent) -> None:
        """Let modules see at the block's end what the pegs did."""
        self.pegs.append(event)
