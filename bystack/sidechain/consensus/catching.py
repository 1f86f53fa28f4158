"""Catching up by final blocks: of a line of them only the last certificate is verified.

Blocks that stand on one another bind all below the last: a header names its parent and the hash of
its parent's certificate, so whoever made the last one final had verified the others'. A block that
is not bound so is verified for itself. Lines end with their epoch, for its validators sign for it
alone. While one line is executed the next is asked for (bbft.md, section 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus import watching
from bystack.sidechain.consensus.events import Sync
from bystack.sidechain.consensus.height import Candidate
from bystack.sidechain.consensus.machine import Machine, WrongEpoch
from bystack.sidechain.consensus.messages import MAX_BLOCKS, Blocks, FinalBlock
from bystack.sidechain.consensus.steps import Certified, FinalBlockFound
from bystack.sidechain.consensus.verifier import check_names

AHEAD = 2 * MAX_BLOCKS
"""How many heights beyond the last final one are held: a line that is executed, and the next."""


def receive_blocks(m: Machine, sender: bytes, blocks: Blocks) -> None:
    """Final blocks by sync: take them one height after another.

    Raises `WrongEpoch` and what `check_names` and `verify_certificate` raise; then nothing has
    changed, but that the next to be asked is another node.
    """
    last = min(m.era.last, m.round.height + AHEAD - 1)
    for block in blocks.blocks:
        if block.header.height < m.round.height:
            check_names(block.header, block.certificate)
            watching.late(m, sender, block.certificate)
    line = [b for b in blocks.blocks if m.round.height <= b.header.height <= last]
    try:
        _check_line(m, line)
    except Invalid:
        m.ahead_node = b"" if m.ahead_node == sender else m.ahead_node
        raise
    _hold(m, sender, line)


def _check_line(m: Machine, line: Sequence[FinalBlock]) -> None:
    for block in line:
        if block.header.epoch != m.validators.epoch:
            raise WrongEpoch(epoch=block.header.epoch, expected=m.validators.epoch)
        check_names(block.header, block.certificate)
    for block, following in pairwise(line):
        if not _binds(following, block):
            m.check(block.certificate)
    for block in line[-1:]:
        m.check(block.certificate)
    for block in line:
        m.trust(block.certificate)


def _binds(following: FinalBlock, block: FinalBlock) -> bool:
    """Whether what makes a block final makes this one and its certificate final too."""
    header = following.header
    stands = (header.height, header.parent) == (block.header.height + 1, block.header.id)
    return stands and header.parent_certificate == block.certificate.hash


def _hold(m: Machine, sender: bytes, line: Sequence[FinalBlock]) -> None:
    for block in line:
        height = block.header.height
        m.catch_up[height] = FinalBlockFound(block, sender)
        if height > m.behind:
            m.behind, m.ahead_node = height, sender
    m.more = m.more or len(line) > 1
    m.plan(*(found for h, found in m.catch_up.items() if h == m.round.height))
    _ask_next(m)


def take_final(m: Machine, found: FinalBlockFound) -> None:
    """A certified block of the current height."""
    header = found.block.header
    if header.height != m.round.height:
        return
    if header.parent != m.parent.id:
        return watching.estranged(m, found)
    m.add_candidate(Candidate(header, found.block.body, (), found.source))
    m.plan(Certified(found.block.certificate))


def go_on(m: Machine) -> None:
    """After a height: the next block if it came already, else ask for more."""
    m.catch_up = {h: f for h, f in m.catch_up.items() if h >= m.round.height}
    m.asked_from = max(m.asked_from, m.round.height - 1)
    if m.round.height in m.catch_up:
        m.plan(m.catch_up[m.round.height])
    elif m.behind >= m.round.height:
        m.asked_from = m.round.height
        m.emit(Sync(m.round.height, m.ahead_node))
    _ask_next(m)


def _ask_next(m: Machine) -> None:
    """Whoever gave several blocks has more of them, most likely: ask while these are executed."""
    top = m.round.height - 1
    while top + 1 in m.catch_up:
        top += 1
    wanted = top + 1
    near = wanted <= min(m.era.last, m.round.height + MAX_BLOCKS)
    if m.more and near and wanted > m.asked_from:
        m.more, m.asked_from = False, wanted
        m.emit(Sync(wanted, m.ahead_node))
