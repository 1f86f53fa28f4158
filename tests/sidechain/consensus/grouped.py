"""Seven validators with three gateways: 0 serves 3 and 6, 1 (the leader) serves 4, 2 serves 5."""

from __future__ import annotations

from msgspec.structs import replace

from bystack.sidechain.consensus.events import Output, Received
from bystack.sidechain.consensus.messages import Message
from bystack.sidechain.consensus.statements import Aggregate
from bystack.sidechain.consensus.validators import bitmap_of
from tests.simulation.schemes import node_id
from tests.transcripts.bbft.play import KINDS, Player

SIZE, GATEWAYS = 7, 3


def voting(me: int, above: int = 1) -> Player:
    """A validator that has PREPAREd block A of height 1."""
    player = Player(me, SIZE, GATEWAYS)
    for line in ("begin at=0", f"propose A from={above} at=105", "executed A valid", "signed"):
        player.play(line)
    return player


def summed(player: Player, kind: str, signers: str, claimed: str = "") -> Aggregate:
    """The votes of `signers` for block A, said to be those of `claimed`."""
    parts = player.certificate(KINDS[kind], "A", 0, signers)
    made = Aggregate(*(getattr(parts, name) for name in Aggregate.__struct_fields__))
    if not claimed:
        return made
    return replace(made, bitmap=bitmap_of([int(one) for one in claimed], SIZE))


def hear(player: Player, sender: int, message: Message) -> list[str]:
    """What a message causes, as a transcript shows it."""
    outputs: list[Output] = player.handle(Received(node_id(sender), message))
    return [player.show(one) for one in outputs]
