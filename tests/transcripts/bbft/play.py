"""Plays a scenario on one machine of four and writes down what it does.

A transcript alternates inputs (`> ...`) and the outputs they cause; `# ...` are comments.
Validator 0 leads (height 1, view 3), 1 leads view 0, and so on round the ring.
Blocks are named by letters; `A` at height 1 always means the same bytes.
"""

from __future__ import annotations

from dataclasses import replace as replace_config

from msgspec.structs import replace

from bystack.sidechain.blocks import Header
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
    Penalise,
    Prepare,
    Received,
    ReportEvidence,
    Send,
    SetTimer,
    Sign,
    Signed,
    SignRefused,
    Sync,
    Timer,
    TimerFired,
    TimerKind,
    WorkAvailable,
)
from bystack.sidechain.consensus.messages import BlockData, Message, Propose
from bystack.sidechain.consensus.positions import JournalRecord, Position
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    NO_SIGNATURE,
    PREPARE,
    Aggregate,
    Certificate,
    HighSigners,
    Step,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.validators import bitmap_of, indexes_of
from tests.simulation.harness import CHAIN, genesis, make_block
from tests.simulation.schemes import hash_keyring, node_id

RING = hash_keyring(4)
CONFIG = Config(interval=100, empty_interval=100, tau0=300, fallback=80)
KINDS = {"PREPARE": PREPARE, "COMMIT": COMMIT}


