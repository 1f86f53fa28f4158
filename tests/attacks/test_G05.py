"""G05: a leader demotes at will: several at once, members, the last gateway, or forgets others'.

Rules: `DemotionsMany`, `DemotionStranger`, `DemotionLast`, `DemotionsForgotten`. Invariant: no
validator votes for such a block, and a chain under leaders who demote whom they can is a star at
worst.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.events import Executed, Output, Sign
from bystack.sidechain.consensus.topology import topology
from bystack.sidechain.consensus.validators import bitmap_of
from bystack.sidechain.transition import apply_block
from tests.sidechain.test_detours import SIZE, built, chain, grow
from tests.simulation.detours import lawful
from tests.simulation.eras import Schedule
from tests.simulation.schemes import hash_keyring
from tests.transcripts.bbft.play import Player


@pytest.mark.parametrize("named", ["01", "5", "0123456"])
def test_nobody_votes_for_it(named: str) -> None:
    node = Player(0, 7, 3)
    node.play("begin at=0")
    header, body = node.block("A")
    shown = bitmap_of([int(one) for one in named], 7)
    node.name("A", replace(header, demotions=shown), body)
    node.play("propose A from=1 at=105")
    schedule = Schedule(hash_keyring(7), node.config)
    assert not lawful(schedule, [], node.blocks["A"][0])
    outputs: list[Output] = node.handle(Executed(node.blocks["A"][0].id, False, "Demotions"))
    assert not any(isinstance(one, Sign) for one in outputs)


def test_malformed_demotions_are_refused_before_execution() -> None:
    node = Player(0, 7, 3)
    node.play("begin at=0")
    header, body = node.block("A")
    for bad in (b"\0", b"\x80", b"\1\0"):
        node.name("A", replace(header, demotions=bad), body)
        assert node.play("propose A from=1 at=105") == ["Penalise 1 DemotionsMalformed"]


@pytest.mark.parametrize(("named", "rule"), [("012", "DemotionLast"), ("2", "DemotionsForgotten")])
def test_a_block_that_demotes_the_last_or_forgets_one_is_invalid(named: str, rule: str) -> None:
    side = chain()
    grow(side, 2)
    assert grow(side, 0) == {0, 2}
    block = built(side)
    shown = bitmap_of([int(one) for one in named], SIZE)
    with pytest.raises(Invalid) as refused:
        apply_block(
            side.genesis,
            side.modules,
            side.base,
            replace(block.header, demotions=shown),
            block.body,
        )
    assert refused.value.rule == rule


def test_at_worst_it_is_a_star() -> None:
    side = chain()
    for wish in (0, 1, 2, 0, 1, 2):
        shown = grow(side, wish)
    assert len(shown) == 2
    paths = topology(SIZE, 4, 0, bytes(32), 3, shown)
    assert paths.gateways == (4,) and built(side).header.demotions
