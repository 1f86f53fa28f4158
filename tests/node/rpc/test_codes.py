"""The list of errors that clients read has every code that a process gives."""

from __future__ import annotations

import re
from pathlib import Path

import bystack.node
from bystack.node.rpc.codes import ERRORS

NODE = Path(bystack.node.__file__).parent
GIVEN = re.compile(r"(?:RemoteError\(|: Final = )(-\d+)\b")


def test_every_code_is_listed() -> None:
    given = {int(code) for path in NODE.rglob("*.py") for code in GIVEN.findall(path.read_text())}
    assert {-4, -12, -19} < given
    assert given - set(ERRORS) == set()
