"""A proof waits for what can come: headers on top of its own, and not for votes on the genesis."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import trio

from bystack.node.sidechain.proving import NotProvable
from bystack.node.sidechain.rpc.proofs import once_final


class Changed:
    """The driver's signal: each wait is counted, and ends with the next block."""

    def __init__(self) -> None:
        self.waits = 0

    async def wait(self) -> None:
        self.waits += 1


def test_a_proof_waits_until_its_header_can_be_shown_final() -> None:
    changed = Changed()
    driver: Any = SimpleNamespace(changed=changed, store=SimpleNamespace(height=5))

    def made() -> str:
        if changed.waits < 2:
            raise NotProvable(height=5, tip=5)
        return "proof"

    assert trio.run(once_final, driver, made, 5) == "proof"


def test_nobody_waits_for_a_proof_of_the_genesis_header() -> None:
    """A member that asked a sidechain before its first block stood still for half a minute."""
    changed = Changed()
    driver: Any = SimpleNamespace(changed=changed, store=SimpleNamespace(height=0))

    def made() -> str:
        raise NotProvable(height=0, tip=0)

    with pytest.raises(NotProvable):
        trio.run(once_final, driver, made, 0)
    assert changed.waits == 0
