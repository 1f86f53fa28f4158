"""Bytes that no honest program sends, thrown at a node's ports and sockets."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

import trio

from bystack.p2p.host import Class, Connected, Host, HostConfig, Lost
from bystack.p2p.identity import Identity

SECONDS = 180.0
RUBBISH = (
    b"\x00" * 64,
    b"\xff" * 4096,
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01",
    b"\x16\x03\x01\xff\xff" + b"\x41" * 70_000,
    os.urandom(4096),
)
FRAMES = (
    b"\xff\xff\xff\xff" + b"\x92" * 100,
    b"\x00\x00\x00\x00",
    b"\x00\x00\x00\x05\x92\x10\xc4\xff\xff",
    b"\x00\x00\x40\x00" + b"\x92\x01\xc6\xff\xff\xff\xff" + b"z" * 1000,
)
"""What comes after a good TLS handshake: hostile lengths, empty frames, headers that lie."""


def at_port(port: int, data: bytes) -> None:
    """Throw bytes at a TCP port and read until the other side ends it."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as sock:
        _exchange(sock, data)


def in_tls(port: int, data: bytes) -> None:
    """Shake hands, as TLS asks, and throw the bytes then."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), SECONDS) as raw,
        context.wrap_socket(raw) as sock,
    ):
        _exchange(sock, data)


def at_socket(path: Path, data: bytes) -> None:
    """Throw bytes at a private socket; its path may be longer than an address may be."""
    folder = os.open(path.parent, os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(f"/proc/self/fd/{folder}/{path.name}")
            _exchange(sock, data)
    finally:
        os.close(folder)


def _exchange(sock: socket.socket, data: bytes) -> None:
    """Send, say that no more comes, read until the other side ends it; it must, in time."""
    sock.settimeout(SECONDS)
    try:
        sock.sendall(data)
        if not isinstance(sock, ssl.SSLSocket):
            sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            continue
    except (ConnectionError, ssl.SSLError):
        return
    except OSError as error:
        if error.errno != errno.ENOTCONN:  # it hung up before we had said our last word
            raise


def member_of(port: int, chain: bytes, magic: bytes, caps: Mapping[int, int]) -> Stranger:
    """A stranger who knows the chain and shakes hands properly."""
    identity = Identity.from_seed(os.urandom(32))
    config = HostConfig(chain, magic, "", (f"127.0.0.1:{port}",), caps=caps)
    return Stranger(identity, Host(identity, config))


class Stranger:
    """A proper peer that then says what nobody may say."""

    def __init__(self, identity: Identity, host: Host) -> None:
        self.id = identity.node_id.hex()
        self._host = host

    def say(self, kind: int, payload: bytes, times: int, seconds: float = SECONDS) -> str:
        """Send a payload some times; why the connection ended, or an empty text if it did not."""
        return trio.run(self._say, kind, payload, times, seconds)

    async def _say(self, kind: int, payload: bytes, times: int, seconds: float) -> str:
        reason = ""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._host.run)
            with trio.move_on_after(seconds):
                async for event in self._host.events:
                    match event:
                        case Connected(peer):
                            for _ in range(times):
                                self._host.send(peer, kind, payload, Class.BLOCK)
                        case Lost(reason=given):
                            reason = given
                            break
                        case _:
                            continue
            nursery.cancel_scope.cancel()
        return reason
