"""The network a configuration names: built in, or a genesis file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import tomli_w

from bystack.mainchain.params import MAIN, NETWORKS, REGTEST
from bystack.node.networks import NetworkError, params_of


def test_built_in() -> None:
    assert {name: params_of(name) for name in NETWORKS} == dict(NETWORKS)
    assert params_of("main") == MAIN


def test_a_file(tmp_path: Path) -> None:
    table = {**msgspec.structs.asdict(REGTEST), "magic": "42797801", "name": "private"}
    path = tmp_path / "private.toml"
    path.write_text(tomli_w.dumps(table))
    params = params_of(str(path))
    assert (params.name, params.magic) == ("private", b"Byx\x01")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"a = [", b'name = "x"\n', None])
def test_what_is_no_network_is_named_with_the_next_step(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "bad.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(NetworkError, match=r"bad\.toml.*name main, test, regtest or"):
        params_of(str(path))
