"""What an authority's machine hears from peers, and how it gets the blocks it lacks.

A sealed block is checked without its parent first; one whose parent is missing waits while the
branch is asked for. Nothing costs more than a signature check before it fits, what is kept is
bounded, answers to one node are spaced.
"""

from __future__ import annotations

from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.authority.branches import MAX_BRANCHES, Branch
from bystack.sidechain.consensus.authority.council import MAX_ORPHANS, Council
from bystack.sidechain.consensus.events import Broadcast, ReportEvidence, Send, Sync
from bystack.sidechain.consensus.evidence import AnyEvidence, parts, verify_evidence
from bystack.sidechain.consensus.messages import (
    Blocks,
    EvidenceFound,
    GetBlock,
    GetBlocks,
    Message,
    Sealed,
    Status,
)
from bystack.sidechain.consensus.seals import slot_twice, verify_seal
from bystack.sidechain.consensus.statements import Certificate

MAX_BRANCH = 64
MAX_BYTES = 4_000_000
MAX_ORPHAN_BYTES = 32_000_000
MAX_FUTURE = 2_000


class MessageForeign(Invalid):
    """The message belongs to another engine of consensus."""


class SlotTime(Invalid):
    """The block's time is not the beginning of the slot it was sealed in."""


class SealOfParent(Invalid):
    """The block does not name its parent's seal."""


class TurnOfAnother(Invalid):
    """The slot of the seal is another validator's."""


def receive(a: Council, sender: bytes, message: Message) -> None:
    """Act on a peer's message; raises what it breaks."""
    a.hear(sender)
    match message:
        case Sealed():
            take(a, message, sender)
        case Blocks(blocks):
            for one in blocks:
                take(a, Sealed(one.header, one.body, one.certificate), sender)
            _go_on(a, sender, max((one.header.height for one in blocks), default=0))
        case Certificate():
            _hint(a, sender, message)
        case Status(certificate):
            _greet(a, sender, certificate)
        case GetBlock():
            _give(a, sender, message)
        case EvidenceFound(evidence):
            _evidence(a, sender, evidence)
        case GetBlocks():
            pass  # the driver's: it has the store
        case _:
            raise MessageForeign(message=type(message).__name__)


def take(a: Council, sealed: Sealed, sender: bytes) -> None:
    """A sealed block: into the tree, if it fits there and its seal holds.

    Raises `TurnWrong`, `TurnOfAnother`, `SlotTime`, `SealOfParent`, and what `verify_seal` raises.
    """
    header, slot = sealed.header, sealed.certificate.view
    if a.tree.get(header.id) is not None or header.id in a.orphans:
        return
    if a.refuses(header, sealed.body):
        return
    if not a.tree.root.height < header.height <= a.tree.root.height + MAX_BRANCHES:
        _late(a, sealed, sender)
        return _misplaced(a, sender, header)
    if a.start_of(slot) > a.wall + MAX_FUTURE:
        return  # our clock or its maker's is wrong: neither is the sender's fault
    _check(a, header, sealed.certificate)
    _compare(a, sealed.certificate, header.proposer)
    parent = a.tree.get(header.parent)
    if parent is None:
        return _wait(a, sealed, sender)
    _insert(a, sealed, sender, parent)


def _go_on(a: Council, sender: bytes, height: int) -> None:
    """After final blocks up to a height, ask for those above it.

    Not for those above our best branch: it may have left the final one long below its tip.
    """
    if a.cursor < height < a.behind:
        a.cursor = height
        a.emit(Sync(height + 1, sender))


def _catch_up(a: Council, node: bytes) -> None:
    """Ask for the final chain from our last final block on."""
    a.cursor = a.tree.root.height
    a.emit(Sync(a.cursor + 1, node))


def _misplaced(a: Council, sender: bytes, header: Header) -> None:
    if header.height > a.tree.root.height:
        return _sync(a, sender)
    if header.height == a.tree.root.height - a.turns.length:
        _tell(a, sender)


def _check(a: Council, header: Header, seal: Certificate) -> None:
    if a.turns.sealer(seal.view) != header.proposer:
        raise TurnOfAnother(slot=seal.view, proposer=header.proposer)
    if header.time != a.start_of(seal.view):
        raise SlotTime(slot=seal.view, time=header.time)
    verify_seal(header, seal, a.set_of(header.epoch), a.chain_id, a.scheme)


def _compare(a: Council, seal: Certificate, index: int) -> None:
    """Two seals of one slot are evidence, of whatever height: an authority's journal allows one."""
    found = slot_twice(a.first_seal(seal), seal, index)
    if found is not None and a.courtesy.allows(found.second.block, "evidence", a.now, 60_000):
        a.emit(ReportEvidence(found))


def _late(a: Council, sealed: Sealed, sender: bytes) -> None:
    """A block of a height decided already may still be its maker's second of that slot."""
    header, seal = sealed.header, sealed.certificate
    first = a.seals.get(seal.view)
    if header.height > a.tree.root.height or first is None or first.block == seal.block:
        return
    if a.courtesy.allows(sender, "late", a.now, a.era.config.tau0):
        _check(a, header, seal)
        _compare(a, seal, header.proposer)


