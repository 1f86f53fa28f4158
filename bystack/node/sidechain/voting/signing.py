"""The line to the signer: who we are among the validators, and signatures in order.

The key is another process's. While it is away nothing is signed and the engine asks again; a
refusal is told to the engine, which abstains there (bbft.md, section 8).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
import trio

from bystack.node.ipc import INVALID, Reconnecting, RemoteError, Unavailable
from bystack.node.sidechain.store import SideStore
from bystack.node.sidechain.voting.hearing import Hearing, Overheard
from bystack.primitives.codec import Wire, decode, encode
from bystack.sidechain.consensus.events import Sign, Signed, SignRefused
from bystack.sidechain.consensus.positions import JournalRecord, SignRequest
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.consensus.validators import ValidatorSet, indexes_of
from bystack.sidechain.epochs import record_of
from bystack.sidechain.state import SystemState

MAX_RECORD: Final = 100_000
WAITING: Final = 64
PAUSE: Final = 0.5
STRANGER: Final = "NotIntroduced"
BEHIND: Final = "ChainBehind"
ENDS: Final = ("JournalOld", "KeyElsewhere")
SHOWN: Final = 16
PATIENCE: Final = 100
"""So many looks, and the log says what is waited for."""

log = structlog.get_logger("consensus")


@dataclass(frozen=True)
class Admitted:
    """The signer serves this key, a validator's now or one day; `last` is its journal's last."""

    key: bytes
    last: JournalRecord | None


Answer = Callable[[Signed | SignRefused], Awaitable[None]]


def validator_socket(name: str) -> str:
    """The signer's socket for the validator key of a sidechain."""
    return f"run/signer-validator-{name}.sock"


class SignerLine:
    """Asks the signer of one sidechain's validator key, over a client of its socket."""

    def __init__(self, client: Reconnecting, store: SideStore) -> None:
        self._client, self._store = client, store
        self._without = 0
        self._hearing = Hearing(store)
        self._asked, self._requests = trio.open_memory_channel[Sign](WAITING)
        self._told, self._overheard = trio.open_memory_channel[Overheard](SHOWN)

    def ask(self, request: Sign) -> None:
        """Have this signed; dropped while too much waits, for the engine asks again."""
        try:
            self._asked.send_nowait(request)
        except trio.WouldBlock:
            log.warning("the signer is slow", height=request.position.height)

    def hear(self, peer: bytes, message: Wire) -> None:
        """Listen for votes of our key that the signer here did not release.

        What comes too fast is dropped; a vote that counts comes again in some certificate.
        """
        for one in self._hearing.hear(peer, message):
            try:
                self._told.send_nowait(one)
            except trio.WouldBlock:
                return

    async def run(self, admitted: Callable[[Admitted], Awaitable[None]], answer: Answer) -> None:
        """Find out who we are, then pass requests on until cancelled."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._client.run)
            found = await self._admission()
            if found is not None:
                nursery.start_soon(self._show_overheard)
                await admitted(found)
            async for request in self._requests:
                await self._sign(request, answer)

    async def _admission(self) -> Admitted | None:
        """Who we are, once the signer is there; None if its key must not vote here."""
        while True:
            await self._client.wait_connected()
            try:
                return await self._introduce()
            except Unavailable as error:
                log.info("waiting for the signer", reason=str(error))
                await trio.sleep(PAUSE)
            except RemoteError as error:
                if error.rule == BEHIND:
                    log.info("not voting yet: the chain must catch up", reason=str(error))
                elif error.code != INVALID:  # no rule's word: busy, or it stumbled
                    log.warning("not voting yet: the signer failed", reason=str(error))
                else:
                    log.error("not voting: the signer refuses", reason=str(error), rule=error.rule)
                    return None
                await trio.sleep(PAUSE)

    async def _introduce(self) -> Admitted | None:
        key: bytes = await self._client.call("key")
        self._hearing.listen_for(key)
        await self._gather()
        await self._show(key)
        last = await self._client.call("last")
        return Admitted(key, None if last is None else decode(JournalRecord, last, MAX_RECORD))

    async def _gather(self) -> None:
        """Wait until others have said where the chain is, and we are there."""
        waited = 0
        while not self._hearing.ready():
            waited += 1
            if waited == PATIENCE:
                log.info("not voting yet: too few validators have said how far the chain is")
            await trio.sleep(PAUSE / 10)

    async def _show_overheard(self) -> None:
        """Show the signer what others tell of its key; a liar costs a pause, nothing else."""
        async for one in self._overheard:
            try:
                await self._client.call("shown", encode(one.statement), encode(one.validators))
            except Unavailable:
                continue
            except RemoteError as error:
                if error.rule in ENDS:
                    log.error("this key votes no more", rule=error.rule, reason=str(error))
                await trio.sleep(PAUSE)
            else:
                for digest in self._hearing.digests_of(one):
                    self._hearing.released(digest)

    async def _show(self, key: bytes) -> None:
        """Say what the chain knows of our votes; raises what the signer refuses."""
        height = self._store.height
        newest = await trio.to_thread.run_sync(self._newest_with, key, height)
        if newest is None:
            await self._client.call("ready_empty", height)
        else:
            certificate, validators = newest
            await self._client.call("ready", encode(certificate), encode(validators))

    def _newest_with(self, key: bytes, top: int) -> tuple[Certificate, ValidatorSet] | None:
        """The newest stored commit certificate, up to a height, that this key signed; its set.

        Epochs too old for evidence are not searched: no position of theirs is signed again.
        """
        state, sets = SystemState(self._store.state), dict[int, ValidatorSet]()
        for height in range(top, self._without, -1):
            certificate = self._store.certificate_at(height)
            if certificate is None:
                break
            if certificate.epoch not in sets:
                record = record_of(state, certificate.epoch)
                if record is None:
                    break
                sets[certificate.epoch] = record.validators
            validators = sets[certificate.epoch]
            index = validators.by_key.get(key)
            if index is not None and index in indexes_of(certificate.bitmap, len(validators)):
                return certificate, validators
        self._without = top
        return None

    async def _signature(self, request: SignRequest) -> tuple[bytes, bytes]:
        """The signature and its digest; a signer that began anew is shown the chain again."""
        try:
            _, signature, digest = await self._client.call("sign", encode(request))
        except RemoteError as error:
            if error.rule != STRANGER:
                raise
            await self._introduce()
            _, signature, digest = await self._client.call("sign", encode(request))
        return signature, digest

    async def _sign(self, asked: Sign, answer: Answer) -> None:
        request = SignRequest(asked.position, asked.epoch, asked.payload, asked.high_qc)
        try:
            signature, digest = await self._signature(request)
        except Unavailable as error:
            log.warning("not signed: the signer is away", reason=str(error))
        except RemoteError as error:
            log.warning("not signed", rule=error.rule, reason=str(error))
            await answer(SignRefused(asked.position, error.rule))
        else:
            self._hearing.released(digest)
            await answer(Signed(asked.position, signature, digest))
