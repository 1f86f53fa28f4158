"""K14: the vault ages towards the day on which recovery alone may take it.

Members touch it at half of that time, by themselves; guards say so at half and at nine tenths. The
number of blocks stands in the terms, which every member hashes and compares. A signer whose clock
is another than its node's ends the start; a guard judges no chain that is shorter than what its
signer verified.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from bystack.federation.guarding.alarms import Kind
from bystack.ledger.terms import terms_hash
from bystack.ledger.vault_errors import NotIdle
from bystack.ledger.vault_operations import TOUCH, Recover
from bystack.node.federation import agreeing
from bystack.node.ipc import RemoteError
from tests.federation.guarding.tower import Tower, paid
from tests.node.federation.members import Line, Net
from tests.node.guard.post import Post, in_trio
from tests.sidechain.mainside import TERMS

IDLE = TERMS.recover.idle


def age(net: Net, blocks: int) -> None:
    while net.main.height < net.main.state.touched + blocks:
        net.main.mine()


def test_members_touch_the_anchor_at_half_of_the_time(tmp_path: Path) -> None:
    async def main() -> None:
        net = Net(tmp_path)
        age(net, IDLE // 2 - 1)
        await net.tick(40)
        assert net.payouts(TOUCH) == []
        touched = net.main.state.touched
        net.main.mine()
        await net.tick(40)
        assert len(net.payouts(TOUCH)) == 1, "once, whoever is first"
        assert net.main.state.touched >= touched + IDLE // 2
        with pytest.raises(NotIdle):
            net.main.mine(net.main.spend(Recover(0, replace(TERMS, note=bytes(32)))))

    trio.run(main)


def test_guards_say_it_at_half_and_at_nine_tenths_when_nobody_does() -> None:
    tower = Tower().ready()
    touched = tower.main.state.touched
    said: dict[Kind, int] = {}
    while tower.main.height < touched + IDLE - 1:
        tower.main.mine()
        tower.blocks()
        tower.final()
        for kind in tower.alarms:
            said.setdefault(kind, tower.main.height - touched)
    assert said == {Kind.IDLE_HALF: IDLE // 2, Kind.IDLE_LATE: IDLE * 9 // 10}
    assert tower.acts == [], "a guard cannot touch"


def test_the_time_is_one_constant_that_every_member_compares() -> None:
    longer = replace(TERMS, recover=replace(TERMS.recover, idle=IDLE + 1))
    assert terms_hash(longer) != terms_hash(TERMS)


@pytest.mark.parametrize(("signer", "fine"), [(90, True), (89, False), (115, True), (116, False)])
def test_a_signer_whose_clock_is_another_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, signer: int, fine: bool
) -> None:
    """Asked at 100, once it is up, and answered at 105: ten seconds either way."""
    times, asked = iter((99, 100, 105)), list[str]()
    monkeypatch.setattr(agreeing, "WAIT_SECONDS", 0)
    monkeypatch.setattr(agreeing.time, "time", lambda: next(times))

    async def info(method: str, _: list[Any]) -> dict[str, int]:
        asked.append(method)
        if len(asked) == 1:
            raise RemoteError(-1, "it starts")
        return {"time": signer}

    links: Any = SimpleNamespace(signer=Line(info))
    if fine:
        return trio.run(agreeing.agree, links)
    with pytest.raises(agreeing.ClocksApart):
        trio.run(agreeing.agree, links)
    return None


@pytest.mark.parametrize("odd", [{}, {"time": None}, {"time": "now"}, {"time": True}, None, []])
def test_an_answer_without_a_time_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, odd: Any
) -> None:
    """A signer of another version is no reason to fall over, nor to go on without its time."""
    monkeypatch.setattr(agreeing, "WAIT_SECONDS", 0)
    monkeypatch.setattr(agreeing.time, "time", lambda: 100)
    answers = iter((odd, {"time": 200}))

    async def info(method: str, _: list[Any]) -> Any:
        return next(answers)

    links: Any = SimpleNamespace(signer=Line(info))
    with pytest.raises(agreeing.ClocksApart):
        trio.run(agreeing.agree, links)


@in_trio
async def test_a_guard_judges_nothing_on_a_chain_shorter_than_its_signer_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old copy of the node's disk, beside a signer that has seen more."""
    with pytest.raises(agreeing.NodeBehind):
        agreeing.check_heights(signer=101, node=100)
    agreeing.check_heights(signer=100, node=100)
    post = Post(tmp_path, monkeypatch)
    await post.follow()
    await post.later()
    await post.rob([paid(900)])
    post.keeper._handle = ahead(post.keeper._handle, post.main.height + 1)  # type: ignore[method-assign]
    await post.later()
    assert (post.kinds, post.pool) == ([], []) and not post.guard.machine.seeing
    post.main.mine()
    await post.follow()
    await post.later()
    assert post.kinds == ["unknown_spend"]


def ahead(handle: Callable[..., Any], height: int) -> Callable[..., Any]:
    def answer(method: str, params: list[Any]) -> Any:
        found = handle(method, params)
        return [max(height, found[0]), *found[1:]] if method == "seen" else found

    return answer