class Player:
    """One machine, the words of a scenario, and the names of things."""

    def __init__(self, me: int, size: int = 4, gateways: int = 1) -> None:
        self.me, self.now, self.size = me, 0, size
        self.ring, self.config = hash_keyring(size), replace_config(CONFIG, gateways=gateways)
        self.chain = [genesis(self.ring)]
        self.names: dict[bytes, str] = {}
        self.blocks: dict[str, tuple[Header, bytes]] = {}
        self.closings: dict[int, TimeoutCertificate] = {}
        self.asked: list[Sign] = []
        self.records: list[JournalRecord] = []
        self.wish: list[BuildBlock] = []
        self.kept: list[BlockData] = []
        self.machine = self.start()

    def start(self) -> Bbft:
        last = self.records[-1] if self.records else None
        final = self.chain[-1]
        kept = tuple(self.kept)
        return Bbft(
            Era(self.ring.validators, self.config),
            self.ring.validators.validators[self.me].key,
            CHAIN,
            self.ring.scheme,
            final,
            last,
            kept,
        )

    def play(self, line: str) -> list[str]:
        """The outputs of one input line."""
        word, *rest = line.split()
        given = dict(item.split("=") for item in rest if "=" in item)
        plain = [item for item in rest if "=" not in item]
        self.now = int(given.pop("at", self.now))
        return [self.show(o) for o in self.outputs(word, plain, given)]

    def outputs(self, word: str, plain: list[str], given: dict[str, str]) -> list[Output]:
        if word == "begin":
            return self.keep(self.machine.begin(self.now))
        if word == "restart":
            self.asked, self.machine = [], self.start()
            return self.keep(self.machine.begin(self.now))
        if word == "signed":
            asked, self.asked = self.asked, []
            done = [self.signature(a) for a in asked]
            return [o for event in done for o in self.handle(event)]
        return self.handle(self.event(word, plain, given))

    def handle(self, event: Input) -> list[Output]:
        return self.keep(self.machine.handle(event, self.now))

    def keep(self, outputs: list[Output]) -> list[Output]:
        self.asked += [o for o in outputs if isinstance(o, Sign)]
        self.wish += [o for o in outputs if isinstance(o, BuildBlock)]
        self.kept += [o.block for o in outputs if isinstance(o, Keep)]
        for o in outputs:
            if isinstance(o, Decide):
                self.chain.append((o.header, o.certificate))
        return outputs

    def signature(self, asked: Sign) -> Signed:
        signature = self.ring.sign(self.me, asked.digest)
        self.records.append(JournalRecord(asked.position, asked.digest, signature, asked.high_qc))
        return Signed(asked.position, signature, asked.digest)

    def event(self, word: str, plain: list[str], given: dict[str, str]) -> Input:
        match word:
            case "timer":
                height = int(given.get("height", self.machine.height))
                return TimerFired(Timer(TimerKind[plain[0]], height, self.machine.view))
            case "built":
                wish = self.wish.pop()
                header, body = make_block(self.ring, wish, plain[0].encode() * 8)
                self.name(plain[0], header, body)
                return Built(header, body)
            case "executed":
                return Executed(self.block(plain[0])[0].id, plain[1] == "valid", plain[1])
            case "refused":
                return SignRefused(self.asked.pop().position, "SignedBefore")
            case "finalized":
                return Finalized(self.machine.height, Era(self.ring.validators, self.config))
            case "work":
                return WorkAvailable()
            case _:
                return Received(node_id(int(given["from"])), self.message(word, plain, given))

    def name(self, letter: str, header: Header, body: bytes) -> None:
        self.blocks[letter], self.names[header.id] = (header, body), letter

    def block(self, letter: str, height: int = 0, view: int = 0) -> tuple[Header, bytes]:
        """The block of a name, made on the last final one when first named."""
        if letter not in self.blocks:
            parent, certificate = self.chain[-1]
            at = parent.height + 1
            wish = BuildBlock(at, view, at * 100, parent, certificate, (at + view) % self.size)
            self.name(letter, *make_block(self.ring, wish, letter.encode() * 8))
        return self.blocks[letter]

    def message(self, word: str, plain: list[str], given: dict[str, str]) -> Message:
        view, source = int(given.get("view", 0)), int(given["from"])
        match word:
            case "propose":
                return self.proposal(plain[0], view)
            case "vote":
                header = self.block(plain[1])[0]
                named = self.named(KINDS[plain[0]], header, view)
                vote = Vote(*named, source, NO_SIGNATURE)
                return replace(vote, signature=self.ring.sign(source, vote.digest(CHAIN)))
            case "sum":
                parts = self.certificate(KINDS[plain[0]], plain[1], view, given["signers"])
                return Aggregate(*(getattr(parts, name) for name in Aggregate.__struct_fields__))
            case "certificate":
                return self.certificate(KINDS[plain[0]], plain[1], view, given["signers"])
            case "timeout":
                return self.timeout(source, view, given)
            case "closed":
                return self.closing(view, given)
            case "block":
                header, body = self.block(plain[0])
                return BlockData(header, body, (self.chain[-1][1],))
        raise ValueError(word)

    def named(
        self, kind: int, header: Header, view: int
    ) -> tuple[int, int, int, int, bytes, bytes]:
        parent = self.chain[-1][1].hash
        justify = self.closings[view - 1].hash if view else parent
        return kind, 0, header.height, view, header.id, justify if kind == PREPARE else NO_HASH

    def certificate(self, kind: int, letter: str, view: int, signers: str) -> Certificate:
        who = [int(s) for s in signers]
        named = self.named(kind, self.block(letter)[0], view)
        bare = Certificate(*named, bitmap_of(who, self.size), NO_SIGNATURE)
        parts = [self.ring.sign(i, bare.digest(CHAIN)) for i in who]
        return replace(bare, signature=self.ring.scheme.aggregate(parts))

    def best(self, given: dict[str, str]) -> tuple[Certificate, ...]:
        """`best=A0` is the prepare certificate of block A in view 0."""
        if "best" not in given:
            return ()
        letter, view = given["best"][0], int(given["best"][1])
        return (self.certificate(PREPARE, letter, view, "123"),)

    def timeout(self, source: int, view: int, given: dict[str, str]) -> Timeout:
        best = self.best(given)
        high = best[0].view if best else -1
        bare = Timeout(0, self.machine.height, view, high, best, source, NO_SIGNATURE)
        return replace(bare, signature=self.ring.sign(source, bare.digest(CHAIN)))

    def closing(self, view: int, given: dict[str, str]) -> TimeoutCertificate:
        """A timeout certificate all of whose `signers` report `best`."""
        who, best = [int(s) for s in given["signers"]], self.best(given)
        high = best[0].view if best else -1
        groups = (HighSigners(high, bitmap_of(who, self.size)),)
        bare = TimeoutCertificate(0, self.machine.height, view, groups, NO_SIGNATURE, best)
        parts = [self.ring.sign(i, bare.digest(CHAIN, high)) for i in who]
        self.closings[view] = replace(bare, signature=self.ring.scheme.aggregate(parts))
        return self.closings[view]

    def proposal(self, letter: str, view: int) -> Propose:
        header, body = self.block(letter, view=view)
        leader = (header.height + view) % self.size
        timeouts = (self.closings[view - 1],) if view else ()
        parent = next(c for h, c in self.chain if h.id == header.parent)
        bare = Propose(header, body, view, parent, timeouts, NO_SIGNATURE)
        signature = self.ring.sign(leader, bare.signed_by(leader).digest(CHAIN))
        return replace(bare, signature=signature)

    # Showing

    def letter(self, block: bytes) -> str:
        return self.names.get(block, "genesis" if block == genesis(self.ring)[0].id else "?")

    def show(self, output: Output) -> str:  # noqa: C901 (one line for each kind)
        match output:
            case Send(node, message):
                return f"Send {self.ring.validators.by_node[node]} {self.text(message)}"
            case Broadcast(message):
                return f"Broadcast {self.text(message)}"
            case SetTimer(timer, at):
                return f"SetTimer {timer.kind.name} h{timer.height} v{timer.view} at {at}"
            case Execute(header, _):
                return f"Execute {self.letter(header.id)}"
            case BuildBlock():
                parent = self.letter(output.parent.id)
                return f"BuildBlock h{output.height} v{output.view} time {output.time} on {parent}"
            case Prepare(parent):
                return f"Prepare on {self.letter(parent.id)}"
            case Keep(block):
                return f"Keep {self.letter(block.header.id)}"
            case Sign(position):
                return f"Sign {self.place(position)}"
            case Decide(header, _, certificate):
                return f"Decide {self.letter(header.id)} by {self.text(certificate)}"
            case Sync(height, node):
                return f"Sync from h{height} at {self.ring.validators.by_node[node]}"
            case Penalise(node, reason):
                return f"Penalise {self.ring.validators.by_node[node]} {reason}"
            case ReportEvidence(evidence):
                return f"ReportEvidence {type(evidence).__name__}"

    @staticmethod
    def place(position: Position) -> str:
        return f"h{position.height} v{position.view} {Step(position.step).name}"

    def names_of(self, message: object) -> str:
        """Whose votes a sum has, and a certificate where there are gateways."""
        if isinstance(message, Vote) or self.config.gateways == 1:
            return ""
        return " of " + "".join(map(str, indexes_of(message.bitmap, self.size)))  # type: ignore[attr-defined]

    def text(self, message: object) -> str:
        name = type(message).__name__
        match message:
            case Propose(header=header, view=view):
                return f"{name} {self.letter(header.id)} h{header.height} v{view}"
            case Vote() | Certificate() | Aggregate():
                kind = Step(message.kind).name
                where = f"h{message.height} v{message.view}"
                return f"{name} {kind} {self.letter(message.block)} {where}{self.names_of(message)}"
            case Timeout() | TimeoutCertificate():
                best = "".join(f" best {self.letter(b.block)} v{b.view}" for b in message.best)
                return f"{name} h{message.height} v{message.view}{best}"
            case _:
                return name


def play(text: str) -> str:
    """The transcript with its outputs written anew. `me 0`, or `me 0 of 7 gateways 3`."""
    lines = text.splitlines()
    words = next(line.split() for line in lines if line.startswith("me "))
    size, gateways = (int(words[3]), int(words[5])) if len(words) > 2 else (4, 1)
    player, written = Player(int(words[1]), size, gateways), []
    for line in lines:
        if line.startswith(("#", "me ")) or not line.strip():
            written.append(line)
        elif line.startswith("> "):
            written += [line, *("    " + shown for shown in player.play(line[2:]))]
    return "\n".join(written) + "\n"
