"""The signer is shown what it lacks of the sidechain's epochs, and no more."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from bystack.node.federation.epochs import PROOFS, EpochFeeding
from bystack.node.ipc import RemoteError

LAST = 100


class Signer:
    """Counts epochs; refuses what does not follow."""

    def __init__(self) -> None:
        self.epoch, self.asked = 0, list[str]()

    async def call(self, method: str, *params: Any) -> Any:
        self.asked.append(method)
        if method == "epoch":
            return self.epoch
        (proofs,) = params
        for proof in proofs:
            if int(proof) != self.epoch:
                raise RemoteError(-26, "EpochOrder")
            self.epoch += 1
        return self.epoch


class Side:
    """Proves every epoch up to the last."""

    async def call(self, method: str, first: int, most: int) -> list[bytes]:
        assert method == "epoch_proofs" and most == PROOFS
        return [b"%d" % epoch for epoch in range(first, min(LAST, first + most))]


class Links:
    def __init__(self) -> None:
        self.signer, self.side = Signer(), Side()


@pytest.fixture
def links() -> Any:
    return Links()


def test_it_reaches_the_epoch_in_as_many_lots_as_it_takes(links: Any) -> None:
    feeding = EpochFeeding(links)
    trio.run(feeding.reach, 70)
    assert links.signer.epoch >= 70
    assert links.signer.asked.count("epochs") == 3
    links.signer.asked.clear()
    trio.run(feeding.reach, 71)
    assert links.signer.asked == []  # it is further already


def test_a_signer_that_began_anew_is_asked_again(links: Any) -> None:
    feeding = EpochFeeding(links)
    trio.run(feeding.reach, 40)
    links.signer.epoch = 0
    feeding.restart()
    trio.run(feeding.reach, 40)
    assert links.signer.epoch >= 40


def test_where_proofs_end_it_goes_on_at_the_next_block(links: Any) -> None:
    trio.run(EpochFeeding(links).reach, LAST + 5)
    assert links.signer.epoch == LAST
