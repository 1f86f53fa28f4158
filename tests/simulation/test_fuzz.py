"""Well-formed nonsense: real messages with leaves changed at random never break a machine."""

from __future__ import annotations

import random
from typing import Any

import msgpack
import pytest

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.events import Input, Received
from bystack.sidechain.consensus.messages import Message, decode_message, encode_message
from tests.simulation.harness import Node
from tests.simulation.schemes import hash_keyring, node_id
from tests.simulation.simulator import Plan, Simulation


def leaves(value: Any, path: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    if not isinstance(value, list):
        return [path]
    return [leaf for i, item in enumerate(value) for leaf in leaves(item, (*path, i))] + [path]


def change(value: Any, path: tuple[int, ...], rng: random.Random) -> Any:
    if path:
        return [change(v, path[1:], rng) if i == path[0] else v for i, v in enumerate(value)]
    if isinstance(value, int):
        return max(0, rng.choice((value + 1, value - 1, 0, 1, 2**31 - 1, 2**63 - 1, 399)))
    if isinstance(value, bytes):
        return rng.choice(
            (rng.randbytes(len(value)), value[::-1], bytes(len(value)), value + b"\1")
        )
    return rng.choice((value[:-1], value + value[-1:], value[::-1], []))


def twisted(message: Message, rng: random.Random) -> Message | None:
    tree = msgpack.unpackb(encode_message(message))
    for _ in range(rng.choice((1, 1, 2))):
        tree = change(tree, rng.choice(leaves(tree)), rng)
    try:
        return decode_message(msgpack.packb(tree))
    except Invalid:
        return None


class Fuzzed(Node):
    """Hears each message, and a twisted copy from a random sender."""

    heard = 0

    def handle(self, event: Input) -> None:
        super().handle(event)
        if isinstance(event, Received) and self.alive:
            made = twisted(event.message, self.rng)
            if made is not None:
                self.heard += 1
                sender = self.rng.choice((event.sender, node_id(self.rng.randrange(5))))
                super().handle(Received(sender, made))


@pytest.mark.parametrize("batch", range(4))
def test_twisted_messages_change_nothing_that_matters(
    batch: int,
) -> None:
    for seed in range(batch * 5, batch * 5 + 5):
        world = Simulation(
            hash_keyring(4), Plan(seed, drop=0.2, crashes=1, heights=6), nodes_of=Fuzzed
        )
        world.run()
        assert sum(n.heard for n in world.nodes if isinstance(n, Fuzzed)) > 50
