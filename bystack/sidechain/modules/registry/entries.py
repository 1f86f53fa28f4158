"""What the registry's actions do to its entries, and why they are refused.

All of a digest lies in one entry; beside it each owner's digests, in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from bystack.ledger.effects import Check, Effects
from bystack.primitives.codec import Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.plain import to_plain
from bystack.sidechain.modules.approvals import approved_by
from bystack.sidechain.modules.asking import HexId, asked
from bystack.sidechain.modules.base import (
    ActionContext,
    ActionUnknown,
    BlockContext,
    Event,
    Outcome,
    PrefixedState,
)
from bystack.sidechain.modules.linked import Linked
from bystack.sidechain.modules.registry.certificates import (
    MAX_ENDORSEMENTS,
    NAME,
    Certificate,
    Endorse,
    Endorsement,
    Register,
    RegistryConfig,
    Revoke,
    Transfer,
    certificate_key,
    status_at,
)

MAX_CONFIG = 1_000
MAX_CERTIFICATE = 4_000
NOBODY = bytes(32)


class DigestTaken(Invalid):
    """The digest is registered already."""


class CertificateUnknown(Invalid):
    """The digest is not registered."""


class CertificateVoid(Invalid):
    """The certificate has expired or was revoked."""


class NotOwner(Invalid):
    """Somebody else than the certificate's owner would pass it on or revoke it."""


class OwnerInvalid(Invalid):
    """No policy has the root of 32 zero bytes: nobody could own this."""


class ExpiryPassed(Invalid):
    """The certificate would have expired before it is registered."""


class EndorsedAlready(Invalid):
    """This policy stands for the certificate already."""


class EndorsementsFull(Invalid):
    """The certificate has as many endorsements as one may have."""


