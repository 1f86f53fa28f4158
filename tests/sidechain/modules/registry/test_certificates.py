"""The registry's bytes, and where a certificate lies."""

from __future__ import annotations

import pytest

from bystack.primitives.codec import Wire
from bystack.sidechain.modules.registry.certificates import (
    Certificate,
    Endorse,
    Endorsement,
    Register,
    RegistryConfig,
    Revoke,
    Transfer,
    certificate_key,
    status_at,
)
from tests.wire import check_wire

ONE, TWO = b"\x01" * 32, b"\x02" * 32
CERTIFICATE = Certificate(
    ONE, b"a deed", 7, 1_700_000_000_000, 3, TWO, 900, 8, 1, 0, b"", (Endorsement(TWO, 9, 10),)
)

VALUES: dict[str, Wire] = {
    "config": RegistryConfig(ONE, 100, 2),
    "register": Register(ONE, TWO, b"a deed", 900),
    "transfer": Transfer(ONE, TWO, b"\x03" * 32),
    "revoke": Revoke(ONE, TWO, b"lost"),
    "endorse": Endorse(ONE, TWO),
    "certificate": CERTIFICATE,
}


@pytest.mark.parametrize("name", VALUES)
def test_bytes(name: str) -> None:
    check_wire(f"registry_{name}", VALUES[name])


def test_the_key_a_proof_is_asked_for() -> None:
    assert certificate_key(ONE) == b"module/registry/certificate/" + ONE


def test_a_certificate_is_valid_up_to_its_last_height() -> None:
    assert [status_at(CERTIFICATE, height) for height in (900, 901)] == ["valid", "expired"]
