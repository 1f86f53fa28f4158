"""Whatever a method answers in any of these tests is held against its documented type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from bystack.node.federation import requests as members
from bystack.node.federation.shapes import ANSWERS
from bystack.node.guard import requests as guards
from bystack.node.guard import shapes
from bystack.node.rpc import DISCOVER, Methods
from tests.node.rpc.held import faults_of

METHODS: Final = {
    "info": "getfederationinfo",
    "keygen": "keygen",
    "giveup": "giveupkeygen",
    "pending": "listpending",
    "build": "buildvaultoperation",
    "operations": "listvaultoperations",
    "buildgenesis": "buildgenesis",
    "submit": "submitvaultoperation",
}
ACTS: Final = dict.fromkeys(("freeze", "veto", "cancel", "sign"), shapes.ActState)
ASKED: Final[Mapping[Any, Mapping[str, Any]]] = {
    members: {asked: ANSWERS[name] for asked, name in METHODS.items()},
    guards: {
        **ACTS,
        "info": shapes.GuardInfo,
        "acts": list[shapes.ActState],
        "replace": shapes.Countersigned,
    },
}
"""What the method behind a request answers."""
ADDED: Final = {guards: {"info": {"standing": [], "alarms": 0}}}
"""What the method itself puts to it."""


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
    for module, kinds in ASKED.items():
        monkeypatch.setattr(module, "_perform", _held(module, kinds, faults))
    yield
    assert faults == []


def _held(module: Any, kinds: Mapping[str, Any], faults: list[str]) -> Any:
    """What members and guards are asked in their inbox, under no method's name."""
    perform, added = module._perform, ADDED.get(module, {})

    async def performed(whom: Any, method: str, *params: Any) -> Any:
        result = await perform(whom, method, *params)
        if (kind := kinds.get(method)) is not None:
            more = added.get(method)
            told = {**result, **more} if more else result
            faults.extend(f"{method}: {fault}" for fault in faults_of(told, kind))
        return result

    return performed
