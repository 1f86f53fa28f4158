"""Members over a real main chain whose signers have policies: what is signed, by whose word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.federation.audit import verified
from bystack.federation.module.freezes import COUNT, FROZEN, Frozen, destination_id
from bystack.federation.module.pauses import SIGNING, UNTIL
from bystack.federation.module.records import NAME, entry_key
from bystack.ledger.amounts import BTM
from bystack.mainchain.params import REGTEST
from bystack.node.signer.audit_log import audit_path, read_lines
from bystack.node.signer.policy_file import policy_path
from bystack.primitives import keys
from bystack.primitives.addresses import POLICY, Address, encode_address
from bystack.primitives.codec import encode
from bystack.sidechain.params import ModuleConfig
from tests.federation.peg import pays
from tests.federation.proved import proved
from tests.ledger.people import ALICE, BOB, CAROL
from tests.mainchain.builders import EASY
from tests.node.federation import members
from tests.node.federation.members import Net
from tests.node.federation.test_orders import A_ROUND
from tests.sidechain.world import genesis_for

ROSTER = """
threshold = 2
[[member]]
name = "one"
identity = "{0}"
node = "{0}"
weight = 1
governance = "{0}"
recipient = "{0}"
[assets.BTM]
id = "{1}"
decimals = 8
""".format("11" * 32, BTM.hex())
ABOVE = '[manual.above]\nBTM = "0.00000019"\n'


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Net:
    monkeypatch.chdir(tmp_path)
    Path("federations").mkdir()
    Path("federations/trade.roster.toml").write_text(ROSTER)
    return founded(tmp_path)


def founded(folder: Path) -> Net:
    net = Net(folder)
    net.main.mine(net.main.transfer(ALICE, BOB.lock, 40_000_000))
    net.main.send(net.main.deposit(ALICE, 50_000, BTM, b"\x01" * 64))
    net.main.grow(30)
    return net


def run(play: Callable[[], Awaitable[None]]) -> None:
    trio.run(play)


def policy(text: str) -> None:
    Path(policy_path("trade")).write_text(text)


async def ordered(net: Net, amount: int = 20, seq: int = 0, request: int = 1) -> None:
    net.record(seq, [pays(amount)], [request])
    await net.final()
    await net.tick(A_ROUND)


def waits(net: Net, seat: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = net.signers[seat]._operators.call("requests", [])
    return found


def says(net: Net, seat: int, word: str, row: dict[str, Any], reason: str) -> None:
    net.signers[seat]._operators.call(word, [bytes.fromhex(row["digest"]), reason])


def reasons(net: Net, seat: int = 0) -> list[str]:
    path = audit_path(str(net.folder / f"signer-{seat}"), "trade")
    lines = [line for line, _ in verified(read_lines(path), keys.public_key(b"\x05" * 32))]
    return [f"{one.record.kind.decode()} {one.record.reason.decode()}" for one in lines]


def test_an_operator_approves_what_is_above_an_amount(net: Net) -> None:
    policy(ABOVE)

    async def play() -> None:
        await ordered(net)
        assert net.payouts() == []
        (row,) = waits(net)
        assert (row["kind"], row["reason"], row["outcome"]) == ("order", "approval_needed", "wait")
        (paid,) = row["payouts"]
        assert (paid["amount"], paid["asset"]) == ("0.00000020", "BTM")
        assert paid["to"] == encode_address(Address(EASY.hrp, POLICY, CAROL.lock.root))
        for seat in (0, 1):
            net.signers[seat]._operators.call(
                "approve", [bytes.fromhex(row["digest"]), "looked at it"]
            )
        net.restart_signer(0)  # the word is on the disk
        await net.tick(2 * A_ROUND)
        assert len(net.payouts()) == 1, "two of three are enough"
        assert waits(net) == [] and len(waits(net, 2)) == 1
        assert reasons(net)[-3:] == ["order approval_needed", "approve operator", "order allowed"]

    run(play)


def test_a_member_cannot_approve_for_its_operator(net: Net) -> None:
    policy(ABOVE)

    async def play() -> None:
        await ordered(net)
        (row,) = waits(net)
        for method in ("requests", "reject"):
            with pytest.raises(Exception, match="MethodUnknown"):
                net.signers[0].answer(method, [])
        with pytest.raises(Exception, match="ParameterInvalid"):
            net.signers[0].answer("approve", [bytes.fromhex(row["digest"]), "by myself"])
        with pytest.raises(Exception, match="RequestUnknown"):
            net.signers[0]._operators.call("approve", [b"\x01" * 32, "another digest"])

    run(play)


def test_what_an_operator_rejects_stays_so_until_he_approves(net: Net) -> None:
    policy(ABOVE)

    async def play() -> None:
        await ordered(net)
        (row,) = waits(net)
        for seat in range(3):
            net.signers[seat]._operators.call(
                "reject", [bytes.fromhex(row["digest"]), "unknown payee"]
            )
        await net.tick(A_ROUND)
        assert [one["reason"] for one in waits(net)] == ["rejected"] and net.payouts() == []
        for seat in range(3):
            net.signers[seat]._operators.call(
                "approve", [bytes.fromhex(row["digest"]), "he called"]
            )
        await net.tick(2 * A_ROUND)
        assert len(net.payouts()) == 1

    run(play)


def test_the_file_binds_as_soon_as_it_is_written(net: Net) -> None:
    carol = encode_address(Address(EASY.hrp, POLICY, CAROL.lock.root))
    policy(f'[destinations]\ndeny = ["{carol}"]\n')

    async def play() -> None:
        await ordered(net)
        assert [one["reason"] for one in waits(net)] == ["destination_denied"]
        policy("[destinations]\nallow = 3\n[nothing]\n")
        await net.tick(2)
        (row,) = waits(net)
        assert row["reason"] == "policy_faulty"
        assert "destinations.allow" in row["words"] and "nothing" in row["words"]
        assert net.payouts() == []
        policy("")
        await net.tick(2 * A_ROUND)
        assert len(net.payouts()) == 1
        assert [one for one in reasons(net) if one.startswith("policy")] == ["policy policy"] * 3

    run(play)


def test_an_allowance_is_spent_once_and_not_filled_by_a_restart(net: Net) -> None:
    policy('[allowance]\nwindow = 1000\n[allowance.limit]\nBTM = "0.00000025"\n')

    async def play() -> None:
        await ordered(net)
        assert len(net.payouts()) == 1
        net.main.grow(3)
        for seat in range(3):
            net.restart_signer(seat)
        net.record(1, [pays(7)], [2])
        await net.tick(A_ROUND)
        assert [one["reason"] for one in waits(net)] == ["allowance_spent"]
        policy('[allowance]\nwindow = 1000\n[allowance.limit]\nBTM = "0.00000099"\n')
        await net.tick(2 * A_ROUND)
        assert len(net.payouts()) == 2

    run(play)


def test_a_double_signing_attempt_is_in_the_log(net: Net) -> None:
    async def play() -> None:
        net.record(0, [pays(20)], [1])
        await net.final()
        net.record(0, [pays(21)], [2])
        await net.tick(1)
        assert reasons(net) == ["begin begin", "order allowed", "order SeqSigned"]

    run(play)


def test_who_has_no_policy_signs_by_proofs_alone(net: Net) -> None:
    assert REGTEST.hrp == EASY.hrp

    async def play() -> None:
        await ordered(net)
        assert len(net.payouts()) == 1
        assert reasons(net) == ["begin begin", "order allowed"]

    run(play)


def show(net: Net, state: dict[bytes, bytes], height: int) -> None:
    """Every signer is shown what it wants of a state, as its member does."""
    assert net.genesis is not None
    for signer in net.signers:
        for key, _ in signer.answer("wanted", [])[1]:
            signer.answer("entry", [encode(proved(net.genesis, height, key, state))])


def test_what_the_federation_decided_is_obeyed_once_it_is_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is signed on a member's silence about pauses and freezes, nor against them."""
    federated = partial(genesis_for, modules=(ModuleConfig(NAME, b""),))
    monkeypatch.setattr(members, "genesis_for", federated)
    monkeypatch.chdir(tmp_path)
    Path("federations").mkdir()
    Path("federations/trade.roster.toml").write_text(ROSTER)
    net = founded(tmp_path)
    frozen = Frozen(encode(CAROL.lock), b"rule", b"there", 1, 1)
    froze = {
        entry_key(COUNT): encode(1),
        entry_key(FROZEN, destination_id(frozen.destination)): encode(frozen),
    }

    async def play() -> None:
        await ordered(net)
        assert net.payouts() == [] and waits(net) == [], "the member is told what is wanted"
        show(net, {entry_key(UNTIL, SIGNING): encode(10**6)}, 910)
        await net.tick(A_ROUND)
        assert net.payouts() == [] and [one["reason"] for one in waits(net)] == ["signing_paused"]
        show(net, froze, 920)
        await net.tick(2)
        show(net, froze, 920)  # now also whether this destination is frozen
        await net.tick(A_ROUND)
        assert net.payouts() == [] and [one["reason"] for one in waits(net)] == ["frozen"]
        show(net, {}, 930)
        await net.tick(A_ROUND)
        assert net.payouts() == [] and [one["reason"] for one in waits(net)] == ["sidechain_old"]
        policy("state_age = 0\n")  # the headers here are years old, which only an operator accepts
        await net.tick(2 * A_ROUND)
        assert len(net.payouts()) == 1
        said = ["order signing_paused", "order frozen", "order sidechain_old"]
        assert reasons(net) == ["begin begin", *said, "policy policy", "order allowed"]

    run(play)
