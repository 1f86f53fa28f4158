import pytest

from bystack.p2p.frames import Frame
from bystack.p2p.handshake import Proof
from bystack.p2p.items import Announce, Get, GossipMessage, Item, Items, Missing
from bystack.p2p.messages import Addresses, GetAddresses, Goodbye, Ping, Pong
from bystack.p2p.peers import Ban, KnownAddress, Score, StoredBook
from bystack.primitives.codec import Wire
from tests.p2p.people import ALICE, hello
from tests.wire import check_wire

IDS = (b"\x01" * 32, b"\x02" * 32)
KNOWN = KnownAddress(b"10.0.0.1:9735", b"10.0.0.2:1", 1_700_000_000, 3, 1_600_000_000)
BAN = Ban(b"10.9.9.9", 1_800_000_000)
SCORE = Score(b"10.0.0.1", 40, 1_700_000_000)
SAMPLES: dict[str, Wire] = {
    "p2p_frame": Frame(200, b"payload"),
    "p2p_hello": hello(ALICE, listen=b"127.0.0.1:9735"),
    "p2p_proof": Proof(bytes(range(64))),
    "p2p_ping": Ping(7),
    "p2p_pong": Pong(2**63 - 1),
    "p2p_get_addresses": GetAddresses(),
    "p2p_addresses": Addresses((b"127.0.0.1:9735", b"[::1]:1")),
    "p2p_goodbye": Goodbye(b"WrongChain"),
    "p2p_peer_book": StoredBook(1, (KNOWN,), (SCORE,), (BAN,)),
}
GOSSIP: dict[str, Wire] = {
    "gossip_announce": Announce(3, IDS),
    "gossip_get": Get(3, IDS[:1]),
    "gossip_item": Item(3, IDS[0], b"body"),
    "gossip_items": Items(3, ((IDS[0], b"body"), (IDS[1], b""))),
    "gossip_missing": Missing(3, IDS),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_wire(name: str) -> None:
    check_wire(name, SAMPLES[name])


@pytest.mark.parametrize("name", GOSSIP)
def test_gossip_wire(name: str) -> None:
    check_wire(name, GOSSIP[name], GossipMessage)
