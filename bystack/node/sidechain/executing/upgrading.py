"""Whether this program is new enough for its chain: governance may ask for newer rules.

What a later version means nobody here can know, so from the epoch that asks for it on this node
executes nothing and votes for nothing; before, it warns. The chain goes on without it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import structlog

from bystack.node.sidechain.executing.application import Application
from bystack.sidechain import epochs, parameters
from bystack.sidechain.state import SystemState

CURE: Final = "install a release of Bystack that knows it and start the node again"

log = structlog.get_logger("consensus")


class Ask(NamedTuple):
    """A version the chain asks for, from which height on."""

    version: int
    height: int


class Upgrade:
    """What the chain asks of this program."""

    def __init__(self, application: Application) -> None:
        self._application, self._store = application, application.store
        self._met: Ask | None = None
        self._asked = self._met or self._read()
        self._said: tuple[Ask | None, bool] = (None, False)

    @property
    def protocol(self) -> int:
        """The version of the rules this program knows."""
        return self._application.protocol

    @protocol.setter
    def protocol(self, known: int) -> None:
        self._application.protocol = known

    def meet(self, version: int, height: int) -> None:
        """A block by rules unknown here was to be executed or built, on a parent not final yet:
        where depth makes final, an epoch turns before its last block is.
        """
        self._met = Ask(version, height)
        self.look()

    def look(self) -> None:
        """After a final block, and at the start: say once what is asked for, and when it begins."""
        self._asked = self._met or self._read()
        present = (self._asked, self.outdated)
        if self._asked is None or present == self._said:
            return
        self._said = present
        facts = {"known": self.protocol, **self._asked._asdict()}
        if self.outdated:
            log.error("this program is too old for the chain: it stops voting", cure=CURE, **facts)
        else:
            log.warning("the chain will need a newer program", cure=CURE, **facts)

    @property
    def outdated(self) -> bool:
        """The next block is made by rules this program does not know."""
        begun = self._asked is not None and self._asked.height <= self._store.height + 1
        return begun or self._met is not None

    @property
    def warnings(self) -> str:
        """One sentence for operators; empty when all is well."""
        if self._asked is None:
            return ""
        version, height = self._asked
        known = f"this program knows version {self.protocol}"
        if self.outdated:
            # Who joins or falls back later finds an epoch by these rules, not their first one.
            fault = f"the chain is at version {version} at height {height}, {known}"
            return f"{fault}: it neither executes blocks nor votes; {CURE}"
        return f"version {version} begins at height {height}, {known}; {CURE}"

    def _read(self) -> Ask | None:
        """The first version beyond ours: in force, or decided and in force after the epoch."""
        state = SystemState(self._store.state)
        record = epochs.current(state)
        if parameters.in_force(state).version > self.protocol:
            return Ask(parameters.in_force(state).version, record.first)
        decided = parameters.decided(state)
        if decided is None or decided.version <= self.protocol:
            return None
        return Ask(decided.version, record.last + 1)
