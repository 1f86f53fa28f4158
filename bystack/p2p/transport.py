"""How bytes reach a peer: TLS 1.3 over a trio stream, one reading and one writing task per link.

The server shows a self-signed Ed25519 certificate made afresh for each process; the client accepts
any (`CERT_NONE`) since the handshake binds the node keys to the certificate's digest. OpenSSL still
checks that the server holds the certificate's key. A peer that floods is read slowly (its buckets
run dry, or the application's inbox is full) and TCP passes that back; nothing piles up here.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import trio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bystack.p2p.addresses import Address
from bystack.p2p.buckets import Rate, TokenBucket
from bystack.p2p.connection import Connection, goodbye
from bystack.p2p.events import ConnectionEvent, Farewell
from bystack.p2p.faults import SendLate, StreamBroken, TlsFailed
from bystack.p2p.queues import Class, SendQueues
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import sha256

CHUNK: Final = 64 * 1024
SEND_SECONDS: Final = 60.0
LINGER_SECONDS: Final = 1.0
MESSAGE_RATE: Final = Rate(per_second=5_000, burst=20_000)
BYTE_RATE: Final = Rate(per_second=32 << 20, burst=64 << 20)

Deliver = Callable[[ConnectionEvent], Awaitable[None]]


@dataclass(frozen=True)
class Certificate:
    """A server's TLS context and the SHA-256 of the certificate (DER) it shows."""

    context: ssl.SSLContext
    digest: bytes


@dataclass(frozen=True)
class SecureStream:
    """An encrypted byte stream and the digest of the certificate it was made with."""

    stream: trio.abc.Stream
    certificate: bytes


def make_certificate() -> Certificate:
    """A fresh self-signed certificate; its key lives in this process only."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bystack")])
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))  # RFC 5280: no expiry
        .sign(key, None)
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # sessions are never resumed: each has its own signatures
    _load(context, secret + certificate.public_bytes(Encoding.PEM))
    return Certificate(context, sha256(certificate.public_bytes(Encoding.DER)))


async def open_tcp(address: Address) -> trio.abc.Stream:
    """A TCP connection to an address; raises OSError."""
    return await trio.open_tcp_stream(address.host, address.port)


async def secure_server(stream: trio.abc.Stream, certificate: Certificate) -> SecureStream:
    """Encrypt an accepted stream; raises `TlsFailed` or `StreamBroken`."""
    secured = trio.SSLStream(stream, certificate.context, server_side=True, https_compatible=True)
    await _shake_hands(secured)
    return SecureStream(secured, certificate.digest)


async def secure_client(stream: trio.abc.Stream) -> SecureStream:
    """Encrypt a dialled stream; raises `TlsFailed` or `StreamBroken`."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the node keys sign for it: handshake.py
    secured = trio.SSLStream(stream, context, https_compatible=True)
    await _shake_hands(secured)
    shown = secured.getpeercert(binary_form=True)
    if not shown:
        raise TlsFailed(reason="no certificate")
    return SecureStream(secured, sha256(shown))


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    """Give the context its key: it loads only from files, so one in memory where Linux has them."""
    if not hasattr(os, "memfd_create"):
        return _load_from_disk(context, pem)
    file = os.memfd_create("bystack-certificate", os.MFD_CLOEXEC)
    try:
        os.write(file, pem)
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)


def _load_from_disk(context: ssl.SSLContext, pem: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:  # 0600, gone on leaving
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)


async def _shake_hands(secured: trio.SSLStream[trio.abc.Stream]) -> None:
    try:
        await secured.do_handshake()
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        cause = error.__cause__
        # Python before 3.11.4 has an end in the middle as an error without a reason.
        ended = isinstance(cause, ssl.SSLEOFError) or getattr(cause, "reason", None) is None
        if isinstance(cause, ssl.SSLError) and not ended:
            raise TlsFailed(reason=cause.reason) from None
        raise StreamBroken() from None


@dataclass(frozen=True)
class Ending:
    """Why a link is over: a rule's name or a word, and the rule if the peer broke one.

    `proved` says whether the peer had proved its node key.
    """

    reason: str
    error: Invalid | None = None
    proved: bool = False


