"""What a member's RPC sends to its sidechain: signed by its signer, carried out by the chain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from bystack.federation.module.actions import action_digest
from bystack.federation.module.decisions import Refresh
from bystack.federation.module.membership import SeatUnknown, change_of
from bystack.federation.module.queries import QUERIES
from bystack.federation.module.records import key_of
from bystack.federation.module.voting import ProposalUnknown, VotedAlready
from bystack.ledger.transactions import decode_transaction
from bystack.node.federation.governing import Governing, add_governing
from bystack.node.rpc import Methods
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.keys import sign
from bystack.sidechain.state import MAX_VALUE
from tests.federation.module.parliament import Parliament, certificate_of, identity, secret

ALL = (0, 1, 2, 3, 4)


class Chamber:
    """Members' lines to one and the same sidechain."""

    def __init__(self) -> None:
        self.house = Parliament()
        self.members = [Governing(self.lines(n), self, identity(n)) for n in ALL]  # type: ignore[arg-type]

    def lines(self, number: int) -> Any:
        """Of one member: signer and sidechain."""
        return SimpleNamespace(
            side=SimpleNamespace(call=self._side),
            signer=SimpleNamespace(call=self._signer(number)),
            state=self._state,
        )

    async def ask(self, method: str, *params: Any) -> Any:
        assert method == "genesis"
        return self.house.world.genesis

    async def _side(self, method: str, *params: Any) -> Any:
        if method == "module":
            _, name, asked = params
            return self.house.ask(name, *asked)
        assert method == "submit"
        tx = decode_transaction(params[0])
        self.house.world.block(tx)
        return tx.id

    async def _state(self, kind: Any, key: bytes) -> Any:
        data = self.house.world.side.state.get(key)
        return None if data is None else decode(kind, data, MAX_VALUE)

    def _signer(self, number: int) -> Callable[..., Awaitable[bytes]]:
        async def approve(method: str, kind: int, body: bytes) -> bytes:
            assert method == "approve"
            digest = action_digest(self.house.world.genesis.id, kind, body)
            return sign(secret(number), digest, bytes(32))

        return approve


def run(play: Callable[[Chamber], Awaitable[None]]) -> None:
    chamber = Chamber()
    trio.run(play, chamber)


def test_proposed_and_voted() -> None:
    async def play(chamber: Chamber) -> None:
        one, two, three = chamber.members[:3]
        sent = await one.propose("remove", {"identity": "m4", "threshold": 4}, "has left us")
        assert (sent["number"], sent["kind"], len(sent["transaction"])) == (0, "remove", 64)
        (row,) = chamber.house.ask("listproposals")["proposals"]
        assert (row["proposer"], row["note"], row["yes"]) == ("m0", "has left us", 2)
        await two.vote(0)
        with pytest.raises(VotedAlready):
            await two.vote(0, False)
        assert (await three.vote(0))["yes"] is True
        assert chamber.house.ask("getproposal", 0)["state"] == "executed"
        assert change_of(chamber.house.state) is not None
        with pytest.raises(ProposalUnknown):
            await one.vote(1)

    run(play)


def test_a_quorum_at_once() -> None:
    async def play(chamber: Chamber) -> None:
        given = [await one.approvedecision("refresh") for one in chamber.members[:3]]
        assert [row[:2] for row in given] == [[0, 1], [1, 1], [2, 1]]
        await chamber.members[4].submitdecision("refresh", {}, [tuple(row) for row in given])
        record = chamber.house.ask("getproposal", 0)
        assert (record["state"], record["decision"]) == ("executed", {"kind": "Refresh"})

    run(play)


@pytest.mark.parametrize(
    ("kind", "details", "rule"),
    [
        ("parameters", {"interval": 0}, "ParametersInvalid"),
        ("parameters", {"version": 3}, "ParametersLeap"),
        ("parameters", {"empty_interval": 3_000_000}, "ParametersLeap"),
        ("pegs", {"pegin_bp": 10_000}, "PegNumbersInvalid"),
        ("pegs", {"pegin_bp": 9_999}, "PegNumbersLeap"),
    ],
)
def test_nobody_approves_what_the_chain_would_refuse(
    kind: str, details: dict[str, Any], rule: str
) -> None:
    async def play(chamber: Chamber) -> None:
        with pytest.raises(Invalid) as refused:
            await chamber.members[0].approvedecision(kind, details)
        assert refused.value.rule == rule

    run(play)


def test_numbers_no_chain_runs_on_are_not_proposed() -> None:
    """Beyond twofold of what holds now may be allowed when the votes are counted."""

    async def play(chamber: Chamber) -> None:
        one = chamber.members[0]
        for kind, field in (("parameters", "interval"), ("pegs", "BTM.pegin_limit")):
            with pytest.raises(Invalid, match="Invalid:"):
                await one.propose(kind, {field: 0})
        assert (await one.propose("parameters", {"empty_interval": 3_000_000}))["number"] == 0

    run(play)


def test_a_certificate_is_shown_by_anybody() -> None:
    async def play(chamber: Chamber) -> None:
        chamber.house.enact(Refresh())
        made = certificate_of(chamber.house.session())
        await chamber.members[3].submitcertificate(encode(made).hex())
        assert key_of(chamber.house.state).epoch == 1

    run(play)


def test_a_pause_is_one_members_word() -> None:
    async def play(chamber: Chamber) -> None:
        await chamber.members[4].pause("signing", "a key is lost")
        (row,) = chamber.house.ask("listpauses")["pauses"]
        assert (row["member"], row["reason"]) == ("m4", "a key is lost")
        assert chamber.house.ask("getpauses")["signing"] > 0

    run(play)


def test_who_sits_no_more_says_nothing() -> None:
    async def play(chamber: Chamber) -> None:
        stranger = Governing(chamber.lines(7), chamber, identity(7))  # type: ignore[arg-type]
        with pytest.raises(SeatUnknown):
            await stranger.pause("all")

    run(play)


def test_every_question_has_its_method() -> None:
    async def play(chamber: Chamber) -> None:
        methods = Methods()
        add_governing(methods, chamber.members[0], chamber.lines(0))
        asked = set(QUERIES) | {
            "pause", "propose", "vote", "approvedecision", "submitdecision", "submitcertificate",
        }  # fmt: skip
        assert asked <= set(methods.names)
        assert (await methods.call("listmembers", [], "read"))["threshold"] == 5

    run(play)
