"""What the main chain's peers exchange on which frame kind, and how urgent each message is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from bystack.ledger.transactions import MAX_TRANSACTION
from bystack.mainchain.light_messages import CAPS as LIGHT_CAPS
from bystack.mainchain.messages import (
    CAPS,
    Announce,
    BlockMessage,
    BlockTransactions,
    CompactBlock,
    GetBlocks,
    GetBlockTransactions,
    GetCompact,
    GetHeaders,
    Headers,
    MainMessage,
    Missing,
    Status,
    WantCompact,
)
from bystack.mainchain.params import Params, chain_id
from bystack.p2p.gossip import Topic, payload_cap
from bystack.p2p.host import Class, HostConfig
from bystack.primitives.codec import encode

GOSSIP: Final = 32
TRANSACTIONS: Final = 0
TOPIC = Topic(TRANSACTIONS, MAX_TRANSACTION)
BLOCK_KIND: Final = 20
"""The frame kind of a `BlockMessage`."""

URGENCY: Mapping[type[MainMessage], Class] = {
    Status: Class.BLOCK,
    Announce: Class.BLOCK,
    GetHeaders: Class.SYNC,
    Headers: Class.SYNC,
    GetBlocks: Class.SYNC,
    BlockMessage: Class.SYNC,
    Missing: Class.SYNC,
    WantCompact: Class.BLOCK,
    GetCompact: Class.BLOCK,
    CompactBlock: Class.BLOCK,
    GetBlockTransactions: Class.BLOCK,
    BlockTransactions: Class.BLOCK,
}


def host_config(params: Params, listen: str, peers: tuple[str, ...]) -> HostConfig:
    """The peer network of this chain."""
    caps = {**CAPS, **LIGHT_CAPS, GOSSIP: payload_cap([TOPIC])}
    return HostConfig(chain_id(params), params.magic, listen, peers, caps=caps)


def block_payload(*blocks: bytes) -> bytes:
    """The payload of a `BlockMessage`, made of the blocks' own bytes."""
    return encode((tuple(map(msgspec.Raw, blocks)),))
