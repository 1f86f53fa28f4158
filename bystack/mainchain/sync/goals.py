"""Where to: the best block that somebody shows and whose first lacking ancestor somebody serves.

Not the best header known: headers whose blocks nobody gives would hold everything up. A peer that
failed us rests, and while it rests what it alone has shown is no goal.
"""

from __future__ import annotations

from bystack.mainchain.chain import Entry
from bystack.mainchain.switching import Switching
from bystack.mainchain.sync.peers import Peers
from bystack.mainchain.sync.window import Window
from bystack.mainchain.tree import HeaderTree


class Goals:
    """Plans the way of the connected chain."""

    def __init__(
        self, tree: HeaderTree, peers: Peers, window: Window, switching: Switching
    ) -> None:
        self._tree, self._peers, self._window = tree, peers, window
        self._switching = switching

    def aim(self, now: int) -> None:
        """Plan the way to the best goal, or go on with the present plan if that leads there."""
        plan, goal = self._switching, self._best(now)
        if goal is None:
            if plan.planned and not plan.busy:
                plan.forget()
            return
        if goal.id == plan.goal or (plan.busy and not plan.planned):
            return
        if plan.plan(goal):
            self._window.replan()

    def _best(self, now: int) -> Entry | None:
        able = [peer for peer in self._peers.awake(now) if self._peers.serves(peer)]
        shown = [self._peers.shown(peer) for peer in able]
        tip, present = self._switching.tip, self._switching.goal
        better = {entry.id: entry for entry in shown if entry and entry.work > tip.work}
        ranked = sorted(better.values(), key=lambda e: (e.work, e.id == present), reverse=True)
        return next((entry for entry in ranked if self._given(entry, able)), None)

    def _given(self, goal: Entry, able: list[bytes]) -> bool:
        """Whether one of these peers has the first block that lacks on the way to a goal."""
        plan = self._switching
        if goal.id != plan.goal:
            first = self._tree.common(plan.tip, goal).header.height + 1
        elif plan.lacking > plan.last:
            return True  # all of them are at hand
        else:
            first = plan.lacking
        return any(
            self._peers[peer].blocks_from <= first <= self._window.reach(peer, goal)
            for peer in able
        )
