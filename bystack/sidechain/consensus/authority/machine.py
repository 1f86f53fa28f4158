"""The engine `authority`: known validators seal blocks in turn, and depth makes them final.

One signature a block and no votes: few messages, at the price of waiting two rounds. Blocks are
built on the best branch known, final or not; `turns` says when one is final, `branches` which is
best. An authority seals once in its slot and never with a lower source than before: the journal
keeps both. A follower runs the same machine and seals nothing (bbft.md, section 11).
"""

from __future__ import annotations

from typing import NamedTuple

from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.authority import fetching
from bystack.sidechain.consensus.authority.branches import Branch, Branches
from bystack.sidechain.consensus.authority.council import Council
from bystack.sidechain.consensus.authority.turns import NEVER, DepthFinality
from bystack.sidechain.consensus.engine import Birth, Engine, EngineUnfit, Verifier
from bystack.sidechain.consensus.events import (
    FOREVER,
    Broadcast,
    BuildBlock,
    Built,
    ClockMoved,
    Decide,
    Era,
    Executed,
    Finalized,
    Input,
    Keep,
    Output,
    Penalise,
    Received,
    SetTimer,
    Sign,
    Signed,
    SignRefused,
    Synced,
    Timer,
    TimerFired,
    TimerKind,
    WorkAvailable,
)
from bystack.sidechain.consensus.messages import BlockData, Message, Sealed, Status
from bystack.sidechain.consensus.positions import JournalRecord, Position
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.seals import seal_of, seal_request
from bystack.sidechain.consensus.statements import MAX_VIEW
from bystack.sidechain.consensus.validators import ValidatorSet

MAX_AUTHORITIES = 100
LONG_TAIL = 8
SLOWEST = 10
TURN = Timer(TimerKind.PROPOSE, FOREVER, 0)
AGAIN = Timer(TimerKind.RETRY, FOREVER, 0)


class Draft(NamedTuple):
    """A block of ours that waits for its seal."""

    header: Header
    body: bytes
    slot: int
    asked: Sign


