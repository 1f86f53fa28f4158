"""Key generation as the member sees it: it starts, carries bytes, and reports how it stands."""

from __future__ import annotations

from typing import Any

import structlog

from bystack.node.federation.membership import Membership
from bystack.node.ipc import RemoteError

log = structlog.get_logger("federation")

RETRY_TICKS = 4


class Keygen:
    """The ceremony's postman."""

    def __init__(self, member: Membership) -> None:
        self._member = member
        self.ticks = self.heard = 0
        self.nodes: tuple[bytes, ...] = ()
        """The parties of a change by seat; empty for the first key: they are the roster's."""
        self._asked = False
        self._attempt: int | None = None
        self.state = "not started"
        self.verdicts: list[list[Any]] = []
        self.silent: list[int] = []
        self.convicted = False

    @property
    def blamed(self) -> list[Any]:
        """Who ended the last attempt: [seat, rule] of the guilty, then the seats not heard."""
        return [*self.verdicts, *self.silent]

    @property
    def running(self) -> bool:
        """True while messages are awaited."""
        return self.state == "running"

    async def begin(self, attempt: int) -> None:
        """Start this member's part, or go on with it; raises what the signer refuses."""
        outputs = await self._member.links.signer.call("begin", attempt)
        await self.join((), attempt, outputs)

    async def join(self, nodes: tuple[bytes, ...], attempt: int, outputs: list[list[Any]]) -> None:
        """Carry the words of an attempt that the signer has begun, or goes on with."""
        self.state, self._attempt = "running", attempt
        self.verdicts, self.silent = [], []
        self.nodes, self.heard, self.convicted = nodes, self.ticks, False
        await self._send(outputs)

    async def hear(self, payload: bytes) -> None:
        """A message from another member; ignored before our operator has started."""
        if self.state != "not started" and await self._step("hear", payload):
            self.heard = self.ticks

    async def tick(self) -> None:
        """Say again, now and then, what others may have missed."""
        self.ticks += 1
        if not self._asked:
            await self._take_up()
        if self.running and self.ticks % RETRY_TICKS == 0:
            await self._step("retry")

    async def _take_up(self) -> None:
        """This process starts in the midst of a key generation that its signer goes on with."""
        info = await self._member.links.signer.call("info")
        self._asked = True
        if info["attempt"] is not None and self.state == "not started":
            self.state, self._attempt = "running", info["attempt"]
        elif info["key"] is not None:
            self.state = "done"

    async def give_up(self) -> None:
        """End the attempt: the round has lasted too long."""
        await self._step("give_up")

    async def _step(self, method: str, *params: bytes) -> bool:
        """Whether the signer had something to say to it."""
        try:
            outputs = await self._member.links.signer.call(method, *params)
        except RemoteError as error:
            if error.rule != "NoCeremony" or self._attempt is None or not self.running:
                raise
            # The signer started anew before anything of this attempt was durable.
            if self.nodes:
                self.state = "not started"  # the state says whether it is to be begun again
            else:
                await self.begin(self._attempt)
            return True
        await self._send(outputs)
        return bool(outputs)

    async def _send(self, outputs: list[list[Any]]) -> None:
        for output in outputs:
            match output:
                case ["send", int() as seat, bytes() as payload]:
                    self._member.say_ceremony(seat, payload)
                case ["broadcast", bytes() as payload]:
                    self._member.say_ceremony(None, payload)
                case ["done", _]:
                    self.state = "done"
                    log.info("the group key exists")
                case ["aborted", verdicts, silent, int() as certified]:
                    self.state = "running" if certified else "aborted"
                    self.verdicts, self.silent = verdicts, silent
                    self.convicted = bool(verdicts) and not certified
                    log.warning("key generation ended", verdicts=verdicts, silent=silent)
