"""A sidechain at rest: what lies under which key, and what a block changes there.

    c transaction index   coin (see `coinstore`)
    s key                 entry of the system state
    n hash                node of the state's trie
    h height              header of the final block
    b height              its body
    f height              the commit certificate that made it final
    e height              what the pegs did in it, for subscribers
    o height              number of outbox leaves after it
    m level index         node of the outbox mountain range (1 and 8 bytes)
    i block               height of a final block
    t transaction         height and position (4 bytes) of a final transaction
    k block               a block kept before voting for it, until its height is final
    v evidence            proof of misbehaviour seen
    p epoch               proof of who votes in the epoch after it
    x y X                 the index of addresses, where it is kept (`node.addresses.rows`)
    B                     the block whose state this store began from; absent: height 0
    T                     the tip: height, trie root, coin multiset

Heights are 8 bytes, big endian.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.node.store.coinstore import coin_key, decode_coin
from bystack.node.store.storage import View
from bystack.primitives.codec import U63, Bytes32, Wire, encode
from bystack.primitives.hashes import fixed, tagged
from bystack.primitives.multiset import SIZE
from bystack.sidechain.blocks import Body, Header
from bystack.sidechain.consensus.statements import Certificate, genesis_certificate
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import Genesis
from bystack.sidechain.start import start
from bystack.sidechain.transition import Executed

KIND = "sidechain"
FORMAT = 2
WRITE_BUFFER = 32 * 1024 * 1024
"""As the main chain's: with 4 MB, sorting what full blocks write took a third of a core after half
a minute of them."""
"""2: the mirror's anchor says since which turn its terms are in force."""
MAX_CERTIFICATE = 65_536
MAX_EPOCH_PROOF = 1_000_000

STATE, TRIE, HEADER, BODY, FINAL, EVENTS = b"s", b"n", b"h", b"b", b"f", b"e"
LEAVES, NODE, BLOCK, TRANSACTION, KEPT, EVIDENCE = b"o", b"m", b"i", b"t", b"k", b"v"
EPOCH, BASE, TIP = b"p", b"B", b"T"

REBUILD = "move the directory away and let the process fetch its chain again"
evidence_key = tagged("sidechain/evidence")

Changes = dict[bytes, bytes | None]
Events = list[list[Any]]


class Tip(Wire):
    """How far the store is, and the digests that executing the next block starts from."""

    height: U63
    system_root: Bytes32
    multiset: Annotated[bytes, Meta(min_length=SIZE, max_length=SIZE)]


class Place(NamedTuple):
    """Where a final transaction stands."""

    height: int
    position: int


class Under:
    """The entries of a store under a prefix, as a map."""

    def __init__(self, view: View, prefix: bytes) -> None:
        self._view, self._prefix = view, prefix

    def get(self, key: bytes, /) -> bytes | None:
        """The value at `key`, or None."""
        return self._view.get(self._prefix + key)


class Coins:
    """The coins of a snapshot, one by one."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get(self, outpoint: Outpoint, /) -> Coin | None:
        """The coin, or None."""
        data = self._view.get(coin_key(outpoint))
        return None if data is None else decode_coin(data)


def block_changes(
    header: Header, body: bytes, certificate: Certificate, transactions: Sequence[Transaction] = ()
) -> Changes:
    """What a block itself adds: header, body, certificate, indexes."""
    height = fixed(header.height)
    places: Changes = {
        TRANSACTION + tx.id: height + fixed(at, 4) for at, tx in enumerate(transactions)
    }
    block: Changes = {HEADER + height: encode(header), BODY + height: body}
    return {**places, **block, FINAL + height: encode(certificate), BLOCK + header.id: height}


def state_changes(executed: Executed) -> Changes:
    """What executing a block changes: state entries and nodes of the trie."""
    state: Changes = {STATE + key: value for key, value in executed.changes.items()}
    gone: Changes = {TRIE + hash: None for hash in executed.trie.removed}
    return {**state, **gone, **{TRIE + hash: node for hash, node in executed.trie.added.items()}}


def parent_changes(height: int, body: Body) -> Changes:
    """Of the parent's certificates the one that the chain names stays.

    So all nodes hold the same, and the last of a line of blocks binds those below it.
    """
    return {FINAL + fixed(height - 1): body.certificate} if body.certificate else {}


def plain_events(executed: Executed) -> bytes:
    """What the pegs did in a block, as it is kept."""
    return msgspec.msgpack.encode([[event.name, event.facts] for event in executed.events])


def first_changes(genesis: Genesis, modules: Modules) -> Changes:
    """The block at height 0 and the state after it."""
    begun = start(genesis, modules)
    header, empty = begun.header, encode(Body(b"", ()))
    return {
        **block_changes(header, empty, genesis_certificate(header)),
        **{STATE + key: value for key, value in begun.changes.items()},
        **{TRIE + hash: node for hash, node in begun.trie.added.items()},
        LEAVES + fixed(0): fixed(0),
        TIP: encode(Tip(0, begun.trie.root, begun.multiset)),
    }
