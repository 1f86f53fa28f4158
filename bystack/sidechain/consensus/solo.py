"""The engine `solo`: one key makes every block, and its signature makes it final at once.

For a chain of one operator, or for trying things out. The block is durable before it is signed,
so that after a crash the same one is signed again: the journal refuses another of its height.
Whoever has not the key follows (bbft.md, section 11).
"""

from __future__ import annotations

from typing import NamedTuple

from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.courtesy import Courtesy
from bystack.sidechain.consensus.engine import Birth, Engine, EngineUnfit, Verifier
from bystack.sidechain.consensus.events import (
    FOREVER,
    Broadcast,
    BuildBlock,
    Built,
    ClockMoved,
    Decide,
    Era,
    Execute,
    Executed,
    Finalized,
    Input,
    Keep,
    Output,
    Penalise,
    Received,
    ReportEvidence,
    Send,
    SetTimer,
    Sign,
    Signed,
    SignRefused,
    Sync,
    Synced,
    Timer,
    TimerFired,
    TimerKind,
    WorkAvailable,
)
from bystack.sidechain.consensus.evidence import AnyEvidence, parts, verify_evidence
from bystack.sidechain.consensus.messages import (
    MAX_BLOCKS,
    BlockData,
    Blocks,
    EvidenceFound,
    GetBlock,
    GetBlocks,
    Message,
    Sealed,
    Status,
)
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.seals import seal_of, seal_request, two_seals, verify_seal
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.consensus.verifier import InstantFinality

AGAIN = Timer(TimerKind.RETRY, FOREVER, 0)
NOBODY = b""


class MessageForeign(Invalid):
    """The message belongs to another engine of consensus."""


class EvidenceOfAnother(Invalid):
    """The evidence is of an epoch whose validators count no more."""


class Candidate(NamedTuple):
    """A block of the height to decide; its seal is missing while it is our own draft."""

    header: Header
    body: bytes
    seal: tuple[Certificate, ...]
    source: bytes


