"""RPC about peers: whom a host keeps and whom it refuses; the same for every chain of a node."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from msgspec import Meta

from bystack.node.ipc import RemoteError
from bystack.node.mainchain import shapes
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import BAD_PARAMETER, Methods
from bystack.p2p.addresses import BadAddress, parse_target
from bystack.p2p.host import Host

BAN_SECONDS = 24 * 3600
PROTOCOL = 1

Seconds = Annotated[int, Meta(ge=0, le=2**40)]
Name = Annotated[str, Meta(max_length=300)]


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


def _is_node_id(text: str) -> bool:
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)
