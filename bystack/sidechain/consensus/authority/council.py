"""What an authority's machine remembers, and the few things all its parts do with it."""

from __future__ import annotations

from bystack.primitives.hashes import tagged
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.authority.branches import Branch, Branches
from bystack.sidechain.consensus.authority.turns import Turns
from bystack.sidechain.consensus.courtesy import Courtesy
from bystack.sidechain.consensus.engine import Birth
from bystack.sidechain.consensus.events import Era, Execute, Output
from bystack.sidechain.consensus.messages import Sealed
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.consensus.validators import ValidatorSet, quorum

_with_body = tagged("authority/with-body")

MAX_ORPHANS = 256
MAX_SEALS = 4_096
"""Of so many slots, the latest, the first seal heard is remembered: of final blocks too."""
PRESENT = 3
"""For how many timeouts an authority that is silent still counts as there."""


class Council:
    """The tree of blocks, those that do not fit into it yet, the clock, the outbox."""

    def __init__(self, birth: Birth) -> None:
        self.chain_id, self.scheme = birth.chain_id, birth.scheme
        self._key, self._since, self._slot = birth.key, birth.since, birth.slot
        self.turns = Turns(birth.era.validators)
        self.adopt(birth.era)
        self.tree = Branches(self.turns, *birth.start)
        self.now, self.skew = 0, 0
        self.outbox: list[Output] = []
        self.courtesy = Courtesy()
        self.orphans: dict[bytes, tuple[Sealed, bytes]] = {}
        self.refused: dict[bytes, None] = {}
        self.behind, self.ahead_node = 0, b""
        self.cursor, self.stood = 0, -1
        self.heard: dict[int, int] = {}
        self.seals: dict[int, Certificate] = {}

    def adopt(self, era: Era) -> None:
        """The numbers of an epoch; its validators are those of the genesis."""
        self.era, self.me = era, era.validators.by_key.get(self._key)

    def set_of(self, epoch: int) -> ValidatorSet:
        """The set under an epoch's number: the validators are always the same."""
        validators = self.era.validators
        same = validators.epoch == epoch
        return validators if same else ValidatorSet(epoch, validators.validators)

    @property
    def wall(self) -> int:
        """The time that blocks are dated by."""
        return self.now + self.skew

    def slot_at(self, time: int) -> int:
        """The slot of a time in milliseconds."""
        return max(0, time - self._since) // self._slot

    def start_of(self, slot: int) -> int:
        """When a slot begins, which is the time of its block."""
        return self._since + slot * self._slot

    @property
    def round_time(self) -> int:
        """Milliseconds of a round."""
        return self.turns.length * self._slot

    def hear(self, node: bytes) -> None:
        """A node said something: if it is an authority's, that one is there."""
        index = self.era.validators.by_node.get(node)
        if index is not None:
            self.heard[index] = self.now

    @property
    def complete(self) -> bool:
        """Whether we and those heard lately could make anything final."""
        since = self.now - PRESENT * self.era.config.tau0 - self.round_time
        present = {index for index, at in self.heard.items() if at >= since}
        validators = self.era.validators
        everyone = present | ({self.me} if self.me is not None else set[int]())
        return validators.weight_of(everyone) >= quorum(validators.total)

    def emit(self, output: Output) -> None:
        """Append an effect; order is the order of effects."""
        self.outbox.append(output)

    def execute(self, branch: Branch) -> None:
        """Have a block executed once its parent was."""
        parent = self.tree.get(branch.header.parent)
        if parent is not None and parent.valid and not (branch.executing or branch.valid):
            branch.executing = True
            self.emit(Execute(branch.header, branch.body))

    def first_seal(self, seal: Certificate) -> Certificate:
        """The first verified seal of a slot, which may be this one."""
        first = self.seals.setdefault(seal.view, seal)
        if len(self.seals) > MAX_SEALS:
            del self.seals[min(self.seals)]
        return first

    def refuse(self, header: Header, body: bytes) -> None:
        """Remember a block that is not worth a second look; with another body it may be.

        A seal is of the header: whoever passes a block on can give it a body that is not its own.
        """
        if len(self.refused) >= MAX_ORPHANS:
            del self.refused[next(iter(self.refused))]
        self.refused[_with_body(header.id, body)] = None

    def refuses(self, header: Header, body: bytes) -> bool:
        """Whether the block with this body was looked at before."""
        return _with_body(header.id, body) in self.refused
