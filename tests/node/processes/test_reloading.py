"""What a reload does to the certificate of a server that runs: another one, or the old for good."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from bystack.node.config import FILE, Rpc, load_config, shown_config
from bystack.node.config.loading import parse_config
from bystack.node.processes.supervisor import Supervisor
from tests.node.web.test_tls import made, shown


def write(rpc: Rpc, rate: int) -> None:
    """The configuration of a node with this certificate."""
    pair = f'tls_certificate = "{rpc.tls_certificate}"\ntls_key = "{rpc.tls_key}"'
    text = f'network = "regtest"\n[rpc]\nlisten = "127.0.0.1:0"\nrate = {rate}\n{pair}\n'
    Path(FILE).write_text(shown_config(parse_config(text)))


def in_force() -> bytes:
    """What confined children read."""
    return Path("in-force", FILE).read_bytes()


def break_file(path: str) -> None:
    """Something else than a certificate, for a while."""
    Path(path).rename("kept")
    Path(path).write_text("no certificate")


def test_a_broken_certificate_is_refused_and_the_old_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = made(tmp_path, "one"), made(tmp_path, "two")
    write(one, 0)
    supervisor = Supervisor((), load_config("."))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            address = await nursery.start(supervisor.run)
            first, begun = await shown(address), in_force()
            break_file(two.tls_certificate)
            write(two, 7)
            await supervisor.reload(nursery)
            assert await shown(address) == first
            assert in_force() == begun
            assert b'name="",outcome="refused",role="bystackd"} 1.0' in await supervisor.metrics()
            os.replace("kept", two.tls_certificate)
            await supervisor.reload(nursery)
            assert await shown(address) not in (b"", first)
            nursery.cancel_scope.cancel()

    trio.run(main)
    said = "".join(capfd.readouterr())
    assert "[rpc] tls_certificate, tls_key" in said and "two.pem" in said
