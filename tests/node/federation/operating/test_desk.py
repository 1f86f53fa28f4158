"""Every operation of a vault by the one path: built, signed by whose it is, sent, mined."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import trio

from bystack.federation.bridge import AskOperation
from bystack.federation.charter import parse_charter
from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.policies import Key, Thresh
from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import Outpoint, PendingLock, TreasuryLock
from bystack.ledger.vault_building import AnchorCoin
from bystack.ledger.vault_operations import Announce, Cancel, encode_operation, guard_hash
from bystack.ledger.vault_state import Announced, first_state
from bystack.node.federation.assembling import Anchor
from bystack.node.federation.operating.building import NO_PARAMS, Params
from bystack.node.federation.operating.planning import (
    AnnouncedOtherwise,
    GuardElder,
    Stand,
    TermsUnseen,
    in_force,
    plan_adopt,
    plan_veto,
)
from bystack.node.federation_files import terms_of
from bystack.primitives import bls
from bystack.primitives.keys import public_key, sign
from tests.federation.peg import pays
from tests.ledger.people import ALICE
from tests.node.federation.members import certificate, roster_file
from tests.sidechain.mainside import KEYS, SLOW, TERMS

from .world import CHARTER, StateNet

GIVEN = Params(charter=CHARTER.decode())


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateNet:
    monkeypatch.chdir(tmp_path)
    return StateNet(tmp_path)


def run(play: Callable[[], Awaitable[None]]) -> None:
    trio.run(play)


def offline(built: dict, *names: str) -> dict[str, str]:
    """What these keys' holders sign of a form they carried away: of each need, what is theirs."""
    made = {}
    for need in built["needs"]:
        for name in names:
            if name in need["missing"]:
                made[name] = sign(KEYS[name], bytes.fromhex(need["digest"]), bytes(32)).hex()
    return made


async def done(net: StateNet, operation: str, params: Params, *names: str) -> dict:
    """Built on seat 0, signed by members and, offline, by these; sent."""
    await net.tick(2)
    built = await net.ask(0, "build", operation, params)
    await net.tick(2)
    await net.ask(0, "submit", offline(built, *names), operation)
    await net.tick(2)
    return built


def test_a_freeze_is_the_guards(net: StateNet) -> None:
    async def play() -> None:
        await net.tick(2)
        built = await net.ask(0, "build", "freeze", NO_PARAMS)
        (need,) = built["needs"]
        assert need["policy"] == "thresh(1, key(guard))" and need["missing"] == ["guard"]
        assert not built["complete"] and built["ready"] == built["height"]
        for given in ({}, offline(built, "guard") | {"recover": "00" * 64}):
            with pytest.raises(Exception, match=r"SignaturesInsufficient|SignatureInvalid"):
                await net.ask(0, "submit", given, "freeze")
        assert net.anchor.turn == 0
        await net.ask(0, "submit", offline(built, "guard"), "freeze")
        assert net.anchor.turn == 1 and net.anchor.frozen_until == net.main.height + 20
        (shown,) = await net.ask(0, "operations")
        assert shown["sent"] and shown["complete"]

    run(play)


def test_decided_terms_are_announced_and_adopted(net: StateNet) -> None:
    async def play() -> None:
        terms = net.decide()
        await done(net, "announce", GIVEN)
        assert [one.terms for one in net.anchor.announced] == [terms_hash(terms)]
        built = await net.ask(0, "build", "adopt", GIVEN)
        assert built["ready"] == net.anchor.announced[0].ripe > built["height"]
        net.main.grow(50)
        await done(net, "adopt", GIVEN, "guard")
        assert net.anchor.terms == terms_hash(terms) and net.anchor.turn == 1

    run(play)


def test_terms_that_bring_no_new_key_are_adopted_without_a_signature(net: StateNet) -> None:
    """Only a limit is another: nobody signs, and the terms in force are revealed all the same."""

    async def play() -> None:
        first = net.decide()
        await done(net, "announce", GIVEN)
        net.main.grow(50)
        await done(net, "adopt", GIVEN, "guard")
        net.main.grow(8)
        net.mirrored(first)
        later = CHARTER.replace(b"0.000015", b"0.000016")
        terms, given = net.decide(later, 1), Params(charter=later.decode())
        await done(net, "announce", given)
        net.main.grow(50)
        built = await done(net, "adopt", given)
        assert built["needs"] == [] and built["complete"]
        assert net.anchor.terms == terms_hash(terms) and net.anchor.since == net.anchor.turn == 2

    run(play)


