"""RPC about peers, and the mining that regtest allows."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from msgspec import Meta

from bystack.ledger.transactions import PolicyLock, Transaction, decode_transaction
from bystack.mainchain.params import Params
from bystack.node.ipc import RemoteError
from bystack.node.mainchain import shapes, shapes_mining
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.forms import Json
from bystack.node.mainchain.mining import generate, generate_of
from bystack.node.mainchain.reading import BAD_PARAMETER, NOT_FOUND
from bystack.node.rpc import MISC, Hex, Methods
from bystack.p2p.addresses import BadAddress, parse_target
from bystack.p2p.host import Host
from bystack.primitives.addresses import POLICY, decode_address
from bystack.primitives.errors import Invalid

BAN_SECONDS = 24 * 3600
PROTOCOL = 1
VERIFY_ERROR = -25

Count = Annotated[int, Meta(ge=1, le=10_000, description="how many blocks, 1 to 10,000")]
Given = Annotated[list[Hex], Meta(max_length=10_000, description="ids, or transactions in hex")]
Seconds = Annotated[int, Meta(ge=0, le=2**40)]
Name = Annotated[str, Meta(max_length=300)]


def reward_lock(address: str, params: Params) -> PolicyLock:
    """The lock of an address that a block's reward may go to; raises `RemoteError` (-5)."""
    try:
        given = decode_address(address, params.hrp)
    except Invalid as error:
        facts = {"rule": error.rule}
        raise RemoteError(NOT_FOUND, f"Invalid address: {error}", facts) from None
    if given.version != POLICY:
        raise RemoteError(NOT_FOUND, "Invalid address: rewards go to policy addresses only")
    return PolicyLock(given.payload)


class PeerMethods:
    """Answers from the peer host; changes whom it keeps and whom it refuses."""

    def __init__(self, host: Host, node_id: bytes, listening: str, version: str) -> None:
        self._host = host
        self._node_id, self._listening, self._version = node_id, listening, version

    def register(self, methods: Methods) -> None:
        """Add every method about peers."""
        add = methods.add
        add("getpeerinfo", self.peers, help="The connected peers.", returns=list[shapes.PeerInfo])
        add("getconnectioncount", self.count, help="How many peers are connected.")
        add(
            "getnetworkinfo",
            self.info,
            help="This node on the peer network.",
            returns=shapes.NetworkInfo,
        )
        add("addnode", self.add, scope="admin", help="Keep (add, onetry) or drop (remove) a peer.")
        add("setban", self.ban, scope="admin", help="Refuse a host or node id, or lift that.")
        add(
            "listbanned",
            self.banned,
            help="Who is refused, and until when.",
            returns=list[shapes.Ban],
        )

    def peers(self) -> list[Json]:
        """One object per peer."""
        return [
            {
                "id": number,
                "nodeid": one.node_id.hex(),
                "addr": one.address,
                "inbound": one.inbound,
                "conntime": int(one.since),
                "bytessent": one.bytes_out,
                "bytesrecv": one.bytes_in,
                "pingtime": one.rtt,
                "banscore": one.score,
                "dropped": one.dropped,
            }
            for number, one in enumerate(self._host.peers())
        ]

    def count(self) -> int:
        """How many peers are connected."""
        return len(self._host.peers())

    def info(self) -> Json:
        """Version, address, connections, refusals."""
        peers, statistics = self._host.peers(), self._host.statistics()
        inbound = sum(one.inbound for one in peers)
        return {
            "version": self._version,
            "subversion": f"/bystack:{self._version}/",
            "protocolversion": PROTOCOL,
            "networkactive": True,
            "connections": len(peers),
            "connections_in": inbound,
            "connections_out": len(peers) - inbound,
            "listening": self._listening,
            "nodeid": self._node_id.hex(),
            "refused": dict(statistics.refused),
            "warnings": "",
        }

    def add(self, node: Name, command: Literal["add", "remove", "onetry"]) -> None:
        """Keep a connection to "host:port" or "nodeid@host:port", or keep it no longer."""
        try:
            target = parse_target(node)
        except BadAddress as error:
            raise RemoteError(BAD_PARAMETER, str(error)) from None
        if command != "remove":
            return self._host.connect(node)
        for one in self._host.peers():
            if one.address == str(target.address) or one.node_id == target.node:
                return self._host.disconnect(one.node_id)
        raise RemoteError(-24, "Error: Node could not be removed. It is not connected.")

    def ban(
        self,
        subnet: Name,
        command: Literal["add", "remove"],
        bantime: Seconds = 0,
        absolute: bool = False,
    ) -> None:
        """Refuse a host, "host:port" or node id for some seconds (a day unless given)."""
        target: Any = bytes.fromhex(subnet) if _is_node_id(subnet) else subnet
        if command == "remove":
            return self._host.unban(target)
        seconds = bantime - time.time() if absolute else bantime or BAN_SECONDS
        return self._host.ban(target, seconds)

    def banned(self) -> list[Json]:
        """Names and times."""
        bans = self._host.book.bans(int(time.time()))
        return [{"address": name, "banned_until": until} for name, until in bans.items()]


class NetworkMethods(PeerMethods):
    """A full node's: with blocks made to order where the network allows it."""

    def __init__(self, driver: Driver, node_id: bytes, listening: str, version: str) -> None:
        super().__init__(driver.host, node_id, listening, version)
        self._driver = driver

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        super().register(methods)
        name, help = "generatetoaddress", "Mine blocks (regtest only)."
        methods.add(name, self.generate, scope="wallet", help=help)
        name, help = "generateblock", "Mine a block of just these transactions (regtest only)."
        made = shapes_mining.Generated
        methods.add(name, self.generate_block, scope="wallet", help=help, returns=made)

    async def generate(self, nblocks: Count, address: str) -> list[str]:
        """Mine at once, the rewards going to an address; the ids of the blocks."""
        lock = reward_lock(address, self._driver.store.params)
        return [id.hex() for id in await regtest_blocks(self._driver, nblocks, lock)]

    async def generate_block(self, output: str, transactions: Given) -> Json:
        """Mine one block at once: ids of transactions that wait, or whole ones, in their order."""
        check_regtest(self._driver)
        lock = reward_lock(output, self._driver.store.params)
        given = [self._given(text) for text in transactions]
        try:
            return {"hash": (await generate_of(self._driver, lock, given)).hex()}
        except Invalid as error:
            raise RemoteError(VERIFY_ERROR, str(error), {"rule": error.rule}) from None

    def _given(self, text: Hex) -> Transaction:
        """A transaction by its id, or itself."""
        data = bytes.fromhex(text)
        try:
            waiting = self._driver.pool.machine.get(data)
            return decode_transaction(data) if waiting is None else waiting.tx
        except Invalid as error:
            text = f"neither the id of a transaction that waits nor a transaction: {error}"
            raise RemoteError(BAD_PARAMETER, text) from None


def check_regtest(driver: Driver) -> None:
    """Raise `RemoteError` (-1) where the target moves."""
    if driver.store.params.retarget:
        raise RemoteError(MISC, "blocks are made to order on regtest only")


async def regtest_blocks(driver: Driver, count: int, lock: PolicyLock) -> list[bytes]:
    """Mine `count` blocks where the target never moves; elsewhere `RemoteError` (-1)."""
    check_regtest(driver)
    return await generate(driver, count, lock)


def _is_node_id(text: str) -> bool:
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)
