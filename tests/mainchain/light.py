"""Headers alone, made fast, and a peer that serves them: what light sync's tests need."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from bystack.mainchain.assembly import mine
from bystack.mainchain.blocks import VERSION, Block, Header
from bystack.mainchain.chain import Entry, genesis_entry, known_child, next_peaks, next_target
from bystack.mainchain.events import Action, Joined, KeepHeaders, Penalise, Received, Send, Tick
from bystack.mainchain.light_sync import LightEvent, LightSync
from bystack.mainchain.messages import (
    MAX_HEADERS,
    GetHeaders,
    Headers,
    MainMessage,
    Status,
)
from bystack.mainchain.params import Params
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.codec import encode
from bystack.primitives.hashes import sha256
from bystack.primitives.mountain import mountain_root
from tests.mainchain.builders import EASY, LATE


def after(
    parent: Entry, count: int, params: Params = EASY, *, step: int = 1, mark: int = 1
) -> list[Entry]:
    """Mined headers of blocks nobody has, `step` seconds apart; `mark` tells branches apart."""
    made: list[Entry] = []
    for _ in range(count):
        # Roots like those of real blocks: nothing in them to compress.
        roots = [sha256(encode((mark, kind, parent.id))) for kind in (1, 2)]
        before, history = parent.header, mountain_root(next_peaks(parent))
        place = (VERSION, before.height + 1, before.id, *roots, 1, history)
        header = Header(*place, before.time + step, next_target(parent, params), bytes(8))
        block = mine(Block(header, ()), parent)
        assert block is not None
        parent = known_child(parent, block.header)
        made.append(parent)
    return made


class Giver:
    """A peer that has some chain and says so; `claims` overstates its work."""

    def __init__(self, entries: Sequence[Entry], params: Params = EASY, claims: int = 0) -> None:
        self.tree = HeaderTree([genesis_entry(params), *entries], params)
        self.claims = claims

    def status(self) -> Status:
        tip = self.tree.best()
        work = (int.from_bytes(tip.work, "big") + self.claims).to_bytes(32, "big")
        return Status(tip.header.height, tip.id, work, 0)

    def answer(self, message: MainMessage) -> MainMessage | None:
        match message:
            case GetHeaders(locator):
                return Headers(self.tree.line.after(locator, MAX_HEADERS))
            case _:
                return None


class World:
    """A light machine and its peers; messages are delivered at once, in order."""

    def __init__(self, params: Params = EASY) -> None:
        self.sync = LightSync(HeaderTree([genesis_entry(params)], params))
        self.givers: dict[bytes, Giver] = {}
        self.silent: set[bytes] = set()
        self.penalties: list[tuple[bytes, int, str]] = []
        self.kept: list[Entry] = []
        self.asked: list[bytes] = []
        self.now = LATE

    def join(self, name: bytes, giver: Giver) -> None:
        self.givers[name] = giver
        self.handle(Joined(name))
        self.tell(name, giver.status())

    def tell(self, name: bytes, message: MainMessage) -> None:
        self.handle(Received(name, message))

    def handle(self, event: LightEvent) -> None:
        queue = deque(self.sync.handle(event, self.now))
        while queue:
            queue.extend(self.perform(queue.popleft()))

    def wait(self, seconds: int) -> None:
        """Time passes, a tick a second."""
        for _ in range(seconds):
            self.now += 1
            self.handle(Tick())

    def perform(self, action: Action) -> list[Action]:
        match action:
            case KeepHeaders(entries):
                self.kept += entries
            case Penalise():
                self.penalties.append(tuple(action))
            case Send(peer, message) if peer not in self.silent:
                answer = self.givers[peer].answer(message)
                self.asked += [peer] if answer else []
                if answer is not None:
                    return self.sync.handle(Received(peer, answer), self.now)
        return []
