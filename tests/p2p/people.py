"""The nodes of these tests, and the two ends of a connection fed by hand."""

from bystack.p2p.connection import Connection, Limits, Local
from bystack.p2p.events import ConnectionEvent
from bystack.p2p.handshake import VERSION, Admission, Channel, Hello, Role
from bystack.p2p.identity import Identity

CHAIN = b"c" * 32
MAGIC = b"mgc\x01"
CERTIFICATE = b"d" * 32
ALICE = Identity.from_seed(b"a" * 32)
BOB = Identity.from_seed(b"b" * 32)
MALLORY = Identity.from_seed(b"m" * 32)
CAPS = {16: 100, 17: 1 << 20, 200: 10}
ANYONE = Admission()


def hello(who: Identity, **changes: object) -> Hello:
    nonce = who.public[::-1]
    fields = dict(
        version=VERSION, magic=MAGIC, chain=CHAIN, key=who.public, nonce=nonce, listen=b""
    )
    return Hello(**{**fields, **changes})  # type: ignore[arg-type]


def local(who: Identity, admission: Admission = ANYONE, **changes: object) -> Local:
    return Local(who, hello(who, **changes), admission, CAPS, Limits())


def end(who: Identity, role: Role, certificate: bytes = CERTIFICATE) -> Connection:
    return Connection(local(who), Channel(role, certificate), 0.0)


def events(connection: Connection, data: bytes, now: float = 0.0) -> list[ConnectionEvent]:
    """Feed bytes, collect what they complete."""
    connection.receive_data(data, now)
    return list(iter(lambda: connection.next_event(now), None))


def said(connection: Connection) -> bytes:
    return b"".join(connection.data_to_send())


def opened() -> tuple[Connection, Connection]:
    """Two connections, Alice dialling Bob, both open."""
    alice, bob = end(ALICE, Role.DIALER), end(BOB, Role.LISTENER)
    to_bob, to_alice = said(alice), said(bob)
    assert not events(alice, to_alice) and not events(bob, to_bob)
    to_bob, to_alice = said(alice), said(bob)
    assert len(events(alice, to_alice)) == len(events(bob, to_bob)) == 1
    return alice, bob