class Link:
    """One connection at work: what it reads goes to `deliver`, what it writes comes from queues."""

    def __init__(self, secured: SecureStream, connection: Connection) -> None:
        self.connection = connection
        self.bytes_in = 0
        self.bytes_out = 0
        self._stream = secured.stream
        self._queues = SendQueues()
        self._wake = trio.Event()
        self._ending: Ending | None = None
        self._all = trio.CancelScope()
        self._reading = trio.CancelScope()
        now = trio.current_time()
        self._messages = TokenBucket(MESSAGE_RATE, now)
        self._bytes = TokenBucket(BYTE_RATE, now)

    def post(self, cls: Class, frame: bytes) -> bool:
        """Queue a frame; False when its class is full or the link is closing."""
        accepted = self._ending is None and self._queues.push(cls, frame)
        self._wake.set()
        return accepted

    def post_control(self, frame: bytes) -> None:
        """Queue a frame of the protocol itself; dropped when the peer takes none."""
        if self._ending is None:
            self._queues.push_control(frame)
            self._wake.set()

    def flush(self) -> None:
        """Queue what the connection itself wants said."""
        for frame in self.connection.data_to_send():
            self.post_control(frame)

    def close(self, reason: str, error: Invalid | None = None) -> None:
        """Say goodbye, with the reason, after the frame under way; then end."""
        if self._ending is None:
            self._queues.clear()
            self.post_control(goodbye(reason))
            self._ending = Ending(reason, error)
            self._all.deadline = trio.current_time() + LINGER_SECONDS
            self._reading.cancel()

    def end(self, reason: str, error: Invalid | None = None) -> None:
        """End at once: the peer is gone."""
        if self._ending is None:
            self._ending = Ending(reason, error)
        self._all.cancel()

    async def run(self, deliver: Deliver) -> Ending:
        """Read and write until either side closes; the stream is closed on return."""
        self.flush()
        try:
            with self._all:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    with self._reading:
                        await self._read(deliver)
        finally:
            await trio.aclose_forcefully(self._stream)
        ending = self._ending or Ending("Closed")
        return replace(ending, proved=self.connection.proved)

    async def _read(self, deliver: Deliver) -> None:
        try:
            while self._ending is None:
                await self._read_some(deliver)
        except Invalid as error:
            self.close(error.rule, error)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.end("Closed")

    async def _read_some(self, deliver: Deliver) -> None:
        data: bytes | bytearray | None = None
        with trio.move_on_at(self.connection.deadline()):
            data = await self._stream.receive_some(CHUNK)
        if data is None:
            self.connection.tick(trio.current_time())
            return self.flush()
        if not data:
            return self.end("Closed")
        self.bytes_in += len(data)
        await self._take(bytes(data), deliver)

    async def _take(self, data: bytes, deliver: Deliver) -> None:
        """Deliver what the bytes complete, and wait off what they cost.

        The time that takes is ours, so it is not counted against the peer's deadlines.
        """
        began, frames = trio.current_time(), self.connection.frames
        self.connection.receive_data(data, began)
        while self._ending is None:
            event = self.connection.next_event(trio.current_time())
            if event is None:
                break
            self.flush()
            if isinstance(event, Farewell):
                return self.end(event.reason)
            await deliver(event)
        self.flush()
        await self._pay(len(data), self.connection.frames - frames)
        self.connection.excuse(trio.current_time() - began)

    async def _pay(self, size: int, frames: int) -> None:
        now = trio.current_time()
        wait = max(self._bytes.take(size, now), self._messages.take(frames, now))
        if wait:
            await trio.sleep(wait)

    async def _write(self) -> None:
        try:
            while await self._write_some():
                pass
            self._all.cancel()  # the goodbye is out
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.end("Closed")

    async def _write_some(self) -> bool:
        data = self._queues.pop(CHUNK)
        if data:
            with trio.move_on_after(SEND_SECONDS) as patience:
                await self._stream.send_all(data)
            if patience.cancelled_caught:
                self.end(SendLate.__name__, SendLate(limit=SEND_SECONDS))
                return False  # the frame is torn: nothing may follow it
            self.bytes_out += len(data)
        elif self._ending is not None:
            return False
        else:
            await self._wake.wait()
            self._wake = trio.Event()
        return True
