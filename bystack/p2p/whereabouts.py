"""Where a node says it can be reached, signed with its node key: so those who need it find it.

A chain names its voters by node id. Their addresses change and stand in no chain, so each says its
own, and everyone passes on the newest of those the chain names (node.md, section 6: validators
and members find each other by key).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated, Final

from msgspec import Meta

from bystack.p2p.addresses import Address, BadAddress, is_hearsay, is_name, parse
from bystack.p2p.handshake import AddressBytes
from bystack.p2p.identity import Identity, node_id, verify
from bystack.primitives.codec import U63, Bytes32, Bytes64, Wire, decode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged

MAX_NODES: Final = 800
MAX_MESSAGE: Final = 400_000
AHEAD_MS: Final = 3_600_000

_digest = tagged("p2p/whereabouts")


class WhereaboutsSignature(Invalid):
    """The address is not signed by the node it is said to be of."""


class WhereaboutsTime(Invalid):
    """The address is dated more than an hour ahead: it could never be replaced."""


class Whereabouts(Wire):
    """A node's public key, its "host:port" in ASCII, and when it said so (milliseconds)."""

    key: Bytes32
    address: AddressBytes
    at: U63
    signature: Bytes64

    def digest(self, chain: bytes) -> bytes:
        """What the node signs: it holds on one chain alone."""
        return _digest(chain, self.key, fixed(self.at), self.address)


Given = Annotated[tuple[Whereabouts, ...], Meta(max_length=MAX_NODES)]


def declare(identity: Identity, chain: bytes, address: str, at: int) -> Whereabouts:
    """The node's own word on where it is, `at` in milliseconds."""
    unsigned = Whereabouts(identity.public, address.encode("ascii"), at, bytes(64))
    return Whereabouts(unsigned.key, unsigned.address, at, identity.sign(unsigned.digest(chain)))


def read_given(payload: bytes) -> tuple[Whereabouts, ...]:
    """What a peer passes on; raises the codec's errors."""
    given: tuple[Whereabouts, ...] = decode(Given, payload, MAX_MESSAGE)
    return given


class Directory:
    """The newest whereabouts of the nodes that are looked for; nobody else's is kept."""

    def __init__(self, chain: bytes, mine: bytes) -> None:
        self._chain, self._mine = chain, mine
        self._known: dict[bytes, Whereabouts] = {}
        self._wanted: frozenset[bytes] = frozenset()

    def want(self, nodes: Collection[bytes]) -> None:
        """From now on these nodes are looked for, at most 800; others are forgotten."""
        self._wanted = frozenset(sorted(nodes)[:MAX_NODES])
        self._known = {node: one for node, one in self._known.items() if node in self._wanted}

    def wants(self, node: bytes) -> bool:
        """Whether a node is looked for."""
        return node in self._wanted

    @property
    def known(self) -> tuple[Whereabouts, ...]:
        """What may be passed on."""
        return tuple(self._known.values())

    def take(self, given: Iterable[Whereabouts], now: int) -> tuple[Whereabouts, ...]:
        """The new ones of those a peer passes on, kept now.

        Raises `WhereaboutsSignature`, `WhereaboutsTime`; those before the bad one are kept.
        """
        return tuple(one for one in given if self._is_news(one, now))

    def address_of(self, node: bytes) -> Address | None:
        """Where a node says it is, if anybody may be sent there; never ourselves. A name may stand
        there, unlike in what a peer merely tells: the node itself signed it."""
        one = self._known.get(node)
        if one is None or node == self._mine:
            return None
        try:
            address = parse(one.address.decode("ascii"))
        except (BadAddress, UnicodeDecodeError):
            return None
        named = is_name(address.host) and address.port > 0
        return address if named or is_hearsay(address, address.host) else None

    def _is_news(self, one: Whereabouts, now: int) -> bool:
        node = node_id(one.key)
        before = self._known.get(node)
        if node not in self._wanted or (before is not None and before.at >= one.at):
            return False
        if one.at > now + AHEAD_MS:
            raise WhereaboutsTime(at=one.at, now=now)
        if not verify(one.key, one.digest(self._chain), one.signature):
            raise WhereaboutsSignature(node=node)
        self._known[node] = one
        return True
