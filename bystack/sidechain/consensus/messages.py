"""What BBFT peers say to each other: one bounded, tagged union (bbft.md, section 2).

`decode_message` is the only way in; everything it returns is typed and bounded, nothing is
checked yet. Tags: 0 propose, 1 vote, 2 aggregate, 3 certificate, 4 timeout, 5 timeout
certificate, 6-11 pull and sync, 12 evidence; other engines' 20 sealed block, 21 foreign.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import U16, U63, Bytes32, Bytes96, Wire, decode_union, encode
from bystack.sidechain.blocks import MAX_BODY, Header
from bystack.sidechain.consensus.evidence import AnyEvidence
from bystack.sidechain.consensus.statements import (
    Aggregate,
    Certificate,
    SignedProposal,
    Timeout,
    TimeoutCertificate,
    View,
    Vote,
)

MAX_BLOCKS = 32
MAX_MESSAGE = MAX_BODY + 200_000

BodyBytes = Annotated[bytes, Meta(max_length=MAX_BODY)]


class Propose(Wire, tag=0, dict=True):
    """A leader's block for (height, view).

    `parent_certificate` is the one the header names; it justifies view 0. A later view is
    justified by the timeout certificate of the view before, alone in `timeouts`.
    """

    header: Header
    body: BodyBytes
    view: View
    parent_certificate: Certificate
    timeouts: Annotated[tuple[TimeoutCertificate, ...], Meta(max_length=1)]
    signature: Bytes96

    @cached_property
    def justify(self) -> bytes:
        """The justify hash the leader signs and PREPAREs repeat."""
        return self.timeouts[0].hash if self.timeouts else self.parent_certificate.hash

    def signed_by(self, index: int) -> SignedProposal:
        """The signed part, under the leader's index."""
        header = self.header
        return SignedProposal(
            header.epoch, header.height, self.view, header.id, self.justify, index, self.signature
        )


class GetProposal(Wire, tag=6):
    """Send me the proposal of (height, view)."""

    height: U63
    view: View


class GetBlock(Wire, tag=7):
    """Send me the block with this id, of the height being decided or the last one."""

    height: U63
    block: Bytes32


class BlockData(Wire, tag=8):
    """A block asked for by id. `parent_certificate` is the one its header names, if known."""

    header: Header
    body: BodyBytes
    parent_certificate: Annotated[tuple[Certificate, ...], Meta(max_length=1)]


class GetBlocks(Wire, tag=9):
    """Send me final blocks from this height on, at most `count`."""

    from_height: U63
    count: U16


class FinalBlock(Wire):
    """A block with the commit certificate that made it final."""

    header: Header
    body: BodyBytes
    certificate: Certificate


class Blocks(Wire, tag=10):
    """Final blocks, ascending without gaps."""

    blocks: Annotated[tuple[FinalBlock, ...], Meta(max_length=MAX_BLOCKS)]


class Status(Wire, tag=11):
    """My last final block's certificate."""

    certificate: Certificate


class EvidenceFound(Wire, tag=12):
    """Proof that validators broke the rules."""

    evidence: AnyEvidence


class ProposalSeen(Wire, tag=13):
    """What a leader signed to me; if it signed another block to you, that is evidence."""

    proposal: SignedProposal


class Sealed(Wire, tag=20):
    """A block with its seal, the certificate of its one maker (engines `authority` and `solo`)."""

    header: Header
    body: BodyBytes
    certificate: Certificate


class Foreign(Wire, tag=21):
    """The own message of an engine that is not built in; only that engine looks inside."""

    data: Annotated[bytes, Meta(max_length=MAX_BODY)]


Message = (
    Propose
    | Vote
    | Aggregate
    | Certificate
    | Timeout
    | TimeoutCertificate
    | GetProposal
    | GetBlock
    | BlockData
    | GetBlocks
    | Blocks
    | Status
    | EvidenceFound
    | ProposalSeen
    | Sealed
    | Foreign
)


def encode_message(message: Message) -> bytes:
    """The bytes of a message."""
    return encode(message)


def decode_message(data: bytes) -> Message:
    """The message in `data`; raises `TooLong`, `Malformed`, `NotCanonical`."""
    return decode_union(Message, data, MAX_MESSAGE)  # type: ignore[no-any-return]


__all__ = [
    "MAX_BLOCKS",
    "MAX_MESSAGE",
    "Aggregate",
    "BlockData",
    "Blocks",
    "Certificate",
    "EvidenceFound",
    "FinalBlock",
    "Foreign",
    "GetBlock",
    "GetBlocks",
    "GetProposal",
    "Message",
    "ProposalSeen",
    "Propose",
    "Sealed",
    "Status",
    "Timeout",
    "TimeoutCertificate",
    "Vote",
    "decode_message",
    "encode_message",
]
