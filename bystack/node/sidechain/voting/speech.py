"""What the engine says, as frames to peers: how urgent each is, and proposals in short."""

from __future__ import annotations

from typing import Final

from bystack.node.sidechain.voting.shorthand import Shorthand
from bystack.p2p.host import Class, Host
from bystack.sidechain.consensus.messages import (
    MAX_BLOCKS,
    BlockData,
    Blocks,
    GetBlocks,
    Message,
    Propose,
)
from bystack.sidechain.messages import write_message

SLOW: Final = (Blocks, GetBlocks)
LARGE: Final = (BlockData,)


def urgency(message: Message) -> Class:
    """How urgent a message to a peer is."""
    if isinstance(message, SLOW):
        return Class.SYNC
    return Class.BLOCK if isinstance(message, LARGE) else Class.CONSENSUS


class Speech:
    """Belongs to the task that owns the engine."""

    def __init__(self, host: Host, shorthand: Shorthand) -> None:
        self._host, self._shorthand = host, shorthand
        self._turn = 0

    def send(self, node: bytes, message: Message) -> None:
        """To one node."""
        self._host.send(node, *self._written(message, node), urgency(message))

    def broadcast(self, message: Message) -> None:
        """To every node that is connected."""
        self._host.broadcast(*self._written(message), urgency(message))

    def ask_blocks(self, node: bytes, height: int) -> None:
        """Ask the node named, or in turn another one that is connected."""
        peers = [peer.node_id for peer in self._host.peers()]
        if node not in peers and peers:
            self._turn += 1
            node = peers[self._turn % len(peers)]
        self.send(node, GetBlocks(height, MAX_BLOCKS))

    def _written(self, message: Message, to: bytes | None = None) -> tuple[int, bytes]:
        if isinstance(message, Propose):
            return self._shorthand.write(message, to)
        return write_message(message)