class Registry:
    """The module's state, typed, and what its actions do to it."""

    def __init__(self, state: PrefixedState) -> None:
        self._state = state

    @property
    def config(self) -> RegistryConfig:
        """What entries cost."""
        return decode(RegistryConfig, self._state.get(b"config") or b"", MAX_CONFIG)

    @property
    def count(self) -> int:
        """How many digests were ever registered."""
        data = self._state.get(b"count")
        return 0 if data is None else decode(int, data, 16)

    def look(self, digest: bytes) -> Certificate | None:
        """The certificate of a digest, if there is one."""
        data = self._state.get(b"certificate/", digest)
        return None if data is None else decode(Certificate, data, MAX_CERTIFICATE)

    def find(self, digest: bytes) -> Certificate:
        """The certificate of a digest; raises `CertificateUnknown`."""
        found = self.look(digest)
        if found is None:
            raise CertificateUnknown(digest=digest)
        return found

    def of(self, owner: bytes, count: int, after: str) -> list[dict[str, Any]]:
        """An owner's certificates in the order in which they came to it, from behind `after`."""
        behind = bytes.fromhex(asked(tuple[HexId], [after])[0]) if after else None
        owned = self._owned(owner)
        if behind is not None and not owned.holds(behind):
            raise CertificateUnknown(digest=behind, owner=owner)
        return [shown(digest, self.find(digest)) for digest in owned.walk(count, behind)]

    def act(self, context: ActionContext, action: Wire) -> Outcome:
        """What an action does; raises an error of this file."""
        match action:
            case Register():
                return self._register(context, action)
            case Transfer(owner, digest, to):
                held, checks = self._held(context, owner, digest)
                return self._transfer(context.block, digest, held, to, checks)
            case Revoke(owner, digest, reason):
                held, checks = self._held(context, owner, digest)
                self._keep(digest, held, revoked=context.block.height, reason=reason)
                return _told("revoked", digest, owner, checks)
            case Endorse(owner, digest):
                return self._endorse(context, owner, digest)
        raise ActionUnknown(module=NAME, action=type(action).__name__)

    def _register(self, context: ActionContext, action: Register) -> Outcome:
        block = context.block
        if action.owner == NOBODY:
            raise OwnerInvalid()
        if action.expires and action.expires < block.height:
            raise ExpiryPassed(expires=action.expires, height=block.height)
        before = self.look(action.digest)
        if before is not None:
            if status_at(before, block.height) != "expired":
                raise DigestTaken(digest=action.digest, height=before.height)
            self._owned(before.owner).remove(action.digest)
        self._put(action.digest, _new(context, action))
        self._owned(action.owner).append(action.digest)
        self._state.put(encode(self.count + 1), b"count")
        paid = self._earn(self.config.fee + self.config.byte_fee * len(action.memo))
        return _told("registered", action.digest, action.owner, (), paid)

    def _held(
        self, context: ActionContext, owner: bytes, digest: bytes
    ) -> tuple[Certificate, tuple[Check, ...]]:
        """A valid certificate that `owner` has and approves to change."""
        certificate = self._valid(digest, context.block.height)
        if certificate.owner != owner:
            raise NotOwner(digest=digest, owner=certificate.owner)
        return certificate, approved_by(context, owner)

    def _valid(self, digest: bytes, height: int) -> Certificate:
        certificate = self.find(digest)
        status = status_at(certificate, height)
        if status != "valid":
            raise CertificateVoid(digest=digest, status=status)
        return certificate

    def _transfer(
        self, block: BlockContext, digest: bytes, held: Certificate, to: bytes,
        checks: tuple[Check, ...],
    ) -> Outcome:  # fmt: skip
        if to == NOBODY:
            raise OwnerInvalid()
        self._owned(held.owner).remove(digest)
        self._owned(to).append(digest)
        self._keep(digest, held, owner=to, since=block.height, transfers=held.transfers + 1)
        return _told("transferred", digest, to, checks)

    def _endorse(self, context: ActionContext, owner: bytes, digest: bytes) -> Outcome:
        block, found = context.block, self._valid(digest, context.block.height)
        if any(one.owner == owner for one in found.endorsements):
            raise EndorsedAlready(digest=digest, owner=owner)
        if len(found.endorsements) == MAX_ENDORSEMENTS:
            raise EndorsementsFull(digest=digest, most=MAX_ENDORSEMENTS)
        checks = approved_by(context, owner)
        one = Endorsement(owner, block.height, block.time)
        self._keep(digest, found, endorsements=(*found.endorsements, one))
        return _told("endorsed", digest, owner, checks, self._earn(self.config.fee))

    # -- entries

    def earnings(self) -> dict[bytes, int]:
        """The fees of entries since this was asked last."""
        data = self._state.get(b"earned")
        if data is None:
            return {}
        self._state.put(None, b"earned")
        return {self.config.asset: decode(int, data, 16)}

    def _earn(self, amount: int) -> dict[bytes, int]:
        """What an entry costs, to be destroyed by its transaction."""
        if not amount:
            return {}
        before = self._state.get(b"earned")
        total = amount + (decode(int, before, 16) if before else 0)
        self._state.put(encode(total), b"earned")
        return {self.config.asset: amount}

    def _owned(self, owner: bytes) -> Linked:
        return Linked(self._state, b"owned/", owner)

    def _keep(self, digest: bytes, certificate: Certificate, **changed: object) -> None:
        self._put(digest, msgspec.structs.replace(certificate, **changed))

    def _put(self, digest: bytes, certificate: Certificate) -> None:
        self._state.put(encode(certificate), b"certificate/", digest)


def shown(digest: bytes, certificate: Certificate) -> dict[str, Any]:
    """A certificate as plain data, its memo also as text where it is one, and where it is kept."""
    text = certificate.memo.decode(errors="replace")
    facts = {"digest": digest.hex(), **to_plain(certificate), "memo": text}
    return {**facts, "memo_hex": certificate.memo.hex(), "key": certificate_key(digest).hex()}


def _new(context: ActionContext, action: Register) -> Certificate:
    block = context.block
    return Certificate(
        owner=action.owner,
        memo=action.memo,
        height=block.height,
        time=block.time,
        relayed=block.relay_height,
        transaction=context.transaction,
        expires=action.expires,
        since=block.height,
        transfers=0,
        revoked=0,
        reason=b"",
        endorsements=(),
    )


def _told(
    name: str, digest: bytes, owner: bytes, checks: tuple[Check, ...],
    paid: Mapping[bytes, int] | None = None,
) -> Outcome:  # fmt: skip
    effects = Effects(destroyed=paid or {}, checks=checks)
    return Outcome(effects, events=(Event(name, {"digest": digest, "owner": owner}),))
