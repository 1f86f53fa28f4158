"""TLS of the HTTP face: given a certificate, given another while it runs, given none that does."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import httpx
import msgspec
import pytest
import trio

from bystack.node.config import Rpc
from bystack.node.web.admitting import Door
from bystack.node.web.sealing import tls_context
from bystack.node.web.server import serve
from tests.node.web.test_web import CREDENTIALS, WHO, FakeNode, Web, run


def test_tls_when_given_a_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run(
        [*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )

    async def body(web: Web) -> None:
        async with httpx.AsyncClient(verify=False) as client:
            answer = await client.get(f"https://{web.address}/health")
            assert answer.status_code == 200

    run(body, tls_certificate=str(certificate), tls_key=str(key))


def made(folder: Path, name: str) -> Rpc:
    """A certificate of this name."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    words = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", f"/CN={name}"]
    subprocess.run(
        [*words, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    return Rpc(listen="127.0.0.1:0", tls_certificate=str(certificate), tls_key=str(key))


async def shown(address: str) -> bytes:
    """The certificate that a server shows."""
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with await trio.open_ssl_over_tcp_stream(host, int(port), ssl_context=context) as stream:
        await stream.do_handshake()
        found: bytes = stream.getpeercert(binary_form=True)
        return found


def test_another_certificate_and_other_limits_from_now_on(tmp_path: Path) -> None:
    async def main() -> None:
        one, two = made(tmp_path, "one"), made(tmp_path, "two")
        door = Door(one, CREDENTIALS)
        async with trio.open_nursery() as nursery:
            address = await nursery.start(serve, FakeNode(), door)
            first = await shown(address)
            assert first == await shown(address)
            door.renew(msgspec.structs.replace(two, rate=1), CREDENTIALS[1:], tls_context(two))
            assert await shown(address) not in (b"", first)
            async with httpx.AsyncClient(verify=False) as client:
                headers = {"Authorization": "Bearer " + "e" * 64}
                url = f"https://{address}/"
                asked = [(await client.post(url, json=WHO, headers=headers)) for _ in range(4)]
            assert {one.status_code for one in asked} == {200, 429}
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_a_certificate_that_does_not_do_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    for name in ("x.pem", "nowhere.pem"):
        with pytest.raises(OSError, match=name):
            tls_context(Rpc(tls_certificate=str(tmp_path / name), tls_key="k"))
    assert tls_context(Rpc()) is None
