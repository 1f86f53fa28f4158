"""Whatever a method answers in any of these tests is held against its documented type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bystack.node.rpc import DISCOVER, Methods
from tests.node.rpc.held import faults_of


@pytest.fixture(autouse=True)
def _answers_as_documented(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Told at the test's end: what is raised in a method's place would be an answer of its own."""
    made, faults = Methods.call, list[str]()

    async def call(self: Methods, name: str, params: Any = (), scope: str = "admin") -> Any:
        result = await made(self, name, params, scope)
        method = next((one for one in self.all if one.name == name), None)
        if method is not None and name != DISCOVER:
            faults.extend(f"{name}: {fault}" for fault in faults_of(result, method.result))
        return result

    monkeypatch.setattr(Methods, "call", call)
    yield
    assert faults == []
