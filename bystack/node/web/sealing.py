"""TLS of the server: its certificate may be another one for the connections that come later.

A certificate lives shorter than a node runs. The files are read when the server starts and at each
SIGHUP, whether their names changed or not; connections that are open stay under the old one.
"""

from __future__ import annotations

import ssl
from typing import Protocol

import trio

from bystack.node.config import Rpc


class Holder(Protocol):
    """Who has the context in force; None without TLS."""

    tls: ssl.SSLContext | None


def tls_context(config: Rpc) -> ssl.SSLContext | None:
    """What the configured certificate and key make, None without; raises OSError saying which."""
    if not config.tls_certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(config.tls_certificate, config.tls_key or None)
    except OSError as error:
        files = f"{config.tls_certificate} and {config.tls_key or 'no tls_key'}"
        raise OSError(f"[rpc] tls_certificate, tls_key: {files} do not do: {error}") from None
    return context


class Sealing(trio.abc.Listener[trio.SSLStream[trio.SocketStream]]):
    """A listener under whichever context is in force when a connection comes."""

    def __init__(self, inner: trio.SocketListener, holder: Holder) -> None:
        self._inner, self._holder = inner, holder

    async def accept(self) -> trio.SSLStream[trio.SocketStream]:
        """The next connection; its handshake is made with its first bytes."""
        stream = await self._inner.accept()
        context = self._holder.tls
        assert context is not None, "TLS is not switched off while the server runs"
        return trio.SSLStream(stream, context, server_side=True, https_compatible=True)

    async def aclose(self) -> None:
        """Listen no more."""
        await self._inner.aclose()
