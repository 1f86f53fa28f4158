"""A member states once in each interval of relayed blocks, and only while it sits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from msgspec.structs import replace

from bystack.federation.module.records import DEFAULT_RULES, RULES, STANDING, entry_key
from bystack.federation.statements import STATED, Statement
from bystack.node.federation.governing import Governing
from bystack.node.federation.links import Links
from bystack.node.federation.stating import PATIENCE, Stating
from bystack.node.ipc import RemoteError
from bystack.primitives.codec import encode
from tests.federation.test_statements import SAID
from tests.sidechain.federations import CONFIG

SEATED = CONFIG.standing.seats[1]
N = DEFAULT_RULES.statement


class Played:
    """The member's lines and its voice; `relayed` is the sidechain's."""

    def __init__(self) -> None:
        self.relayed, self.ready, self.sent = 3 * N, True, list[Statement]()
        self.entries: dict[bytes, Any] = {
            entry_key(STANDING): CONFIG.standing,
            entry_key(RULES): DEFAULT_RULES,
        }
        self.side = self.signer = SimpleNamespace(call=self.call)

    async def state(self, *params: Any) -> Any:
        """Of the lines an entry; of the voice a statement that is sent."""
        match params:
            case Statement() as said, _:
                self.sent.append(said)
                self.entries[entry_key(STATED, SEATED.governance)] = said
                return "aa"
            case _, key:
                return self.entries.get(key)

    async def call(self, method: str, *params: Any) -> Any:
        match method, params:
            case "status", ():
                return {"relay_height": self.relayed}
            case "rpc", ("draftstatement", []):
                if not self.ready:
                    raise RemoteError(-28, "wait")
                draft = replace(SAID, relay_height=self.relayed)
                return {"statement": encode(draft).hex(), "proofs": "00"}
            case "state", (draft, b"\x00"):
                return [draft, bytes(64)]
        raise AssertionError(method)


def member(played: Played, identity: bytes = SEATED.member.identity) -> Stating:
    return Stating(cast(Links, played), cast(Governing, played), identity)


def test_once_in_each_interval() -> None:
    async def play() -> None:
        played = Played()
        stating = member(played)
        for _ in range(2 * PATIENCE):
            await stating.tick()
        assert len(played.sent) == 1
        played.relayed += N - 1
        await stating.tick()
        assert len(played.sent) == 1
        played.relayed += 1
        await stating.tick()
        assert [said.relay_height for said in played.sent] == [3 * N, 4 * N]

    trio.run(play)


def test_what_is_lost_or_not_ready_is_tried_again() -> None:
    async def play() -> None:
        played = Played()
        stating = member(played)
        played.ready = False
        with pytest.raises(RemoteError):
            await stating.tick()
        played.ready = True
        for _ in range(PATIENCE):
            await stating.tick()
        assert len(played.sent) == 1
        del played.entries[entry_key(STATED, SEATED.governance)]  # it never reached a block
        for _ in range(PATIENCE):
            await stating.tick()
        assert len(played.sent) == 2

    trio.run(play)


def test_who_does_not_sit_states_nothing() -> None:
    async def play() -> None:
        played = Played()
        await member(played, b"\x77" * 32).tick()
        del played.entries[entry_key(STANDING)]
        await member(played).tick()
        assert not played.sent

    trio.run(play)
