"""Files of public parts, which come from other people's machines."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bystack.client.sidechain_new.operators import OperatorUnfit, read_operator
from tests.client.sidechain_new.founders import operators, parts


def test_a_file_is_what_a_node_printed(tmp_path: Path) -> None:
    path = tmp_path / "alpha.json"
    facts = {key: value for key, value in parts()[0].items() if key != "name"}
    path.write_bytes(msgspec.json.encode(facts))
    assert read_operator(path) == msgspec.structs.replace(operators()[0], name="alpha")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"name": "a b"}',
        b'{"recipient": "12"}',
        b'{"weight": 129}',
        b'{"member": {"port": {"identity": "00"}}}',
        b"{" + b" " * 100_000 + b"}",
        b"[" * 50_000,
    ],
)
def test_anything_else_is_refused_with_a_next_step(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(OperatorUnfit, match=r"x\.json"):
        read_operator(path)
