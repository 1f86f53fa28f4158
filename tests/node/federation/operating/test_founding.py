"""Founding a vault: every policy signs one draft; no member can spoil it by asking for another."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from bystack.federation.bridge import MAX_JOBS, AskOperation, NamedSignature
from bystack.ledger.transactions import VaultLock, decode_transaction
from bystack.ledger.vault_operations import Create, encode_operation
from bystack.node.federation.operating.building import NO_PARAMS
from bystack.node.federation.operating.desk import MAX_ASKED
from bystack.primitives import keys
from bystack.primitives.keys import public_key, sign
from tests.ledger.people import outpoint
from tests.node.federation.members import Net
from tests.sidechain.mainside import KEYS, TERMS, Main


@pytest.fixture
def net(tmp_path: Path) -> Net:
    main = Main()
    main.grow(8)
    return Net(tmp_path, main, founded=False)  # type: ignore[arg-type]


def offline(digest: str) -> dict[str, str]:
    """What guard, govern and recovery sign with their own files; `super` is on seat 0's node."""
    held = {name: secret for name, secret in KEYS.items() if name != "super"}
    return {n: sign(s, bytes.fromhex(digest), bytes(32)).hex() for n, s in held.items()}


def test_the_vault_is_founded_with_everybodys_signature(net: Net) -> None:
    async def play() -> None:
        await net.tick()
        drafted = await net.ask(0, "build", "create", NO_PARAMS)
        with pytest.raises(Exception, match="SignaturesInsufficient"):
            await net.ask(0, "submit", offline(drafted["digest"]), "")
        await net.tick()
        made = await net.ask(0, "submit", {}, "")
        assert made["vault"] == drafted["vault"]
        locks = [coin.lock for coin in net.main.coins.values()]
        assert VaultLock(bytes.fromhex(made["vault"])) in locks
        # Sent twice is sent once: the answer may have been lost.
        net.members[0].links.main._handle = _taken  # type: ignore[attr-defined]
        assert await net.ask(0, "submit", {}, "") == made

    trio.run(play)


async def _taken(method: str, params: list) -> bytes:
    assert method == "submit"
    return decode_transaction(params[0]).id


def test_who_was_away_signs_when_back(net: Net) -> None:
    async def play() -> None:
        await net.tick()
        net.up = {0}
        drafted = await net.ask(0, "build", "create", NO_PARAMS)
        await net.tick(2)
        with pytest.raises(Exception, match="SignaturesInsufficient"):
            await net.ask(0, "submit", offline(drafted["digest"]), "")
        net.up = {0, 2}
        await net.tick(2)
        assert (await net.ask(0, "submit", {}, ""))["vault"] == drafted["vault"]

    trio.run(play)


def test_a_founded_vault_is_not_spoken_of_again(net: Net) -> None:
    async def play() -> None:
        await net.tick()
        await net.ask(0, "build", "create", NO_PARAMS)
        await net.tick()
        member = net.members[2]
        bridge = await member.ensure_bridge()
        assert bridge is not None
        assert bridge.again()
        member.desk.over(bridge)
        assert not bridge.again()

    trio.run(play)


def test_another_members_draft_does_not_take_the_place_of_ours(net: Net) -> None:
    async def play() -> None:
        await net.tick()
        drafted = await net.ask(0, "build", "create", NO_PARAMS)
        for number in range(2 * MAX_JOBS):
            await net.hear(
                0, 2, AskOperation(encode_operation(Create(TERMS)), (outpoint(number),), b"")
            )
        assert sum(map(len, net.members[0].desk._asked.values())) == MAX_ASKED + 1
        assert len(net.members[0].bridge._jobs) == MAX_ASKED + 1  # type: ignore[union-attr]
        await net.tick()
        made = await net.ask(0, "submit", offline(drafted["digest"]), "")
        assert made["vault"] == drafted["vault"]

    trio.run(play)


def test_a_draft_that_came_to_nothing_is_followed_by_another(net: Net) -> None:
    async def play() -> None:
        await net.tick()
        first = await net.ask(0, "build", "create", NO_PARAMS)
        await net.tick()
        second = await net.ask(0, "build", "create", NO_PARAMS)
        assert first["digest"] != second["digest"]
        await net.tick()
        with pytest.raises(Exception, match="SignatureInvalid"):
            await net.ask(0, "submit", offline(first["digest"]), "")
        made = await net.ask(0, "submit", offline(second["digest"]), "")
        assert made["vault"] == second["vault"]

    trio.run(play)


def test_a_wrong_signature_is_refused_and_whoever_sent_it_penalised(net: Net) -> None:
    async def play() -> None:
        await net.tick()
        drafted = bytes.fromhex((await net.ask(0, "build", "create", NO_PARAMS))["digest"])
        key = public_key(KEYS["guard"])
        forged = NamedSignature(drafted, key, sign(KEYS["govern"], drafted, bytes(32)))
        await net.hear(0, 2, forged)
        node = net.members[0].roster.members[2].node
        assert net.members[0].host.penalties == [(node, "NamedSignatureInvalid")]
        await net.hear(0, 2, NamedSignature(bytes(32), key, bytes(64)))  # of another draft: nothing
        for text in ("00", "00" * 64):
            with pytest.raises(Exception, match="SignatureInvalid"):
                await net.ask(0, "submit", {"guard": text}, "")
        with pytest.raises(Exception, match="KeyUnknown"):
            await net.ask(0, "submit", {"nobody": "00" * 64}, "")
        assert not keys.verify(key, drafted, forged.signature)

    trio.run(play)


def test_nothing_is_submitted_before_it_is_built(net: Net) -> None:
    async def play() -> None:
        await net.tick()
        for given in ({}, offline("00" * 32)):
            with pytest.raises(Exception, match="NothingDrafted"):
                await net.ask(1, "submit", given, "")

    trio.run(play)
