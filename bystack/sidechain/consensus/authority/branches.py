"""The blocks above the last final one, as a tree: which branch is best, which block final next.

Only what was executed counts. The best branch shows the highest justified round, then the most
blocks, then the fewest missed turns, then the lowest id: a total order, so all who know the same
blocks build on the same one. What leaves the final chain is forgotten with all above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.authority.turns import Count, Turns
from bystack.sidechain.consensus.statements import Certificate

MAX_BRANCHES = 4_096
SEALS_A_SLOT = 2


@dataclass
class Branch:
    """A block with its seal, and what the chain down from it amounts to."""

    header: Header
    body: bytes
    seal: Certificate
    count: Count
    source: bytes = b""
    executing: bool = False
    valid: bool = False
    kept: bool = False
    children: list[bytes] = field(default_factory=list)

    @property
    def id(self) -> bytes:
        """The block's id."""
        return self.header.id

    @property
    def height(self) -> int:
        """The block's height."""
        return self.header.height

    @property
    def slot(self) -> int:
        """The slot it was sealed in."""
        return self.seal.view


class Branches:
    """The tree. Its root is the last final block."""

    def __init__(self, turns: Turns, header: Header, seal: Certificate) -> None:
        self.turns = turns
        self.root = Branch(header, b"", seal, turns.root(seal.view, header.height), valid=True)
        self._blocks = {header.id: self.root}
        self._slots: dict[int, list[bytes]] = {}
        self.best = self.root
        self._final = self.root

    def get(self, block: bytes) -> Branch | None:
        """A block of the tree."""
        return self._blocks.get(block)

    def __len__(self) -> int:
        return len(self._blocks)

    def in_slot(self, slot: int) -> list[Branch]:
        """The blocks sealed in a slot."""
        return [self._blocks[block] for block in self._slots.get(slot, [])]

    def has_room(self, parent: Branch, slot: int) -> bool:
        """Whether a block may be added unasked: many on the best branch only, few of one slot."""
        few = len(self._slots.get(slot, [])) < SEALS_A_SLOT
        return few and (len(self._blocks) < MAX_BRANCHES or parent is self.best)

    def add(self, header: Header, body: bytes, seal: Certificate, source: bytes) -> Branch:
        """Add a block whose parent is here."""
        parent = self._blocks[header.parent]
        count = self.turns.add(parent.count, seal.view, header.height)
        made = Branch(header, body, seal, count, source)
        parent.children.append(made.id)
        self._blocks[made.id] = made
        self._slots.setdefault(made.slot, []).append(made.id)
        return made

    def approve(self, branch: Branch) -> None:
        """The block was executed on its parent, which had been: it counts from now on."""
        branch.executing, branch.valid = False, True
        if self._rank(branch) > self._rank(self.best):
            self.best = branch
        height = self.turns.final(branch.count)
        if height > self._final.height:
            self._final = self.ancestor(branch, height)

    def _rank(self, branch: Branch) -> tuple[int, int, int, int]:
        justified = self.turns.highest(branch.count)
        return justified, branch.height, -branch.slot, -int.from_bytes(branch.id, "big")

    def drop(self, branch: Branch) -> None:
        """Forget a block with all that stands on it."""
        self._blocks[branch.header.parent].children.remove(branch.id)
        gone = self._forget(branch)
        if self.best.id in gone:
            valid = [one for one in self._blocks.values() if one.valid]
            self.best = max(valid, key=self._rank)

    def _forget(self, branch: Branch) -> set[bytes]:
        gone, todo = set[bytes](), [branch]
        while todo:
            one = todo.pop()
            todo += [self._blocks[child] for child in one.children]
            gone.add(one.id)
            self._remove(one)
        return gone

    def _remove(self, branch: Branch) -> None:
        del self._blocks[branch.id]
        left = [block for block in self._slots.pop(branch.slot, []) if block != branch.id]
        if left:
            self._slots[branch.slot] = left

    def ancestor(self, branch: Branch, height: int) -> Branch:
        """The block of a height, not below the root's, under a branch."""
        while branch.height > height:
            branch = self._blocks[branch.header.parent]
        return branch

    def path(self, branch: Branch) -> list[Branch]:
        """The blocks from the root, without it, up to a branch."""
        found: list[Branch] = []
        while branch is not self.root:
            found.append(branch)
            branch = self._blocks[branch.header.parent]
        return found[::-1]

    def next_final(self) -> Branch | None:
        """The block above the root that is final, if one is known."""
        if self._final is self.root:
            return None
        return self.ancestor(self._final, self.root.height + 1)

    def settle(self, branch: Branch) -> None:
        """A block above the root is final and durable: it is the root, what is beside it goes."""
        for other in [self._blocks[c] for c in self.root.children if c != branch.id]:
            self.drop(other)
        self._remove(self.root)
        self.root = branch
        if self._final.id not in self._blocks:
            self._final = branch

    def above(self, branch: Branch) -> Iterator[Branch]:
        """The blocks that stand directly on a branch."""
        return (self._blocks[child] for child in branch.children)
