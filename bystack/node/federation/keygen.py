"""Key generation as the member sees it: it starts, carries bytes, and reports how it stands."""

from __future__ import annotations

from typing import Any

import structlog

from bystack.node.federation.membership import Membership

log = structlog.get_logger("federation")

RETRY_TICKS = 4


class Keygen:
    """The ceremony's postman."""

    def __init__(self, member: Membership) -> None:
        self._member = member
        self._ticks = 0
        self.state = "not started"
        self.blamed: list[Any] = []

    @property
    def running(self) -> bool:
        """True while messages are awaited."""
        return self.state == "running"

    async def begin(self, attempt: int) -> None:
        """Start this member's part; raises what the signer refuses."""
        self.state = "running"
        await self._send(await self._member.links.signer.call("begin", attempt))

    async def hear(self, payload: bytes) -> None:
        """A message from another member; ignored before our operator has started."""
        if self.state != "not started":
            await self._send(await self._member.links.signer.call("hear", payload))

    async def tick(self) -> None:
        """Say again, now and then, what others may have missed."""
        self._ticks += 1
        if self.running and self._ticks % RETRY_TICKS == 0:
            await self._send(await self._member.links.signer.call("retry"))

    async def give_up(self) -> None:
        """End the attempt: the round has lasted too long."""
        await self._send(await self._member.links.signer.call("give_up"))

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
                case ["aborted", verdicts, silent, _]:
                    self.state, self.blamed = "aborted", [*verdicts, *silent]
                    log.warning("key generation ended", verdicts=verdicts, silent=silent)
