from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bystack.mainchain.chain import Entry, genesis_entry
from bystack.mainchain.line import Line
from bystack.mainchain.tree import BranchInvalid, HeaderTree
from bystack.primitives.errors import Misuse
from tests.mainchain.builders import EASY, MOVING, child, entries_after, headers_after

ROOT = genesis_entry(EASY)


def test_an_invalid_block_takes_its_descendants_along_for_good() -> None:
    bad, good = headers_after(ROOT, 4), headers_after(ROOT, 2, step=2)
    tree = HeaderTree([ROOT], EASY)
    tree.add(bad, None)
    tree.add(good, None)
    delta = tree.invalidate(bad[1].id)
    assert delta.disconnect == tuple(header.id for header in reversed(bad))
    assert delta.connect == tuple(header.id for header in good)
    assert tree.tip() == good[-1].id and tree.entry(bad[3].id) is None
    grandchild = headers_after(entries_after(ROOT, bad)[-1], 1)
    for refused in (bad[1:2], bad, bad[2:], grandchild):
        with pytest.raises(BranchInvalid):
            tree.add(refused, None)
    assert tree.entry(bad[0].id) is not None
    with pytest.raises(Misuse):
        tree.invalidate(ROOT.id)


def test_locators_are_short_and_lead_to_the_fork() -> None:
    trunk = headers_after(ROOT, 300)
    entries = [ROOT, *entries_after(ROOT, trunk)]
    side = headers_after(entries[280], 5, step=2)
    tree = HeaderTree([ROOT], EASY)
    tree.add(trunk, None)
    tree.add(side, None)
    locator = tree.line.locator(tree.best())
    assert locator[:3] == tuple(trunk[at].id for at in (-1, -2, -3))
    assert locator[-1] == ROOT.id and len(locator) < 24
    aside = tree.entry(side[-1].id)
    assert aside is not None
    locator = tree.line.locator(aside)
    assert locator[:6] == (*(header.id for header in reversed(side)), trunk[279].id)
    assert tree.line.after(locator, 3) == tuple(trunk[280:283])
    assert tree.line.after([bytes(32)], 2) == tuple(trunk[:2])
    assert tree.line.after([trunk[-1].id], 2) == ()


def test_a_line_moves_only_from_its_own_end() -> None:
    trunk = headers_after(ROOT, 3)
    tree = HeaderTree([ROOT], EASY)
    tree.add(trunk, None)
    line = Line(tree, ROOT, tree.best())
    with pytest.raises(Misuse):
        line.move((trunk[1].id,), ())
    with pytest.raises(Misuse):
        line.move((trunk[2].id, trunk[1].id, trunk[0].id, ROOT.id), ())
    line.move((trunk[2].id,), ())
    assert line.tip() == trunk[1].id and line.at(3) is None and line.at(-1) is None
    assert line.holds(trunk[1].id) and not line.holds(trunk[2].id)


@dataclass
class Known:
    """A header of the model: its entry, when it came, whether it stands."""

    entry: Entry
    parent: int
    sound: bool = True


class Tree(RuleBasedStateMachine):
    """Random branches and invalidations against a list searched from its start each time."""

    def __init__(self) -> None:
        super().__init__()
        self.root = genesis_entry(MOVING)
        self.tree = HeaderTree([self.root], MOVING)
        self.model = [Known(self.root, -1)]
        self.tip = 0

    def sound(self) -> list[int]:
        return [at for at, known in enumerate(self.model) if known.sound]

    @rule(pick=st.integers(0, 10**6), steps=st.lists(st.integers(1, 40), min_size=1, max_size=4))
    def grow(self, pick: int, steps: list[int]) -> None:
        sound = self.sound()
        parent = sound[pick % len(sound)]
        made = []
        for step in steps:
            entry = self.model[parent].entry
            header = child(entry, time=entry.header.time + step, params=MOVING).header
            if any(known.entry.header == header for known in self.model):
                return
            made.append(header)
            self.model.append(Known(entries_after(entry, [header], MOVING)[0], parent))
            parent = len(self.model) - 1
        old = self.tip
        if self.model[parent].entry.work > self.model[self.tip].entry.work:
            self.tip = parent
        delta = self.tree.add(made, None)
        self.check(delta.disconnect, delta.connect, old)

    @precondition(lambda self: len(self.sound()) > 1)
    @rule(pick=st.integers(0, 10**6))
    def invalidate(self, pick: int) -> None:
        sound = self.sound()[1:]
        bad, old = sound[pick % len(sound)], self.tip
        self.model[bad].sound = False
        for known in self.model[bad + 1 :]:
            known.sound = known.sound and self.model[known.parent].sound
        if not self.model[self.tip].sound:
            self.tip = max(self.sound(), key=lambda at: (self.model[at].entry.work, -at))
        delta = self.tree.invalidate(self.model[bad].entry.id)
        self.check(delta.disconnect, delta.connect, old)

    def branch(self, at: int) -> list[bytes]:
        ids = []
        while at >= 0:
            ids.append(self.model[at].entry.id)
            at = self.model[at].parent
        return ids[::-1]

    def check(self, disconnect: tuple[bytes, ...], connect: tuple[bytes, ...], old: int) -> None:
        before, after = self.branch(old), self.branch(self.tip)
        shared = [id for id in before if id in after]
        assert list(disconnect) == before[len(shared) :][::-1]
        assert list(connect) == after[len(shared) :]

    @invariant()
    def agrees(self) -> None:
        assert self.tree.tip() == self.model[self.tip].entry.id
        branch = self.branch(self.tip)
        assert [self.tree.line.at(height) for height in range(len(branch) + 1)] == [*branch, None]
        for known in self.model:
            assert self.tree.entry(known.entry.id) == (known.entry if known.sound else None)


TestTree = Tree.TestCase
TestTree.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