def _wait(a: Council, sealed: Sealed, sender: bytes) -> None:
    """Keep a block whose parent is missing, and ask for the branch below it."""
    header, size = sealed.header, sum(len(one.body) for one, _ in a.orphans.values())
    while a.orphans and (len(a.orphans) >= MAX_ORPHANS or size > MAX_ORPHAN_BYTES):
        gone, _ = a.orphans.pop(next(iter(a.orphans)))
        size -= len(gone.body)
    a.orphans[header.id] = (sealed, sender)
    if sender and a.courtesy.allows(sender, "branch", a.now, a.era.config.tau0):
        a.emit(Send(sender, GetBlock(header.height - 1, header.parent)))
        if header.height > a.tree.best.height + 2 * a.turns.length:
            a.behind, a.ahead_node = max(a.behind, header.height), sender
            _catch_up(a, sender)


def _insert(a: Council, sealed: Sealed, sender: bytes, parent: Branch) -> None:
    """Into the tree, and whatever waited for it after it."""
    todo = [(sealed, sender, parent)]
    while todo:
        one, source, below = todo.pop()
        header, seal = one.header, one.certificate
        a.orphans.pop(header.id, None)
        a.turns.check(header, seal.view, below.slot)
        if header.height != below.height + 1 or header.parent_certificate != below.seal.hash:
            raise SealOfParent(height=header.height, named=header.parent_certificate)
        waited = [pair for pair in a.orphans.values() if pair[0].header.parent == header.id]
        # A maker of many blocks for one slot must not keep us from the one that others built on.
        room = bool(waited) or a.tree.has_room(below, seal.view)
        if a.tree.get(header.id) is not None or not room:
            continue
        made = a.tree.add(header, one.body, seal, source)
        made.kept = not source
        a.execute(made)
        todo += [(other, node, made) for other, node in waited]


def _hint(a: Council, sender: bytes, seal: Certificate) -> None:
    """A seal alone: there is a block we may lack."""
    if a.tree.get(seal.block) is not None or seal.block in a.orphans:
        return
    if seal.height <= a.tree.root.height:
        return _tell(a, sender)
    if a.courtesy.allows(sender, "hint", a.now, a.era.config.tau0):
        a.emit(Send(sender, GetBlock(seal.height, seal.block)))
    if seal.height > a.tree.best.height + 2 * a.turns.length:
        _sync(a, sender)


def _greet(a: Council, sender: bytes, seal: Certificate) -> None:
    """A peer's last final block: it may be ahead, or want to hear of our best branch."""
    if seal.height > a.behind:
        a.behind, a.ahead_node = seal.height, sender
    if seal.height > a.tree.best.height:
        return _sync(a, sender)
    _tell(a, sender)


def _tell(a: Council, sender: bytes) -> None:
    """Name the tip of our best branch."""
    best = a.tree.best
    if best.seal.bitmap and a.courtesy.allows(sender, "tip", a.now, a.era.config.tau0):
        a.emit(Send(sender, best.seal))


def _sync(a: Council, node: bytes) -> None:
    if a.courtesy.allows(node, "sync", a.now, a.era.config.tau0):
        _catch_up(a, node)


def _give(a: Council, sender: bytes, asked: GetBlock) -> None:
    """A block with what it stands on, as far as it is not final: the asker may lack all of it."""
    branch = a.tree.get(asked.block)
    if branch is None or not a.courtesy.allows(sender, "given", a.now, a.era.config.tau0 // 2):
        return
    path = a.tree.path(branch) or [branch]
    size = 0
    for one in path[:MAX_BRANCH]:
        size += len(one.body)
        if size > MAX_BYTES and one is not path[0]:
            return
        if one.body:
            a.emit(Send(sender, Sealed(one.header, one.body, one.seal)))


def _evidence(a: Council, sender: bytes, evidence: AnyEvidence) -> None:
    """Pass evidence on once it is verified; raises what it breaks."""
    if a.courtesy.allows(sender, "accusation", a.now, a.era.config.tau0):
        epoch = parts(evidence)[0].epoch
        verify_evidence(evidence, a.set_of(epoch), a.chain_id, a.scheme, slots=True)
        a.emit(ReportEvidence(evidence))


def retry(a: Council) -> None:
    """Now and then: say that we are there and where, ask again for what we lack."""
    best, root = a.tree.best, a.tree.root
    a.emit(Broadcast(best.seal))
    stuck, a.stood = a.stood == root.height, root.height
    if a.ahead_node and (a.behind > best.height or (stuck and a.behind > root.height)):
        _catch_up(a, a.ahead_node)
    for sealed, sender in list(a.orphans.values())[:1]:
        if sealed.header.height <= root.height:
            del a.orphans[sealed.header.id]
        elif sender:
            a.emit(Send(sender, GetBlock(sealed.header.height - 1, sealed.header.parent)))
