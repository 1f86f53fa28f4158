"""The adversary's set pieces: short scripts that break one rule each, if it can be broken.

Against the real rules they achieve nothing; against a mutation they fork in a few scenes. Between
them the random scenes of `adversary` go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bystack.sidechain.consensus.events import TimerKind
from bystack.sidechain.consensus.messages import Propose
from bystack.sidechain.consensus.statements import COMMIT, NO_HASH, PREPARE
from tests.simulation.adversary import HEIGHT, Arena, Attack
from tests.simulation.schemes import Keyring

KINDS = ("Propose", "PREPARE", "COMMIT", "certificate1", "certificate2", "Timeout", "TC")


PIECES = ("scene", "split", "late_commit", "hidden_commit")


def campaign(keyring: Keyring, attack: Attack) -> Iterator[Tactician]:
    """One seed: a game for each piece the adversary may believe in, each with its own luck."""
    for number, piece in enumerate(PIECES):
        own = replace(attack, seed=attack.seed * len(PIECES) + number)
        yield Tactician(keyring, own, piece)


class Tactician(Arena):
    """An adversary that also knows the classical attacks."""

    def __init__(self, keyring: Keyring, attack: Attack, favourite: str = "scene") -> None:
        super().__init__(keyring, attack)
        self.favourite = getattr(self, favourite)

    def act(self) -> None:
        """The piece it believes in today; now and then something else."""
        draw = self.rng.random()
        if draw < 0.7:
            return self.favourite()
        return self.scene() if draw < 0.85 else self.skip()

    @property
    def undecided(self) -> list[int]:
        """The honest to whom nothing is final yet."""
        return [i for i, n in self.nodes.items() if n.final_height < HEIGHT]

    @property
    def view(self) -> int:
        """The view most of the undecided are in."""
        views = [self.nodes[i].machine.view for i in self.undecided] or [0]
        return max(views, key=views.count)

    def flow(self, *kinds: str, to: list[int] | None = None, most: int = 80) -> None:
        """Deliver these kinds, to or from these nodes alone, until nothing is left."""
        chosen = frozenset(self.undecided if to is None else to)
        chosen |= {*self.traitors}
        self.masks = {k: chosen if k in kinds else frozenset() for k in KINDS}
        self.isolated, self.helpful = True, True
        for _ in range(most):
            self.fire(TimerKind.PROPOSE, 1.0)
            if not self.deliver_one():
                return

    def lead(self, view: int, targets: list[int]) -> Propose | None:
        """Have something proposed to the targets, by whoever leads the view."""
        if self.leader(view) in self.traitors:
            made = self.propose(view)
            if made:
                self.plant(self.leader(view), made, targets)
            return made
        self.fire(TimerKind.PROPOSE, 1.0)
        self.flow("Propose", to=targets)
        known = [p for p in self.proposals if p.view == view]
        return known[-1] if known else None

    def certify_for(self, kind: int, made: Propose, targets: list[int]) -> bool:
        """Show the targets a certificate for a proposal, if the votes are there."""
        justify = made.justify if kind == PREPARE else NO_HASH
        known = self.certificates.get((kind, made.view, made.header.id, justify))
        if known is not None:
            self.plant(self.some_traitor(), known, targets)
        return known is not None

    def some_traitor(self) -> int:
        """In whose name things are planted: a node's, if no key is owned."""
        return self.traitors[0] if self.traitors else self.rng.choice(list(self.nodes))

    def give_up(self, targets: list[int]) -> None:
        """Everyone gives the view up; the targets get a certificate of it, as bad as can be."""
        view = self.view
        self.fire(TimerKind.VIEW, 1.0)
        closing = self.close(view, forgetful=True) if self.traitors else None
        if closing is not None:
            self.plant(self.some_traitor(), closing, targets)
        else:
            self.flow("Timeout", "TC", to=targets)

    # The pieces

    def skip(self) -> None:
        """On to another leader."""
        self.give_up(self.undecided)

    def split(self) -> None:
        """A traitor leads: one block for some, another for the rest, one view."""
        view, everyone = self.view, self.undecided
        if self.leader(view) not in self.traitors or len(everyone) < 2:
            return self.skip()
        self.rng.shuffle(everyone)
        even = self.rng.random() < 0.6
        cut = (len(everyone) + 1) // 2 if even else self.rng.randrange(1, len(everyone))
        self._take_in(view, everyone[:cut])
        for index in everyone[1:cut] if self.attack.crashes else ():
            self.crash(self.nodes[index])
        self._take_in(view, self.undecided if self.attack.crashes else everyone[cut:])

    def _take_in(self, view: int, some: list[int]) -> None:
        """A block of their own for some, final for the first of them."""
        made = self.lead(view, some)
        if made is not None:
            self.certify_for(PREPARE, made, some)
            self.certify_for(COMMIT, made, some[:1])

    def late_commit(self) -> None:
        """The prepare certificate comes after everyone gave the view up."""
        view, everyone = self.view, self.undecided
        made = self.lead(view, everyone)
        if made is None:
            return self.skip()
        self.fire(TimerKind.VIEW, 1.0)
        self.certify_for(PREPARE, made, everyone)
        self.decide_for_one(made)
        self.give_up(self.undecided)
        self.follow_through()

    def hidden_commit(self) -> None:
        """One decides and falls silent; the others are told that nothing was prepared."""
        view, everyone = self.view, self.undecided
        made = self.lead(view, everyone)
        if made is None:
            return self.skip()
        count = self.rng.choice((1, self.rng.randrange(1, len(everyone) + 1))) if everyone else 0
        self.certify_for(PREPARE, made, self.rng.sample(everyone, count))
        self.decide_for_one(made)
        self.give_up(self.undecided)
        self.follow_through()

    def decide_for_one(self, made: Propose) -> None:
        """Show one a certificate that makes the block final (under the rules as they are)."""
        if len(self.undecided) == len(self.nodes):
            one = [self.rng.choice(self.undecided)]
            if not self.certify_for(COMMIT, made, one):
                self.certify_for(PREPARE, made, one)

    def follow_through(self) -> None:
        """The others decide among themselves, the traitors helping."""
        view, rest = self.view, self.undecided
        if not rest or self.rng.random() < 0.3:
            return
        made = self.lead(view, rest)
        self.flow("PREPARE", "certificate1", "COMMIT", "certificate2")
        if made is not None:
            self.certify_for(PREPARE, made, rest)
            self.flow("COMMIT")
            self.certify_for(COMMIT, made, rest)
