"""Questions to a peer: as many at a time as it takes, and each gets its own answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from bystack.mainchain.light_messages import GetProof, Proof, decode_light, encode_light
from bystack.node.light import asking
from bystack.node.mainchain import serving_light
from bystack.p2p.host import Class
from tests.node.light.network import Light, light_among
from tests.node.mainchain.network import Wired, until


def subject(number: int) -> bytes:
    return bytes([number]) * 32


class Teller(Wired):
    """A full peer whose answers we give."""

    def __init__(self, light: Light) -> None:
        super().__init__(7)
        self.light = light
        light.host.join(self)

    @property
    def asked(self) -> list[bytes]:
        """What the light node asked it, in order."""
        sent = [(kind, data) for to, kind, data in self.light.host.sent if to == self.id]
        read = (decode_light(kind, data) for kind, data in sent if kind == 39)
        return [one.transaction for one in read if isinstance(one, GetProof)]

    def answer(self, about: bytes) -> None:
        self.send(self.light.host.id, *encode_light(Proof(about, ())), Class.SYNC)


def test_no_peer_is_asked_more_at_a_time_than_it_takes(tmp_path: Path) -> None:
    assert asking.AT_ONCE < serving_light.WAITING

    async def main() -> None:
        async with light_among(tmp_path, fulls=0) as (light, _):
            teller, every = Teller(light), [subject(number) for number in range(40)]
            answered: list[bytes] = []

            async def ask(one: bytes) -> None:
                answer = await light.driver.asking.ask(teller.id, GetProof(one), Proof)
                answered.append(answer.transaction)

            async with trio.open_nursery() as nursery:
                for one in every:
                    nursery.start_soon(ask, one)
                for count in range(len(every)):
                    expected = min(len(every), count + asking.AT_ONCE)
                    await until(lambda expected=expected: len(teller.asked) == expected)
                    teller.answer(teller.asked[count])
                    await until(lambda count=count: len(answered) > count)
            assert sorted(answered) == every and light.host.penalties == []

    trio.run(main)


def test_a_question_that_was_dropped_takes_no_answer_from_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or an honest peer would be found silent for ever after."""
    monkeypatch.setattr(asking, "PATIENCE", 0.01)

    async def main() -> None:
        async with light_among(tmp_path, fulls=0) as (light, _):
            teller, one = Teller(light), subject(1)
            with pytest.raises(asking.Silent):
                await light.driver.asking.ask(teller.id, GetProof(one), Proof)
            monkeypatch.setattr(asking, "PATIENCE", 60.0)
            found: list[Proof] = []

            async def again() -> None:
                found.append(await light.driver.asking.ask(teller.id, GetProof(one), Proof))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(again)
                await until(lambda: len(teller.asked) == 2)
                teller.answer(one)
            assert found == [Proof(one, ())]

    trio.run(main)


def test_those_who_wait_for_a_peer_that_leaves_are_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path, fulls=0) as (light, _):
            teller = Teller(light)
            gone: list[int] = []

            async def ask(number: int) -> None:
                with pytest.raises(asking.Unanswered):
                    await light.driver.asking.ask(teller.id, GetProof(subject(number)), Proof)
                gone.append(number)

            async with trio.open_nursery() as nursery:
                for number in range(2 * asking.AT_ONCE):
                    nursery.start_soon(ask, number)
                await until(lambda: len(teller.asked) == asking.AT_ONCE)
                light.host.part(teller)
            assert len(gone) == 2 * asking.AT_ONCE and light.host.penalties == []

    trio.run(main)
