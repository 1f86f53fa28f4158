"""A validator's key and its vote journal: one owner, one position once (bbft.md, section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from bystack.node.failpoints import failpoint
from bystack.node.journal import Journal
from bystack.primitives import bls
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.certificates import verify_certificate
from bystack.sidechain.consensus.positions import (
    JournalRecord,
    Position,
    Reuse,
    SignRequest,
    judge,
)
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.consensus.validators import indexes_of
from bystack.sidechain.params import Genesis

MAX_REQUEST = 100_000
MAX_CERTIFICATE = 65_536


class JournalOld(Invalid):
    """The vote journal is older than the chain: this key signed a block the journal lacks.

    A copy was restored, or the file was lost: this signer votes no more on this chain.
    """


class MethodUnknown(Invalid):
    """The signer has no such method on this socket."""


class Voter:
    """Signs what the journal allows. One task at a time enters: the socket's calls are locked."""

    def __init__(self, secret: bytes, genesis: Genesis, journal: Journal) -> None:
        self._secret, self._genesis, self._journal = secret, genesis, journal
        self._key = bls.sk_to_pk(secret)
        self._last = self._read_last()
        self._older: Position | None = None
        self._order = trio.Lock()

    def _read_last(self) -> JournalRecord | None:
        last = self._journal.last
        return None if last is None else decode(JournalRecord, last, MAX_REQUEST)

    async def handle(self, method: str, params: Sequence[Any]) -> Any:
        """`key`, `last`, `ready(certificate)`, `sign(request)`."""
        match method, params:
            case "key", []:
                return self._key
            case "last", []:
                return encode(self._last) if self._last else None
            case "ready", [bytes() as certificate]:
                return self._ready(decode(Certificate, certificate, MAX_CERTIFICATE))
            case "sign", [bytes() as request]:
                async with self._order:
                    return await self._sign(decode(SignRequest, request, MAX_REQUEST))
            case _:
                raise MethodUnknown(method=method)

    def _ready(self, certificate: Certificate) -> bool:
        """Refuse, from now on, when a certificate shows a vote of this key beyond its journal."""
        validators = self._genesis.validator_set
        verify_certificate(certificate, validators, self._genesis.id, BlsScheme())
        mine = {i for i, v in enumerate(validators.validators) if v.key == self._key}
        voted = Position(certificate.height, certificate.view, certificate.kind)
        beyond = self._last is None or voted > self._last.position
        if beyond and mine & set(indexes_of(certificate.bitmap, len(validators))):
            self._older = voted
        self._check_journal()
        return True

    def _check_journal(self) -> None:
        """The vote the journal lacks may not be the only one: nothing is signed after it."""
        if self._older is not None:
            last = self._last.position if self._last else None
            raise JournalOld(signed=self._older, journal=last)

    async def _sign(self, request: SignRequest) -> list[bytes]:
        self._check_journal()
        judged = judge(self._last, request, self._genesis.id)
        if isinstance(judged, Reuse):
            return [encode(request.position), judged.signature, request.digest(self._genesis.id)]
        signature = await trio.to_thread.run_sync(bls.sign, self._secret, judged.digest)
        record = judged.record(signature)
        failpoint("signer.before_journal")
        await trio.to_thread.run_sync(self._journal.append, encode(record))
        self._last = record
        failpoint("signer.before_release")
        return [encode(request.position), signature, judged.digest]