class Solo:
    """One node's part. The state of the height to decide is replaced with every block."""

    def __init__(self, birth: Birth) -> None:
        self._chain, self._scheme, self._key = birth.chain_id, birth.scheme, birth.key
        self._parent, self._parent_seal = birth.start
        self._kept = birth.kept
        self._now, self._skew, self._since, self._deadline = 0, 0, 0, 0
        self._outbox: list[Output] = []
        self._courtesy = Courtesy()
        self._later: dict[int, Sealed] = {}
        self._behind, self._ahead_node = 0, NOBODY
        self._asked: tuple[Sign, ...] = ()
        self._candidate: tuple[Candidate, ...] = ()
        self._building = self._work = self._deciding = False
        self._adopt(birth.era)

    def _adopt(self, era: Era) -> None:
        self._era = era
        self._me = era.validators.by_key.get(self._key)

    @property
    def height(self) -> int:
        """The height to be final next."""
        return self._parent.height + 1

    @property
    def view(self) -> int:
        """Always 0: nobody takes over."""
        return 0

    @property
    def status(self) -> Status:
        """The seal of the last final block."""
        return Status(self._parent_seal)

    @property
    def leader_index(self) -> int:
        """The only validator."""
        return 0

    def begin(self, now_ms: int) -> list[Output]:
        """Take up the block we may have signed, or wait for the next."""
        self._now = now_ms
        for one in self._kept:
            if (one.header.height, one.header.parent) == (self.height, self._parent.id):
                self._try(Candidate(one.header, one.body, (), NOBODY))
        self._emit(SetTimer(AGAIN, now_ms + self._era.config.tau0))
        self._arm()
        return self._done()

    def handle(self, event: Input, now_ms: int) -> list[Output]:
        """The effects of one event, in order. Refused messages change nothing."""
        self._now = now_ms
        match event:
            case Received(sender, message):
                self._guarded(sender, message)
            case TimerFired(timer):
                self._timer(timer)
            case Built(header, body):
                self._built(header, body)
            case Executed():
                self._executed(event)
            case Signed():
                self._signed(event)
            case SignRefused():
                self._asked = ()
            case WorkAvailable():
                self._work = True
                self._arm()
            case Finalized(height, era):
                self._finalized(height, era)
            case Synced():
                self._synced(event)
            case ClockMoved(skew):
                self._skew = skew
        return self._done()

    def _emit(self, output: Output) -> None:
        self._outbox.append(output)

    def _done(self) -> list[Output]:
        done, self._outbox = self._outbox, []
        return done

    # Making blocks

    def _arm(self) -> None:
        """Have us woken when the next block is due."""
        if self._me is None:
            return
        config = self._era.config
        pause = config.interval if self._work else config.empty_interval
        self._deadline = max(self._now, self._since + pause)
        self._emit(SetTimer(Timer(TimerKind.PROPOSE, self.height, 0), self._deadline))

    def _timer(self, timer: Timer) -> None:
        if timer == AGAIN:
            self._again()
            self._emit(SetTimer(AGAIN, self._now + self._era.config.tau0))
        elif timer.height == self.height and self._now >= self._deadline:
            self._propose()

    def _propose(self) -> None:
        if self._me is None or self._building or self._candidate or self._deciding:
            return
        self._building = True
        time = max(self._now + self._skew, self._parent.time + 1)
        place = (self.height, 0, time)
        self._emit(BuildBlock(*place, self._parent, self._parent_seal, self._me))

    def _built(self, header: Header, body: bytes) -> None:
        """Our block counts as executed: durable first, then signed."""
        self._building = False
        if header.parent != self._parent.id or self._candidate:
            return
        self._emit(Keep(BlockData(header, body, (self._parent_seal,))))
        self._candidate = (Candidate(header, body, (), NOBODY),)
        self._ask(header)

    def _ask(self, header: Header) -> None:
        asked = seal_request(header, 0, self._chain, b"")
        self._asked = (asked,)
        self._emit(asked)

    def _signed(self, event: Signed) -> None:
        for asked in self._asked:
            if (event.position, event.digest) != (asked.position, asked.digest):
                return
        for one in self._candidate if self._asked else ():
            self._asked = ()
            seal = seal_of(one.header, 0, len(self._era.validators), event.signature)
            self._emit(Broadcast(Sealed(one.header, one.body, seal)))
            self._decide(one, seal)

    # Blocks that become final

    def _try(self, candidate: Candidate) -> None:
        if not self._candidate:
            self._candidate = (candidate,)
            self._emit(Execute(candidate.header, candidate.body))

    def _executed(self, event: Executed) -> None:
        for one in self._candidate:
            if one.header.id != event.block_id or self._deciding:
                return
            if not event.valid:
                self._candidate = ()
                self._emit(Penalise(one.source, event.reason))
            elif one.seal:
                self._decide(one, one.seal[0])
            elif self._me is not None:
                self._ask(one.header)

    def _decide(self, one: Candidate, seal: Certificate) -> None:
        self._deciding = True
        self._candidate = (one._replace(seal=(seal,)),)
        self._emit(Decide(one.header, one.body, seal))

    def _finalized(self, height: int, era: Era) -> None:
        if height == self.height and self._deciding:
            one = self._candidate[0]
            self._next(one.header, one.seal[0], era)

    def _synced(self, event: Synced) -> None:
        if event.header.height >= self.height:
            self._next(event.header, event.certificate, event.era)

    def _next(self, header: Header, seal: Certificate, era: Era) -> None:
        self._parent, self._parent_seal = header, seal
        self._candidate, self._asked = (), ()
        self._building = self._work = self._deciding = False
        self._since = self._now
        self._adopt(era)
        self._later = {h: one for h, one in self._later.items() if h >= self.height}
        if self.height in self._later:
            self._take(self._later.pop(self.height), NOBODY)
        elif self._behind >= self.height:
            self._emit(Sync(self.height, self._ahead_node))
        self._arm()

    # Peers

    def _guarded(self, sender: bytes, message: Message) -> None:
        """The boundary to peers: a broken rule costs its sender, not us."""
        try:
            self._receive(sender, message)
        except Invalid as refusal:
            self._emit(Penalise(sender, refusal.rule))

    def _receive(self, sender: bytes, message: Message) -> None:
        match message:
            case Sealed():
                self._sealed(message, sender)
            case Blocks(blocks):
                for one in blocks:
                    self._sealed(Sealed(one.header, one.body, one.certificate), sender)
            case Certificate():
                self._heard(sender, message)
            case Status(certificate):
                self._heard(sender, certificate)
            case EvidenceFound(evidence):
                self._evidence(sender, evidence)
            case GetBlock() | GetBlocks():
                pass  # the driver's: it has the store
            case _:
                raise MessageForeign(message=type(message).__name__)

    def _sealed(self, sealed: Sealed, sender: bytes) -> None:
        """A block with its seal; raises as `verify_seal`."""
        header = sealed.header
        if header.height == self._parent.height and header.id != self._parent.id:
            return self._compare(sealed)
        if not self.height <= header.height < self.height + MAX_BLOCKS:
            return self._heard(sender, sealed.certificate)
        validators = self._era.validators
        if header.epoch != validators.epoch:
            return self._heard(sender, sealed.certificate)
        verify_seal(header, sealed.certificate, validators, self._chain, self._scheme)
        if header.height == self.height:
            return self._take(sealed, sender)
        self._later[header.height] = sealed
        if self.height not in self._later:
            self._heard(sender, sealed.certificate)

    def _take(self, sealed: Sealed, sender: bytes) -> None:
        header = sealed.header
        if header.parent != self._parent.id or self._deciding:
            return
        if self._candidate and not self._candidate[0].seal:
            self._candidate = ()  # our own draft, signed elsewhere or by our former life
        self._try(Candidate(header, sealed.body, (sealed.certificate,), sender))

    def _compare(self, sealed: Sealed) -> None:
        """Another sealed block of the last height: the one key signed two."""
        header, seal = sealed.header, sealed.certificate
        validators = self._era.validators
        if header.epoch != validators.epoch:
            return
        verify_seal(header, seal, validators, self._chain, self._scheme)
        found = two_seals(self._parent_seal, seal, 0)
        if found is not None and self._courtesy.allows(header.id, "evidence", self._now, 60_000):
            self._emit(ReportEvidence(found))

    def _evidence(self, sender: bytes, evidence: AnyEvidence) -> None:
        """Pass evidence on once it is verified; raises what it breaks."""
        if self._courtesy.allows(sender, "accusation", self._now, self._era.config.tau0):
            validators = self._set_of(parts(evidence)[0].epoch)
            verify_evidence(evidence, validators, self._chain, self._scheme)
            self._emit(ReportEvidence(evidence))

    def _set_of(self, epoch: int) -> ValidatorSet:
        for validators in (self._era.validators, *self._era.previous):
            if validators.epoch == epoch:
                return validators
        raise EvidenceOfAnother(epoch=epoch, present=self._era.validators.epoch)

    def _heard(self, sender: bytes, seal: Certificate) -> None:
        """A peer names its last block: one of us may be behind."""
        if seal.height >= self.height:
            if seal.height > self._behind:
                self._behind, self._ahead_node = seal.height, sender
            if self._courtesy.allows(sender, "sync", self._now, self._era.config.tau0):
                self._emit(Sync(self.height, sender))
        elif seal.height < self._parent.height and self._parent_seal.bitmap:
            self._tell(sender)

    def _tell(self, sender: bytes) -> None:
        if self._courtesy.allows(sender, "final", self._now, self._era.config.tau0):
            self._emit(Send(sender, self._parent_seal))

    def _again(self) -> None:
        """Now and then: ask the signer and those ahead again, for what may have been lost."""
        for asked in self._asked:
            self._emit(asked)
        if self._behind >= self.height and self._ahead_node:
            self._emit(Sync(self.height, self._ahead_node))


class SoloType:
    """The engine named `solo` (`engine.EngineType`): one validator, the same in every epoch."""

    def check(self, validators: ValidatorSet, changing: bool) -> None:
        """Raise `EngineUnfit` unless there is exactly one, for good."""
        if len(validators) != 1:
            raise EngineUnfit(engine="solo", validators=len(validators), needed=1)
        if changing:
            raise EngineUnfit(engine="solo", reason='one key for good: say election = "constant"')

    def verifier(self, scheme: Scheme) -> Verifier:
        """The one signature makes its header final at once."""
        return InstantFinality(scheme)

    def make(self, birth: Birth) -> Engine:
        """A machine for one node."""
        return Solo(birth)
