"""The network a configuration names: built in, or a genesis file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import tomli_w

from bystack.mainchain.params import MAIN, NETWORKS, REGTEST, chain_id
from bystack.node.networks import MAX_FILE, NetworkError, described, params_of


def test_built_in() -> None:
    assert {name: params_of(name) for name in NETWORKS} == dict(NETWORKS)
    assert params_of("main") == MAIN


def test_a_file(tmp_path: Path) -> None:
    table = {**msgspec.structs.asdict(REGTEST), "magic": "42797801", "name": "private"}
    path = tmp_path / "private.toml"
    path.write_text(tomli_w.dumps(table))
    params = params_of(str(path))
    assert (params.name, params.magic) == ("private", b"Byx\x01")


RESERVED = tomli_w.dumps({**msgspec.structs.asdict(MAIN), "magic": "42597901"}).encode()


def test_what_describes_a_network_is_what_its_nodes_must_share() -> None:
    text = described(MAIN)
    assert chain_id(MAIN).hex() in text and "bm1" in text and "sha256d" in text


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\xff\xfe", b"a = [", b'name = "x"\n', None),
        RESERVED,  # a network of one's own does not call itself main
        b"#" * (MAX_FILE + 1),
        b"a = " + b"[" * 30_000,
    ],
    ids=["empty", "no text", "no TOML", "one key", "no file", "reserved", "long", "deep"],
)
def test_what_is_no_network_is_named_with_the_next_step(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "bad.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(NetworkError, match=r"bad\.toml.*name main, test, regtest or"):
        params_of(str(path))