class Authority(Council):
    """One node's part; what it says to peers and hears of them is in `fetching`."""

    def __init__(self, birth: Birth) -> None:
        super().__init__(birth)
        self._birth = birth
        self._work = False
        self._deciding = b""
        self._building: tuple[int, bytes] = (-1, b"")
        self._drafts: dict[Position, Draft] = {}
        self._sealed, self._source = _recover(birth.recovered)

    @property
    def height(self) -> int:
        """The height to be final next."""
        return self.tree.root.height + 1

    @property
    def view(self) -> int:
        """The present slot."""
        return self.slot_at(self.wall)

    @property
    def status(self) -> Status:
        """The seal of the last final block."""
        return Status(self.tree.root.seal)

    @property
    def leader_index(self) -> int:
        """Whose slot it is."""
        return self.turns.sealer(self.view)

    # Events

    def begin(self, now_ms: int) -> list[Output]:
        """Take up the blocks kept, wait for our turn."""
        self.now = now_ms
        for sealed in kept_blocks(self._birth):
            fetching.take(self, sealed, b"")
        self._arm()
        self.emit(SetTimer(AGAIN, now_ms + self.era.config.tau0))
        return self._done()

    def handle(self, event: Input, now_ms: int) -> list[Output]:
        """The effects of one event, in order. Refused messages change nothing."""
        self.now = now_ms
        match event:
            case Received(sender, message):
                self._guarded(sender, message)
            case TimerFired(timer):
                self._timer(timer)
            case Built():
                self._built(event)
            case Executed():
                self._executed(event)
            case Signed():
                self._signed(event)
            case SignRefused(position):
                self._drafts.pop(position, None)
            case WorkAvailable():
                self._work = True
            case Finalized(height, era):
                self._finalized(height, era)
            case Synced():
                self._synced(event)
            case ClockMoved(skew):
                self.skew = skew
                self._arm()
        return self._done()

    def _done(self) -> list[Output]:
        done, self.outbox = self.outbox, []
        return done

    def _guarded(self, sender: bytes, message: Message) -> None:
        """The boundary to peers: a broken rule costs its sender, not us."""
        try:
            fetching.receive(self, sender, message)
        except Invalid as refusal:
            self.emit(Penalise(sender, refusal.rule))

    def _timer(self, timer: Timer) -> None:
        if timer == TURN:
            self._turn()
            self._arm()
        elif timer == AGAIN:
            fetching.retry(self)
            self.emit(SetTimer(AGAIN, self.now + self.era.config.tau0))

    # Our turn

    def _arm(self) -> None:
        """Have us woken when our next slot begins."""
        if self.me is None:
            return
        slot = self.slot_at(self.wall) + 1
        slot += (self.me - slot) % self.turns.length
        self.emit(SetTimer(TURN, self.start_of(slot) - self.skew))

    def _turn(self) -> None:
        """Build on the best branch, if the slot is ours, unused, and a block is wanted."""
        slot, parent = self.slot_at(self.wall), self.tree.best
        used = slot <= max(self._sealed, parent.slot) or slot > MAX_VIEW
        if used or self.turns.sealer(slot) != self.me:
            return
        count = self.turns.add(parent.count, slot, parent.height + 1)
        if count.source < self._source or not self._wanted(slot):
            return
        self._building = (slot, parent.id)
        place = (parent.height + 1, slot, self.start_of(slot))
        self.emit(BuildBlock(*place, parent.header, parent.seal, self.me))

    def _wanted(self, slot: int) -> bool:
        """Whether there is work, or something to make final, and enough are there to do so.

        An idle chain seals until a block of lately is final, then rests for the empty interval.
        Where nothing gets final all the same, seals come less and less often.
        """
        if not self.complete:
            return False
        tail = self.tree.path(self.tree.best)
        round, length = slot // self.turns.length, self.turns.length
        pauses = min(SLOWEST, len(tail) // (LONG_TAIL * length))
        if (round // 2) % (1 << pauses):
            return False
        rest = self.era.config.empty_interval + 3 * self.round_time
        old = self.start_of(slot) - self.tree.root.header.time >= rest
        return self._work or old or any(one.header.transaction_count for one in tail)

    def _built(self, event: Built) -> None:
        """Have our block and all it stands on made durable, then ask for the seal."""
        header, (slot, parent) = event.header, self._building
        branch = self.tree.get(parent)
        if slot <= self._sealed or header.parent != parent or branch is None or self.me is None:
            return
        if header.time != self.start_of(slot):
            return
        for one in self.tree.path(branch):
            self._keep(one)
        self.emit(Keep(BlockData(header, event.body, (branch.seal,))))
        source = self.turns.add(branch.count, slot, header.height).source
        asked = seal_request(header, slot, self.chain_id, fixed(max(0, source + 1)))
        self._sealed, self._source = slot, max(source, self._source)
        self._drafts = {asked.position: Draft(header, event.body, slot, asked)}
        self.emit(asked)

    def _keep(self, branch: Branch) -> None:
        parent = self.tree.get(branch.header.parent)
        if not branch.kept and parent is not None:
            branch.kept = True
            self.emit(Keep(BlockData(branch.header, branch.body, (parent.seal,))))

    def _signed(self, event: Signed) -> None:
        draft = self._drafts.pop(event.position, None)
        if draft is None or event.digest != draft.asked.digest:
            return
        seal = seal_of(draft.header, draft.slot, self.turns.length, event.signature)
        self.first_seal(seal)
        self.emit(Broadcast(Sealed(draft.header, draft.body, seal)))
        if self.tree.get(draft.header.parent) is not None:
            made = self.tree.add(draft.header, draft.body, seal, b"")
            made.kept = True
            self._approve(made)

    # What becomes of blocks

    def _executed(self, event: Executed) -> None:
        branch = self.tree.get(event.block_id)
        if branch is None or branch.valid:
            return
        if event.valid:
            return self._approve(branch)
        self.refuse(branch.header, branch.body)
        self.tree.drop(branch)
        if branch.source:
            self.emit(Penalise(branch.source, event.reason))

    def _approve(self, branch: Branch) -> None:
        self.tree.approve(branch)
        for child in list(self.tree.above(branch)):
            self.execute(child)
        self._decide()

    def _decide(self) -> None:
        """One final block after the other, each once the one below is durable."""
        found = self.tree.next_final()
        if found is not None and not self._deciding:
            self._deciding = found.id
            self.emit(Decide(found.header, found.body, found.seal))

    def _finalized(self, height: int, era: Era) -> None:
        branch = self.tree.get(self._deciding)
        if branch is None or branch.height != height:
            return
        self._deciding, self._work = b"", False
        self.tree.settle(branch)
        self.adopt(era)
        self._decide()

    def _synced(self, event: Synced) -> None:
        """The store moved on without us: begin anew there."""
        if event.header.height > self.tree.root.height:
            self._deciding = b""
            self.tree = Branches(self.turns, event.header, event.certificate)
            self.adopt(event.era)


def _recover(record: JournalRecord | None) -> tuple[int, int]:
    """The last slot sealed and the highest source, from the journal's last record."""
    if record is None:
        return -1, NEVER
    return record.position.view, int.from_bytes(record.high_qc, "big") - 1


def kept_blocks(birth: Birth) -> list[Sealed]:
    """The blocks kept, each with its seal: named by the block above it, or our last signature."""
    seals = {c.block: c for one in birth.kept for c in one.parent_certificate}
    last = birth.recovered
    for one in birth.kept:
        if last is not None and one.header.id not in seals:
            asked = seal_request(one.header, last.position.view, birth.chain_id, b"")
            if asked.digest == last.digest:
                size = len(birth.era.validators)
                made = seal_of(one.header, last.position.view, size, last.signature)
                seals[made.block] = made
    whole = [one for one in birth.kept if one.header.id in seals]
    whole.sort(key=lambda one: one.header.height)
    return [Sealed(one.header, one.body, seals[one.header.id]) for one in whole]


class AuthorityType:
    """The engine named `authority` (`engine.EngineType`): up to a hundred, always the same."""

    def check(self, validators: ValidatorSet, changing: bool) -> None:
        """Raise `EngineUnfit` where the validators may change, or are too many."""
        if changing:
            reason = 'its finality reaches over epochs: say election = "constant"'
            raise EngineUnfit(engine="authority", reason=reason)
        if len(validators) > MAX_AUTHORITIES:
            raise EngineUnfit(engine="authority", validators=len(validators), most=MAX_AUTHORITIES)

    def verifier(self, scheme: Scheme) -> Verifier:
        """A header is final by those above it."""
        return DepthFinality(scheme)

    def make(self, birth: Birth) -> Engine:
        """A machine for one node."""
        return Authority(birth)