def test_a_new_key_takes_over_once_it_has_shown_that_it_is_held(net: StateNet) -> None:
    """The charter stays; the vault's terms carry the key that was certified."""

    async def play() -> None:
        first = net.decide()
        await done(net, "announce", GIVEN)
        net.main.grow(50)
        await done(net, "adopt", GIVEN, "guard")
        net.main.grow(8)
        net.mirrored(first)
        net.follow_key(bls.key_gen(b"next " * 8))
        await net.tick(2)
        await done(net, "announce", GIVEN)
        assert net.anchor.announced[0].terms != terms_hash(first)
        net.main.grow(50)
        built = await done(net, "adopt", GIVEN)
        assert [need["accepts"] for need in built["needs"]] == [True, True]
        assert net.anchor.terms != terms_hash(first) and net.anchor.turn == 2

    run(play)


def test_a_guard_cancels_what_was_announced(net: StateNet) -> None:
    async def play() -> None:
        net.decide()
        await done(net, "announce", GIVEN)
        await done(net, "cancel", NO_PARAMS, "guard")
        assert net.anchor.announced == () and net.anchor.turn == 1
        with pytest.raises(Exception, match="NothingAnnounced"):
            await net.ask(0, "build", "cancel", NO_PARAMS)

    run(play)


def test_what_was_not_decided_is_neither_built_nor_signed(net: StateNet) -> None:
    async def play() -> None:
        await net.tick(2)
        with pytest.raises(Exception, match="CharterForeign"):
            await net.ask(0, "build", "announce", GIVEN)
        terms = net.decide(CHARTER.replace(b"0.000015", b"0.000016"))
        with pytest.raises(Exception, match="CharterForeign"):
            await net.ask(0, "build", "announce", GIVEN)
        for wrong in (bytes(32), terms_hash(terms)[::-1]):
            ask = AskOperation(encode_operation(Announce(net.anchor.seq, wrong)), (), CHARTER)
            await net.hear(1, 0, ask)
            assert "CharterForeign" in str(net.put_off)
        assert not net.said

    run(play)


def test_what_loosens_too_much_is_not_signed_even_when_decided(net: StateNet) -> None:
    async def play() -> None:
        await net.tick(2)
        greedy = CHARTER.replace(b"0.000015", b"0.000021")
        net.decide(greedy)
        with pytest.raises(Exception, match="LimitsRise"):
            await net.ask(0, "build", "announce", Params(charter=greedy.decode()))

    run(play)


def test_recovery_replaces_the_terms_with_the_guard_or_with_govern(net: StateNet) -> None:
    async def play() -> None:
        terms = net.decide()
        await net.tick(2)
        built = await net.ask(0, "build", "replace", GIVEN)
        assert [n["either"] for n in built["needs"]] == [False, True, True, False]
        await net.tick(2)
        with pytest.raises(Exception, match="SignaturesInsufficient"):
            await net.ask(0, "submit", offline(built, "guard"), "replace")
        digest = bytes.fromhex(built["needs"][0]["digest"])
        accept = bytes.fromhex(built["needs"][3]["digest"])
        await net.ask(0, "submit", {"recover": sign(KEYS["recover"], digest, bytes(32)).hex(),
                                    "guard": sign(KEYS["guard"], accept, bytes(32)).hex()},
                      "replace")  # fmt: skip
        assert net.anchor.terms == terms_hash(terms)

    run(play)


@pytest.mark.parametrize("operation", ["replace", "recover"])
def test_recovery_brings_terms_that_nobody_decided_and_no_member_signs_them(
    net: StateNet, operation: str
) -> None:
    """With the key in force; the guard signs in govern's place where anybody must."""

    async def play() -> None:
        await net.tick(2)
        terms = terms_of(parse_charter(CHARTER), roster_file(net.charter), certificate().key)
        if operation == "recover":
            net.main.grow(500)
        built = await net.ask(0, "build", operation, GIVEN)
        await net.tick(2)
        assert "CharterForeign" in str(net.put_off) and not net.said
        *first, last = (offline({"needs": [need]}, "recover", "guard") for need in built["needs"])
        for given in first:
            with pytest.raises(Exception, match="SignaturesInsufficient"):
                await net.ask(0, "submit", given, operation)
        await net.ask(0, "submit", last, operation)
        assert net.anchor.terms == terms_hash(terms)

    run(play)


def test_a_replacement_follows_an_anchor_that_a_thief_moves_in_every_block(net: StateNet) -> None:
    """He has govern's and the guard's keys: another anchor, another turn, and it is sent again."""

    async def play() -> None:
        terms = net.decide()
        await net.tick(2)
        built = await net.ask(0, "build", "replace", GIVEN)
        needs = [bytes.fromhex(need["digest"]) for need in built["needs"]]
        given = {"recover": sign(KEYS["recover"], needs[0], bytes(32)).hex(),
                 "guard": sign(KEYS["guard"], needs[0], bytes(32)).hex()}  # fmt: skip
        with pytest.raises(Exception, match="SignaturesInsufficient"):
            await net.ask(0, "submit", given, "replace")
        for _ in range(3):
            _race(net)
        accepted = {"guard": sign(KEYS["guard"], needs[3], bytes(32)).hex()}
        net.pool = []
        await net.ask(0, "submit", accepted, "replace")
        for sent in range(1, 4):  # his block comes first, each time
            assert len(net.pool) == sent
            _race(net)
            await net.tick(4)
        net.main.mine(net.pool[-1])
        assert (net.anchor.terms, net.anchor.turn) == (terms_hash(terms), 7)
        await net.tick(4)
        assert len(net.pool) == 4, "it is in force"

    run(play)


