"""Where a node can be reached, and which addresses count as one neighbourhood.

A neighbourhood ("group") is what one operator gets cheaply: an IPv4 /16, an IPv6 /32. Outbound
slots are spread over groups, so that renting many addresses in one network does not surround us.
Loopback and private addresses, and names, are a group each: there the operator is trusted anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from bystack.p2p.identity import NodeId
from bystack.primitives.errors import Invalid

MAX_HOST: Final = 200
NODE_ID_SIZE: Final = 32


class BadAddress(Invalid):
    """The text is no address of the form host:port or nodeidhex@host:port."""


@dataclass(frozen=True, order=True)
class Address:
    """A host (IP address or name) and a TCP port; shown as "host:port", IPv6 in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Target:
    """An address to dial, and the node expected there (None: whoever answers)."""

    address: Address
    node: NodeId | None


def observed(host: str, port: int) -> Address:
    """The address of a socket's other end; IPv4 seen through an IPv6 socket is IPv4."""
    ip = _ip(host)
    return Address(host if ip is None else str(ip), port)


def parse(text: str) -> Address:
    """The address in "host:port"; raises `BadAddress`."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    if not (colon and _is_port(port) and _is_host(bare, bracketed)):
        raise BadAddress(text=text[:MAX_HOST])
    return Address(bare.lower(), int(port))


def parse_target(text: str) -> Target:
    """The address in "host:port" or "nodeidhex@host:port"; raises `BadAddress`."""
    name, at, rest = text.rpartition("@")
    if not at:
        return Target(parse(rest), None)
    try:
        node = bytes.fromhex(name)
    except ValueError:
        raise BadAddress(text=text[:MAX_HOST]) from None
    if len(node) != NODE_ID_SIZE:
        raise BadAddress(text=text[:MAX_HOST])
    return Target(parse(rest), NodeId(node))


def group(address: Address) -> str:
    """The neighbourhood an address belongs to."""
    ip = _ip(address.host)
    if ip is None or ip.is_private or ip.is_loopback:
        return str(address)
    if isinstance(ip, IPv4Address):
        return ".".join(address.host.split(".")[:2])
    return ip.exploded[:9]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: then many processes share it and it is never banned."""
    ip = _ip(host)
    return host == "localhost" if ip is None else ip.is_loopback


def is_name(host: str) -> bool:
    """Whether a host is a name that is looked up when it is dialled."""
    return _ip(host) is None


def is_hearsay(address: Address, source: str) -> bool:
    """Whether a peer at `source` may tell us of `address`: private ones only from private ones."""
    ip = _ip(address.host)
    if ip is None or address.port == 0 or ip.is_unspecified or ip.is_multicast:
        return False
    origin = _ip(source)
    if ip.is_loopback:
        return origin is not None and origin.is_loopback
    return not ip.is_private or (origin is not None and origin.is_private)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535


def _is_host(host: str, bracketed: bool) -> bool:
    if bracketed or ":" in host:
        return bracketed and isinstance(_ip(host), IPv6Address)
    plain = host.replace("-", "").replace(".", "").replace("_", "")
    return 0 < len(host) <= MAX_HOST and plain.isascii() and plain.isalnum()


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(host)
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return mapped or ip
