"""What validators sign, and the certificates made of it (bbft.md, section 2).

Signed bytes are a tagged hash of (chain id, epoch, height, view, payload), one tag per step, so
no signature can be read as another kind, chain, epoch, height or view. Payloads:
PROPOSE and PREPARE: block id, justify hash. COMMIT: block id. TIMEOUT: my highest prepared view
plus one as eight bytes (0: none).
"""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import U16, U63, Bytes32, Bytes96, Wire, encode
from bystack.primitives.hashes import fixed, tagged
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.validators import MAX_VALIDATORS, Bitmap

MAX_VIEW = 2**31 - 1
NO_HASH = bytes(32)
NO_SIGNATURE = bytes(96)


class Step(IntEnum):
    """What is signed; within one (height, view) a validator's steps only grow."""

    PROPOSE = 0
    PREPARE = 1
    COMMIT = 2
    TIMEOUT = 3


PREPARE = int(Step.PREPARE)
COMMIT = int(Step.COMMIT)

View = Annotated[int, Meta(ge=0, le=MAX_VIEW)]
High = Annotated[int, Meta(ge=-1, le=MAX_VIEW)]
Kind = Annotated[int, Meta(ge=PREPARE, le=COMMIT)]

_digests = {step: tagged(f"bbft/{step.name.lower()}") for step in Step}
_certificate_hash = tagged("bbft/certificate")
_timeouts_hash = tagged("bbft/timeout-certificate")


def signing_digest(
    step: int, chain_id: bytes, epoch: int, height: int, view: int, payload: bytes
) -> bytes:
    """The 32 bytes a validator signs at a step."""
    place = fixed(epoch) + fixed(height) + fixed(view)
    return _digests[Step(step)](chain_id, place, payload)


def proposal_payload(block: bytes, justify: bytes) -> bytes:
    """Payload of PROPOSE and PREPARE: block id and hash of what justified proposing it."""
    return block + justify


def timeout_payload(high: int) -> bytes:
    """Payload of TIMEOUT: `high` is the view of the highest prepare certificate, -1 for none."""
    return fixed(high + 1)


def vote_payload(kind: int, block: bytes, justify: bytes) -> bytes:
    """Payload of a PREPARE (block, justify) or COMMIT (block)."""
    return block + justify if kind == PREPARE else block


class SignedProposal(Wire):
    """The signed part of a PROPOSE: enough for evidence, without the block."""

    epoch: U63
    height: U63
    view: View
    block: Bytes32
    justify: Bytes32
    index: U16
    signature: Bytes96

    def digest(self, chain_id: bytes) -> bytes:
        """What the leader signed."""
        payload = proposal_payload(self.block, self.justify)
        return signing_digest(Step.PROPOSE, chain_id, self.epoch, self.height, self.view, payload)


class Vote(Wire, tag=1):
    """A PREPARE or COMMIT of one validator. `justify` is all zero in a COMMIT."""

    kind: Kind
    epoch: U63
    height: U63
    view: View
    block: Bytes32
    justify: Bytes32
    index: U16
    signature: Bytes96

    def digest(self, chain_id: bytes) -> bytes:
        """What the voter signed."""
        payload = vote_payload(self.kind, self.block, self.justify)
        return signing_digest(self.kind, chain_id, self.epoch, self.height, self.view, payload)


class Aggregate(Wire, tag=2):
    """Votes of several validators for one thing, their signatures added up."""

    kind: Kind
    epoch: U63
    height: U63
    view: View
    block: Bytes32
    justify: Bytes32
    bitmap: Bitmap
    signature: Bytes96

    def digest(self, chain_id: bytes) -> bytes:
        """What every voter signed."""
        payload = vote_payload(self.kind, self.block, self.justify)
        return signing_digest(self.kind, chain_id, self.epoch, self.height, self.view, payload)


class Certificate(Wire, tag=3, dict=True):
    """A quorum's votes for one thing. A COMMIT certificate makes its block final by itself."""

    kind: Kind
    epoch: U63
    height: U63
    view: View
    block: Bytes32
    justify: Bytes32
    bitmap: Bitmap
    signature: Bytes96

    @cached_property
    def hash(self) -> bytes:
        """What the child's header names as `parent_certificate`, and a view-0 justify hash."""
        return _certificate_hash(encode(self))

    def digest(self, chain_id: bytes) -> bytes:
        """What every signer signed."""
        payload = vote_payload(self.kind, self.block, self.justify)
        return signing_digest(self.kind, chain_id, self.epoch, self.height, self.view, payload)


class Timeout(Wire, tag=4):
    """One validator gives up a view and shows the best prepare certificate it knows.

    `best` is empty exactly when `high` is -1; it is not signed, only `high` is.
    """

    epoch: U63
    height: U63
    view: View
    high: High
    best: Annotated[tuple[Certificate, ...], Meta(max_length=1)]
    index: U16
    signature: Bytes96

    def digest(self, chain_id: bytes) -> bytes:
        """What the validator signed."""
        payload = timeout_payload(self.high)
        return signing_digest(Step.TIMEOUT, chain_id, self.epoch, self.height, self.view, payload)

    def bare(self) -> Timeout:
        """The signed part alone, as evidence carries it."""
        return Timeout(
            self.epoch, self.height, self.view, self.high, (), self.index, self.signature
        )


class HighSigners(Wire):
    """Those who reported one and the same `high` when they gave up the view."""

    high: High
    bitmap: Bitmap


class TimeoutCertificate(Wire, tag=5, dict=True):
    """A quorum gave up a view; `best` is the highest prepare certificate among them, if any."""

    epoch: U63
    height: U63
    view: View
    signers: Annotated[tuple[HighSigners, ...], Meta(max_length=MAX_VALIDATORS)]
    signature: Bytes96
    best: Annotated[tuple[Certificate, ...], Meta(max_length=1)]

    @cached_property
    def hash(self) -> bytes:
        """The justify hash of a proposal in the next view."""
        return _timeouts_hash(encode(self))

    def digest(self, chain_id: bytes, high: int) -> bytes:
        """What those who reported `high` signed."""
        payload = timeout_payload(high)
        return signing_digest(Step.TIMEOUT, chain_id, self.epoch, self.height, self.view, payload)


def genesis_certificate(header: Header) -> Certificate:
    """The certificate of a chain's first block, which nobody signs: the chain id is its proof."""
    return Certificate(
        COMMIT, header.epoch, header.height, 0, header.id, NO_HASH, b"", NO_SIGNATURE
    )