def _race(net: StateNet) -> None:
    """Announced and withdrawn in one block, by a thief."""
    evil = bytes(32)
    for operation in (Announce(net.anchor.seq, evil), Cancel(net.anchor.turn, evil)):
        net.main.mine(net.main.spend(operation))


def test_recovery_alone_waits_for_the_vault_to_lie_idle(net: StateNet) -> None:
    async def play() -> None:
        terms = net.decide()
        await net.tick(2)
        built = await net.ask(0, "build", "recover", GIVEN)
        assert built["ready"] == net.anchor.touched + 500 > built["height"]
        net.main.grow(500)
        await done(net, "recover", GIVEN, "recover", "guard")
        assert net.anchor.terms == terms_hash(terms)

    run(play)


def test_a_payout_that_waits_is_vetoed_or_completed(net: StateNet) -> None:
    async def play() -> None:
        for seq in (0, 1):
            net.record(seq, [pays(20)], [seq + 1], tier=SLOW)
        await net.final()
        await net.tick(30)
        waiting = net.main.pendings()
        assert len(waiting) == 2
        with pytest.raises(Exception, match="CoinChoice"):
            await net.ask(0, "build", "veto", NO_PARAMS)
        first = f"{waiting[0][0].transaction.hex()}:{waiting[0][0].index}"
        built = await net.ask(0, "build", "veto", Params(coin=first))
        assert built["until"] == waiting[0][1].height + 3

    run(play)


def test_a_payout_ordered_under_earlier_terms_is_vetoed_by_their_guard() -> None:
    """Whoever takes over takes no payout's guard away; a node that never knew it asks for it."""
    guard = Thresh(1, (Key(public_key(KEYS["guard"])), Key(public_key(KEYS["super"]))))
    lock = PendingLock(bytes(32), guard_hash(guard), bytes(32), 4)
    coin = Outpoint(b"\x01" * 32, 1), Coin(BTM, 5, lock, 100, 0, 1, b"")
    anchor = Anchor(AnchorCoin(Outpoint(bytes(32), 0), bytes(32)), coin[1], first_state(TERMS, 9))
    at = Stand(bytes(32), anchor, TERMS, [coin], 101)
    with pytest.raises(GuardElder, match="charter"):
        plan_veto(at, "")
    job = plan_veto(replace(at, elder=[TERMS.guard.policy, guard]), "")
    assert [demand.policy for demand in job.demands] == [guard] and job.until == 103


def test_only_what_is_announced_is_adopted_and_only_terms_seen_are_in_force() -> None:
    """Before anybody signs: the main chain would refuse it, and take the fee of nobody."""
    coin = Coin(BTM, 0, PendingLock(bytes(32), bytes(32), bytes(32), 4), 100, 0, 1, b"")
    said = (Announced(terms_hash(TERMS), 9),)
    state = msgspec.structs.replace(first_state(TERMS, 9), announced=said)
    anchor = Anchor(AnchorCoin(Outpoint(bytes(32), 0), bytes(32)), coin, state)
    at = Stand(bytes(32), anchor, TERMS, [], 101)
    others = msgspec.structs.replace(TERMS, note=b"\x09" * 32)
    with pytest.raises(AnnouncedOtherwise):
        plan_adopt(at, others, b"")
    assert plan_adopt(at, TERMS, b"").ready == 9
    with pytest.raises(TermsUnseen):
        in_force(anchor, [others])
    assert in_force(anchor, [others, TERMS]) == TERMS


def test_small_coins_are_joined_by_anyone(net: StateNet) -> None:
    async def play() -> None:
        with pytest.raises(Exception, match="TooFewCoins"):
            await done(net, "consolidate", Params(asset=BTM.hex()))
        for _ in range(8):
            net.main.send(net.main.deposit(ALICE, 10, BTM, bytes(64)))
        net.main.grow(100)
        built = await done(net, "consolidate", Params(asset=BTM.hex()))
        assert built["needs"] == [] and built["complete"]
        joined = [c for c in net.main.coins.values() if isinstance(c.lock, TreasuryLock)]
        assert [coin.amount >= 80 for coin in joined] == [True]

    run(play)


@pytest.mark.parametrize("operation", ["announce", "adopt", "replace", "recover", "consolidate"])
def test_what_an_operation_takes_is_asked_for(net: StateNet, operation: str) -> None:
    async def play() -> None:
        await net.tick(2)
        with pytest.raises(Exception, match="ParameterMissing"):
            await net.ask(0, "build", operation, NO_PARAMS)

    run(play)
