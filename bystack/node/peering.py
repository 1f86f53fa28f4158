"""What a role with peers keeps between runs: its node key and its book of peers."""

from __future__ import annotations

import secrets
from typing import TypedDict

import structlog
import trio

from bystack.node.keyfiles import KeyFileMissing, read_key, write_key
from bystack.node.store import files
from bystack.p2p.host import Host
from bystack.p2p.identity import SEED_SIZE, Identity
from bystack.p2p.peers import PeerBook
from bystack.primitives.errors import Invalid

NODE_KEY = "node"
BOOK_SECONDS = 60.0
BAN_SECONDS = 1.0
"""So long a ban, or its end, waits for more of them: who is killed then has it all the same."""

log = structlog.get_logger("peers")


class PeersTold(TypedDict):
    """What is measured of a role's peers, as `metrics.figures.Chain` names it."""

    peers: int
    peers_inbound: int
    peers_refused_total: dict[str, int]


def peers_told(host: Host) -> PeersTold:
    """How many peers are connected, and why others are not."""
    peers = host.peers()
    return {
        "peers": len(peers),
        "peers_inbound": sum(one.inbound for one in peers),
        "peers_refused_total": dict(host.statistics().refused),
    }


def node_identity(own: str, *given: str) -> Identity:
    """The node key at one of the paths `given`, else at `own`, made there at the first start.

    A validator's node id stands in a genesis, so its key is made before the sidechain.
    """
    for path in (*given, own):
        try:
            return Identity.from_seed(read_key(path, NODE_KEY))
        except KeyFileMissing:
            continue
    write_key(own, NODE_KEY, secrets.token_bytes(SEED_SIZE), None)
    return Identity.from_seed(read_key(own, NODE_KEY))


def stored_book(path: str) -> PeerBook:
    """The peer book of the last run; an empty one where there is none or it is damaged."""
    try:
        with open(path, "rb") as file:
            return PeerBook.restore(file.read())
    except FileNotFoundError:
        return PeerBook()
    except Invalid as error:
        log.warning("peer book dropped", error=str(error))
        return PeerBook()


async def keep_book(book: PeerBook, path: str) -> None:
    """Store the peer book now and then, about a second after a ban or its end, and at the end."""
    stored = book.revision
    banned = trio.Event()
    book.on_ban = banned.set
    try:
        while True:
            with trio.move_on_after(BOOK_SECONDS):
                await banned.wait()
            await trio.sleep(BAN_SECONDS)
            banned = trio.Event()
            book.on_ban = banned.set
            if book.revision != stored:
                stored = book.revision
                files.replace(path, book.encode(), durable=False)
    finally:
        files.replace(path, book.encode(), durable=False)
