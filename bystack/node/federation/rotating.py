"""Changes of members and keys as a member carries them out: ceremony, certificate, new epoch.

The sidechain's state says what is decided and what is in force; the signer has both proved to it
and decides itself. Nothing here is remembered that state and signer do not say again after a
restart. A change in flight never stops the signing under the old epoch (K10).
"""

from __future__ import annotations

from typing import Any, Final

import structlog

from bystack.federation.members import Member
from bystack.federation.messages import MESSAGE_LIMIT, KeyCertificate, Signed, decode_message
from bystack.federation.module.actions import Certify
from bystack.federation.module.membership import session_for
from bystack.federation.module.records import (
    CHANGE,
    KEY,
    KEY_NEXT,
    STANDING_NEXT,
    Change,
    KeyEpoch,
    Standing,
    entry_key,
)
from bystack.federation.session import Kind
from bystack.node.federation.acting import transaction_of
from bystack.node.federation.keygen import Keygen
from bystack.node.federation.membership import Membership
from bystack.node.federation.showing import Showing
from bystack.node.ipc import RemoteError, Unavailable
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid

log = structlog.get_logger("federation")

ROUND_TICKS: Final = 240
"""A round in which nothing is heard for so many ticks of the clock is closed: two minutes."""
JUMP_TICKS: Final = 20
"""An attempt as young as this is not left for a later one that somebody else speaks of."""
FOLLOW_TICKS: Final = 40
IDLE_TICKS: Final = 4
AHEAD: Final = 8


