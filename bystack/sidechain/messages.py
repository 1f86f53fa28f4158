"""What sidechain peers say to each other, each on a frame kind of its own with a size cap.

The messages are the consensus engine's; transactions go by the peer network's gossip. A kind's cap
is checked before anything is decoded, and a payload that is another kind's is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.messages import (
    MAX_MESSAGE,
    Aggregate,
    BlockData,
    Blocks,
    Certificate,
    EvidenceFound,
    Foreign,
    GetBlock,
    GetBlocks,
    GetProposal,
    Message,
    ProposalSeen,
    Propose,
    Sealed,
    Status,
    Timeout,
    TimeoutCertificate,
    Vote,
    decode_message,
    encode_message,
)

SMALL = 1_000
CERTIFIED = 10_000
MANY = 200_000

KINDS: Mapping[type[Message], int] = MappingProxyType(
    {
        Propose: 16,
        Vote: 17,
        Aggregate: 18,
        Certificate: 19,
        Timeout: 20,
        TimeoutCertificate: 21,
        GetProposal: 22,
        GetBlock: 23,
        BlockData: 24,
        GetBlocks: 25,
        Blocks: 26,
        Status: 27,
        EvidenceFound: 28,
        ProposalSeen: 29,
        Sealed: 30,
        Foreign: 31,
    }
)
_TYPES = {kind: message for message, kind in KINDS.items()}

CAPS: Mapping[int, int] = MappingProxyType(
    {kind: CERTIFIED for kind in KINDS.values()}
    | {KINDS[kind]: SMALL for kind in (Vote, GetProposal, GetBlock, GetBlocks, ProposalSeen)}
    | {KINDS[kind]: MANY for kind in (TimeoutCertificate, EvidenceFound)}
    | {KINDS[kind]: MAX_MESSAGE for kind in (Propose, BlockData, Blocks, Sealed, Foreign)}
)
"""The largest payload of each kind. A timeout certificate names up to 400 reported views."""


class MessageUnknown(Invalid):
    """Sidechain peers know no message of this kind."""


class MessageKind(Invalid):
    """The payload is another message than its frame kind says."""


def write_message(message: Message) -> tuple[int, bytes]:
    """The frame kind and the payload of a message."""
    return KINDS[type(message)], encode_message(message)


def read_message(kind: int, payload: bytes) -> Message:
    """The message in a frame; raises `MessageUnknown`, `MessageKind`, the codec's errors."""
    if kind not in _TYPES:
        raise MessageUnknown(kind=kind)
    message = decode_message(payload)
    if type(message) is not _TYPES[kind]:
        raise MessageKind(kind=kind, found=type(message).__name__)
    return message