class Rotating:
    """This member's part in the change in flight."""

    def __init__(self, member: Membership, keygen: Keygen) -> None:
        self._member, self._keygen = member, keygen
        self._showing = Showing(member.links)
        self._began = self._attempt = 0
        self._followed = -FOLLOW_TICKS
        self.key: KeyEpoch | None = None
        self.change: Change | None = None
        self.following = b""
        self.known: dict[str, Any] = {}
        """What the signer says of its epochs."""
        self.put_off = ""
        """Why this member's part did not go on when it was last looked at."""

    async def tick(self) -> None:
        """Look at the state; go on with what it asks for. Raises what lines and signer refuse."""
        try:
            await self._go_on()
        except (Unavailable, RemoteError, Invalid) as error:
            self.put_off = str(error)
            raise

    async def _go_on(self) -> None:
        if self.change is None and self._keygen.ticks % IDLE_TICKS:
            return
        if self._member.setting.genesis() is None or not self._member.links.side.connected:
            return
        await self._look()
        if self.key is None:
            return
        await self._follow(self.key)
        if self.change is not None:
            await self._carry_out(self.change, self.key)
        self.put_off = ""

    def told(self) -> dict[str, Any]:
        """How keys and members stand, for operators: epoch in force, change in flight, who is
        guilty of its last failure and who was not heard, the key that waits for the vault."""
        return {
            "epoch": self.key.epoch if self.key else 0,
            "seated": bool(self.known.get("seated", True)),
            "held": self.known.get("held", []),
            "change": self._told_change(self.change, self.key),
            "next_key": self.following.hex() if self.following else None,
        }

    def _told_change(self, change: Change | None, key: KeyEpoch | None) -> dict[str, Any] | None:
        if change is None or key is None:
            return None
        names = [one.name.decode() for one in session_for(b"", change, key, 0).parties]
        guilty, silent = self._keygen.verdicts, self._keygen.silent
        begun = (self.known.get("ceremony") or [-1])[0] == change.epoch
        return {
            "number": change.number,
            "kind": Kind(change.kind).name.lower(),
            "epoch": change.epoch,
            "attempt": self._attempt,
            "state": self._keygen.state if begun else "not begun",
            "put_off": self.put_off,
            "members": [one.name.decode() for one in change.standing.roster.members],
            "threshold": change.standing.threshold,
            "expires": change.expires,
            "guilty": [[names[seat], rule] for seat, rule in guilty if seat < len(names)],
            "silent": [names[seat] for seat in silent if seat < len(names)],
        }

    async def _look(self) -> None:
        state = self._member.links.state
        self.key = await state(KeyEpoch, entry_key(KEY))
        if self.key is None:
            return
        change = await state(Change, entry_key(CHANGE))
        if change is None or self.change is None or change.epoch != self.change.epoch:
            self._attempt, self._began = 0, self._keygen.ticks
        self.change = change
        self.known = await self._member.links.signer.call("key_epoch")
        following = await state(Standing, entry_key(STANDING_NEXT))
        coming = await state(KeyEpoch, entry_key(KEY_NEXT))
        self.following = coming.key if coming else b""
        self._member.expect(self._coming(following))

    def _coming(self, following: Standing | None) -> tuple[Member, ...]:
        """Who takes part besides those who sit."""
        standings = (self.change.standing if self.change else None, following)
        return tuple(one for each in standings if each for one in each.roster.members)

    async def _follow(self, key: KeyEpoch) -> None:
        """The signer goes over to the epoch in force, and erases in time what is outdated."""
        new = self.known["session"] != key.session
        if not new and self._keygen.ticks - self._followed < FOLLOW_TICKS:
            return
        await self._showing.show((entry_key(KEY),))
        erased = await self._member.links.signer.call("follow")
        self._followed = self._keygen.ticks
        if erased:
            log.info("old shares erased", epochs=erased)
        if new:
            log.info("key epoch in force", epoch=key.epoch)
            self._member.renew()
            self.known = await self._member.links.signer.call("key_epoch")

    async def _carry_out(self, change: Change, key: KeyEpoch) -> None:
        held = await self._member.links.signer.call("certified", change.epoch)
        if held is not None:
            if self._keygen.ticks % IDLE_TICKS == 0:
                await self._certify(decode(KeyCertificate, held, MESSAGE_LIMIT))
        elif self._takes_part(change, key):
            await self._hold(change, key)

    def _takes_part(self, change: Change, key: KeyEpoch) -> bool:
        own = self._member.setting.identity
        parties = session_for(b"", change, key, 0).parties
        return any(one.identity == own for one in parties)

    async def _hold(self, change: Change, key: KeyEpoch) -> None:
        """Begin, or go on with, the attempt; close a round that lasts; count on after a failure."""
        epoch, attempt = (self.known["ceremony"] or [-1, 0])[:2]
        if epoch == change.epoch:
            self._attempt = max(self._attempt, attempt)
        behind = epoch != change.epoch or attempt < self._attempt
        ended = not behind and not self.known["running"]
        if ended and not self._begin_again():
            return
        if ended or behind or not self._keygen.nodes:
            await self._begin(change, key)
        elif self._keygen.ticks - max(self._began, self._keygen.heard) >= ROUND_TICKS:
            self._began = self._keygen.ticks
            await self._keygen.give_up()

    def _begin_again(self) -> bool:
        """The attempt has ended: the next one, unless it convicted somebody who must be in it."""
        if self._keygen.convicted:
            return False
        self._attempt += 1
        return True

    async def _begin(self, change: Change, key: KeyEpoch) -> None:
        await self._showing.show((entry_key(KEY), entry_key(CHANGE)))
        outputs = await self._member.links.signer.call("change", self._attempt)
        self._began = self._keygen.ticks
        log.info("ceremony begins", epoch=change.epoch, attempt=self._attempt)
        nodes = tuple(one.node for one in session_for(b"", change, key, 0).parties)
        await self._keygen.join(nodes, self._attempt, outputs)

    async def _certify(self, certificate: KeyCertificate) -> None:
        """Show the chain the certificate; everyone sends the same transaction."""
        genesis = self._member.setting.genesis()
        assert genesis is not None, "a change is decided on a sidechain"
        tx = transaction_of(genesis, Certify(certificate), [])
        try:
            await self._member.links.side.call("submit", encode(tx))
        except RemoteError as error:
            log.debug("certificate not taken", reason=str(error))

    def overheard(self, payload: bytes) -> None:
        """A message of another session: of a later attempt, perhaps, which we then join."""
        message = decode_message(payload)
        if not isinstance(message, Signed) or self.change is None or self.key is None:
            return
        if self.known.get("running") and self._keygen.ticks - self._began < JUMP_TICKS:
            return
        main = self._member.setting.main
        for attempt in range(self._attempt + 1, self._attempt + AHEAD):
            if message.session == session_for(main, self.change, self.key, attempt).id:
                self._attempt = attempt
